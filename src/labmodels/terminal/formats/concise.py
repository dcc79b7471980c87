"""`file:line:col: CODE message`, one finding a line: what editors and grep read."""

from __future__ import annotations

from labmodels.terminal.colour import Paint
from labmodels.terminal.report import Report, shown_path
from labmodels.terminal.text import one_line


def render(report: Report, paint: Paint) -> str:
    """Return one line a finding; nothing when there is none."""
    return "".join(
        f"{paint(f'{shown_path(finding.span.path)}:{finding.span.line}:{finding.span.column}:', 'strong')} "
        f"{paint(finding.code, finding.severity.value)} {one_line(finding.message)}\n"
        for finding in report.findings()
    )
