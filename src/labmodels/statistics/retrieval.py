"""Two search systems over the same queries, by any score of `grading.retrieval`."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from labmodels.statistics.verdicts import Verdict, verdict

MARGIN = 0.03
"""How much of a score a system may lose; about what a reader of ten results notices."""

# The score of each query, by its id.
Scores = Mapping[str, float]


def compare(candidate: Scores, baseline: Scores, margin: float = MARGIN, confidence: float = 0.90, seed: int = 0) -> Verdict:
    """Return the paired verdict over the queries, which must be the same ones."""
    if candidate.keys() != baseline.keys():
        odd = sorted(candidate.keys() ^ baseline.keys())
        raise ValueError(f"{len(odd)} queries have a score of one system only, such as {odd[0]}")
    # Sorted, so that the verdict does not hang on the order in which queries were asked.
    return verdict([candidate[query] - baseline[query] for query in sorted(candidate)], margin, confidence, seed=seed)


def compare_with_best(
    candidate: Scores, baselines: Mapping[str, Scores], margin: float = MARGIN, confidence: float = 0.90, seed: int = 0
) -> tuple[str, Verdict]:
    """Return the name of the baseline with the best mean, the first of equals, and the verdict of the candidate against it."""
    best = max(baselines, key=lambda name: fmean(baselines[name].values()))
    return best, compare(candidate, baselines[best], margin, confidence, seed)
