"""What goes to stdout, what to stderr, and in which form."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from labmodels.errors import StalePlan, Usage
from labmodels.terminal.output import emit_json, is_quiet, print_error, say, set_quiet, write
from tests.terminal.terminals import in_a_terminal


@pytest.fixture
def quiet():
    set_quiet(True)
    yield
    set_quiet(False)


def test_json_has_its_schema_version_first_then_its_keys_in_order(capsys):
    emit_json({"b": 1, "a": {"d": None, "c": [True]}})
    assert capsys.readouterr().out == (
        '{\n  "schema_version": 1,\n  "a": {\n    "c": [\n      true\n    ],\n    "d": null\n  },\n  "b": 1\n}\n'
    )


def test_json_writes_money_paths_instants_and_sets_as_plain_values(capsys):
    emit_json({"money": Decimal("0.10"), "path": Path("a/b"), "at": datetime(2026, 11, 23, 7, tzinfo=UTC), "names": {"b", "a"}, "é": "ü"})
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "schema_version": 1, "money": "0.10", "path": "a/b", "at": "2026-11-23T07:00:00+00:00", "names": ["a", "b"], "é": "ü",
    }  # fmt: skip
    assert '"é": "ü"' in out


@pytest.mark.parametrize("value", [object(), float("nan")])
def test_what_json_cannot_say_is_a_bug_not_a_wrong_document(value, capsys):
    with pytest.raises((TypeError, ValueError)):
        emit_json({"value": value})
    assert capsys.readouterr().out == ""


def test_a_line_for_people_goes_to_stderr_and_quiet_silences_it(capsys):
    say("deployed")
    assert capsys.readouterr() == ("", "deployed\n")


def test_quiet_silences_say_and_not_errors_and_data(capsys, quiet):
    assert is_quiet()
    say("deployed")
    print_error(Usage("no such file", hint="check the path"))
    emit_json({})
    assert capsys.readouterr() == ('{\n  "schema_version": 1\n}\n', "error: no such file\n  hint: check the path\n")


def test_an_error_is_a_fact_and_a_hint_on_two_lines(capsys):
    print_error(StalePlan("p.json", "gpt-4.model", '"a"', '"b"'))
    assert capsys.readouterr() == (
        "",
        'error: p.json is stale: gpt-4.model was "a" when this was planned and is "b" now\n  hint: labmodels plan -o NEW.json\n',
    )
    print_error(Usage("no hint"))
    assert capsys.readouterr().err == "error: no hint\n"


def test_with_json_an_error_is_one_object_on_stdout(capsys):
    print_error(Usage("no such file", hint="check the path"), as_json=True)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"schema_version": 1, "error": "Usage", "message": "no such file", "hint": "check the path", "exit_code": 2}
    assert err == ""


def test_an_error_is_coloured_on_a_terminal():
    code, shown = in_a_terminal(
        "from labmodels.terminal.output import *; from labmodels.errors import Usage; print_error(Usage('x', hint='y'))"
    )
    assert (code, shown) == (0, "\x1b[1;31merror:\x1b[0m x\n  \x1b[1;36mhint:\x1b[0m y\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_text_fails_for_an_encoding_that_lacks_it(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    write("ü 日 \udcff\n", stream)
    assert raw.getvalue().endswith(b"\\udcff\n")


def test_json_can_be_read_back_from_an_ascii_stdout():
    code = "from labmodels.terminal.output import emit_json; emit_json({'text': 'ü 日 \\U0001f600'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=20, env={"PYTHONIOENCODING": "ascii"})
    assert json.loads(done.stdout)["text"] == "ü 日 \U0001f600"


def test_plain_output_imports_no_rich():
    code = (
        "import sys, labmodels.terminal.output as o, labmodels.terminal.tables as t, labmodels.terminal.prompt\n"
        "o.write(t.table(['a'], [[1]])); print('rich' in sys.modules, 'json' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=20, text=True)
    assert done.stdout.endswith("False False\n")
