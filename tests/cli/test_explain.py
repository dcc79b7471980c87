"""`labmodels explain`: one code in full, or all of them in a table. What the texts hold is in tests/config/test_codes.py."""

from __future__ import annotations

import json

import pytest

from labmodels.cli.app import run
from labmodels.config.codes import CODES


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_with_a_wrong_and_a_right_example(code, capsys):
    assert run(["explain", code]) == 0
    shown, told = capsys.readouterr()
    assert told == "" and shown.startswith(f"{code} {CODES[code].title} ({CODES[code].severity.value})\n")
    assert shown.index("\nWrong:\n") < shown.index("\nRight:\n")


@pytest.mark.parametrize("written", ["lm204", "204", " LM204 "])
def test_a_code_may_be_written_short(written, capsys):
    assert run(["explain", written]) == 0
    assert capsys.readouterr().out.startswith("LM204 ")


def test_without_a_code_it_lists_them(capsys):
    assert run(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["code", *CODES]


def test_json_holds_the_same(capsys):
    assert run(["explain", "--json"]) == 0
    assert [one["code"] for one in json.loads(capsys.readouterr().out)["codes"]] == list(CODES)
    assert run(["explain", "LM204", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["codes"]
    assert (one["code"], one["severity"], one["title"]) == ("LM204", "error", CODES["LM204"].title)
    assert one["explanation"] and one["example"].startswith("Wrong:")


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_unknown_code_is_refused(as_json, capsys):
    assert run(["explain", "LM299", *as_json]) == 2
    shown, told = capsys.readouterr()
    assert "unknown code LM299" in (json.loads(shown)["message"] if as_json else told)
