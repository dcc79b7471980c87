"""Exact tests of who won how often, for outcomes that are better or worse and no more."""

from __future__ import annotations

from collections.abc import Iterable


def mcnemar_exact(b: int, c: int) -> float:
    """Return the two-sided p-value for `b` items that only the baseline solved and `c` that only the candidate did.

    McNemar, "Note on the Sampling Error of the Difference Between Correlated Proportions", Psychometrika 12, 1947, with the exact
    binomial distribution of the discordant items in place of chi-square.
    """
    if b < 0 or c < 0:
        raise ValueError(f"{b} and {c} are not counts")
    discordant = b + c
    ways = extreme = 1  # to choose none of them, and 0 to min(b, c) of them: integers, so exact at any size
    for wins in range(1, min(b, c) + 1):
        ways = ways * (discordant - wins + 1) // wins
        extreme += ways
    return min(1.0, 2 * extreme / (1 << discordant))


def sign_test(differences: Iterable[float]) -> float:
    """Return the two-sided p-value for as many ups and downs, whatever their size; items without a difference are left out.

    Dixon and Mood, "The Statistical Sign Test", JASA 41, 1946. For scores that are better and worse by degrees, such as nDCG.
    """
    moved = [difference > 0 for difference in differences if difference != 0]
    return mcnemar_exact(moved.count(False), moved.count(True))
