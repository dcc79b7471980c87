"""Configuration by key path: YAML and JSON by libyaml's events, TOML, INI and environment files by their sections and keys.

A map is a chunk when it fits and is cut into its keys when it does not; the path of keys above is the trail. What does not parse, such as
a template, is cut by its indentation.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any

from labmodels.embeddings.chunking.chunk import Kind, Outline, Section, defining

_DEEPEST = 100
_LONGEST_LINE = 400  # JSON on one longer line is for machines: it is laid out before it is cut


@dataclass(slots=True)
class Entry:
    """A key or list item with what it holds, where it stands, and its scalar value."""

    name: str
    first: int
    last: int
    value: str = ""
    entries: list[Entry] = field(default_factory=list)
    is_item: bool = False

    def get(self, name: str) -> Entry | None:
        """Return the entry of a key."""
        return next((entry for entry in self.entries if entry.name == name and not entry.is_item), None)

    def value_of(self, name: str) -> str:
        """Return the scalar value of a key; empty when there is none."""
        found = self.get(name)
        return found.value if found else ""


def outline(path: str, lines: Sequence[str]) -> Outline:
    """Return the outline of a configuration file, by the form that its name or its first line tells."""
    if path.endswith((".yaml", ".yml", ".json", ".jsonc")) or lines[0].startswith(("{", "---", "%YAML")):
        laid_out, entry, numbers = read(path, lines)
        if entry is not None:
            return Outline(laid_out, section(entry), numbers)
        return Outline(lines, Section(1, len(lines), "configuration", parts=lambda: by_indent(lines, 1, len(lines))))
    return Outline(lines, _by_sections(lines))


def read(path: str, lines: Sequence[str]) -> tuple[Sequence[str], Entry | None, Sequence[int] | None]:
    """Return the lines to cut, the entries of YAML or JSON (None when it does not parse), and where the lines stand in the file."""
    if path.endswith(".json") and len(lines) < 3 and len(lines[0]) > _LONGEST_LINE:
        try:
            data = json.loads("\n".join(lines))
        except (ValueError, RecursionError):
            return lines, None, None
        laid_out = json.dumps(data, indent=1, ensure_ascii=False).split("\n")
        return laid_out, entries(laid_out), [1] * len(laid_out)
    return lines, entries(lines), None


def section(entry: Entry, kind: Kind = "configuration", above: tuple[str, ...] = ()) -> Section:
    """Return the section of an entry; its symbols are dotted key paths."""
    path = above if entry.is_item or not entry.name else (*above, entry.name)
    return Section(
        entry.first, entry.last, kind, entry.name,
        parts=lambda: (section(inner, kind, path) for inner in entry.entries), symbols=lambda: _names(entry, above),
    )  # fmt: skip


def _names(entry: Entry, above: tuple[str, ...]) -> Iterator[str]:
    path = above if entry.is_item or not entry.name else (*above, entry.name)
    if path != above:
        yield ".".join(path)
    for inner in entry.entries:
        yield from _names(inner, path)


def entries(lines: Sequence[str]) -> Entry | None:
    """Return everything that YAML or JSON holds, several documents included, as one entry; None when it does not parse."""
    from yaml import YAMLError
    from yaml._yaml import CParser

    try:
        return _Reading(lines).run(CParser("\n".join(lines)))
    except (YAMLError, ValueError):
        return None


class _Reading:
    """Builds entries out of libyaml's events. Its own line numbers are not used: it also counts breaks that editors do not."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
        self._root = Entry("", 1, len(lines), is_item=True)
        self._open: list[Entry] = [self._root]
        self._keys: list[Entry | bool | None] = []  # of each open map the key that waits for its value, or None; False in a list

    def run(self, parser: Any) -> Entry | None:
        """Return the root; None for what is nested too deep."""
        from yaml import events

        while (event := parser.get_event()) is not None and not isinstance(event, events.StreamEndEvent):
            if isinstance(event, (events.ScalarEvent, events.AliasEvent)):
                self._scalar(event)
            elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
                if len(self._open) > _DEEPEST:
                    return None
                self._open.append(self._begin(event))
                self._keys.append(None if isinstance(event, events.MappingStartEvent) else False)
            elif isinstance(event, (events.MappingEndEvent, events.SequenceEndEvent)):
                self._keys.pop()
                self._end(self._open.pop(), event)
        return self._root

    def _line(self, index: int) -> int:
        return bisect_right(self._starts, index)

    def _scalar(self, event: Any) -> None:
        value = str(getattr(event, "value", None) or "")
        if self._keys and self._keys[-1] is None:
            first = self._line(event.start_mark.index)
            entry = Entry(value, self._with_comments(first), first)
            self._add(entry)
            self._keys[-1] = entry
            return
        entry = self._begin(event)
        entry.value = value
        self._end(entry, event)

    def _begin(self, event: Any) -> Entry:
        """Return the entry that a value belongs to: its key's, or a new item."""
        if self._keys and isinstance(key := self._keys[-1], Entry):
            self._keys[-1] = None
            return key
        first = self._line(event.start_mark.index)
        entry = Entry("", self._with_comments(first), first, is_item=True)
        self._add(entry)
        if self._keys and self._keys[-1] is None:  # a map or list as key: what follows is its value
            self._keys[-1] = entry
        return entry

    def _add(self, entry: Entry) -> None:
        self._open[-1].entries.append(entry)

    def _end(self, entry: Entry, event: Any) -> None:
        """Set where an entry ends: with its last inner entry, its closing bracket or its text, without what only follows it."""
        begin, end = event.start_mark.index, event.end_mark.index
        inner = max(entry.last, entry.entries[-1].last if entry.entries else 0)
        last = self._line(end - 1) if end > begin else inner
        while last > inner and (not self._lines[last - 1].strip() or self._lines[last - 1].lstrip().startswith("#")):
            last -= 1
        entry.last = max(inner, last)

    def _with_comments(self, first: int) -> int:
        """Return the first of the comment lines right above line `first` that nothing before has taken."""
        around = self._open[-1]
        taken = around.entries[-1].last if around.entries else around.last
        while first - 1 > taken and self._lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return first


