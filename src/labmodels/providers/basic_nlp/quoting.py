"""What may be quoted and how a quote is shown with its place. Every ability writes its answer with this; what to quote is theirs.

A quote is a piece of its source, character for character. What would drive a terminal, what may hold a secret and what is too long to
be looked through is never quoted: its place is given instead.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from labmodels.providers.protocol import Source
from labmodels.secrets import looks_like_secret, redact

PASTED = "question"  # the path of what stands in the question itself
NOT_QUOTED = "(not quoted)"
_LONGEST_CHECKED = 4000  # characters; what is longer is written by no person and could hide anything
_LONGEST_SHOWN = 240

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_CREDENTIAL = (
    r"(?:passw(?:or)?ds?|passphrase|pwd|secret|credentials?|authorization|cookie|dsn"
    r"|(?:api|access|private|secret|account|signing|encryption|master|shared|license)[_-]?key|connection[_-]?string|webhook(?:[_-]?url)?)"
)
_REFERENCE = (
    r"(?![\"']?(?:(?:env|file|keyring):|(?-i:\$[A-Z_]{2}|\$[({])|\{\{|<[^<>\s]{1,40}>|\.\.\.|!env |\*{3,}(?=[\s,;\"')}\]]|$)"
    r"|(?:true|false|null|none|yes|no|on|off|required|optional|~"
    r"|a|an|the|this|that|it|its|is|are|was|to|for|of|in|by|see|open|get|use|put|set|which|what|where)?[\"']?(?:[\s,;})\]]|$)))"
)
_SET = r"[\"']?[ \t]{0,8}(?:=>|:=|[:=])[ \t]{0,8}"
# Tokens are counted and timed, too: `first_token: 20 seconds` is no secret.
_TOKEN = r"(?<!first[_-])(?<!per[_-])token"  # noqa: S105
_QUANTITY = r"(?![\"']?\d{1,6}(?:\.\d{1,6})?(?: ?(?:ms|s|m|h|d|[kmg]b?|seconds?|minutes?|hours?|days?))?[\"']?(?:[\s,;})\]]|$))"
_ASSIGNED = re.compile(rf"(?i)(?:{_CREDENTIAL}{_SET}|{_TOKEN}{_SET}{_QUANTITY}){_REFERENCE}\S")
_OPTION = re.compile(rf"(?i)--?[\w-]{{0,30}}(?:{_CREDENTIAL}|{_TOKEN})[ \t=]{{1,4}}{_REFERENCE}\S")
_SECRET_NAME = re.compile(rf"(?i)(?:{_CREDENTIAL}|{_TOKEN})$")
_IN_ADDRESS = re.compile(r"://[^\s/@:\"']{0,80}:(?![*<$]|\.\.\.)[^\s/@\"']{1,200}@")
_UNBROKEN = re.compile(r"[A-Za-z0-9+_-]{24,}")
_KEY_BEGIN, _KEY_END = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY"), re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY")
_KEY_BODY = re.compile(r"[+\- ]?\s{0,40}(?:[A-Za-z0-9+/=]{8,}|[A-Za-z-]{1,30}: .{0,80}|)\s{0,4}\\?")


def holds_secret(text: str) -> bool:
    """Whether a text may show a secret: by shape, by the name before it, in an address, or drawn rather than written."""
    if looks_like_secret(text) or redact(text) != text:
        return True
    if _ASSIGNED.search(text) or _OPTION.search(text) or ("://" in text and _IN_ADDRESS.search(text)):
        return True
    return any(_is_drawn(match[0]) for match in _UNBROKEN.finditer(text))


def names_secret(name: str) -> bool:
    """Whether what stands under this name may be a secret: API_KEY, db.password, --token."""
    return bool(_SECRET_NAME.search(name))


def is_quantity(value: str) -> bool:
    """Whether a value is a number of at most six digits, with a unit or without."""
    return re.match(f"(?i){_QUANTITY}", value) is None


def is_reference(value: str) -> bool:
    """Whether a value only says where a secret is, or that there is none."""
    return re.match(f"(?i){_REFERENCE}", value.strip("\"' ")) is None


def _is_drawn(word: str) -> bool:
    """Whether a long word mixes capitals, small letters and digits as no name does."""
    turns = sum(a.isdigit() != b.isdigit() for a, b in pairwise(word))
    return turns >= 6 and any(c.isupper() for c in word) and any(c.islower() for c in word) and len(set(word)) >= 12


def is_quotable(text: str) -> bool:
    """Whether a text may be shown as it is."""
    return len(text) <= _LONGEST_CHECKED and not _UNSAFE.search(text) and not holds_secret(text)


def shown(text: str) -> str:
    """Return a name out of the material (a path, a label) on one line, without what drives a terminal or looks like a key."""
    text = " ".join(_UNSAFE.sub("\ufffd", text[:_LONGEST_CHECKED]).split())
    return NOT_QUOTED if holds_secret(text) else text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


@dataclass(frozen=True)
class Material:
    """A text that came with the question: a file, or what was pasted. `line` is where its first line stands there."""

    path: str
    text: str
    line: int = 1

    @cached_property
    def lines(self) -> Sequence[str]:
        """The lines without their ends."""
        return [line.removesuffix("\r") for line in self.text.split("\n")]

    @cached_property
    def key_lines(self) -> frozenset[int]:
        """The indexes of lines inside a private key: nothing but their company shows what they are."""
        found: set[int] = set()
        inside = False
        for index, line in enumerate(self.lines if "-----BEGIN" in self.text else ()):
            if _KEY_BEGIN.search(line):
                inside = True
            elif inside and not (_KEY_END.search(line) or (len(line) <= 200 and _KEY_BODY.fullmatch(line))):
                inside = False
            if inside:
                found.add(index)
            if _KEY_END.search(line):
                inside = False
        return frozenset(found)

    @cached_property
    def _begins(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def index_at(self, position: int) -> int:
        """Return the index of the line that holds the character at `position`."""
        return bisect_right(self._begins, position) - 1

    def quote(self, begin: int, end: int) -> Source | None:
        """Return the text between two positions as a source; None when it may not be quoted."""
        text = self.text[begin:end].strip()
        first = self.index_at(begin + len(self.text[begin:end]) - len(self.text[begin:end].lstrip()))
        last = first + text.count("\n")
        clean = text.replace("\r\n", "\n")
        if not text or not is_quotable(clean) or any(index in self.key_lines for index in range(first, last + 1)):
            return None
        return Source(self.path, self.line + first, self.line + last, clean)

    def quote_line(self, index: int, skip: int = 0) -> Source | None:
        """Return the line at `index` without its first `skip` characters; of one with colours, the longest piece that has none."""
        line = self.lines[index]
        if len(line) > _LONGEST_CHECKED or index in self.key_lines or holds_secret(_UNSAFE.sub("", _COLOUR.sub("", line))):
            return None
        pieces = [piece.strip() for piece in _UNSAFE.split(_COLOUR.sub("\0", line[skip:]))]
        piece = max(pieces, key=len)
        return Source(self.path, self.line + index, self.line + index, piece) if len(piece) * 2 > len("".join(pieces)) else None


def plain(line: str) -> str:
    """Return a line without colours."""
    return _COLOUR.sub("", line) if "\x1b" in line else line


def place(path: str, line: int) -> str:
    """Return how a place is written: `path:line`, or `line N` of the question."""
    return f"line {line}" if path == PASTED else f"{shown(path)}:{line}"


def quoted(source: Source, note: str = "") -> str:
    """Return a quote on one line with its place, the rest of a long one left out."""
    text = " ".join(source.text.split())
    text = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
    return f"{text}  [{place(source.path, source.line)}{note}]"


def counted(count: int, noun: str) -> str:
    """Return "1 line", "1,234 lines"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@dataclass
class Reply:
    """An answer as it is written: lines, and the source of each quote among them."""

    lines: list[str]
    sources: list[Source]

    @classmethod
    def of(cls, opening: str) -> Reply:
        """Return a reply that so far says only what it is."""
        return cls([opening], [])

    def say(self, line: str = "") -> None:
        """Add a line of our own words."""
        self.lines.append(line)

    def quote(self, source: Source, before: str = "  ", note: str = "") -> None:
        """Add a quote, and its source."""
        self.lines.append(before + quoted(source, note))
        if source not in self.sources:
            self.sources.append(source)

    def hide(self, path: str, line: int, before: str = "  ", note: str = "") -> None:
        """Add the place of what may not be quoted."""
        self.lines.append(f"{before}{NOT_QUOTED}  [{place(path, line)}{note}]")

    def extend(self, other: Reply) -> None:
        """Add another reply, without what it opens with, as a further part."""
        self.lines += ["", *other.lines[1:]]
        self.sources += [source for source in other.sources if source not in self.sources]
