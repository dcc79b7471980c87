"""Rehearses faults against a route: what should happen by the decision table, what did happen, and whether the two agree.

The expectation is worked out here from the table alone, not by the loop that is rehearsed. What is rehearsed against (a provider that
fails on demand, copies of the live models that are asked there) is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labmodels.providers.protocol import Message, Request
from labmodels.router.breaker import HEALTH, Rules
from labmodels.router.candidates import Candidate, unfit
from labmodels.router.loop import Means, Terms, ask
from labmodels.router.outcome import Outcome, RouteSpent

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import Decision, ErrorClass

_NOBODY = "nobody"
REQUEST = Request((Message("user", "What is the answer?"),))


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as the rehearsal provider knows it, what an operator calls it, and the class that it should be taken for."""

    name: str
    told: str
    error_class: ErrorClass
    of_anthropic: ErrorClass | None = None  # where Anthropic's wire says it differently
    waits_s: float = 0.0  # what its Retry-After asks for

    def class_at(self, provider: str) -> ErrorClass:
        """Return the class that it has on the wire of `provider`."""
        return self.of_anthropic if provider == "anthropic" and self.of_anthropic else self.error_class


FAULTS = (
    Fault("401", "the key was revoked", "auth"),
    Fault("402", "the bill is unpaid", "quota_exhausted"),
    Fault("403", "the key may not use this model", "auth"),
    Fault("404", "the model is gone", "auth"),
    Fault("408", "the provider timed out", "overloaded"),
    Fault("413", "the request is too large", "context_overflow"),
    Fault("429", "too many requests", "rate_limited"),
    Fault("429-seconds", "too many requests, back in 7 s", "rate_limited", waits_s=7.0),
    Fault("429-absurd", "too many requests, back in years", "rate_limited", waits_s=99_999_999.0),
    Fault("insufficient_quota", "the account is empty", "quota_exhausted"),
    Fault("context_overflow", "the context is too small", "context_overflow"),
    Fault("500", "the provider broke", "overloaded"),
    Fault("502", "a proxy found no provider", "overloaded"),
    Fault("503", "the provider is down", "overloaded"),
    Fault("529", "the provider is overloaded", "overloaded"),
    Fault("html", "a page of HTML as an answer", "malformed"),
    Fault("bad_json", "half a JSON object", "malformed"),
    Fault("wrong_type", "an answer of another type", "malformed"),
    Fault("oversized", "an answer without end", "malformed"),
    Fault("empty", "an empty answer", "empty"),
    Fault("cut", "the line broke midway", "truncated"),
    Fault("clean_eof", "the answer just stopped", "truncated"),
    Fault("in_band_error", "an error in the middle", "overloaded"),
    Fault("bad_event", "garbage in the middle", "malformed"),
    Fault("silent", "silence after the headers", "timeout_first_token"),
    Fault("silent_midway", "silence in the middle", "timeout_between_tokens"),
    Fault("drip", "signs of life without an answer", "timeout_first_token"),
    Fault("hang_up", "the provider hung up", "connection"),
    Fault("refused", "nobody listens there", "connection"),
    Fault("tls", "no TLS at the other end", "connection"),
    Fault("content_filter", "a content filter stopped it", "content_filtered", of_anthropic="refusal"),
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often the first model is asked, as what its fault is taken for, and who answers."""

    tries: int
    error_class: ErrorClass | None
    answered_by: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened: the same, and the requests that really arrived. `took_s`: how long a person would have waited."""

    tries: int
    error_class: str | None
    answered_by: str
    arrived: int | None  # None: the fault lets nothing arrive
    took_s: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One rehearsed fault and whether the router did what the table says."""

    name: str
    told: str
    expected: Expectation
    seen: Seen

    @property
    def is_as_expected(self) -> bool:
        """Whether everything agrees, the count at the provider's end included."""
        seen, expected = self.seen, self.expected
        agree = (seen.tries, seen.error_class, seen.answered_by) == (expected.tries, expected.error_class, expected.answered_by)
        return agree and seen.arrived in (None, expected.tries)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The copies of a live route, the first of which fails; and what of the live configuration holds."""

    route: tuple[Candidate, ...]
    terms: Terms
    rules: Rules
    decisions: Mapping[ErrorClass, Decision]
    request: Request = REQUEST


def expect(fault: Fault, rehearsal: Rehearsal) -> Expectation:
    """Return what should happen by the decision table when the first model of the route has `fault`."""
    first = rehearsal.route[0]
    error_class = fault.class_at(first.provider)
    decision = rehearsal.decisions[error_class]
    heirs = [one for one in rehearsal.route[1:] if unfit(one, rehearsal.request, rehearsal.terms.requires) is None]
    tries = 1
    if decision == "retry" and error_class not in ("quota_exhausted", "auth") and fault.waits_s < rehearsal.terms.deadline_s:
        tries += first.retries.attempts
        if error_class in HEALTH:  # its breaker opens meanwhile; one that nobody follows is let through once more
            tries = min(tries, rehearsal.rules.threshold + (0 if heirs else 1))
    if decision == "fail":
        heirs = []
    elif decision == "larger_context":
        own = first.context_tokens or 0
        heirs = [one for one in heirs if one.context_tokens is None or one.context_tokens > own]
    return Expectation(tries, error_class, heirs[0].name if heirs else _NOBODY)


def play(fault: Fault, rehearsal: Rehearsal, means: Means, arrived: Callable[[], int] | None) -> Scene:
    """Ask the route while its first model has `fault`; `arrived` counts the requests that its provider has received."""
    before, began = arrived() if arrived else 0, means.clock()
    outcome = _outcome(rehearsal, means)
    took_s = means.clock() - began
    own = [attempt for attempt in outcome.attempts if attempt.candidate == rehearsal.route[0].name and attempt.outcome == "failed"]
    answered_by = outcome.attempts[-1].candidate if isinstance(outcome, Outcome) else _NOBODY
    came = arrived() - before if arrived else None
    seen = Seen(len(own), own[-1].error_class if own else None, answered_by, came, took_s)
    return Scene(fault.name, fault.told, expect(fault, rehearsal), seen)


def _outcome(rehearsal: Rehearsal, means: Means) -> Outcome | RouteSpent:
    try:
        return ask(rehearsal.request, rehearsal.route, rehearsal.terms, means)
    except RouteSpent as spent:
        return spent


def play_breaker(rehearsal: Rehearsal, means: Means, arrived: Callable[[], int]) -> Scene:
    """Ask a model that is down until its breaker opens, and once more: that one must not arrive."""
    before, began = arrived(), means.clock()
    patient = replace(rehearsal, route=(_without_retries(rehearsal.route[0]), *rehearsal.route[1:]))
    outcomes = [_outcome(patient, means) for _ in range(rehearsal.rules.threshold + 1)]
    took_s = means.clock() - began
    answered_by = outcomes[-1].attempts[-1].candidate if isinstance(outcomes[-1], Outcome) else _NOBODY
    failures = [attempt for outcome in outcomes for attempt in outcome.attempts if attempt.outcome == "failed"]
    expected = replace(expect(Fault("500", "", "overloaded"), patient), tries=rehearsal.rules.threshold)
    seen = Seen(len(failures), failures[-1].error_class if failures else None, answered_by, arrived() - before, took_s)
    return Scene("breaker", f"down for {rehearsal.rules.threshold + 1} requests in a row", expected, seen)


def play_fence(rehearsal: Rehearsal, means: Means, arrived: Callable[[], int]) -> Scene:
    """Ask with nothing allowed to leave the lab: no cloud model of the route may hear of it."""
    fenced = replace(rehearsal.terms, requires=rehearsal.terms.requires.model_copy(update={"local_only": True}))
    rehearsal = replace(rehearsal, terms=fenced)
    heirs = [one.name for one in rehearsal.route if unfit(one, rehearsal.request, fenced.requires) is None]
    before, began = arrived(), means.clock()
    outcome = _outcome(rehearsal, means)
    answered_by = outcome.attempts[-1].candidate if isinstance(outcome, Outcome) else _NOBODY
    expected = Expectation(0, None, heirs[0] if heirs else _NOBODY)
    return Scene("fence", "nothing may leave the lab", expected, Seen(0, None, answered_by, arrived() - before, means.clock() - began))


def _without_retries(candidate: Candidate) -> Candidate:
    if candidate.model is None:
        return candidate
    retries = candidate.model.retries.model_copy(update={"attempts": 0})
    return replace(candidate, model=candidate.model.model_copy(update={"retries": retries}))


def score(scenes: Sequence[Scene]) -> tuple[int, int]:
    """Return how many scenes went as expected, and how many there are."""
    return sum(scene.is_as_expected for scene in scenes), len(scenes)
