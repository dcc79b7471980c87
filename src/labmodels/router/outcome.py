"""How a request ended, and what its consumer is told on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labmodels.errors import LabmodelsError, NoProvider
from labmodels.providers.protocol import Answer, Delta

if TYPE_CHECKING:
    from labmodels.ledger.record import Attempt
    from labmodels.router.quota import Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer, and every attempt that led to it, the skipped candidates included; the last one is the one that answered.

    `unrecorded`: why the ledger could not take its row. The answer was paid for and is good; whoever shows it says so afterwards.
    """

    request_id: str
    answer: Answer
    attempts: tuple[Attempt, ...]
    unrecorded: LabmodelsError | None = None


@dataclass(frozen=True, slots=True)
class Began:
    """The first event of a stream that has output: which request it is, and who answers until something else is said."""

    request_id: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Switched:
    """A stream broke after its first output, and another candidate took over.

    `restart`: what was received is void, the answer begins anew. `continue`: what follows goes on where it stopped.
    """

    policy: Literal["restart", "continue"]
    candidate: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The last event of a request that was answered."""

    outcome: Outcome


RouteEvent = Began | Delta | Switched | Answered


class RouteSpent(NoProvider):
    """No candidate answered; `attempts` says of each why. `refusals`: what kept candidates from being asked, when nobody was.

    `retry_after_s`: when the provider that failed last said it can be asked again.
    """

    def __init__(
        self, summary: str, attempts: Sequence[Attempt], refusals: Sequence[Refusal] = (), retry_after_s: float | None = None
    ) -> None:
        listed = "; ".join(_told(attempts)) or "the route has no candidates"
        super().__init__(f"{summary}: {listed}", hint="set what is missing, start a local server, or see: labmodels monitor")
        self.attempts = tuple(attempts)
        self.refusals = tuple(refusals)
        self.retry_after_s = retry_after_s

    @property
    def error_class(self) -> str | None:
        """The class of the last failure; None when nobody was asked."""
        return next((attempt.error_class for attempt in reversed(self.attempts) if attempt.error_class), None)

    def as_json(self) -> dict[str, object]:
        """Return the JSON error object with the attempts."""
        told = [
            {"candidate": one.candidate, "outcome": one.outcome, "error_class": one.error_class, "reason": one.reason}
            for one in self.attempts
        ]
        return {**super().as_json(), "error": NoProvider.__name__, "attempts": told}


class Interrupted(RouteSpent):
    """A stream broke after its first output and nobody took over; what was received is not a whole answer."""


def _told(attempts: Sequence[Attempt]) -> list[str]:
    """Return a phrase for each candidate in the order of the route: its last attempt stands for it."""
    last = {attempt.candidate: attempt for attempt in attempts}
    tries = {name: sum(one.candidate == name and one.outcome == "failed" for one in attempts) for name in last}
    return [
        f"{name} skipped ({one.reason})"
        if one.outcome == "skipped"
        else f"{name} failed{f' {tries[name]} times' if tries[name] > 1 else ''} ({one.error_class}: {one.reason})"
        for name, one in last.items()
    ]
