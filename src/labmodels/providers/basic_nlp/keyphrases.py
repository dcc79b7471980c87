"""The keyphrases of a text: what it speaks of most, word for word, how often and where first.

Candidates and scores as in Rose, Engel, Cramer and Cowley, "Automatic Keyword Extraction from Individual Documents", 2010 (RAKE): runs of
words between stop words and punctuation; a word scores its degree over its frequency, a phrase the sum of its words. Here a phrase has at
most four words, may be a part of a run if it stands in several, counts with its inflections wherever it stands, and its score is multiplied
by the logarithm of 1 + that count: RAKE alone prefers what occurs once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labmodels.providers.basic_nlp.quoting import Material, Reply
from labmodels.providers.basic_nlp.sentences import sentences
from labmodels.providers.protocol import Source
from labmodels.words import terms

_MOST, _MOST_WORDS, _FEWEST_RUNS = 12, 4, 6
_LONGEST_WORD = 40
_MOST_UNITS = 10_000  # sentences or lines of a file
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


@dataclass(frozen=True)
class _Run:
    """Words that carry meaning with nothing but space between them: where they stand in a quote, and their stems."""

    source: Source
    words: tuple[re.Match[str], ...]
    stems: tuple[str, ...]


@dataclass(slots=True)
class _Phrase:
    """A phrase under the stems of its words: where it stands first, and how often it stands anywhere."""

    run: _Run
    first: int
    last: int
    stems: tuple[str, ...]
    order: int
    count: int = 0
    is_whole: bool = False  # somewhere it stands between stop words, alone
    score: float = 0.0

    @property
    def source(self) -> Source:
        """The place where it stands first."""
        whole = self.run.source
        begin, end = self.run.words[self.first].start(), self.run.words[self.last - 1].end()
        line = whole.line + whole.text.count("\n", 0, begin)
        return Source(whole.path, line, line + whole.text.count("\n", begin, end), whole.text[begin:end])


def keyphrases(materials: Sequence[Material]) -> Reply | None:
    """Return the keyphrases of all materials together; None when there is too little text."""
    runs = [run for material in materials for source in _units(material) for run in _runs(source)]
    if len(runs) < _FEWEST_RUNS:
        return None
    phrases = _phrases(runs)
    _score(phrases, runs)
    reply = Reply.of("Keyphrases as they stand in the text; no model wrote this.")
    for phrase in _best(phrases):
        reply.quote(phrase.source, before=f"  {phrase.count:>4} x  ")
    return reply


def _units(material: Material) -> list[Source]:
    """Return what may be quoted: sentences, or the lines of a text that has hardly any."""
    found = [sentence.source for sentence in sentences(material)]
    if len(found) < 3:
        found = [source for index in range(len(material.lines)) if (source := material.quote_line(index))]
    return found[:_MOST_UNITS]


def _runs(source: Source) -> Iterator[_Run]:
    run: list[re.Match[str]] = []
    end = 0
    for word in _WORD.finditer(source.text):
        carries = _carries_meaning(word[0])
        if run and (not carries or not _WITHIN.fullmatch(source.text, end, word.start())):
            yield _run(source, run)
            run = []
        end = word.end()
        if carries:
            run.append(word)
    if run:
        yield _run(source, run)


def _run(source: Source, words: list[re.Match[str]]) -> _Run:
    return _Run(source, tuple(words), tuple(" ".join(terms(word[0])) for word in words))


def _carries_meaning(word: str) -> bool:
    if not 2 < len(word) <= _LONGEST_WORD or word.lower() in _STOP or _NUMBER.fullmatch(word):
        return len(word) == 2 and word.isupper() and word.isalpha()  # CI, GB
    return bool(terms(word))


def _phrases(runs: Sequence[_Run]) -> list[_Phrase]:
    """Return every phrase that is a run, or that stands in several."""
    found: dict[tuple[str, ...], _Phrase] = {}
    for run in runs:
        length = len(run.stems)
        for first in range(length):
            for last in range(first + 1, min(first + _MOST_WORDS, length) + 1):
                stems = run.stems[first:last]
                phrase = found.get(stems)
                if phrase is None:
                    phrase = found[stems] = _Phrase(run, first, last, stems, len(found))
                phrase.count += 1
                phrase.is_whole = phrase.is_whole or last - first == length
    return [phrase for phrase in found.values() if phrase.is_whole or phrase.count > 1]


def _score(phrases: Sequence[_Phrase], runs: Sequence[_Run]) -> None:
    frequency: dict[str, int] = {}
    degree: dict[str, int] = {}
    for run in runs:
        for stem in run.stems:
            frequency[stem] = frequency.get(stem, 0) + 1
            degree[stem] = degree.get(stem, 0) + min(len(run.stems), _MOST_WORDS)
    for phrase in phrases:
        phrase.score = sum(degree[stem] / frequency[stem] for stem in phrase.stems) * math.log1p(phrase.count)


def _best(phrases: Sequence[_Phrase]) -> list[_Phrase]:
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
