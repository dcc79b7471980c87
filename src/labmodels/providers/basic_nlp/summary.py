"""A summary of prose: its most central sentences, word for word, in reading order.

LexRank as in Erkan and Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text Summarization", JAIR 22, 2004 (its continuous
form: edges weigh what the sentences have in common); what repeats a chosen sentence is passed over by maximal marginal relevance, Carbonell
and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries", SIGIR 1998.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from labmodels.providers.basic_nlp.quoting import Material, Reply, counted, shown
from labmodels.providers.basic_nlp.sentences import Sentence, sentences

_FEWEST = 4  # sentences; less needs no summary
_SHORTEST, _LONGEST, _ONE_OF = 3, 7, 5  # sentences of a summary: one of five, within these bounds, unless the question says how many
_MOST_ASKED_FOR = 30
_MOST_RANKED = 300  # of a longer text, so many sentences nearest to its centroid are ranked: the ranking grows with their square
_MOST_READ = 20_000  # sentences
_DAMPING, _LEAST_COSINE, _ROUNDS = 0.15, 0.1, 50
_SAME = 0.8  # the cosine from which a sentence repeats another
_RELEVANCE = 0.7  # the weight of centrality in MMR; the rest is that of being new

_NUMBERS = {word: number for number, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1)}
_ASKED_FOR = re.compile(rf"(?i)\b(\d{{1,3}}|{'|'.join(_NUMBERS)}) (?:\w+ )?(?:sentences?|points|lines|bullets?)\b")

Vector = Mapping[str, float]


def summarise(materials: Sequence[Material], instruction: str) -> Reply | None:
    """Return the summary of all materials together; None when they hold too few sentences to choose among."""
    found = [sentence for material in materials for sentence in sentences(material)][:_MOST_READ]
    found = [sentence for sentence in found if sentence.terms]
    if len(found) < _FEWEST:
        return None
    chosen = most_central(found, _wanted(instruction, len(found)))
    reply = Reply.of("A summary by quotation; no model wrote this.")
    names = ", ".join(dict.fromkeys(shown(material.path) for material in materials))
    reply.say(f"{names}: {len(chosen)} of {counted(len(found), 'sentence')}, word for word:")
    for sentence in chosen:
        reply.quote(sentence.source)
    return reply


def most_central(found: Sequence[Sentence], wanted: int) -> list[Sentence]:
    """Return `wanted` sentences that speak for all and do not repeat each other, in reading order."""
    vectors = _vectors([sentence.terms for sentence in found])
    kept = _nearest_to_centroid(vectors, _MOST_RANKED)
    cosines = _cosines([vectors[position] for position in kept])
    chosen = _diverse(_lexrank(cosines), cosines, wanted)
    return [found[kept[index]] for index in sorted(chosen)]


def _wanted(instruction: str, available: int) -> int:
    asked = _ASKED_FOR.search(instruction[:2000])
    if asked:
        number = _NUMBERS.get(asked[1].lower()) or int(asked[1])
        return max(1, min(number, _MOST_ASKED_FOR, available))
    return max(_SHORTEST, min(_LONGEST, available // _ONE_OF))


def _vectors(texts: Sequence[Sequence[str]]) -> list[Vector]:
    """Return the TF-IDF vectors of length 1, their terms in the order of the text."""
    held = Counter(term for text in texts for term in dict.fromkeys(text))
    idf = {term: math.log((1 + len(texts)) / (0.5 + n)) for term, n in held.items()}
    vectors: list[Vector] = []
    for text in texts:
        weights = {term: n * idf[term] for term, n in Counter(text).items()}
        norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        vectors.append({term: weight / norm for term, weight in weights.items()})
    return vectors


def _nearest_to_centroid(vectors: Sequence[Vector], most: int) -> list[int]:
    """Return the positions, ascending, of the `most` vectors that have most in common with the sum of all."""
    if len(vectors) <= most:
        return list(range(len(vectors)))
    centroid: dict[str, float] = {}
    for vector in vectors:
        for term, weight in vector.items():
            centroid[term] = centroid.get(term, 0.0) + weight
    scores = [sum(weight * centroid[term] for term, weight in vector.items()) for vector in vectors]
    return sorted(sorted(range(len(vectors)), key=lambda position: (-scores[position], position))[:most])


def _cosines(vectors: Sequence[Vector]) -> list[dict[int, float]]:
    """Return for each vector those that it has something in common with, itself left out, and the cosine."""
    holders: dict[str, list[tuple[int, float]]] = {}
    for index, vector in enumerate(vectors):
        for term, weight in vector.items():
            holders.setdefault(term, []).append((index, weight))
    rows: list[dict[int, float]] = []
    for index, vector in enumerate(vectors):
        row: dict[int, float] = {}
        for term, weight in vector.items():
            for other, its_weight in holders[term]:
                row[other] = row.get(other, 0.0) + weight * its_weight
        row.pop(index, None)
        rows.append(row)
    return rows


def _lexrank(cosines: Sequence[Mapping[int, float]]) -> list[float]:
    """Return the stationary weight of each sentence under a walk along what sentences share, by a fixed number of power iterations."""
    count = len(cosines)
    edges = [[(other, cosine) for other, cosine in sorted(row.items()) if cosine >= _LEAST_COSINE] for row in cosines]
    leaving = [sum(cosine for _, cosine in row) for row in edges]
    ranks = [1.0 / count] * count
    for _ in range(_ROUNDS):
        # A sentence that shares nothing gives its weight to all alike, or the walk would leak.
        stranded = sum(rank for rank, total in zip(ranks, leaving, strict=True) if total == 0.0)
        base = (_DAMPING + (1 - _DAMPING) * stranded) / count
        shares = [rank / total if total else 0.0 for rank, total in zip(ranks, leaving, strict=True)]
        ranks = [base + (1 - _DAMPING) * sum(shares[other] * cosine for other, cosine in row) for row in edges]
    return ranks


def _diverse(ranks: Sequence[float], cosines: Sequence[Mapping[int, float]], wanted: int) -> list[int]:
    """Return the indexes that MMR chooses, the best first; ties go to the earlier one, and what nearly repeats a chosen one comes last."""
    highest = max(ranks)
    nearest = [0.0] * len(ranks)  # the cosine with the most similar of the chosen ones
    left = list(range(len(ranks)))
    chosen: list[int] = []

    def worth(index: int) -> tuple[bool, float, int]:
        relevance = _RELEVANCE * ranks[index] / highest - (1 - _RELEVANCE) * nearest[index]
        return nearest[index] < _SAME, round(relevance, 12), -index

    while left and len(chosen) < wanted:
        best = max(left, key=worth)
        chosen.append(best)
        left.remove(best)
        for other, cosine in cosines[best].items():
            nearest[other] = max(nearest[other], cosine)
    return chosen
