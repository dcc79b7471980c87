"""The source lines that a report shows, with every secret in them masked. Columns stay true: one asterisk for one character."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from labmodels.config.diagnostics import Diagnostic, Span
from labmodels.terminal.report import Report

# What the YAML reader takes for line breaks; str.splitlines knows more of them and would shift the numbers.
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_NAMES = r"(?:[\w-]*[_-])?(?:api[_-]?key|access[_-]?key|private[_-]?key|secret(?:[_-]?key)?|passwd|password)"
_WHOLE_NAMES = r"(?:(?:access|api|auth|bearer|refresh)[_-]?)?token"  # but not first_token, which is a time
_KEY_OF_A_SECRET = re.compile(rf"""^\s*(?:-\s+)?["']?(?:{_NAMES}|{_WHOLE_NAMES})["']?\s*:\s*(?P<value>\S.*)$""", re.IGNORECASE)
_REFERENCE = re.compile(r"""["']?(env:|file:|keyring:)""")
_NO_SECRET = re.compile(r"""["']?(env:|file:|keyring:)|(null|~|true|false|-?[\d.]+|[{\[&*!|>#].*)\s*(#.*)?$""")
_CREDENTIALS = re.compile(r"""\s*["']?credentials["']?\s*:""")
_PART = re.compile(r"#.*|[^\s,{}\[\]]+")
_EMPTY = ("null", "~", "!delete", "|", ">", "|-", ">-")
_USER_INFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_WORD = re.compile(r"""[^\s"',{}\[\]]+""")
_SECRET_CODES = ("LM401", "LM403")


def redact_line(line: str, start: int, end: int) -> str:
    """Return `line` with the characters from column `start` to before column `end` (from 1) as asterisks."""
    return line[: start - 1] + "*" * (min(end - 1, len(line)) - (start - 1)) + line[end - 1 :] if start <= len(line) else line


class Sources:
    """The masked lines of the files a report points into, read once each."""

    def __init__(self, report: Report, findings: Iterable[Diagnostic]) -> None:
        self._report = report
        self._lines: dict[Path, list[str]] = {}
        self._secret_spans: dict[Path, list[Span]] = {}
        for finding in findings:
            if finding.code in _SECRET_CODES:
                self._secret_spans.setdefault(finding.span.path, []).append(finding.span)

    def lines(self, path: Path) -> list[str]:
        """Return the lines of a file, masked; none when it cannot be read."""
        if path not in self._lines:
            text = self._report.read_source(path)
            self._lines[path] = self._masked(path, _BREAK.split(text)) if text else []
        return self._lines[path]

    def _masked(self, path: Path, lines: list[str]) -> list[str]:
        for span in self._secret_spans.get(path, []):
            _mask_span(lines, span)
        _mask_private_keys(lines)
        _mask_credentials(lines)
        return lines

    def line(self, path: Path, number: int) -> str:
        """Return one line (from 1), masked; empty beyond the end of the file."""
        lines = self.lines(path)
        return mask_secrets(lines[number - 1]) if 0 < number <= len(lines) else ""


def mask_secrets(line: str) -> str:
    """Return `line` with what is, or looks like, a secret as asterisks of the same length."""
    from labmodels.secrets import redact

    line = _USER_INFO.sub(lambda match: "*" * len(match[0]), line)
    under_key = _KEY_OF_A_SECRET.match(line)
    if under_key and not _NO_SECRET.match(under_key["value"]):
        line = redact_line(line, under_key.start("value") + 1, len(line) + 1)
    if redact(line) == line:
        return line
    line = _WORD.sub(lambda match: match[0] if redact(match[0]) == match[0] else "*" * len(match[0]), line)
    # A secret of several words ("Bearer ...") shows in none of them alone: then the whole line goes.
    return line if redact(line) == line else re.sub(r"\S", "*", line)


def _mask_span(lines: list[str], span: Span) -> None:
    for number in range(span.line, min(span.end_line, len(lines)) + 1):
        line = lines[number - 1]
        if (masked := mask_secrets(line)) != line:  # known by its shape: what stands around it may be seen
            lines[number - 1] = masked
            continue
        start = span.column if number == span.line else 1
        end = span.end_column if number == span.end_line else len(line) + 1
        # A malformed reference is shown for what it is; anything else in its place may be the secret itself.
        if not _REFERENCE.match(line[start - 1 :]):
            lines[number - 1] = redact_line(line, start, end)


def _mask_private_keys(lines: list[str]) -> None:
    inside = False
    for index, line in enumerate(lines):
        inside = inside or ("-----BEGIN" in line and "PRIVATE KEY" in line)
        if inside:
            lines[index] = re.sub(r"\S", "*", line)
            inside = "-----END" not in line


def _mask_credentials(lines: list[str]) -> None:
    """Mask the values of every `credentials` block that are no references: also those under a misspelt key."""
    indent: int | None = None
    for index, line in enumerate(lines):
        own = len(line) - len(line.lstrip())
        if indent is not None and line.strip() and own <= indent:
            indent = None
        if indent is None and _CREDENTIALS.match(line):
            indent = own
        if indent is not None:
            lines[index] = _without_value(line)


def _without_value(line: str) -> str:
    key, colon, value = line.partition(":")
    return key + colon + _PART.sub(_masked_part, value) if colon else _PART.sub(_masked_part, line)


def _masked_part(match: re.Match[str]) -> str:
    part = match[0]
    is_shown = part.startswith("#") or part.endswith(":") or part in _EMPTY or _REFERENCE.match(part)
    return part if is_shown else "*" * len(part)
