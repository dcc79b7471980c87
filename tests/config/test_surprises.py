"""Warnings for what YAML gets wrong quietly, and the repairs that change nothing but the doubt."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from labmodels.config.fixes import apply
from labmodels.config.reader import parse
from labmodels.config.schema import KINDS
from labmodels.config.surprises import surprises

HERE = Path("x.yaml")


def warnings(text, kind=None):
    return surprises(parse(HERE, text), KINDS[kind].model if kind else None)


def fixed(text, kind=None):
    return apply(text, [edit for found in warnings(text, kind) for edit in found.edits])


# A plain value -> its code, and what replaces it where nothing is known of its type.
SURPRISES = {
    "on": ("LM101", '"on"'), "No": ("LM101", '"No"'), "YES": ("LM101", '"YES"'), "y": ("LM101", '"y"'),
    "010": ("LM102", "10"), "-010": ("LM102", "-10"), "+007": ("LM102", "7"), "00": ("LM102", "0"),
    "12:30:00": ("LM103", '"12:30:00"'), "1:30": ("LM103", '"1:30"'), "190:20:30.15": ("LM103", '"190:20:30.15"'),
    "3.10": ("LM104", '"3.10"'), "1.20": ("LM104", '"1.20"'), "-0.50": ("LM104", '"-0.50"'),
    "2e-5": ("LM105", "2.0e-5"), "2e5": ("LM105", "2.0e+5"), "1.5E3": ("LM105", "1.5e+3"), ".5e1": ("LM105", ".5e+1"),
}  # fmt: skip
PLAIN = [
    "off course",
    "no1",
    "0",
    "10",
    "1.0",
    "10.0",
    "0.5",
    "100",
    "0o17",
    "0x1F",
    "12:99",
    "a:b",
    "2.0e-5",
    "3.1",
    "null",
    "~",
    "true",
    "-5",
]


@pytest.mark.parametrize(("text", "expected"), SURPRISES.items())
def test_a_surprise_has_its_code_its_place_and_a_repair(text, expected):
    (found,) = warnings(f"a:\n  b: {text}  # note\n")
    assert (found.code, found.edits[0].replacement) == expected
    assert found.span[1:] == (2, 6, 2, 6 + len(text))
    assert found.edits[0].span == found.span
    assert found.help == f"write {expected[1]}"


@pytest.mark.parametrize("text", SURPRISES)
def test_a_repair_keeps_the_value_and_leaves_nothing_to_repair(text):
    before = f"a: {text}\n"
    after = fixed(before)
    assert warnings(after) == []
    assert fixed(after) == after
    value = parse(HERE, before).data["a"]
    now = parse(HERE, after).data["a"]
    assert now == value or (text, now) in {("3.10", "3.10"), ("1.20", "1.20"), ("-0.50", "-0.50")}  # the text that was written


@pytest.mark.parametrize("text", [text for text in SURPRISES if SURPRISES[text][0] != "LM104"])
def test_after_the_repair_a_yaml_1_1_reader_agrees(text):
    after = fixed(f"a: {text}\n")
    assert yaml.safe_load(after) == parse(HERE, after).data


@pytest.mark.parametrize("text", PLAIN)
def test_what_every_reader_agrees_on_is_no_surprise(text):
    assert warnings(f"a: {text}\n") == []


@pytest.mark.parametrize("text", SURPRISES)
def test_a_quoted_value_is_no_surprise(text):
    assert warnings(f"a: \"{text}\"\nb: '{text}'\nc: !!str {text}\n") == []


def test_a_key_is_warned_of_and_quoted():
    assert fixed("on: 1\nx:\n  no: 2\n") == '"on": 1\nx:\n  "no": 2\n'


def test_items_of_lists_are_warned_of():
    assert fixed("a: [on, 010]\nb:\n  - 3.10\n") == 'a: ["on", 10]\nb:\n  - "3.10"\n'


def test_where_the_schema_wants_a_flag_a_word_becomes_true_or_false():
    text = "kind: language_model\nlocal: on\ncapabilities:\n  tools: No\nenvironments:\n  dev:\n    local: y\n"
    assert [found.code for found in warnings(text, "language_model")] == ["LM101"] * 3
    assert (
        fixed(text, "language_model")
        == "kind: language_model\nlocal: true\ncapabilities:\n  tools: false\nenvironments:\n  dev:\n    local: true\n"
    )


def test_where_the_schema_wants_a_number_a_trailing_zero_is_harmless():
    text = "parameters:\n  temperature: 0.20\nowner: 3.10\n"
    assert [found.span.line for found in warnings(text, "language_model")] == [3]


def test_all_in_one_file_are_repaired_at_once_with_comments_line_ends_and_everything_else_untouched():
    text = "# head\r\na: on   # ä\r\nb: {c: 010, d: [2e5, 'no']}\r\n\r\ne: é  # no\r\n"
    assert fixed(text) == "# head\r\na: \"on\"   # ä\r\nb: {c: 10, d: [2.0e+5, 'no']}\r\n\r\ne: é  # no\r\n"