def by_indent(lines: Sequence[str], first: int, last: int, depth: int = 0) -> Iterator[Section]:
    """Yield the sections that the indentation of lines `first` to `last` makes, for what does not parse."""
    filled = [number for number in range(first, last + 1) if lines[number - 1].strip()]
    if not filled or depth > _DEEPEST:
        return
    margin = min(_indent(lines[number - 1]) for number in filled)
    starts = [number for number in filled if _indent(lines[number - 1]) == margin]
    for start, following in zip(starts, [*starts[1:], last + 1], strict=True):
        named = _NAMED.match(lines[start - 1])
        yield Section(
            start, following - 1, "configuration", named[1].strip() if named else "",
            parts=partial(by_indent, lines, start + 1, following - 1, depth + 1),
        )  # fmt: skip


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


_NAMED = re.compile(r"\s*(?:- +)?[\"']?([\w.$/-][\w.$/ -]*?)[\"']?\s*[:=]")
_HEADER = re.compile(r"\s*\[\[?\s*([\w.:/@\"' $*+-]+?)\s*\]\]?\s*(?:[#;].*)?")
_KEY = re.compile(r"(?:export\s+)?([\w.\"'/-]+(?: [\w.-]+)*)\s*[=:]")


def _by_sections(lines: Sequence[str]) -> Section:
    """Return the sections of TOML, INI, environment and property files: `[headers]`, and keys at the margin with what continues them."""
    starts: list[tuple[int, str]] = []  # of headers
    quote = ""
    for number, line in enumerate(lines, start=1):
        if not quote and (header := _HEADER.fullmatch(line)):
            starts.append((_comments_above(lines, number, starts[-1][0] if starts else 0), header[1].replace('"', "")))
        quote = _open_quote(line, quote)
    top = [_keys(lines, 1, (starts[0][0] if starts else len(lines) + 1) - 1, "")]
    sections = [_keys(lines, first, last, name) for (first, name), last in zip(starts, _ends(starts, len(lines)), strict=True)]
    return Section(
        1, len(lines), "configuration", parts=lambda: top + sections,
        symbols=lambda: (symbol for one in top + sections for symbol in one.symbols()),
    )  # fmt: skip


def _keys(lines: Sequence[str], first: int, last: int, header: str) -> Section:
    starts: list[tuple[int, str]] = []
    quote = ""
    for number in range(first, last + 1):
        if not quote and (key := _KEY.match(lines[number - 1])):
            name = key[1].replace('"', "").strip()
            starts.append((_comments_above(lines, number, starts[-1][0] if starts else first), f"{header}.{name}" if header else name))
        quote = _open_quote(lines[number - 1], quote)
    keys = [
        Section(start, end, "configuration", symbols=defining(name)) for (start, name), end in zip(starts, _ends(starts, last), strict=True)
    ]
    names = ((header,) if header else ()) + tuple(name for _, name in starts)
    return Section(first, last, "configuration", header, parts=lambda: keys, symbols=defining(*names))


def _ends(starts: Sequence[tuple[int, str]], last: int) -> list[int]:
    """Return where each begins to be followed by the next, and `last` for the last one."""
    return [*(start - 1 for start, _ in starts[1:]), last] if starts else []


def _comments_above(lines: Sequence[str], number: int, taken: int) -> int:
    while number - 1 > taken and lines[number - 2].lstrip().startswith(("#", ";")):
        number -= 1
    return number


def _open_quote(line: str, quote: str) -> str:
    """Return the TOML quote that is open after a line: three quotes, which may span lines, or none."""
    for mark in re.findall(r'"""|\'\'\'', line):
        quote = "" if quote == mark else quote or mark
    return quote
