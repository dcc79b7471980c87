"""How a command reports: data as JSON or text on stdout, everything else on stderr. Decides nothing about what is said."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from labmodels.terminal.colour import Paint

if TYPE_CHECKING:
    from labmodels.errors import LabmodelsError

SCHEMA_VERSION = 1
_settings = {"quiet": False}


def set_quiet(quiet: bool) -> None:
    """Silence `say` for the rest of the process (`--quiet`); errors and data are still printed."""
    _settings["quiet"] = quiet


def is_quiet() -> bool:
    """Whether `--quiet` was given."""
    return _settings["quiet"]


def write(text: str, stream: TextIO | None = None) -> None:
    """Write `text` to stdout or `stream` and flush; what its encoding lacks is written as a backslash escape."""
    stream = stream or sys.stdout
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def say(text: str) -> None:
    """Print a line for the person at the terminal on stderr, unless `--quiet`."""
    if not is_quiet():
        write(f"{text}\n", sys.stderr)


def emit_json(payload: Mapping[str, Any]) -> None:
    """Print `payload` on stdout as indented JSON: `schema_version` first, then its keys in order."""
    write(json_text(payload) + "\n")


def emit_json_line(payload: Mapping[str, Any]) -> None:
    """Print `payload` on stdout as JSON in one line, for streams."""
    write(json_text(payload, indent=None) + "\n")


def json_text(payload: Mapping[str, Any], indent: int | None = 2) -> str:
    """Return what `emit_json` prints. Money is text, a path has slashes, an instant is ISO 8601, a set is a sorted list."""
    import json

    versioned = {"schema_version": SCHEMA_VERSION, **_sorted({key: value for key, value in payload.items() if key != "schema_version"})}
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(versioned, indent=indent, ensure_ascii=not is_unicode, default=_plain, allow_nan=False)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _sorted(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, set | frozenset):
        return sorted(_sorted(item) for item in value)
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    from datetime import date
    from decimal import Decimal
    from pathlib import PurePath

    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def print_error(error: LabmodelsError, as_json: bool = False) -> None:
    """Print an expected error: two lines on stderr, or with `--json` one error object on stdout."""
    if as_json:
        emit_json(error.as_json())
        return
    paint = Paint.of(sys.stderr)
    lines = [f"{paint('error:', 'error')} {error}"]
    if error.hint:
        lines.append(f"  {paint('hint:', 'help')} {error.hint}")
    write("\n".join(lines) + "\n", sys.stderr)
