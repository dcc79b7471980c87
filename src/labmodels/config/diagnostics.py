"""What validation says: a coded finding at a place, with help and perhaps a safe fix. Rendering is terminal's."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from labmodels.errors import ExitCode, LabmodelsError


class Severity(StrEnum):
    """How bad a finding is; only errors make a configuration invalid."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Span(NamedTuple):
    """A place in a file. Lines and columns count from 1, in characters; the end is exclusive."""

    path: Path
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


class Note(NamedTuple):
    """A second place that belongs to a finding: the layer that is shadowed, the other duplicate."""

    message: str
    span: Span | None = None


class Edit(NamedTuple):
    """Replace the characters at `span` by `replacement`."""

    span: Span
    replacement: str


class Diagnostic(NamedTuple):
    """One finding. `combinations` lists the merged combinations it breaks when not all; `more` counts equal findings elsewhere."""

    code: str
    severity: Severity
    message: str
    span: Span
    help: str = ""
    notes: tuple[Note, ...] = ()
    edits: tuple[Edit, ...] = ()
    combinations: tuple[str, ...] = ()
    more: int = 0

    @property
    def is_error(self) -> bool:
        """Whether this finding makes the configuration invalid."""
        return self.severity is Severity.ERROR


class InvalidConfiguration(LabmodelsError):
    """The configuration that a command needs has errors: `diagnostics`, which are printed before the message."""

    exit_code = ExitCode.VERDICT_NO

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(message, hint="labmodels validate-config")
        self.diagnostics = diagnostics

    def as_json(self) -> dict[str, object]:
        """Return the error object with its findings."""
        found = [
            {"code": one.code, "message": one.message, "path": str(one.span.path), "line": one.span.line, "column": one.span.column}
            for one in self.diagnostics
            if one.is_error
        ]
        return {**super().as_json(), "diagnostics": found}
