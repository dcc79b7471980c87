"""The JSON document."""

import json

from labmodels.config.diagnostics import Severity
from labmodels.terminal.colour import PLAIN
from labmodels.terminal.formats.json import render
from tests.terminal.reports import ALL, TOO_HIGH, UNKNOWN_KEY, report


def test_the_document_holds_the_findings_and_the_counts():
    document = json.loads(render(report(*ALL), PLAIN))
    assert list(document) == ["schema_version", "diagnostics", "summary"]
    assert document["schema_version"] == 1
    assert [finding["code"] for finding in document["diagnostics"]] == ["LM101", "LM202", "LM309", "LM205"]
    assert document["summary"] == {"files": 17, "combinations": 204, "errors": 2, "warnings": 1, "infos": 1, "fixable": 2}


def test_a_finding_has_its_place_help_fix_and_combinations():
    assert json.loads(render(report(UNKNOWN_KEY), PLAIN))["diagnostics"] == [
        {
            "code": "LM202",
            "severity": "error",
            "message": "unknown key parameters.temprature",
            "file": "gpt4.yaml",
            "line": 5,
            "column": 3,
            "end_line": 5,
            "end_column": 13,
            "help": "did you mean temperature?",
            "notes": [],
            "fix": [{"file": "gpt4.yaml", "line": 5, "column": 3, "end_line": 5, "end_column": 13, "replacement": "temperature"}],
            "combinations": ["production with high_accuracy", "dev with balanced"],
            "more": 0,
        }
    ]


def test_notes_have_their_place_where_they_have_one():
    finding = json.loads(render(report(TOO_HIGH), PLAIN))["diagnostics"][0]
    assert finding["notes"] == [
        {"message": "shadows 0.2 of file", "file": "gpt4.yaml", "line": 5, "column": 15, "end_line": 5, "end_column": 18},
        {"message": "set by profile high_accuracy"},
    ]
    assert finding["more"] == 2


def test_a_valid_lab_is_an_empty_list():
    document = json.loads(render(report(), PLAIN))
    assert document["diagnostics"] == []
    assert document["summary"][f"{Severity.ERROR.value}s"] == 0
