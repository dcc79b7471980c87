"""Workflow commands, as the Actions runner reads them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.diagnostics import Diagnostic, Severity
from labmodels.terminal.colour import PLAIN
from labmodels.terminal.formats.github import render
from tests.terminal.reports import ALL, report, span

LABEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def findings(count, severity, path="a.yaml"):
    return [Diagnostic("LM204", severity, f"finding {number}", span(path, number, 1, number, 2)) for number in range(1, count + 1)]


def test_each_finding_is_a_command_errors_first():
    assert render(report(*ALL), PLAIN) == (
        "::error file=gpt4.yaml,line=5,endLine=5,col=3,endColumn=13,title=LM202::unknown key parameters.temprature"
        "%0Ain: production with high_accuracy, dev with balanced%0Ahelp: did you mean temperature?\n"
        "::error file=profile.yaml,line=4,endLine=4,col=18,endColumn=19,title=LM205::parameters.temperature is 3"
        "%0Anote: shadows 0.2 of file (gpt4.yaml:5)%0Anote: set by profile high_accuracy%0Ahelp: it must be less than or equal to 2\n"
        "::warning file=gpt4.yaml,line=3,endLine=3,col=8,endColumn=11,title=LM101::"
        "yes is text here and true in YAML 1.1%0Ahelp: write true\n"
        "::notice file=lab.yaml,line=1,endLine=1,col=7,endColumn=12,title=LM309::custom/code_reviewer is not installed yet\n"
    )


def test_a_finding_of_several_lines_has_no_columns_as_github_refuses_them():
    finding = Diagnostic("LM204", Severity.ERROR, "wrong", span("a.yaml", 2, 3, 4, 5))
    assert render(report(finding), PLAIN) == "::error file=a.yaml,line=2,endLine=4,title=LM204::wrong\n"


@given(st.text(alphabet="%0A25D:,\n\r é", max_size=12), st.text(alphabet="%2C53A:,= ", min_size=1, max_size=8))
def test_a_runner_reads_back_what_was_written(message, name):
    output = render(report(Diagnostic("LM204", Severity.ERROR, message, span(f"{name}.yaml"))), PLAIN)
    command = re.fullmatch(r"::error file=([^,:]*),line=1,endLine=1,col=1,endColumn=1,title=LM204::([^\r\n]*)\n", output)
    unescaped = [
        part.replace("%2C", ",").replace("%3A", ":").replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
        for part in command.groups()
    ]
    assert unescaped[0] == f"{name}.yaml"
    assert unescaped[1] == message.replace("\r", "\ufffd")


@pytest.mark.parametrize("severity", list(Severity))
@given(count=st.integers(0, 25))
def test_no_more_than_ten_of_a_kind_are_written_and_the_rest_is_counted(severity, count):
    lines = render(report(*findings(count, severity)), PLAIN).splitlines()
    shown = [line for line in lines if "title=" in line]
    assert len([line for line in lines if line.startswith(f"::{LABEL[severity]}")]) <= 10
    assert len([line for line in lines if line.startswith("::notice")]) <= 10
    assert len(shown) == count or lines[-1] == f"::notice::+{count - len(shown)} more"


def test_what_is_left_out_of_all_kinds_is_counted_in_one_notice():
    lines = render(report(*findings(12, Severity.ERROR), *findings(11, Severity.WARNING), *findings(10, Severity.INFO)), PLAIN).splitlines()
    assert lines[-1] == "::notice::+4 more"
    assert len(lines) == 10 + 10 + 9 + 1


def test_files_that_the_pull_request_touches_go_first():
    found = [*findings(10, Severity.ERROR, "a.yaml"), *findings(3, Severity.ERROR, "configs/touched.yaml")]
    lines = render(report(*found, touched=["configs/touched.yaml"]), PLAIN).splitlines()
    assert [re.search(r"file=([^,]*)", line)[1] for line in lines[:10]] == ["configs/touched.yaml"] * 3 + ["a.yaml"] * 7
    assert lines[10:] == ["::notice::+3 more"]
