"""What a file may hold and be: its values, the place of each, and the fault or the warning for everything else."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.config.reader import DEEPEST_NESTING, DELETE, LARGEST_FILE_BYTES, MOST_DIAGNOSTICS, parse, read

HERE = Path("x.yaml")


def faults(text):
    """Return the findings of `text` as "line:column CODE"."""
    return [f"{found.span.line}:{found.span.column} {found.code}" for found in parse(HERE, text).diagnostics]


def value_of(text):
    source = parse(HERE, f"key: {text}\n")
    assert source.diagnostics == []
    return source.data["key"]


# -- values --------------------------------------------------------------------------------------------------------------

SCALARS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "nULL": "nULL",
    "true": True, "True": True, "TRUE": True, "tRUE": "tRUE", "false": False, "False": False, "FALSE": False,
    "yes": "yes", "No": "No", "on": "on", "OFF": "OFF", "y": "y",
    "0": 0, "12": 12, "+12": 12, "-12": -12, "010": 10, "0o17": 15, "0x1F": 31, "0O17": "0O17", "0b11": "0b11", "1_000": "1_000",
    "-0x1": "-0x1",
    "1.5": 1.5, ".5": 0.5, "5.": 5.0, "-.5": -0.5, "2e5": 2e5, "2e-5": 2e-5, "1.0E+3": 1000.0, "3.10": 3.1, "1e999": math.inf,
    ".inf": math.inf, "-.INF": -math.inf, "+.Inf": math.inf, "inf": "inf", ".": ".", "+": "+", "1.2.3": "1.2.3", "e5": "e5",
    "12:30:00": "12:30:00", "2026-11-23": "2026-11-23", "5 seconds": "5 seconds", "85%": "85%", "a#b": "a#b", "gpt-4": "gpt-4",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS.items())
def test_a_plain_scalar_is_what_yaml_1_2_says(text, value):
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


def test_not_a_number_is_a_number():
    assert math.isnan(value_of(".nan"))


@pytest.mark.parametrize("text", ["12", "true", "null", "yes", "3.10", "~", ""])
def test_a_quoted_scalar_is_text(text):
    assert value_of(f'"{text}"') == text
    assert value_of(f"'{text}'") == text
    assert value_of(f"!!str {text}") == text


def test_an_alias_is_the_value_of_its_anchor():
    assert parse(HERE, "a: &x {b: [1]}\nc: *x\nd: &y 2\ne: *y\n").data == {"a": {"b": [1]}, "c": {"b": [1]}, "d": 2, "e": 2}


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_bytes("\ufeffa: 1\r\nb:\r\n  - é\r\n".encode())
    source = read(file)
    assert source.data == {"a": 1, "b": ["é"]}
    assert source.diagnostics == []
    assert source.places[("b", 0)].value[1:] == (3, 5, 3, 6)


def test_one_document_may_be_marked():
    assert parse(HERE, "%YAML 1.2\n---\na: 1\n...\n").data == {"a": 1}


# -- faults in the text --------------------------------------------------------------------------------------------------

FAULTS = {
    "a: 1\nb: 2\na: 3\n": ["3:1 LM006"],
    "a:\n  b: 1\n  'b': 2\n  b: 3\n": ["3:3 LM006", "4:3 LM006"],
    "a: {b: 1, b: 2}\n": ["1:11 LM006"],
    "a: 1\r\na: 2\r\n": ["2:1 LM006"],
    "x: 1\n5: a\n": ["2:1 LM007"],
    "~: 1\ntrue: 2\n1.5: 3\n": ["1:1 LM007", "2:1 LM007", "3:1 LM007"],
    "? [a]\n: 1\n": ["1:3 LM007"],
    "a:\n  {b: 1}: 2\n": ["2:3 LM007"],
    "a:\n\tb: 1\n": ["2:1 LM005"],
    "a: 1\n\tb: 2\n": ["2:1 LM005"],
    "a:\n  -\tb\n": ["2:4 LM005"],
    "a: 1\n---\nb: 2\n": ["2:1 LM008"],
    "a: 1\n---\n": ["2:1 LM008"],
    "a: !secret x\n": ["1:4 LM009"],
    "a: !!python/object:os.system x\n": ["1:4 LM009"],
    "a:\n  - !thing {b: 1}\n": ["2:5 LM009"],
    "a: !!int 3\n": ["1:4 LM009"],
    "a: !delete 3\n": ["1:4 LM009"],
    "a: !delete {b: 1}\n": ["1:4 LM009"],
    "a: [!delete , 1]\n": ["1:5 LM009"],
    "!delete\n": ["1:1 LM009", "1:1 LM204"],
    "a: *b\n": ["1:4 LM005"],
    "a: &x [*x]\n": ["1:8 LM010"],
    "a: &x {b: 1}\nc:\n  <<: *x\n": ["3:3 LM012"],
    "": ["1:1 LM004"],
    "# nothing\n": ["1:1 LM004"],
    "---\n": ["1:1 LM004"],
    "null\n": ["1:1 LM004"],
    "- a\n": ["1:1 LM204"],
    "text\n": ["1:1 LM204"],
    "a: 'x\nb: 1\n": ["3:1 LM005"],
    "a: [1\nb: 2\n": ["2:2 LM005"],
    "a: b: c\n": ["1:5 LM005"],
    'a: "\\q"\n': ["1:5 LM005"],
    'a: "\\ud800"\n': ["1:7 LM005"],
    "é: ééé\nü: ü\x07\n": ["2:5 LM005"],
    "a: \u200b\nb: x\x00y\n": ["2:5 LM005"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FAULTS.items(), ids=[repr(text)[:40] for text in FAULTS])
def test_a_fault_is_reported_at_its_line_and_column(text, expected):
    assert faults(text) == expected


def test_a_duplicate_key_shows_where_the_first_one_stands_and_the_first_wins():
    source = parse(HERE, "a:\n  b: 1\n  c: 2\n  b: 3\n")
    (found,) = source.diagnostics
    assert [(note.message, note.span.line, note.span.column) for note in found.notes] == [("first given here", 2, 3)]
    assert source.data == {"a": {"b": 1, "c": 2}}


def test_an_open_quote_shows_where_it_was_opened():
    (found,) = parse(HERE, "a: 1\nb: 'x\nc: 1\n").diagnostics
    assert [(note.span.line, note.span.column) for note in found.notes] == [(2, 4)]


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a: 1\n\tb: 2\n", "a:\n  -\tb\n"])
def test_a_tab_is_named_as_the_cause(text):
    (found,) = parse(HERE, text).diagnostics
    assert found.help == "indent with spaces: YAML does not allow tabs"


def test_all_faults_are_reported_at_once_up_to_a_bound():
    assert faults("a: 1\na: 2\n5: x\nb: !t 1\n<<: {}\n") == ["2:1 LM006", "3:1 LM007", "4:4 LM009", "5:1 LM012"]
    assert len(faults("a: 1\n" * 1000)) == MOST_DIAGNOSTICS


@pytest.mark.parametrize(
    "text",
    ["a: " + "[" * 1000 + "]" * 1000, "[" * 5000, "{a: " * 1000, "".join(f"{' ' * i}k{i}:\n" for i in range(1000)), "- " * 1000],
    ids=["lists", "open", "maps", "block", "sequence"],
)
def test_a_nesting_of_a_thousand_is_one_fault(text):
    (found,) = parse(HERE, text).diagnostics
    assert found.code == "LM011"


def test_the_deepest_nesting_that_is_allowed_is_read_and_located():
    lists = DEEPEST_NESTING - 1
    source = parse(HERE, f"a: {'[' * lists}1{']' * lists}\n")
    assert source.diagnostics == []
    assert source.places[("a", *[0] * lists)].value.column == 4 + lists


def test_an_alias_bomb_is_one_fault_and_no_memory():
    lines = ["a: &a [" + ", ".join("x" * 10) + "]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{below}'] * 10)}]" for below, name in zip("abcdefgh", "bcdefghi", strict=True)]
    source = parse(HERE, "\n".join(lines))
    assert [found.code for found in source.diagnostics] == ["LM010"]
    assert source.data is None


# -- faults of the file --------------------------------------------------------------------------------------------------


def fault_of(path):
    source = read(path)
    assert source.data is None
    (found,) = source.diagnostics
    assert found.span.path == path
    assert found.help
    return found


def test_bytes_that_are_not_utf_8_are_located(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: 1\nb: caf\xe9\n")
    found = fault_of(file)
    assert (found.code, found.span.line, found.span.column) == ("LM002", 2, 7)
    assert "0xe9" in found.message
    file.write_bytes("a: 1\n".encode("utf-16"))
    assert fault_of(file).code == "LM002"


def test_what_is_no_readable_file_is_one_fault(tmp_path):
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    dangling = tmp_path / "dangling.yaml"
    dangling.symlink_to(tmp_path / "nowhere.yaml")
    looping = tmp_path / "looping.yaml"
    looping.symlink_to(looping)
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path in (folder, dangling, looping, pipe, tmp_path / "missing.yaml", Path("/dev/zero"), tmp_path / "x\0y", tmp_path / ("x" * 300)):
        assert fault_of(path).code == "LM001", path


def test_a_file_that_refuses_to_be_read_is_one_fault(monkeypatch, tmp_path):
    # Root may read every file of a disk; this one of the kernel refuses everybody with EIO.
    refusing = Path("/proc/self/mem")
    if not refusing.exists():  # not Linux: then by its mode, for whom modes hold
        refusing = tmp_path / "x.yaml"
        refusing.write_text("a: 1\n")
        refusing.chmod(0)
    assert "cannot be read" in fault_of(refusing).message


def test_fifty_megabytes_are_refused_without_reading_them(tmp_path):
    file = tmp_path / "x.yaml"
    with file.open("wb") as writing:
        writing.truncate(50 << 20)
    assert fault_of(file).code == "LM003"
    assert "52,428,800 bytes" in fault_of(file).message
    file.write_bytes(b"a: 1\n" + b"#" * (LARGEST_FILE_BYTES - 6) + b"\n")
    assert read(file).data == {"a": 1}


# -- places --------------------------------------------------------------------------------------------------------------

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="\ufeff"), max_size=8).filter(
    lambda key: key != "<<"
)
VALUES = st.recursive(KEYS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)


def every_path(value, path=()):
    if path:
        yield path, value
    if isinstance(value, dict | list):
        for step, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from every_path(below, (*path, step))


def cut(source, span):
    """Return the text of a span, by the lines of YAML."""
    lines = source.text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.booleans())
def test_the_place_of_every_path_points_at_text_that_reads_back_as_the_key_and_the_value(document, flow):
    # Quoted throughout, so that the writer's YAML 1.1 and the reader's 1.2 agree.
    text = yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True, default_flow_style=flow, default_style='"', sort_keys=False)
    source = parse(HERE, text)
    assert source.data == document
    assert set(source.places) == {path for path, _ in every_path(source.data)}
    for path, value in every_path(source.data):
        place = source.places[path]
        if isinstance(path[-1], str):
            assert parse(HERE, f"{{{cut(source, place.key)} : 1}}").data == {path[-1]: 1}
        else:
            assert place.key is None
        if not isinstance(value, dict | list):
            assert parse(HERE, f"key: {cut(source, place.value)}\n").data == {"key": value}


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.sampled_from(list(SCALARS)), min_size=1, max_size=8))
def test_the_place_of_a_plain_value_is_exactly_its_text(document):
    source = parse(HERE, "".join(f"{key}: {text}  # note\n" for key, text in document.items()))
    for key, text in document.items():
        assert source.text_at(source.places[(key,)].value) == text
        assert source.text_at(source.places[(key,)].key) == key


def test_the_place_of_what_is_not_there_is_that_of_the_nearest_map_around_it():
    source = parse(HERE, "a:\n  b:\n    c: 1\n")
    assert source.place(("a", "b", "x", "y")) == source.places[("a", "b")]
    assert source.place(("x",)).value[1:] == (1, 1, 1, 1)


def test_reading_twice_gives_the_same_digest_and_another_text_another():
    assert parse(HERE, "a: 1\n").digest == parse(HERE, "a: 1\n").digest != parse(HERE, "a: 2\n").digest


def test_a_delete_is_a_value_of_its_own():
    source = parse(HERE, "a: !delete\nb: {c: !delete }\n")
    assert source.data == {"a": DELETE, "b": {"c": DELETE}}
    assert source.has_deletes
    assert repr(DELETE) == "!delete"
