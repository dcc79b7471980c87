"""Key-level changes."""

from hypothesis import given
from hypothesis import strategies as st

from labmodels.terminal.colour import Paint
from labmodels.terminal.diffs import KeyChange, render_changes


def test_changed_added_and_removed_keys_are_one_line_each_in_the_given_order():
    changes = [
        KeyChange("gpt-4.parameters.temperature", "0.2", "0.3"),
        KeyChange("gpt-4.budgets.day", None, '"$20"'),
        KeyChange("gpt-4.parameters.seed", "7", None),
        KeyChange("gpt-4.credentials.api_key", "env:A", "changed"),
    ]
    assert render_changes(changes) == (
        "~ gpt-4.parameters.temperature: 0.2 -> 0.3\n"
        '+ gpt-4.budgets.day: "$20"\n'
        "- gpt-4.parameters.seed: 7\n"
        "~ gpt-4.credentials.api_key: env:A -> changed"
    )


def test_long_values_are_cut_where_they_begin_to_differ():
    before, after = "a" * 100 + "OLD" + "b" * 100, "a" * 100 + "NEW" + "b" * 100
    line = render_changes([KeyChange("x.system_prompt", before, after)])
    assert line == f"~ x.system_prompt: ...{'a' * 30}OLD{'b' * 27}... -> ...{'a' * 30}NEW{'b' * 27}..."


def test_a_value_of_several_lines_stays_on_one():
    assert render_changes([KeyChange("x", "one", "one\n\ttwo")]) == "~ x: one -> one\\n\\ttwo"


@given(st.text(alphabet="a\\n\n", max_size=80), st.text(alphabet="ab\\nt\n\t", max_size=80), st.text(alphabet="ab\\nt\n\t", max_size=80))
def test_two_values_that_differ_never_look_equal(common, before, after):
    line = render_changes([KeyChange("k", common + before, common + after)])
    old, arrow, new = line.removeprefix("~ k: ").partition(" -> ")
    assert arrow
    assert "\n" not in line
    assert (old == new) == (before == after)


def test_a_change_is_coloured_by_what_it_does():
    assert render_changes([KeyChange("k", None, "1"), KeyChange("k", "1", None)], Paint(is_enabled=True)) == (
        "\x1b[32m+ k: 1\x1b[0m\n\x1b[31m- k: 1\x1b[0m"
    )
