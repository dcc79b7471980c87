"""file:line:col: CODE message."""

from labmodels.config.diagnostics import Diagnostic, Severity
from labmodels.terminal.colour import PLAIN
from labmodels.terminal.formats.concise import render
from tests.terminal.reports import ALL, report, span


def test_each_finding_is_one_line_in_the_order_of_places():
    assert render(report(*ALL), PLAIN) == (
        "gpt4.yaml:3:8: LM101 yes is text here and true in YAML 1.1\n"
        "gpt4.yaml:5:3: LM202 unknown key parameters.temprature\n"
        "lab.yaml:1:7: LM309 custom/code_reviewer is not installed yet\n"
        "profile.yaml:4:18: LM205 parameters.temperature is 3\n"
    )


def test_a_valid_lab_prints_nothing():
    assert render(report(), PLAIN) == ""


def test_a_message_of_several_lines_stays_on_one():
    finding = Diagnostic("LM209", Severity.ERROR, "this\n  and that", span("a.yaml"))
    assert render(report(finding), PLAIN) == "a.yaml:1:1: LM209 this and that\n"
