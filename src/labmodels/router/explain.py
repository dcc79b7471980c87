"""What the router would do, and what it knows, as values for people to look at. Nothing is asked and nothing is reserved."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from labmodels.ledger.queries import Lately
    from labmodels.router.breaker import State

Verdict = Literal["chosen", "next", "skipped"]


@dataclass(frozen=True, slots=True)
class Place:
    """One candidate of a route: whether it would be asked now, and what is known of it. Money is US dollars, None is unknown."""

    name: str
    provider: str
    verdict: Verdict
    reason: str
    breaker: State
    likely_usd: Decimal | None
    most_usd: Decimal | None
    price_source: str | None
    left: tuple[Left, ...]
    lately: Lately | None
    score: float | None  # by the profile's weights; higher is better


@dataclass(frozen=True, slots=True)
class Left:
    """What of a limit or a budget is used, what is reserved included."""

    owner: str
    what: str  # "requests a minute", "$ a day"
    used: Decimal
    limit: Decimal


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who would be asked for a request, in order, and by which rule the order came about."""

    environment: str
    release: int
    domain: str | None
    profile: str | None
    profile_reason: str
    order: Literal["declared", "measured", "asked for"]
    arm: str | None
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """One model's breaker as every process sees it."""

    name: str
    state: State
    failures: int
    error_class: str | None
    ends_in_s: float | None


@dataclass(frozen=True, slots=True)
class RouterStatus:
    """The breakers that are not at rest, and what is used of every limit and budget."""

    environment: str
    threshold: int
    cooldown_s: float
    breakers: tuple[BreakerStatus, ...]
    used: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One model that can be asked by name. `unavailable`: why it cannot be, at this moment. Prices are for a million tokens."""

    name: str
    provider: str
    model: str
    is_local: bool
    region: str | None
    context_tokens: int | None
    unavailable: str | None
    breaker: State
    lately: Lately | None
    input_usd: Decimal | None
    output_usd: Decimal | None
    price_source: str | None
