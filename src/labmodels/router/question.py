"""What somebody asks of the lab's models, and on which terms. Values only: who answers is decided by the route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from labmodels.errors import Usage
from labmodels.providers.protocol import Message, Tool

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import Budgets, Parameters, RateLimits
    from labmodels.ledger.record import Origin

AUTO = "auto"


class OutOfScope(Usage):
    """The caller's key does not open the domain that it asks about."""


def amount_of(text: str, named: str) -> Decimal:
    """Return an amount of US dollars that a person wrote ("0.02", "$0.02"); raise Usage."""
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except ArithmeticError:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 <= amount <= 10**9):
        raise Usage(f"{named} {text} is no amount", hint=f"US dollars as a plain number: {named} 0.02")
    return amount


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks through the gateway: a key with its scope (no domains: all) and its own ceilings."""

    id: str
    name: str
    domains: frozenset[str]
    rate_limits: RateLimits
    budgets: Budgets


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation to be continued. Every fence here is one that no fallback crosses.

    `target` is a config, a domain, custom/NAME or `auto` (the best by the profile's weights); None is whoever serves `domain`.
    `parameters` are laid over those of the model that answers. `user` is what an A/B test deals by; empty: the prompt.
    """

    messages: tuple[Message, ...]
    target: str | None = None
    domain: str | None = None
    profile: str | None = None
    parameters: Parameters | None = None
    json_schema: Mapping[str, Any] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    has_parallel_calls: bool = True
    is_local_only: bool = False
    most_usd: Decimal | None = None
    deadline_s: float | None = None
    origin: Origin = "live"
    caller: Caller | None = None
    user: str = ""
    can_restart: bool = True  # whether what was received can be declared void

    @classmethod
    def of(cls, text: str, **terms: Any) -> Question:
        """Return the question that one user asks in one message."""
        return cls((Message("user", text),), **terms)
