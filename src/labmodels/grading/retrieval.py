"""The score of one ranking against the judgements of its query, from 0 to 1; the mean over queries is the caller's.

Judgements are grades by document id: 0 or less is not relevant, more is better; what is not judged counts as not relevant. An id that
a ranking holds twice counts once, at its first rank. A query without a relevant document has no score: ValueError.

Formulas as in Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section 8.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

Judgements = Mapping[str, int]


def ndcg(ranked: Sequence[str], judged: Judgements, k: int = 10) -> float:
    """Return the discounted gain of the first `k`, over that of the best possible ranking.

    Gain 2^grade - 1 and discount log2(1 + rank), as in Burges and others, "Learning to Rank Using Gradient Descent", ICML 2005, after
    Järvelin and Kekäläinen, "Cumulated Gain-based Evaluation of IR Techniques", ACM TOIS 20, 2002.
    """
    ideal = sorted(_relevant(judged).values(), reverse=True)
    return _discounted(judged.get(document, 0) for document in _first(ranked, k)) / _discounted(ideal[:k])


def recall(ranked: Sequence[str], judged: Judgements, k: int = 10) -> float:
    """Return the share of the relevant documents that are among the first `k`."""
    relevant = _relevant(judged)
    return sum(document in relevant for document in _first(ranked, k)) / len(relevant)


def reciprocal_rank(ranked: Sequence[str], judged: Judgements, k: int = 10) -> float:
    """Return 1 / the rank of the first relevant document, 0 when none is among the first `k`. Its mean over queries is the MRR.

    Voorhees, "The TREC-8 Question Answering Track Report", 1999.
    """
    relevant = _relevant(judged)
    return next((1 / rank for rank, document in enumerate(_first(ranked, k), start=1) if document in relevant), 0.0)


def average_precision(ranked: Sequence[str], judged: Judgements, k: int = 1000) -> float:
    """Return the mean, over all relevant documents, of the precision at the rank of each; 0 for those not among the first `k`."""
    relevant = _relevant(judged)
    found, total = 0, 0.0
    for rank, document in enumerate(_first(ranked, k), start=1):
        if document in relevant:
            found += 1
            total += found / rank
    return total / len(relevant)


def _relevant(judged: Judgements) -> dict[str, int]:
    relevant = {document: grade for document, grade in judged.items() if grade > 0}
    if not relevant:
        raise ValueError("no document is judged relevant")
    return relevant


def _first(ranked: Sequence[str], k: int) -> Iterable[str]:
    if k < 1:
        raise ValueError(f"the first {k} documents have no score")
    return islice(dict.fromkeys(ranked), k)


def _discounted(grades: Iterable[int]) -> float:
    return math.fsum((2 ** max(grade, 0) - 1) / math.log2(1 + rank) for rank, grade in enumerate(grades, start=1))
