import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.releases.content import ABSENT, LAB, Content, Entry, Override, as_json, canonical_json, changes, from_json
from tests.releases.acting import KEY, deploy, planned

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
)
maps = st.dictionaries(st.text("abcd", min_size=1, max_size=2), values, max_size=4)


def content(lab, configs=None, overrides=()):
    return Content(lab, {name: Entry("fallback", f"configs/{name}.yaml", found) for name, found in (configs or {}).items()}, overrides)


@given(maps, st.dictionaries(st.sampled_from(["one", "two"]), maps))
def test_equal_content_has_an_equal_digest_in_whatever_order_it_came(lab_values, configs):
    turned = content(dict(reversed(lab_values.items())), dict(reversed(configs.items())))
    assert content(lab_values, configs).digest == turned.digest


@given(maps, maps)
def test_another_value_is_another_digest(one, other):
    assert (content(one).digest == content(other).digest) == (canonical_json(one) == canonical_json(other))


@given(maps, st.dictionaries(st.sampled_from(["one", "two"]), maps))
def test_content_survives_being_stored(lab_values, configs):
    given_ = content(lab_values, configs, (Override("--set", LAB, ("zz", "y"), 1.5),))
    restored = from_json(as_json(given_))
    assert restored == given_ and restored.digest == given_.digest


@given(maps, maps)
def test_applying_the_changes_to_the_one_gives_the_other(one, other):
    flat = content(one).flat()
    for change in changes(content(one), content(other)):
        assert change.before != change.after or type(change.before) is not type(change.after)
        if change.after is ABSENT:
            del flat[change.key]
        else:
            flat[change.key] = change.after
    assert flat == content(other).flat()
    assert not changes(content(one), content(one))


def test_sources_do_not_count_and_overrides_do():
    base = Content({"a": 1}, {}, (), {"labmodels.yaml": "a: 1"})
    assert base.digest == Content({"a": 1}, {}, (), {"labmodels.yaml": "a: 1  # one"}).digest
    assert base.digest != Content({"a": 1}, {}, (Override("--set", LAB, ("a",), 2),)).digest


def test_a_value_that_json_cannot_say_is_refused_rather_than_hashed():
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": math.nan})


def test_an_override_lies_over_its_own_config_alone():
    made = content({"x": 1}, {"one": {"x": 1}, "two": {"x": 1}}, (Override("--set", "one", ("x",), 2), Override("--set", LAB, ("x",), 3)))
    assert (made.values("one")["x"], made.values("two")["x"], made.values(LAB)["x"]) == (2, 1, 3)
    assert made.flat() == {"x": 3, "one.x": 2, "two.x": 1}


def test_one_unit_written_in_many_ways_is_one_release(lab):
    deploy(lab, settings=("gpt-4.retries.max_backoff=90 seconds", "gpt-4.budgets.day=1.5 USD"))
    for settings in (
        ("gpt-4.budgets.day=$1.50", "gpt-4.retries.max_backoff=1.5 min"),
        ("gpt-4.retries={max_backoff: 90s}", "gpt-4.budgets.day=$1.5"),
    ):
        assert planned(lab, settings=settings).is_empty
    assert not planned(lab, settings=("gpt-4.retries.max_backoff=91s", "gpt-4.budgets.day=$1.50")).is_empty


def test_a_whole_number_and_the_same_with_a_point_are_one_temperature(lab):
    deploy(lab, settings=(f"{KEY}=1",))
    assert planned(lab, settings=(f"{KEY}=1.0",)).is_empty
