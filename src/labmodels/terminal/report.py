"""What every format is made from: the findings in order, the counts, and the sources they point into."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labmodels.config.diagnostics import Diagnostic, Severity
from labmodels.terminal.text import counted, visible

_LARGEST_SOURCE_BYTES = 1 << 20


def read_source_file(path: Path) -> str | None:
    """Return the start of a regular file (1 MiB) as text without a BOM; None when it cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(_LARGEST_SOURCE_BYTES).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a validation. `touched` are the files that a pull request changes; `read_source` gives a file's text or None."""

    diagnostics: Sequence[Diagnostic]
    files_count: int
    combinations_count: int
    touched: frozenset[Path] = frozenset()
    read_source: Callable[[Path], str | None] = read_source_file

    def findings(self) -> Iterator[Diagnostic]:
        """Yield the findings by place and code, with texts that are safe to print: nothing secret, nothing that steers a terminal."""
        for finding in sorted(self.diagnostics, key=lambda finding: (finding.span, finding.code, finding.message)):
            yield _safe(finding)

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity is severity for finding in self.diagnostics)

    @property
    def fixable_count(self) -> int:
        """The number of findings that `--fix` repairs."""
        return sum(bool(finding.edits) for finding in self.diagnostics)

    def summary(self) -> str:
        """Return the closing line: the verdict, the counts, and what `--fix` would do."""
        errors, warnings, infos = (self.count(severity) for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO))
        found = [
            counted(number, noun)
            for number, noun in ((errors, "error"), (warnings, "warning"), (infos, "info"))
            if number
        ]  # fmt: skip
        checked = counted(self.files_count, "file")
        combinations = f" ({counted(self.combinations_count, 'combination')})" if self.combinations_count else ""
        fixable = f"; {self.fixable_count:,} fixable with --fix" if self.fixable_count else ""
        if errors:
            return f"Found {', '.join(found)} in {checked}{combinations}{fixable}"
        return f"{checked} valid{combinations}{', ' if found else ''}{', '.join(found)}{fixable}"


def shown_path(path: Path) -> str:
    """Return a path as reports show it: relative to the current folder when it is below it, with slashes."""
    absolute, here = os.path.abspath(path), os.getcwd()  # noqa: PTH100, PTH109 - links stay as the operator named them; no Path work per finding
    if absolute == here:
        return "."
    inside = absolute[len(here) :].lstrip(os.sep) if absolute.startswith(here.rstrip(os.sep) + os.sep) else absolute
    return visible(inside.replace(os.sep, "/"))


def _safe(finding: Diagnostic) -> Diagnostic:
    from labmodels.secrets import redact

    def clean(text: str) -> str:
        return visible(redact(text)) if text else text

    return finding._replace(
        message=clean(finding.message),
        help=clean(finding.help),
        notes=tuple(note._replace(message=clean(note.message)) for note in finding.notes),
        edits=tuple(edit._replace(replacement=redact(edit.replacement)) for edit in finding.edits),
        combinations=tuple(clean(combination) for combination in finding.combinations),
    )
