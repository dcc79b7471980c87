"""Whether a request fits into what a model, a domain or a caller may use. Decides only: `admission` keeps the counts.

A minute's limits hold over the last sixty seconds, estimated from two windows: what of the one before is still within them is taken
to be spread evenly. Days and months are those of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import Budgets, RateLimits

Period = Literal["minute", "day", "month"]
PICO = Decimal(10) ** 12
_MINUTE_S = 60


class Count(NamedTuple):
    """What was asked for and spent in a window, what is reserved included."""

    requests: int = 0
    tokens: int = 0
    cost_pico_usd: int = 0


class Window(NamedTuple):
    """A minute, a day or a month by where it starts, in whole seconds since 1970."""

    period: Period
    starts_at: int


class Need(NamedTuple):
    """What one try may use at most: its tokens, its cost (None is unknown). `is_first`: no try of its request was admitted before."""

    tokens: int
    cost_pico_usd: int | None
    is_first: bool = True
    spent_pico_usd: int = 0  # by its request before, at most


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a try is not admitted, with its figure. `retry_after_s`: when it may be; None is not by waiting."""

    kind: Literal["rate_limit", "budget", "breaker"]
    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What one scope may use: requests and tokens a minute, US dollars a request, a day, a month. None is no ceiling.

    A model is asked once a try; a domain or a caller asks once a request, however many tries it takes (`is_by_try`).
    """

    scope: str  # as the ledger names it: dev/model:gpt-4
    owner: str  # as a refusal names it: "gpt-4", "the domain code_analysis"
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    request: Decimal | None = None
    day: Decimal | None = None
    month: Decimal | None = None
    is_by_try: bool = False

    @classmethod
    def of(cls, scope: str, owner: str, limits: RateLimits, budgets: Budgets, *, is_by_try: bool = False) -> Ceiling:
        """Return the ceiling that a configuration declares."""
        minute = (limits.requests_per_minute, limits.tokens_per_minute)
        return cls(scope, owner, *minute, budgets.request, budgets.day, budgets.month, is_by_try)

    def requests_of(self, need: Need) -> int:
        """Return how many requests a try counts for here."""
        return 1 if self.is_by_try or need.is_first else 0

    @property
    def is_budget(self) -> bool:
        """Whether it bounds money, so that a cost must be known."""
        return not (self.request is None and self.day is None and self.month is None)

    def windows(self, now: float) -> tuple[Window, ...]:
        """Return the windows in which it counts at `now`."""
        is_limited = (self.requests_per_minute or self.tokens_per_minute, self.day is not None, self.month is not None)
        return tuple(compress(windows_at(now), is_limited))


def windows_at(now: float) -> tuple[Window, Window, Window]:
    """Return the minute, the day and the month that hold the instant `now`."""
    return _windows_of(int(now) // _MINUTE_S * _MINUTE_S)


@lru_cache(maxsize=16)
def _windows_of(minute: int) -> tuple[Window, Window, Window]:
    day = datetime.fromtimestamp(minute, UTC).replace(hour=0, minute=0)
    return Window("minute", minute), Window("day", int(day.timestamp())), Window("month", int(day.replace(day=1).timestamp()))


def before(window: Window) -> Window:
    """Return the minute before a minute."""
    return window._replace(starts_at=window.starts_at - _MINUTE_S)


def refusal(ceiling: Ceiling, need: Need, counts: Mapping[Window, Count], now: float) -> Refusal | None:
    """Return why a try with `need` does not fit under `ceiling`; None when it does."""
    return _over_limit(ceiling, need, counts, now) or _over_budget(ceiling, need, counts, now)


def _over_limit(ceiling: Ceiling, need: Need, counts: Mapping[Window, Count], now: float) -> Refusal | None:
    minute = windows_at(now)[0]
    current, last = counts.get(minute, Count()), counts.get(before(minute), Count())
    passed_s = now - minute.starts_at
    share = 1 - passed_s / _MINUTE_S
    wait_s = _MINUTE_S - passed_s
    limits = (
        (ceiling.requests_per_minute, last.requests * share + current.requests, ceiling.requests_of(need), "requests"),
        (ceiling.tokens_per_minute, last.tokens * share + current.tokens, need.tokens, "tokens"),
    )
    for limit, used, asked, unit in limits:
        if limit is not None and asked and used + asked > limit:
            told = f"up to {asked} more" if unit == "tokens" else f"{asked} more"
            reason = f"{ceiling.owner} may use {limit} {unit} a minute: {used:.0f} are used, {told} do not fit"
            return Refusal("rate_limit", reason, None if asked > limit else wait_s)
    return None


def _over_budget(ceiling: Ceiling, need: Need, counts: Mapping[Window, Count], now: float) -> Refusal | None:
    if not ceiling.is_budget:
        return None
    if need.cost_pico_usd is None:
        return Refusal("budget", f"its price is unknown, and {ceiling.owner} has a budget")
    _, day, month = windows_at(now)
    spans = (
        (ceiling.request, 0 if ceiling.is_by_try else need.spent_pico_usd, "request", None),
        (ceiling.day, counts.get(day, Count()).cost_pico_usd, "day", day.starts_at + 86_400 - now),
        (ceiling.month, counts.get(month, Count()).cost_pico_usd, "month", None),
    )
    for budget, used, span, wait_s in spans:
        if budget is not None and used + need.cost_pico_usd > budget * PICO:
            asked = usd(need.cost_pico_usd)
            reason = f"{ceiling.owner} may spend ${budget} a {span}: ${usd(used)} is spent or reserved, up to ${asked} more does not fit"
            return Refusal("budget", reason, wait_s)
    return None


def usage_of(ceiling: Ceiling, counts: Mapping[Window, Count], now: float) -> list[tuple[str, Decimal, Decimal]]:
    """Return what is counted under `ceiling`, how much of it is used or reserved, and its limit; a single request's budget left out."""
    minute, day, month = windows_at(now)
    current, last = counts.get(minute, Count()), counts.get(before(minute), Count())
    share = 1 - (now - minute.starts_at) / _MINUTE_S
    found = (
        ("requests a minute", Decimal(round(last.requests * share + current.requests)), ceiling.requests_per_minute),
        ("tokens a minute", Decimal(round(last.tokens * share + current.tokens)), ceiling.tokens_per_minute),
        ("$ a day", counts.get(day, Count()).cost_pico_usd / PICO, ceiling.day),
        ("$ a month", counts.get(month, Count()).cost_pico_usd / PICO, ceiling.month),
    )
    return [(what, used, Decimal(limit)) for what, used, limit in found if limit is not None]


def usd(pico: int) -> str:
    """Return pico-dollars as dollars, as many places as they need."""
    return f"{(Decimal(pico) / PICO).normalize():f}"
