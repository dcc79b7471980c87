"""Which of the given labels a text fits: by the words that it shares with a label and with the lab's documents of that name.

No training and no thesaurus: where the text and the documents share nothing, or as much with two labels, it abstains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from labmodels.providers.basic_nlp.documents import FoundPassage
from labmodels.providers.basic_nlp.quoting import Material, Reply, is_quotable, shown
from labmodels.providers.basic_nlp.sentences import sentences
from labmodels.providers.protocol import Source
from labmodels.words import terms, with_pairs

_MOST_LABELS = 20
_OWN_NAME = 3.0  # what a word of the label itself weighs; a word of a document about it weighs 1 at most
_MOST_EVIDENCE, _MOST_PASSAGES = 4, 5
_LEAST_SCORE, _LEAST_MARGIN = 2.0, 1.5  # the best label must have so much, and so many times what the second has
_MOST_UNITS = 20_000


@dataclass
class _Label:
    """A label, the terms that speak for it with their weights, and the passages that they come from."""

    name: str
    weights: dict[str, float]
    passages: list[FoundPassage]
    score: float = 0.0


@dataclass(frozen=True)
class _Unit:
    source: Source
    terms: tuple[str, ...]


def classify(materials: Sequence[Material], names: Sequence[str], find: Callable[[str], Sequence[FoundPassage]]) -> Reply | None:
    """Return the label with its evidence; None when no label leads clearly. `find` returns passages for a label."""
    labels = [_profile(name, find(name)) for name in names[:_MOST_LABELS]]
    _tell_apart(labels)
    units = [unit for material in materials for unit in _units(material)][:_MOST_UNITS]
    held = {term: None for unit in units for term in unit.terms}
    for label in labels:
        label.score = round(sum(weight for term, weight in label.weights.items() if term in held), 6)
    best, second = sorted(labels, key=lambda label: -label.score)[:2]  # sorted keeps the order of the question among equals
    if best.score < _LEAST_SCORE or best.score < _LEAST_MARGIN * second.score:
        return None
    return _render(best, second, units)


def _profile(name: str, found: Sequence[FoundPassage]) -> _Label:
    """Return a label with the terms of its name and of the passages whose path or headings hold that name."""
    own = terms(name)
    passages = [passage for passage in found if own and frozenset(own) <= frozenset(terms(" ".join((passage.path, *passage.trail))))]
    passages = sorted(passages[:_MOST_PASSAGES], key=lambda passage: (passage.path, passage.line))
    weights = dict.fromkeys((term for passage in passages for term in terms(" ".join((passage.text, *passage.trail)))), 1.0)
    weights.update(dict.fromkeys(with_pairs(own), _OWN_NAME))
    return _Label(name, weights, passages)


def _tell_apart(labels: Sequence[_Label]) -> None:
    """Weigh each term by how few labels have it: what all have tells nothing."""
    for term in dict.fromkeys(term for label in labels for term in label.weights):
        holders = [label for label in labels if term in label.weights]
        share = math.log(len(labels) / len(holders)) / math.log(len(labels))
        for label in holders:
            label.weights[term] *= share


def _units(material: Material) -> list[_Unit]:
    """Return the sentences of a text, or its lines where it has none."""
    found = [sentence.source for sentence in sentences(material)]
    if not found:
        found = [source for index in range(len(material.lines)) if (source := material.quote_line(index))]
    return [_Unit(source, tuple(with_pairs(terms(source.text)))) for source in found]


def _render(best: _Label, second: _Label, units: Sequence[_Unit]) -> Reply:
    reply = Reply.of("Classified by words in common; no model wrote this.")
    reply.say(f"{shown(best.name)} (score {best.score:.2f}; next is {shown(second.name)} with {second.score:.2f})")
    said = {term: None for unit in units for term in unit.terms}
    reply.say("The text says:")
    for unit in _telling(units, best):
        reply.quote(unit.source)
    passages = [passage for passage in best.passages if any(best.weights.get(term, 0) > 0 and term in said for term in terms(passage.text))]
    quotes = [source for passage in passages if (source := _first_line(passage, best, said))]
    if quotes:
        reply.say("The lab's documents of that name say:")
    for source in quotes[:_MOST_EVIDENCE]:
        reply.quote(source)
    return reply


def _telling(units: Sequence[_Unit], label: _Label) -> list[_Unit]:
    """Return the units with most evidence for a label, in reading order."""
    weighed = [sum(label.weights.get(term, 0.0) for term in dict.fromkeys(unit.terms)) for unit in units]
    best = sorted((index for index, weight in enumerate(weighed) if weight > 0), key=lambda index: (-round(weighed[index], 9), index))
    return [units[index] for index in sorted(best[:_MOST_EVIDENCE])]


def _first_line(passage: FoundPassage, label: _Label, said: Mapping[str, None]) -> Source | None:
    """Return the first line of a passage that shares a telling term with the text."""
    for number, line in enumerate(passage.text.split("\n"), passage.line):
        telling = any(term in said and label.weights.get(term, 0.0) > 0 for term in terms(line))
        if telling and is_quotable(line):
            return Source(passage.path, number, number, line.strip())
    return None
