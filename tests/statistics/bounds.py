"""What a simulation shows of a rate: an exact binomial bound, so that neither luck nor a bare percentage decides a test."""

from __future__ import annotations

from fractions import Fraction
from math import comb

LUCK = 0.001  # how likely a test may be fooled by its draws


def at_least(hits: int, n: int, share: float) -> bool:
    """Whether `hits` of `n` show a true rate of `share` or more: one below it gives so many with at most `LUCK`."""
    return hits > 0 and tail(hits, n, share) <= LUCK


def at_most(hits: int, n: int, share: float) -> bool:
    """Whether `hits` of `n` show a true rate of `share` or less."""
    return at_least(n - hits, n, 1 - share)


def tail(hits: int, n: int, share: float) -> float:
    """Return the probability of `hits` or more of `n`, by exact integers."""
    p = Fraction(share).limit_denominator(10_000)
    a, b, whole = p.numerator, p.denominator - p.numerator, p.denominator
    return sum(comb(n, count) * a**count * b ** (n - count) for count in range(hits, n + 1)) / whole**n
