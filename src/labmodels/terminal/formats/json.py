"""One JSON document: the findings and the counts."""

from __future__ import annotations

from labmodels.config.diagnostics import Severity
from labmodels.terminal.colour import Paint
from labmodels.terminal.formats.records import record
from labmodels.terminal.output import json_text
from labmodels.terminal.report import Report


def render(report: Report, paint: Paint) -> str:
    """Return `{schema_version, diagnostics, summary}`, indented."""
    summary = {
        "files": report.files_count,
        "combinations": report.combinations_count,
        **{f"{severity.value}s": report.count(severity) for severity in Severity},
        "fixable": report.fixable_count,
    }
    return json_text({"diagnostics": [record(finding) for finding in report.findings()], "summary": summary}) + "\n"
