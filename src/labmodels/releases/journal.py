"""The journal of one environment: one JSON line for every intent and what became of it.

`current` says what is live; the journal says how it came to be.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from labmodels.durable import FileSystem


class Event(NamedTuple):
    """One line: what happened (`intent`, `live`, `failed`, `abandoned`, `switch`, `confirm`), to which intent, with its details."""

    event: str
    id: str
    at: str
    by: str
    details: dict[str, Any]


class Journal:
    """Reads and extends the journal at `path`. Lines are only ever added, each in one durable write."""

    def __init__(self, path: Path, files: FileSystem) -> None:
        self._path = path
        self._files = files

    def add(self, event: str, id_: str, **details: Any) -> None:
        """Append one event, durably, before returning."""
        line = {"event": event, "id": id_, "at": now().isoformat(timespec="milliseconds"), "by": who(), **details}
        self._files.append_line(self._path, json.dumps(line, ensure_ascii=False, sort_keys=False))

    def events(self) -> list[Event]:
        """Return every complete line that is an event, oldest first; a torn line of a crashed write is passed over."""
        found = []
        for line in self._files.read_lines(self._path):
            try:
                data = json.loads(line)
                found.append(Event(data.pop("event"), data.pop("id"), data.pop("at"), data.pop("by"), data))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return found


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


def who() -> str:
    """Return who is acting, as user@host; works without a HOME and without an entry in passwd."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
