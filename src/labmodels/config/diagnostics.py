"""What validation says: a coded finding at a place, with help and perhaps a safe fix. Rendering is terminal's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Severity(str, Enum):
    """How bad a finding is; only errors make a configuration invalid."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. Lines and columns count from 1, in characters; the end is exclusive."""

    path: Path
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that belongs to a finding: the layer that is shadowed, the other duplicate."""

    message: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the characters at `span` by `replacement`."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
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
