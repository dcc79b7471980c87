"""Whether a model that kept failing is asked again. Decides only: `admission` keeps the state, for all processes of the lab.

Closed, open, half-open (Nygard, "Release It!", 2007): after `threshold` consecutive health failures nothing is admitted for a
cooldown; then one request at a time is let through to see. Its failure doubles the cooldown, its answer closes the breaker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import ErrorClass

# These say that the service cannot answer, whatever is asked. The other classes are answers of a kind: they prove that it lives.
HEALTH: frozenset[ErrorClass] = frozenset(
    {
        "overloaded", "timeout_connect", "timeout_first_token", "timeout_between_tokens", "timeout_throughput", "timeout_total",
        "connection", "auth", "quota_exhausted", "malformed", "empty", "truncated",
    }
)  # fmt: skip
NEUTRAL: frozenset[ErrorClass] = frozenset({"rate_limited"})  # busy with our own requests: neither ill nor proven well
_MOST_DOUBLINGS = 4

State = Literal["closed", "open", "half-open"]
Health = Literal["alive", "dead", "unknown"]


class Rules(NamedTuple):
    """When a breaker opens and for how long."""

    threshold: int = 3
    cooldown_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a model's health. Instants are seconds by the wall clock, which every process shares."""

    failures: int = 0  # in a row
    openings: int = 0  # in a row, without an answer between them
    opened_at: float | None = None
    probe_until: float | None = None  # somebody is trying it until then at the latest
    error_class: str | None = None

    def ends_at(self, rules: Rules) -> float | None:
        """When the cooldown is over; None while it is closed."""
        if self.opened_at is None:
            return None
        return self.opened_at + rules.cooldown_s * (1 << min(max(self.openings - 1, 0), _MOST_DOUBLINGS))

    def state(self, rules: Rules, now: float) -> State:
        """Return what it is at `now`. A clock that was set back ends the cooldown rather than prolong it."""
        ends_at = self.ends_at(rules)
        if ends_at is None or self.opened_at is None:
            return "closed"
        return "open" if self.opened_at <= now < ends_at else "half-open"

    def has_probe(self, now: float, longest_s: float) -> bool:
        """Whether a probe is under way; one whose process died is over with its time."""
        return self.probe_until is not None and now < self.probe_until <= now + longest_s


def health_of(error_class: ErrorClass | None) -> Health:
    """Return what the end of a try says of the model; None is an answer."""
    if error_class in NEUTRAL:
        return "unknown"
    return "dead" if error_class in HEALTH else "alive"


def after_failure(breaker: Breaker, error_class: str, rules: Rules, now: float) -> Breaker:
    """Return the breaker after one more health failure at `now`."""
    counted = replace(breaker, failures=breaker.failures + 1, error_class=error_class, probe_until=None)
    state = breaker.state(rules, now)
    if state == "half-open" or (state == "closed" and counted.failures >= rules.threshold):
        return replace(counted, opened_at=now, openings=breaker.openings + 1)
    return counted if state == "closed" else replace(counted, probe_until=breaker.probe_until)
