"""The last resort: quotes the lab's own documents, word for word, with path and line. Offline, deterministic, never posing as a model.

What it finds is passed in (`retrieve`); it chooses the section that covers the question best and quotes its sentences, steps and
commands in reading order. It abstains rather than guess, and it always answers as degraded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from labmodels.providers.protocol import Answer, Embeddings, Finished, ProviderFault, Request, Source, StreamEvent, TextDelta, Usage
from labmodels.secrets import looks_like_secret
from labmodels.words import terms, with_pairs

ABSTENTION = "The lab's documents hold nothing that answers this."
_OPENING = "Quoted from the lab's documents; no model wrote this."
_WHOLE = 15  # a section of so many units is quoted whole: a procedure without one of its steps misleads
_QUOTES, _FURTHER = 8, 2  # else so many of the best section; and from elsewhere
_LEAST_COVERED = 0.5  # the share of the question's weight that a section must cover
_NO_TOKENS = Usage(input_tokens=0, output_tokens=0)


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


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, a list item, a table row or a line of code, where it stands."""

    source: Source
    trail: tuple[str, ...]
    is_code: bool
    terms: frozenset[str]

    @property
    def section(self) -> tuple[str, tuple[str, ...]]:
        return self.source.path, self.trail


class BasicNlp:
    """Answers out of documents; `retrieve(query, domain)` finds the passages, the best first."""

    def __init__(self, retrieve: Retrieve) -> None:
        self._retrieve = retrieve

    def complete(self, request: Request) -> Answer:
        """Return quotes of the documents, or the abstention; raise invalid_request for a JSON schema, which quotes cannot honour."""
        if request.json_schema is not None:
            raise ProviderFault("invalid_request", "basic_nlp: it quotes documents and cannot honour a JSON schema")
        quotes = _choose(request.query, self._retrieve(request.query, request.domain))
        text = _render(quotes) if quotes else ABSTENTION
        return Answer(text, "stop", _NO_TOKENS, "basic_nlp", sources=tuple(unit.source for unit in quotes), degraded=True)

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Yield the answer in one piece."""
        answer = self.complete(request)
        yield TextDelta(answer.text)
        yield Finished(answer)

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Raise invalid_request: it has no vectors."""
        raise ProviderFault("invalid_request", "basic_nlp: it has no embeddings")


def _choose(query: str, found: Sequence[FoundPassage]) -> list[_Unit]:
    """Return what to quote, in reading order, the best section first; nothing when no section covers enough of the question."""
    asked = list(dict.fromkeys(terms(query)))
    units = [unit for passage in found for unit in _units(passage)]
    if not asked or not units:
        return []
    weights = _weights(asked, units)
    sections = list(dict.fromkeys(unit.section for unit in units))  # in the order of retrieval, which settles ties
    covered = {section: _covered(section, units, weights) for section in sections}
    best = max(sections, key=lambda section: covered[section])
    if covered[best] < _LEAST_COVERED * sum(weights.values()):
        return []
    inside = sorted((unit for unit in units if unit.section == best), key=_place)
    if len(inside) > _WHOLE:
        inside = _top([unit for unit in inside if unit.is_code or _weigh(unit.terms, weights) > 0] or inside, weights, _QUOTES)
    enough = _LEAST_COVERED * sum(weights.values())
    others = [unit for unit in units if unit.section != best and _weigh(unit.terms, weights) > enough]
    return inside + _top(others, weights, _FURTHER)


def _place(unit: _Unit) -> tuple[str, int]:
    return unit.source.path, unit.source.line


def _weights(asked: Sequence[str], units: Sequence[_Unit]) -> dict[str, float]:
    """Return how much each term of the question tells sections apart; what nothing holds weighs most."""
    groups: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for unit in units:
        groups.setdefault(unit.section, set(with_pairs(terms(unit.trail[-1] if unit.trail else "")))).update(unit.terms)
    held = {term: sum(term in group for group in groups.values()) for term in asked}
    return {term: math.log(2 + (len(groups) - n + 0.5) / (n + 0.5)) for term, n in held.items()}


def _covered(section: tuple[str, tuple[str, ...]], units: Sequence[_Unit], weights: dict[str, float]) -> float:
    """Return the weight that a section covers; its own heading counts half as much again: it says what the section is about."""
    held = frozenset[str]().union(*(unit.terms for unit in units if unit.section == section))
    heading = frozenset(with_pairs(terms(section[1][-1]))) if section[1] else frozenset()
    return _weigh(held | heading, weights) + 0.5 * _weigh(heading, weights)


def _weigh(held: frozenset[str], weights: dict[str, float]) -> float:
    return sum(weight for term, weight in weights.items() if term in held)


def _top(units: Sequence[_Unit], weights: dict[str, float], limit: int) -> list[_Unit]:
    """Return the `limit` best units in reading order. Commands are what an operator came for; early sentences introduce the rest."""
    ordered = sorted(units, key=_place)
    scores = [_weigh(unit.terms, weights) + (1.0 if unit.is_code else 0.0) + 1.0 / (1 + position) for position, unit in enumerate(ordered)]
    kept = sorted(sorted(range(len(ordered)), key=lambda position: (-scores[position], position))[:limit])
    return [ordered[position] for position in kept]


_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)[\"')\]]*\s+(?=[A-Z0-9`\"'(\[*])")
_ITEM_START = re.compile(r"^(?=\s*(?:[-*+]|\d{1,4}[.)])\s)", re.MULTILINE)
_LINE_END = re.compile(r"\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_RULE = re.compile(r"[\s|:+=_-]*")


def _units(passage: FoundPassage) -> Iterator[_Unit]:
    """Cut a passage into what can be quoted by itself. Nothing that would drive a terminal or shows a key is quoted."""
    boundary = {"code": _LINE_END, "table": _LINE_END, "list": _ITEM_START}.get(passage.kind, _SENTENCE_END)
    begin = 0
    for end, following in [*((match.start(), match.end()) for match in boundary.finditer(passage.text)), (len(passage.text),) * 2]:
        text = passage.text[begin:end]
        line = passage.line + passage.text.count("\n", 0, begin)
        text, begin = text.rstrip(), following
        if _RULE.fullmatch(text) or _CONTROL.search(text) or looks_like_secret(text):
            continue
        source = Source(passage.path, line, line + text.count("\n"), text)
        yield _Unit(source, passage.trail, passage.kind == "code", frozenset(with_pairs(terms(text))))


def _render(quotes: Sequence[_Unit]) -> str:
    """Return the quotes under their headings, each followed by its place."""
    lines, section = [_OPENING], None
    for unit in quotes:
        if unit.section != section:
            section = unit.section
            lines += ["", " > ".join(unit.trail) or unit.source.path]
        quote = unit.source.text.rstrip() if unit.is_code else " ".join(unit.source.text.split())
        lines.append(f"  {'    ' if unit.is_code else ''}{quote}  [{unit.source.path}:{unit.source.line}]")
    return "\n".join(lines)
