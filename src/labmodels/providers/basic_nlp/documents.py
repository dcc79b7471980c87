"""An answer out of documents: the section that covers the question best, its sentences, steps and commands quoted in reading order.

Finding passages is others' affair; what covers too little of the question is no answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from labmodels.providers.basic_nlp.quoting import PASTED, Material, Reply, is_quotable, place, shown
from labmodels.providers.basic_nlp.sentences import FENCE, SENTENCE_END
from labmodels.providers.protocol import Source
from labmodels.words import terms, with_pairs

_FROM_DOCUMENTS = "Quoted from the lab's documents; no model wrote this."
_FROM_MATERIAL = "Quoted from the text that came with the question; no model wrote this."
_WHOLE = 15  # a section of so many units is quoted whole: a procedure without one of its steps misleads
_QUOTES, _FURTHER = 8, 2  # else so many of the best section; and from elsewhere
_LEAST_COVERED = 0.5  # the share of the question's weight that a section must cover


class FoundPassage(Protocol):
    """What `retrieve` returns: a block of lines (from 1, inclusive) under a trail of headings."""

    @property
    def path(self) -> str:
        """Below the lab's root."""

    @property
    def line(self) -> int:
        """Where the text begins."""

    @property
    def text(self) -> str:
        """The lines, word for word."""

    @property
    def kind(self) -> str:
        """How it is quoted: code and table by line, list by item, anything else by sentence."""

    @property
    def trail(self) -> tuple[str, ...]:
        """The headings above it, outermost first."""


