"""Workflow commands of GitHub Actions, which it shows as annotations of a pull request's lines.

It shows ten annotations of each kind a step and drops the rest in silence: files that the pull request touches go first, and a last
notice says how many were left out.
"""

from __future__ import annotations

import os

from labmodels.config.diagnostics import Diagnostic, Severity
from labmodels.terminal.colour import Paint
from labmodels.terminal.report import Report, shown_path

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_MOST = 10


def render(report: Report, paint: Paint) -> str:
    """Return one command a finding, at most ten a kind, and how many more there are."""
    touched = {os.path.abspath(path) for path in report.touched}  # noqa: PTH100 - names are compared, links stay as they are
    findings = sorted(report.findings(), key=lambda finding: os.path.abspath(finding.span.path) not in touched)  # noqa: PTH100
    by_severity = {severity: [finding for finding in findings if finding.severity is severity] for severity in Severity}
    left_out = _left_out(by_severity, _MOST)
    if left_out:  # the line that says so is a notice itself
        left_out = _left_out(by_severity, _MOST - 1)
    lines = [_command(finding) for severity, found in by_severity.items() for finding in found[: _limit(severity, left_out)]]
    if left_out:
        lines.append(f"::notice::+{left_out} more")
    return "".join(f"{line}\n" for line in lines)


def _left_out(by_severity: dict[Severity, list[Diagnostic]], most_notices: int) -> int:
    return sum(max(0, len(found) - (most_notices if severity is Severity.INFO else _MOST)) for severity, found in by_severity.items())


def _limit(severity: Severity, left_out: int) -> int:
    return _MOST - 1 if severity is Severity.INFO and left_out else _MOST


def _command(finding: Diagnostic) -> str:
    span = finding.span
    properties: dict[str, object] = {"file": shown_path(span.path), "line": span.line, "endLine": span.end_line}
    if span.line == span.end_line:  # GitHub refuses columns for a finding of several lines
        properties |= {"col": span.column, "endColumn": span.end_column}
    properties["title"] = finding.code
    named = ",".join(f"{name}={_escaped_property(str(value))}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {named}::{_escaped(_text(finding))}"


def _text(finding: Diagnostic) -> str:
    lines = [finding.message]
    if finding.combinations:
        lines.append(f"in: {', '.join(finding.combinations)}")
    for note in finding.notes:
        lines.append(f"note: {note.message}" + (f" ({shown_path(note.span.path)}:{note.span.line})" if note.span else ""))
    if finding.help:
        lines.append(f"help: {finding.help}")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
