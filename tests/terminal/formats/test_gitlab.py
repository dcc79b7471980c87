"""GitLab's Code Quality report."""

import json

from labmodels.terminal.colour import PLAIN
from labmodels.terminal.formats.gitlab import render
from tests.terminal.reports import ALL, SUSPICIOUS, report, span


def issues(*findings):
    return json.loads(render(report(*findings), PLAIN))


def test_an_issue_has_the_fields_that_gitlab_requires():
    issue = issues(SUSPICIOUS)[0]
    assert len(issue.pop("fingerprint")) == 32
    assert issue == {
        "description": "LM101: yes is text here and true in YAML 1.1",
        "check_name": "LM101",
        "severity": "minor",
        "location": {"path": "gpt4.yaml", "positions": {"begin": {"line": 3, "column": 8}, "end": {"line": 3, "column": 11}}},
    }
    assert [issue["severity"] for issue in issues(*ALL)] == ["minor", "major", "info", "major"]
    assert issues() == []


def test_a_fingerprint_stays_when_lines_above_move_and_no_two_are_equal():
    moved = SUSPICIOUS._replace(span=span("gpt4.yaml", 9, 8, 9, 11))
    assert issues(SUSPICIOUS)[0]["fingerprint"] == issues(moved)[0]["fingerprint"]
    twice = issues(SUSPICIOUS, moved, SUSPICIOUS._replace(span=span("other.yaml", 3, 8, 3, 11)))
    assert len({issue["fingerprint"] for issue in twice}) == 3
    assert twice[0]["fingerprint"] == issues(SUSPICIOUS)[0]["fingerprint"]
