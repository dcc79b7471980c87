"""One JSON object a finding and line, for pipes that read as they go."""

from __future__ import annotations

import json

from labmodels.terminal.colour import Paint
from labmodels.terminal.formats.records import record
from labmodels.terminal.output import SCHEMA_VERSION
from labmodels.terminal.report import Report


def render(report: Report, paint: Paint) -> str:
    """Return one line a finding; nothing when there is none. ASCII only, so that every reader splits the lines alike."""
    return "".join(json.dumps({"schema_version": SCHEMA_VERSION, **record(finding)}) + "\n" for finding in report.findings())
