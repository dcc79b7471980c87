"""Reads one YAML file: values by the YAML 1.2 core schema, every fault and every quiet surprise with its place. Knows no schema.

The document is built from libyaml's events, without recursion and without a node tree: a hostile file cannot exhaust the stack, and a
thousand files need no memory for nodes. Places of values are not kept; `Source.places` reads the text again for the few files that have
something to report.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from labmodels.config.diagnostics import Diagnostic, Note, Severity, Span
from labmodels.config.scalars import resolve

KeyPath = tuple[str | int, ...]

LARGEST_FILE_BYTES = 1 << 20
DEEPEST_NESTING = 100
MOST_NODES = 100_000  # with aliases expanded
MOST_DIAGNOSTICS = 100
_FATAL = frozenset({"LM004", "LM005", "LM204"})  # reported when reading has already ended


class _Delete:
    """The value of `!delete`: the key that has it is removed from the layers below."""

    def __repr__(self) -> str:
        return "!delete"


DELETE = _Delete()
_NO_KEY = object()
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what libyaml counts as one
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # section 5.1


class Place(NamedTuple):
    """Where an entry stands: its key (None in a list) and its value."""

    key: Span | None
    value: Span


class Suspicion(NamedTuple):
    """A plain scalar that other YAML readers take for something else; whether it matters here depends on the schema."""

    code: str
    text: str
    path: KeyPath
    span: Span
    is_key: bool


class Source:
    """One file as read. `data` is None when nothing usable could be read; the diagnostics then say why."""

    def __init__(
        self, path: Path, text: str = "", data: dict[str, Any] | None = None, diagnostics: list[Diagnostic] | None = None,
        suspicions: list[Suspicion] | None = None, has_deletes: bool = False,
    ) -> None:  # fmt: skip
        self.path = path
        self.text = text
        self.data = data
        self.diagnostics = diagnostics or []
        self.suspicions = suspicions or []
        self.has_deletes = has_deletes

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return sha256(self.text.encode()).hexdigest()

    @cached_property
    def places(self) -> Mapping[KeyPath, Place]:
        """Where each key and value stands, by its path from the top."""
        builder = _Builder(self.path, self.text, {})
        builder.run()
        return builder.places or {}

    def place(self, path: KeyPath) -> Place:
        """Return the place of `path`, or of its nearest ancestor that exists."""
        for length in range(len(path), 0, -1):
            found = self.places.get(path[:length])
            if found:
                return found
        return Place(None, Span(self.path, 1, 1, 1, 1))

    def text_at(self, span: Span) -> str:
        """Return the text at a span of one line; empty for a longer one."""
        lines = _LINE_BREAK.split(self.text) if span.line == span.end_line else []
        return lines[span.line - 1][span.column - 1 : span.end_column - 1] if span.line <= len(lines) else ""


def read(path: Path) -> Source:
    """Read the file at `path`. Never raises for what a file can hold or be: faults are diagnostics of the returned source."""
    text = _read_text(path)
    return parse(path, text) if isinstance(text, str) else Source(path, diagnostics=[text])


def parse(path: Path, text: str) -> Source:
    """Return what `read` returns for a file at `path` that holds `text`."""
    builder = _Builder(path, text, None)
    data = builder.run()
    return Source(path, text, data, builder.diagnostics, builder.suspicions, builder.has_deletes)


def _read_text(path: Path) -> str | Diagnostic:
    """Return the text of the file, or the finding that says why there is none."""
    try:
        status = path.stat()  # before opening: a FIFO would block, a huge file would fill the memory
        if stat.S_ISDIR(status.st_mode):
            return _unreadable(
                path, "LM001", "is a folder where a file is needed", "give the file, or the folder as an argument of its own"
            )
        if not stat.S_ISREG(status.st_mode):
            return _unreadable(path, "LM001", "is not a regular file", "configurations are plain files")
        if status.st_size > LARGEST_FILE_BYTES:
            message = f"is {status.st_size:,} bytes; a configuration has at most {LARGEST_FILE_BYTES:,}"
            return _unreadable(path, "LM003", message, "data belongs in datasets/, not in a configuration")
        with path.open("rb") as file:
            raw = file.read(status.st_size + 1)  # asked for the limit, a small file would cost as much memory as the largest
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return _unreadable(
            path, "LM001", f"cannot be read: {reason}", "check that it exists, that links lead somewhere, and that you may read it"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        span = Span(path, line, column, line, column + 1)
        message = f"is not UTF-8: byte 0x{raw[error.start]:02x}"
        return Diagnostic("LM002", Severity.ERROR, message, span, "save it as UTF-8, e.g. iconv -f latin1 -t utf-8")


def _unreadable(path: Path, code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, message, Span(path), hint)


class _Frame:
    """One open map or list."""

    __slots__ = ("anchor", "container", "is_map", "key", "key_span", "start", "start_count")

    def __init__(self, container: dict[str, Any] | list[Any], anchor: str | None, start: Any, start_count: int) -> None:
        self.container: Any = container
        self.is_map = type(container) is dict
        self.key: Any = _NO_KEY
        self.key_span: Span | None = None
        self.anchor = anchor
        self.start = start
        self.start_count = start_count


class _Stop(Exception):
    """Reading cannot go on; the diagnostic is already recorded."""


class _Builder:
    """Builds one document out of libyaml's events; with `places` given, also records where everything stands."""

    def __init__(self, path: Path, text: str, places: dict[KeyPath, Place] | None) -> None:
        self.path = path
        self.text = text
        self.places = places
        self.diagnostics: list[Diagnostic] = []
        self.suspicions: list[Suspicion] = []
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0
        self.root: Any = _NO_KEY
        self.has_deletes = False

    def run(self) -> dict[str, Any] | None:
        """Return the top-level map, or None with diagnostics."""
        from yaml.error import MarkedYAMLError, YAMLError

        try:
            self._consume()
        except _Stop:
            return None
        except MarkedYAMLError as error:
            span = self._span_at(error.problem_mark or error.context_mark)
            opened = error.context_mark  # where the quote or bracket stands that is not closed
            notes = (Note(str(error.context), self._span_at(opened)),) if opened and error.problem_mark and error.context else ()
            notes = notes if notes and notes[0].span != span else ()
            self._report("LM005", _syntax_message(error), span, _syntax_hint(self.text, span), notes)
            return None
        except (YAMLError, ValueError):
            self._report("LM005", *self._unreadable_character())
            return None
        if self.root is _NO_KEY or self.root is None:
            self._report("LM004", "is empty", Span(self.path), "labmodels schema KIND shows what belongs here")
            return None
        if type(self.root) is not dict:
            self._report("LM204", "holds no map at its top", Span(self.path), "a configuration starts with `key: value` lines")
            return None
        return None if any(diagnostic.code == "LM010" for diagnostic in self.diagnostics) else self.root

    def _consume(self) -> None:
        from yaml._yaml import CParser
        from yaml.events import (
            AliasEvent,
            DocumentStartEvent,
            MappingEndEvent,
            MappingStartEvent,
            ScalarEvent,
            SequenceEndEvent,
            SequenceStartEvent,
            StreamEndEvent,
        )

        next_event = CParser(self.text).get_event
        documents = 0
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                self._scalar(event)
            elif kind is MappingStartEvent:
                self._open({}, event)
            elif kind is SequenceStartEvent:
                self._open([], event)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._report(
                        "LM008", "holds several documents", self._span(event), "one file is one config: split it at the `---` line"
                    )
                    raise _Stop
            elif kind is StreamEndEvent or event is None:
                return

    # -- events ------------------------------------------------------------------------------------------------------

    def _scalar(self, event: Any) -> None:
        text = event.value
        if event.tag is not None:
            value = self._tagged(event)
        elif event.implicit[0]:
            value, code = resolve(text)
            if code:
                self.suspicions.append(self._suspect(code, event))
        else:
            value = text
        self.count += 1
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        if self.places is not None or not self.stack or not self._add_quickly(value):
            self._add(value, event)

    def _add_quickly(self, value: Any) -> bool:
        """Add a scalar where nothing is to be recorded or refused; return whether that was the case. Nine of ten events end here."""
        frame = self.stack[-1]
        if not frame.is_map:
            frame.container.append(value)
        elif frame.key is _NO_KEY:
            if type(value) is not str or value in frame.container or value == "<<":
                return False
            frame.key = value
        elif frame.key is None:
            return False
        else:
            frame.container[frame.key] = value
            frame.key = _NO_KEY
        return True

    def _tagged(self, event: Any) -> Any:
        if event.tag == "!delete":
            self.has_deletes = True
            if event.value or not (self.stack and self.stack[-1].is_map):
                self._misplaced_delete(event)
            return DELETE
        if event.tag in ("!", "tag:yaml.org,2002:str"):
            return event.value
        self._report("LM009", f"unknown tag {event.tag}", self._span(event), "only !delete is known; write the value without a tag")
        return event.value

    def _misplaced_delete(self, event: Any) -> None:
        self._report("LM009", "!delete stands for a key's whole value", self._span(event), "write `key: !delete` and nothing behind it")

    def _open(self, container: dict[str, Any] | list[Any], event: Any) -> None:
        if event.tag == "!delete":
            self._misplaced_delete(event)
        elif event.tag is not None and event.tag != "!":
            self._report("LM009", f"unknown tag {event.tag}", self._span(event), "only !delete is known; write the value without a tag")
        if len(self.stack) >= DEEPEST_NESTING:
            self._report(
                "LM011",
                f"nested more than {DEEPEST_NESTING} levels deep",
                self._span(event),
                "no configuration is that deep: look for a missing bracket or quote",
            )
            raise _Stop
        self.count += 1
        self.stack.append(_Frame(container, event.anchor, event.start_mark, self.count))

    def _close(self, event: Any) -> None:
        frame = self.stack.pop()
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.container, self.count - frame.start_count + 1)
        self._add(frame.container, event, frame.start)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            inside = any(frame.anchor == event.anchor for frame in self.stack)
            message = f"alias *{event.anchor} refers to itself" if inside else f"alias *{event.anchor} has no anchor before it"
            self._report("LM010" if inside else "LM005", message, self._span(event), "define &NAME before *NAME, outside of it")
            raise _Stop
        value, size = self.anchors[event.anchor]
        self.count += size
        if self.count > MOST_NODES:
            self._report(
                "LM010",
                f"aliases expand to more than {MOST_NODES:,} values",
                self._span(event),
                "write the values out, or use fewer levels of aliases",
            )
            raise _Stop
        self._add(value, event)

    # -- building ----------------------------------------------------------------------------------------------------

    def _add(self, value: Any, event: Any, start: Any = None) -> None:
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        if not frame.is_map:
            if self.places is not None:
                self.places[(*self._path(), len(frame.container))] = Place(None, self._span(event, start))
            frame.container.append(value)
        elif frame.key is _NO_KEY:
            self._key(frame, value, event, start)
        else:
            key, frame.key = frame.key, _NO_KEY
            if key is None:
                return  # the value of a key that was refused
            if self.places is not None:
                self.places[(*self._path(), key)] = Place(frame.key_span, self._span(event, start))
            frame.container[key] = value

    def _key(self, frame: _Frame, key: Any, event: Any, start: Any) -> None:
        span = (
            self._span(event, start) if self.places is not None or type(key) is not str or key in frame.container or key == "<<" else None
        )
        if type(key) is not str:
            shown = event.value if hasattr(event, "value") else "a map or list"
            self._report("LM007", f"the key {shown} is not text", span, "quote it")
            frame.key = None
        elif key == "<<":
            self._report(
                "LM012",
                "the merge key << is not part of YAML 1.2",
                span,
                "repeat the keys, or use environments: and a performance profile for what is shared",
            )
            frame.key = None
        elif key in frame.container:
            self._report(
                "LM006", f"duplicate key {key}", span, "keep one of them: which one wins differs between YAML readers", self._first(key)
            )
            frame.key = None
        else:
            frame.key = key
            frame.key_span = span

    def _first(self, key: str) -> tuple[Note, ...]:
        place = self._all_places.get((*self._path(), key))
        return (Note("first given here", place.key),) if place and place.key else ()

    @cached_property
    def _all_places(self) -> Mapping[KeyPath, Place]:
        if self.places is not None:
            return self.places
        builder = _Builder(self.path, self.text, {})
        builder.run()
        return builder.places or {}

    def _suspect(self, code: str, event: Any) -> Suspicion:
        frame = self.stack[-1] if self.stack else None
        is_key = frame is not None and frame.is_map and frame.key is _NO_KEY
        last = () if frame is None else (event.value if is_key else frame.key if frame.is_map else len(frame.container),)
        return Suspicion(code, event.value, (*self._path(), *last), self._span(event), is_key)

    def _path(self) -> KeyPath:
        """Return the path of the container on top of the stack."""
        return tuple(self._steps())

    def _steps(self) -> Iterator[str | int]:
        for frame in self.stack[:-1]:
            yield (frame.key if isinstance(frame.key, str) else "") if frame.is_map else len(frame.container)

    def _span_at(self, mark: Any) -> Span:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Span(self.path, line, column, line, column + 1)

    def _span(self, event: Any, start: Any = None) -> Span:
        begin, end = start or event.start_mark, event.end_mark
        return Span(self.path, begin.line + 1, begin.column + 1, end.line + 1, end.column + 1)

    def _report(self, code: str, message: str, span: Span | None, hint: str, notes: tuple[Note, ...] = ()) -> None:
        self.diagnostics.append(Diagnostic(code, Severity.ERROR, message, span or Span(self.path), help=hint, notes=notes))
        if len(self.diagnostics) >= MOST_DIAGNOSTICS and code not in _FATAL:
            raise _Stop

    def _unreadable_character(self) -> tuple[str, Span, str]:
        found = _NOT_YAML.search(self.text)  # libyaml counts bytes here, and we count characters
        offset = found.start() if found else 0
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        return "a character that YAML does not allow", Span(self.path, line, column, line, column + 1), "remove the control character"


def _syntax_message(error: Any) -> str:
    problem = str(error.problem or error.context or "not YAML")
    return f"not valid YAML: {problem}"


def _syntax_hint(text: str, span: Span) -> str:
    lines = text.split("\n")
    line = lines[span.line - 1] if span.line <= len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or line[span.column - 1 : span.column] == "\t":
        return "indent with spaces: YAML does not allow tabs"
    return "check the indentation, quotes and brackets on this line and the one before"
