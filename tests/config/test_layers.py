"""How layers lie over each other, and that every value can say which layer it is from."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.config.layers import Layer, MergeConflict, lay, leaves, merge, merge_what_fits, origins, resolve
from labmodels.config.reader import DELETE

KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["x", "y"]) | st.lists(st.integers(0, 2), max_size=2)
# Maps stand only under "a" and "m", scalars only elsewhere: layers of one shape, which always fit.
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "s": SCALARS,
        "t": SCALARS,
        "m": st.fixed_dictionaries({}, optional={"s": SCALARS, "m": st.fixed_dictionaries({}, optional={"s": SCALARS, "t": SCALARS})}),
    },
)
ANY = st.recursive(SCALARS, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
FREE = st.dictionaries(KEYS, ANY, max_size=3)
ITEMS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("pqr")}, optional={"v": st.integers(0, 9)}), max_size=3, unique_by=lambda i: i["name"]
)
LISTED = st.fixed_dictionaries({}, optional={"items": ITEMS, "s": SCALARS})
BY_NAME = {("items",): "name"}


@given(SHAPED, SHAPED)
def test_the_upper_layer_wins_where_it_speaks_and_the_lower_one_shows_elsewhere(lower, upper):
    merged = merge(lower, upper, {})
    above, below = dict(leaves(upper)), dict(leaves(lower))
    for path, value in leaves(merged):
        if path in above:
            assert value == above[path] or value == below.get(path)
            assert path not in below or value == above[path] or above[path] == {}
        else:
            assert value == below[path]
    for path, value in above.items():
        if value != {} and path:
            assert dict(leaves(merged))[path] == value


@given(SHAPED, SHAPED, SHAPED)
def test_layers_of_one_shape_may_be_merged_in_any_grouping(first, second, third):
    assert merge(merge(first, second, {}), third, {}) == merge(first, merge(second, third, {}), {})


@given(LISTED, LISTED, LISTED)
def test_lists_that_merge_by_key_may_be_merged_in_any_grouping(first, second, third):
    assert merge(merge(first, second, BY_NAME), third, BY_NAME) == merge(first, merge(second, third, BY_NAME), BY_NAME)


@given(FREE)
def test_an_empty_layer_changes_nothing_on_either_side(document):
    assert merge(document, {}, {}) == document
    assert merge({}, document, {}) == document


@given(SHAPED)
def test_a_layer_laid_twice_is_a_layer_laid_once(document):
    assert merge(document, document, {}) == document


@given(FREE, FREE)
def test_merging_changes_neither_layer(lower, upper):
    before = deepcopy(lower), deepcopy(upper)
    merge_what_fits([lower, upper], {})
    assert (lower, upper) == before


@given(LISTED, LISTED)
def test_merging_lists_changes_neither_layer(lower, upper):
    before = deepcopy(lower), deepcopy(upper)
    merge(lower, upper, BY_NAME)
    assert (lower, upper) == before


def test_null_is_a_value_that_covers_scalars_and_maps():
    assert merge({"a": 1, "m": {"x": 1}}, {"a": None, "m": None}, {}) == {"a": None, "m": None}
    assert merge({"a": None}, {"a": {"x": 1}}, {}) == {"a": {"x": 1}}


def test_only_delete_deletes():
    assert merge({"a": 1, "m": {"x": 1, "y": 2}}, {"a": DELETE, "m": {"x": DELETE}}, {}) == {"m": {"y": 2}}


@pytest.mark.parametrize("upper", [{"z": DELETE}, {"m": {"z": DELETE}}, {"new": {"z": DELETE}}])
def test_a_delete_of_what_is_not_there_is_refused(upper):
    with pytest.raises(MergeConflict) as caught:
        merge({"m": {"x": 1}}, upper, {})
    assert caught.value.code == "LM211"
    assert caught.value.path[-1] == "z"


@pytest.mark.parametrize(
    ("lower", "upper"),
    [({"x": {"a": 1}}, {"x": 1}), ({"x": 1}, {"x": {"a": 1}}), ({"x": [1]}, {"x": {"a": 1}}), ({"x": {"a": 1}}, {"x": [1]})],
)
def test_a_map_and_something_else_contradict(lower, upper):
    with pytest.raises(MergeConflict) as caught:
        merge({"m": lower}, {"m": upper}, {})
    assert (caught.value.code, caught.value.path) == ("LM210", ("m", "x"))


def test_a_list_replaces_a_list():
    assert merge({"a": [1, 2]}, {"a": [3]}, {}) == {"a": [3]}


def test_a_list_with_a_merge_key_keeps_its_order_changes_its_items_and_appends_new_ones():
    lower = {"items": [{"name": "p", "v": 1, "w": 1}, {"name": "q", "v": 2}]}
    upper = {"items": [{"name": "q", "v": 3}, {"name": "r"}]}
    assert merge(lower, upper, BY_NAME) == {"items": [{"name": "p", "v": 1, "w": 1}, {"name": "q", "v": 3}, {"name": "r"}]}


@given(st.lists(FREE, min_size=1, max_size=4))
def test_what_fits_is_merged_and_every_contradiction_is_named(layers):
    merged, conflicts = merge_what_fits(layers, {})
    fitting = {}
    try:
        for layer in layers:
            fitting = merge(fitting, layer, {})
    except MergeConflict as error:
        assert str(conflicts[0]) == str(error)
    else:
        assert (merged, conflicts) == (fitting, [])
    assert set(merged) == {key for layer in layers for key in layer}


def test_all_contradictions_of_a_layer_are_named_and_its_other_values_hold():
    merged, conflicts = merge_what_fits([{"a": {"x": 1}, "b": 1, "c": 1}, {"a": 2, "b": {"y": 1}, "c": 3, "d": DELETE}], {})
    assert merged == {"a": {"x": 1}, "b": 1, "c": 3}
    assert [(conflict.code, conflict.path) for conflict in conflicts] == [("LM210", ("a",)), ("LM210", ("b",)), ("LM211", ("d",))]


def test_the_environments_of_a_document_wait_for_their_turn():
    document = {"a": 1, "environments": {"dev": {"a": DELETE}}}
    assert lay({}, document, {}) == document


# -- provenance ----------------------------------------------------------------------------------------------------------


def named(*documents):
    return [Layer(f"layer {number}", document) for number, document in enumerate(documents)]


def at(value, path):
    for step in path:
        value = value[step]
    return value


@settings(max_examples=200)
@given(st.lists(FREE, min_size=1, max_size=4))
def test_every_leaf_names_its_origin_and_the_first_origins_value_is_the_value(documents):
    layers = named(*documents)
    try:
        merged = resolve(layers, {})
    except MergeConflict:
        return
    for path, value in leaves(merged):
        if path:
            found = origins(layers, merged, path, {})
            assert found, path
            assert found[0].value == value or value == {}
            assert at(found[0].layer.data, found[0].path) == found[0].value
            heights = [layers.index(origin.layer) for origin in found]
            assert heights == sorted(heights, reverse=True)


@given(st.lists(LISTED, min_size=1, max_size=4))
def test_every_leaf_of_a_merged_list_names_its_origin(documents):
    layers = named(*documents)
    merged = resolve(layers, BY_NAME)
    for index, item in enumerate(merged.get("items", [])):
        for key, value in item.items():
            found = origins(layers, merged, ("items", index, key), BY_NAME)
            assert found[0].value == value
            assert at(found[0].layer.data, found[0].path) == value


def test_the_layers_that_a_value_shadows_follow_it_the_highest_first():
    layers = named({"a": {"x": 1}}, {"b": 1}, {"a": {"x": 2}}, {"a": {"x": 3}})
    found = origins(layers, resolve(layers, {}), ("a", "x"), {})
    assert [(origin.layer.name, origin.value) for origin in found] == [("layer 3", 3), ("layer 2", 2), ("layer 0", 1)]


def test_what_lies_below_a_null_has_no_part_in_the_value():
    layers = named({"a": {"x": 1}}, {"a": None}, {"a": {"x": 3}})
    found = origins(layers, resolve(layers, {}), ("a", "x"), {})
    assert [origin.layer.name for origin in found] == ["layer 2"]


def test_what_lies_below_a_deletion_has_no_part_in_the_value():
    layers = named({"a": {"x": 1, "y": 1}}, {"a": DELETE}, {"a": {"x": 3}})
    found = origins(layers, resolve(layers, {}), ("a", "x"), {})
    assert [origin.layer.name for origin in found] == ["layer 2"]
