"""Cuts an outline into chunks that keep their bound: neighbours are merged up to it, what is larger is cut at the best boundary.

Whatever the outline, no line is lost or repeated: lines that no part claims belong to the section around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from labmodels.embeddings.chunking.chunk import Chunk, Kind, Outline, Section, under

Count = Callable[[str], int]

_MOST_CHARACTERS = 32  # a token of the bound: beyond, text is cut without being counted, so that no count reads a whole file
_LEAD, _CLOSE = 3, 8  # lines of at most this part of the bound that lead or close a section are no chunk of their own
_DEEPEST = 60  # sections within sections; what is nested deeper is cut by lines
_SENTENCE = re.compile(r"[.!?;]\s+")
_SPACE = re.compile(r"\s+")


@dataclass(slots=True)
class Bound:
    """How much a chunk may hold: `most` tokens as `count` counts them, its trail included."""

    most: int
    count: Count

    def holds(self, trail: Sequence[str], text: str) -> bool:
        """Whether a chunk of `text` under `trail` keeps the bound."""
        whole = under(trail, text)
        return len(whole) <= _MOST_CHARACTERS * self.most and self.count(whole) <= self.most

    def part(self, divisor: int) -> Bound:
        """Return a bound of a part of this one."""
        return Bound(self.most // divisor, self.count)

    def trail(self, trail: Sequence[str]) -> tuple[str, ...]:
        """Return the trail cut to half of the bound, the innermost kept longest."""
        kept = tuple(title for part in trail if (title := " ".join(part.split())))
        half = self.part(2)
        while len(kept) > 1 and not half.holds(kept, ""):
            kept = kept[1:]
        while kept and not half.holds(kept, ""):
            kept = (kept[0][: len(kept[0]) // 2].rstrip(),) if len(kept[0]) > 1 else ()
        return kept

    def longest(self, trail: Sequence[str], text: str) -> int:
        """Return how many characters of `text`, from its beginning, keep the bound under `trail`; at least one."""
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.holds(trail, text[:middle]) else (low, middle - 1)
        return low


def pack(path: str, outline: Outline, bound: Bound) -> Iterator[Chunk]:
    """Yield the chunks of an outline in the order of its lines."""
    return _Packer(path, outline, bound).chunks()


@dataclass(slots=True)
class _Run:
    """Neighbours that are gathered for one chunk."""

    first: int = 0
    last: int = 0
    kinds: set[Kind] = field(default_factory=set)
    symbols: list[str] = field(default_factory=list)
    is_lead: bool = True  # holds only lines that no part claims


class _Packer:
    """Walks the sections of one document."""

    def __init__(self, path: str, outline: Outline, bound: Bound) -> None:
        self._path, self._outline, self._bound = path, outline, bound
        self._lines = outline.lines
        self._trails: dict[tuple[str, ...], tuple[str, ...]] = {}

    def chunks(self) -> Iterator[Chunk]:
        whole = self._trimmed(replace(self._outline.root, first=1, last=len(self._lines)))
        if whole:
            yield from self._cut(whole, (), 0)

    def _cut(self, section: Section, trail: tuple[str, ...], depth: int) -> Iterator[Chunk]:
        """Yield a section whole when it may be and fits, else its parts."""
        if not section.is_open and self._fits(section, trail):
            yield self._chunk(section.first, section.last, section.kind, trail, section.symbols())
            return
        inner = (*trail, section.title) if section.title else trail
        parts = self._parts(section) if depth < _DEEPEST else []
        if not parts:
            yield from self._split(section, inner)
            return
        of_parts = {symbol for part in parts for symbol in part.symbols()}
        own = [symbol for symbol in section.symbols() if symbol not in of_parts]
        for chunk in self._parted(section, parts, inner, depth):
            yield replace(chunk, symbols=tuple(dict.fromkeys((*own, *chunk.symbols)))) if own else chunk
            own = []

    def _parted(self, section: Section, parts: Sequence[Section], trail: tuple[str, ...], depth: int) -> Iterator[Chunk]:
        """Yield the chunks of the parts: neighbours together as far as they may and fit."""
        run = _Run()
        for part, is_own in self._with_own_lines(section, parts):
            if not (part.is_apart or part.is_open) and self._fits(replace(part, first=run.first or part.first), trail):
                self._add(run, part, is_own)
                continue
            if run.last and run.is_lead and self._bound.part(_LEAD).holds((), self._text(run.first, run.last)):
                part = replace(part, first=run.first)  # noqa: PLW2901 - a heading goes with what follows it
            else:
                yield from self._flush(run, section.kind, trail)
            run = _Run()
            if part.is_apart or part.is_open or not self._fits(part, trail):
                yield from self._cut(part, trail, depth + 1)
            else:
                self._add(run, part, is_own)
        yield from self._flush(run, section.kind, trail)

    def _with_own_lines(self, section: Section, parts: Sequence[Section]) -> Iterator[tuple[Section, bool]]:
        """Yield the parts and, around them, the lines that no part claims; True for those."""
        at = section.first
        for part in parts[:-1]:
            yield from self._gap(section, at, part.first - 1)
            yield part, False
            at = part.last + 1
        final = parts[-1]
        yield from self._gap(section, at, final.first - 1)
        rest = list(self._gap(section, final.last + 1, section.last))
        if rest and self._bound.part(_CLOSE).holds((), self._text(rest[0][0].first, rest[0][0].last)):  # a closing bracket or fence
            final, rest = replace(final, last=rest[0][0].last), []
        yield final, False
        yield from rest

    def _gap(self, section: Section, first: int, last: int) -> Iterator[tuple[Section, bool]]:
        if gap := self._trimmed(Section(first, last, section.kind)):
            yield gap, True

    def _parts(self, section: Section) -> list[Section]:
        """Return the parts of a section in order, inside it and without overlaps, whatever it says."""
        kept: list[Section] = []
        at = section.first
        for part in section.parts():
            inside = self._trimmed(replace(part, first=max(part.first, at), last=min(part.last, section.last)))
            if inside:
                kept.append(inside)
                at = inside.last + 1
        return kept

    def _trimmed(self, section: Section) -> Section | None:
        """Return a section without blank lines at its ends; None when it has no others."""
        first, last = section.first, section.last
        while first <= last and not self._lines[first - 1].strip():
            first += 1
        while first <= last and not self._lines[last - 1].strip():
            last -= 1
        return replace(section, first=first, last=last) if first <= last else None

    def _add(self, run: _Run, part: Section, is_own: bool) -> None:
        run.first, run.last = run.first or part.first, part.last
        run.symbols.extend(part.symbols())
        if not is_own:
            run.kinds.add(part.kind)
            run.is_lead = False

    def _flush(self, run: _Run, kind: Kind, trail: tuple[str, ...]) -> Iterator[Chunk]:
        if run.last:
            (only,) = run.kinds if len(run.kinds) == 1 else (kind,)
            yield self._chunk(run.first, run.last, only, trail, run.symbols)

    def _split(self, section: Section, trail: tuple[str, ...]) -> Iterator[Chunk]:
        """Yield the lines of a section that has no parts, as many in a chunk as fit."""
        first, symbols = section.first, tuple(section.symbols())
        while first <= section.last:
            if not self._lines[first - 1].strip():
                first += 1
                continue
            last = self._last_that_fits(first, section.last, trail)
            if last < first:
                chunks = list(self._split_line(first, section.kind, trail))
                last = first
            else:
                last = self._boundary(first, last, section.last)
                filled = self._trimmed(Section(first, last, section.kind)) or section
                chunks = [self._chunk(first, filled.last, section.kind, trail)]
            for chunk in chunks:
                yield replace(chunk, symbols=symbols) if symbols else chunk
                symbols = ()
            first = last + 1

    def _last_that_fits(self, first: int, last: int, trail: tuple[str, ...]) -> int:
        """Return the last line up to which a chunk from `first` keeps the bound; `first` - 1 when that line alone does not."""
        short = self._short(trail)

        def holds(count: int) -> bool:
            return self._bound.holds(short, self._text(first, first + count - 1))

        most = last - first + 1
        low, step = 0, 1
        while low < most and holds(min(low + step, most)):
            low = min(low + step, most)
            step *= 2
        high = min(low + step, most)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if holds(middle) else (low, middle - 1)
        return first + low - 1

    def _boundary(self, first: int, last: int, end: int) -> int:
        """Return the line of the second half of `first` to `last` after which a cut hurts least."""
        if last == end:
            return last
        margin = min(_indent(line) for line in self._lines[first - 1 : last + 1] if line.strip())
        return max(range((first + last + 1) // 2, last + 1), key=lambda line: (self._worth(line, margin), line))

    def _worth(self, line: int, margin: int) -> int:
        here, following = self._lines[line - 1], self._lines[line]
        if not here.strip() or not following.strip():
            return 3
        if _indent(following) <= margin < _indent(here) and following.strip()[0] not in ")]}":
            return 2
        return 1 if here.rstrip()[-1] in ".!?;:" else 0

    def _split_line(self, line: int, kind: Kind, trail: tuple[str, ...]) -> Iterator[Chunk]:
        """Yield one line in pieces: at sentences, else at spaces, else anywhere."""
        short, whole, begin = self._short(trail), self._lines[line - 1].rstrip(), 0
        while begin < len(whole):
            if whole[begin].isspace():
                begin += 1
                continue
            text = whole[begin : begin + _MOST_CHARACTERS * self._bound.most]
            end = self._bound.longest(short, text)
            if begin + end < len(whole):
                end = _last_end(text, end)
            yield Chunk(self._path, self._number(line), self._number(line), text[:end].rstrip(), kind, short)
            begin += end

    def _fits(self, section: Section, trail: tuple[str, ...]) -> bool:
        most = _MOST_CHARACTERS * self._bound.most
        if section.last - section.first > most:
            return False
        return self._bound.holds(self._short(trail), self._text(section.first, section.last))

    def _chunk(self, first: int, last: int, kind: Kind, trail: tuple[str, ...], symbols: Iterable[str] = ()) -> Chunk:
        text = self._text(first, last)
        return Chunk(self._path, self._number(first), self._number(last), text, kind, self._short(trail), tuple(dict.fromkeys(symbols)))

    def _short(self, trail: tuple[str, ...]) -> tuple[str, ...]:
        if trail not in self._trails:
            self._trails[trail] = self._bound.trail(trail)
        return self._trails[trail]

    def _text(self, first: int, last: int) -> str:
        return "\n".join(self._lines[first - 1 : last])

    def _number(self, line: int) -> int:
        return self._outline.numbers[line - 1] if self._outline.numbers else line


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _last_end(text: str, most: int) -> int:
    """Return where to cut `text` in the second half of its first `most` characters."""
    for boundary in (_SENTENCE, _SPACE):
        ends = [match.end() for match in boundary.finditer(text, 0, most) if match.end() > most // 2]
        if ends:
            return ends[-1]
    return most