Retrieve = Callable[[str, str], Sequence[FoundPassage]]
_Section = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Block:
    """A passage of the material."""

    path: str
    line: int
    text: str
    kind: str
    trail: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, a list item, a table row or a line of code, where it stands."""

    source: Source
    trail: tuple[str, ...]
    is_code: bool
    terms: frozenset[str]

    @property
    def section(self) -> _Section:
        return self.source.path, self.trail


def answer(query: str, found: Sequence[FoundPassage]) -> Reply | None:
    """Return quotes out of the passages that `found` holds, the best first; None when no section covers enough of the question."""
    quotes = _choose(query, found)
    return _render(_FROM_DOCUMENTS, quotes) if quotes else None


def answer_from(query: str, materials: Sequence[Material]) -> Reply | None:
    """Return quotes out of what came with the question; None when no section of it covers enough of the question."""
    quotes = _choose(query, [block for material in materials for block in _blocks(material)])
    return _render(_FROM_MATERIAL, quotes) if quotes else None


def _blocks(material: Material) -> Iterator[_Block]:
    """Cut a text at its headings, fences and blank lines."""
    trail: tuple[str, ...] = ()
    block: list[str] = []
    is_fenced = False
    for index, line in enumerate([*material.lines, ""]):
        is_mark = bool(FENCE.match(line))
        heading = None if is_fenced else _HEADING.match(line)
        is_blank = not line.strip() and not is_fenced
        if is_mark or heading or is_blank or index in material.key_lines or index == len(material.lines):
            if block:
                yield _Block(material.path, material.line + index - len(block), "\n".join(block), _kind(block[0], is_fenced), trail)
            block = []
            is_fenced ^= is_mark
            trail = (heading[1].strip(),) if heading else trail
        else:
            block.append(line)


def _kind(first_line: str, is_fenced: bool) -> str:
    if is_fenced:
        return "code"
    return "list" if _ITEM_START.match(first_line) else "table" if first_line.startswith("|") else "paragraph"


def _choose(query: str, found: Sequence[FoundPassage]) -> list[_Unit]:
    """Return what to quote, in reading order, the best section first; nothing when no section covers enough of the question."""
    asked = list(dict.fromkeys(terms(query)))
    units = [unit for passage in found for unit in _units(passage)]
    if not asked or not units:
        return []
    sections: dict[_Section, list[_Unit]] = {}
    for unit in units:
        sections.setdefault(unit.section, []).append(unit)
    weights = _weights(asked, sections)
    covered = {section: _covered(section, inside, weights) for section, inside in sections.items()}
    best = min(sections, key=lambda section: (-covered[section], section))  # the order of retrieval settles nothing
    enough = _LEAST_COVERED * sum(weights.values())
    if covered[best] < enough:
        return []
    inside = sorted(sections[best], key=_place)
    if len(inside) > _WHOLE:
        inside = _top([unit for unit in inside if unit.is_code or _weigh(unit.terms, weights) > 0] or inside, weights, _QUOTES)
    others = [unit for unit in units if unit.section != best and _weigh(unit.terms, weights) > enough]
    return inside + _top(others, weights, _FURTHER)


def _place(unit: _Unit) -> tuple[str, int]:
    return unit.source.path, unit.source.line


def _weights(asked: Sequence[str], sections: Mapping[_Section, Sequence[_Unit]]) -> dict[str, float]:
    """Return how much each term of the question tells sections apart; what nothing holds weighs most."""
    groups = [_terms(section, inside) for section, inside in sections.items()]
    held = {term: sum(term in group for group in groups) for term in asked}
    return {term: math.log(2 + (len(groups) - n + 0.5) / (n + 0.5)) for term, n in held.items()}


def _covered(section: _Section, inside: Sequence[_Unit], weights: dict[str, float]) -> float:
    """Return the weight that a section covers; its own heading counts half as much again: it says what the section is about."""
    return _weigh(_terms(section, inside), weights) + 0.5 * _weigh(_heading(section), weights)


def _terms(section: _Section, inside: Sequence[_Unit]) -> frozenset[str]:
    return _heading(section).union(*(unit.terms for unit in inside))


def _heading(section: _Section) -> frozenset[str]:
    return frozenset(with_pairs(terms(section[1][-1]))) if section[1] else frozenset()


def _weigh(held: frozenset[str], weights: dict[str, float]) -> float:
    return sum(weight for term, weight in weights.items() if term in held)


def _top(units: Sequence[_Unit], weights: dict[str, float], limit: int) -> list[_Unit]:
    """Return the `limit` best units in reading order. Commands are what an operator came for; early sentences introduce the rest."""
    ordered = sorted(units, key=_place)
    scores = [_weigh(unit.terms, weights) + (1.0 if unit.is_code else 0.0) + 1.0 / (1 + position) for position, unit in enumerate(ordered)]
    kept = sorted(sorted(range(len(ordered)), key=lambda position: (-scores[position], position))[:limit])
    return [ordered[position] for position in kept]


_ITEM_START = re.compile(r"^(?=\s*(?:[-*+]|\d{1,4}[.)])\s)", re.MULTILINE)
_HEADING = re.compile(r"#{1,6} (.*)")
_LINE_END = re.compile(r"\n")
_RULE = re.compile(r"[\s|:+=_-]*")


def _units(passage: FoundPassage) -> Iterator[_Unit]:
    """Cut a passage into what can be quoted by itself. Nothing that would drive a terminal or shows a key is quoted."""
    boundary = {"code": _LINE_END, "table": _LINE_END, "list": _ITEM_START}.get(passage.kind, SENTENCE_END)
    begin = 0
    for end, following in [*((match.start(), match.end()) for match in boundary.finditer(passage.text)), (len(passage.text),) * 2]:
        text = passage.text[begin:end]
        line = passage.line + passage.text.count("\n", 0, begin)
        text, begin = text.rstrip(), following
        if _RULE.fullmatch(text) or not is_quotable(text):
            continue
        source = Source(passage.path, line, line + text.count("\n"), text)
        yield _Unit(source, passage.trail, passage.kind == "code", frozenset(with_pairs(terms(text))))


def _render(opening: str, quotes: Sequence[_Unit]) -> Reply:
    """Return the quotes under their headings, each followed by its place."""
    reply, section = Reply.of(opening), None
    for unit in quotes:
        source = unit.source
        if unit.section != section:
            section = unit.section
            where = "The question" if source.path == PASTED else shown(source.path)
            reply.lines += ["", " > ".join(shown(heading) for heading in unit.trail) or where]
        quote = f"    {source.text.rstrip()}" if unit.is_code else " ".join(source.text.split())
        reply.say(f"  {quote}  [{place(source.path, source.line)}]")
        reply.sources.append(source)
    return reply
