"""The keyphrases of a text: what it speaks of most, word for word, how often and where first.

Candidates and scores as in Rose, Engel, Cramer and Cowley, "Automatic Keyword Extraction from Individual Documents", 2010 (RAKE): runs of
words between stop words and punctuation; a word scores its degree over its frequency, a phrase the sum of its words. Here a phrase has at
most four words, inflections count as one phrase, and the score is multiplied by the logarithm of 1 + its count: RAKE alone prefers what
occurs once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from labmodels.providers.basic_nlp.quoting import Material, Reply
from labmodels.providers.basic_nlp.sentences import sentences
from labmodels.providers.protocol import Source
from labmodels.words import terms

_MOST, _MOST_WORDS, _FEWEST_CANDIDATES = 12, 4, 6
_LONGEST_WORD = 40
_MOST_UNITS = 20_000
_WORD = re.compile(r"[^\W_]\w*(?:[-'./]\w+)*")
_WITHIN = re.compile(r"\s+")
_NUMBER = re.compile(r"[\d.,:/-]+[a-z]{0,3}")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """
        about above after again against all almost along already also although always among another any anyone anything around away
        back because become been before behind being below between both came cannot come comes common different doing done down during
        each either else enough even ever every few first following found gave get gets give given go goes going gone got had half having
        he her here high him his however instead itself just keep kept know last late later least less let like likely long made make
        makes making many may maybe mean means might more most much must near need needed needs neither never new next no nor not nothing
        now off often old once one only other others out over own part per perhaps put rather really said same say says see seem seen
        several she since some something soon still such sure take taken takes than therefore thing things though through thus time times
        together too took toward two under until up upon use used uses using usually very via want wants way well went were whether
        while whose within without yet
        """,
    )
)


@dataclass
class _Phrase:
    """A phrase under the stems of its words: where it stands first, and how often it stands anywhere."""

    source: Source
    stems: tuple[str, ...]
    count: int = 0
    order: int = 0
    score: float = field(default=0.0)


def keyphrases(materials: Sequence[Material]) -> Reply | None:
    """Return the keyphrases of all materials together; None when there is too little text."""
    phrases: dict[tuple[str, ...], _Phrase] = {}
    occurrences: list[tuple[str, ...]] = []
    for material, source in _units(materials):
        for stems, words in _candidates(source.text):
            occurrences.append(stems)
            if stems not in phrases:
                begin, end = words[0].start(), words[-1].end()
                line = source.line + source.text.count("\n", 0, begin)
                text = source.text[begin:end]
                phrases[stems] = _Phrase(Source(material.path, line, line + text.count("\n"), text), stems, order=len(phrases))
            phrases[stems].count += 1
    if len(occurrences) < _FEWEST_CANDIDATES:
        return None
    _score(phrases, occurrences)
    reply = Reply.of("Keyphrases as they stand in the text; no model wrote this.")
    for phrase in _best(list(phrases.values())):
        reply.quote(phrase.source, before=f"  {phrase.count:>4} x  ")
    return reply


def _units(materials: Sequence[Material]) -> Iterator[tuple[Material, Source]]:
    """Yield what may be quoted: sentences, or the lines of a text that has hardly any."""
    for material in materials:
        found = [sentence.source for sentence in sentences(material)]
        if len(found) < 3:
            found = [source for index in range(len(material.lines)) if (source := material.quote_line(index))]
        yield from ((material, source) for source in found[:_MOST_UNITS])


def _candidates(text: str) -> Iterator[tuple[tuple[str, ...], list[re.Match[str]]]]:
    """Yield each run of words that carry meaning, with nothing but space between them."""
    run: list[re.Match[str]] = []
    end = 0
    for word in _WORD.finditer(text):
        if run and not _WITHIN.fullmatch(text, end, word.start()):
            yield from _closed(run)
            run = []
        end = word.end()
        if _carries_meaning(word[0]):
            run.append(word)
        else:
            yield from _closed(run)
            run = []
    yield from _closed(run)


def _closed(run: list[re.Match[str]]) -> Iterator[tuple[tuple[str, ...], list[re.Match[str]]]]:
    stems = tuple(" ".join(terms(word[0])) for word in run)
    if run and len(run) <= _MOST_WORDS:
        yield stems, run


def _carries_meaning(word: str) -> bool:
    if not 2 < len(word) <= _LONGEST_WORD or word.lower() in _STOP or _NUMBER.fullmatch(word):
        return len(word) == 2 and word.isupper() and word.isalpha()  # CI, GB
    return bool(terms(word))


def _score(phrases: dict[tuple[str, ...], _Phrase], occurrences: Sequence[tuple[str, ...]]) -> None:
    frequency: dict[str, int] = {}
    degree: dict[str, int] = {}
    for stems in occurrences:
        for stem in stems:
            frequency[stem] = frequency.get(stem, 0) + 1
            degree[stem] = degree.get(stem, 0) + len(stems)
    for phrase in phrases.values():
        phrase.score = sum(degree[stem] / frequency[stem] for stem in phrase.stems) * math.log1p(phrase.count)


def _best(phrases: list[_Phrase]) -> list[_Phrase]:
    """Return the phrases that score highest, without those that a better one holds."""
    chosen: list[_Phrase] = []
    repeated = [phrase for phrase in phrases if phrase.count > 1]
    phrases = repeated if len(repeated) >= _MOST else phrases  # what occurs once tells little where enough occurs twice
    for phrase in sorted(phrases, key=lambda phrase: (-round(phrase.score, 9), phrase.order)):
        if len(chosen) == _MOST:
            break
        if not any(_holds(other.stems, phrase.stems) and other.count >= phrase.count for other in chosen):
            chosen.append(phrase)
    return chosen


def _holds(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    return any(longer[start : start + len(shorter)] == shorter for start in range(len(longer) - len(shorter) + 1))
