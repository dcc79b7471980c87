"""GitLab's Code Quality report, which it shows in a merge request."""

from __future__ import annotations

import json

from labmodels.config.diagnostics import Severity
from labmodels.terminal.colour import Paint
from labmodels.terminal.formats.records import fingerprinted
from labmodels.terminal.report import Report, shown_path

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def render(report: Report, paint: Paint) -> str:
    """Return the JSON list of findings; an empty list when there is none."""
    issues = [
        {
            "description": f"{finding.code}: {finding.message}",
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[finding.severity],
            "location": {
                "path": shown_path(finding.span.path),
                "positions": {
                    "begin": {"line": finding.span.line, "column": finding.span.column},
                    "end": {"line": finding.span.end_line, "column": finding.span.end_column},
                },
            },
        }
        for fingerprint, finding in fingerprinted(report.findings())
    ]
    return json.dumps(issues, indent=2) + "\n"
