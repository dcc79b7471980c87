"""Asks the candidates of a route in order until one answers: the one owner of retries, under one deadline for the whole request.

`policy` decides what follows a failure; adapters prove that an answer is complete; every try and every skipped candidate is handed
to `record` before the next step. Clocks, sleep and chance are passed in.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from labmodels.config.schema.specialized_model import Requirements
from labmodels.errors import LabmodelsError
from labmodels.ledger.record import Attempt, Occasion, new_id
from labmodels.providers.protocol import Answer, Finished, Provider, ProviderFault, Request, Usage
from labmodels.router.candidates import Candidate, unfit
from labmodels.router.checks import failed_check
from labmodels.router.cost import pico_usd
from labmodels.router.outcome import Outcome, RouteSpent
from labmodels.router.policy import Fail, LargerContext, Retry, Step, decide
from labmodels.secrets import redact

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import Decision, ErrorClass

_NO_REQUIREMENTS = Requirements()


def ask(  # noqa: PLR0913  the clocks are arguments so that tests need no time
    request: Request,
    route: Sequence[Candidate],
    provider_for: Callable[[Candidate], Provider],
    decisions: Mapping[ErrorClass, Decision],
    record: Callable[[Attempt], None],
    deadline_s: float,
    *,
    occasion: Occasion,
    requires: Requirements = _NO_REQUIREMENTS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    rng: Callable[[], float] = random.random,
) -> Outcome:
    """Return the first proven answer on `route`; raise NoProvider (RouteSpent) that lists every candidate with its reason.

    `decisions` holds what differs from the default table. `deadline_s` bounds everything, waits included.
    """
    run = _Run(request, provider_for, decisions, record, clock() + deadline_s, occasion, clock, sleep, rng)
    above_tokens: int | None = None
    for candidate in route:
        reason = unfit(candidate, request, requires, above_tokens)
        if reason is not None:
            run.skip(candidate, reason)
            continue
        answer, step = run.ask(candidate)
        if answer is not None:
            return Outcome(run.id, answer, tuple(run.attempts))
        if isinstance(step, Fail):
            raise RouteSpent("no provider could answer, and the decision table asks no other", run.attempts)
        if isinstance(step, LargerContext):
            above_tokens = max(above_tokens or 0, candidate.context_tokens or 0)
    raise RouteSpent("no provider could answer", run.attempts)


@dataclass
class _Run:
    """One request on its way: what it may use, and what was tried so far."""

    request: Request
    provider_for: Callable[[Candidate], Provider]
    decisions: Mapping[ErrorClass, Decision]
    record: Callable[[Attempt], None]
    ends_at: float
    occasion: Occasion
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    rng: Callable[[], float]

    def __post_init__(self) -> None:
        self.id = new_id()
        self.attempts: list[Attempt] = []
        self._prompt_sha256 = _digest(self.request)

    def skip(self, candidate: Candidate, reason: str) -> None:
        """Note a candidate that is not asked."""
        self._note(replace(self._attempt(candidate), outcome="skipped", reason=redact(reason)))

    def ask(self, candidate: Candidate) -> tuple[Answer | None, Step | None]:
        """Ask one candidate as often as policy allows; return its answer, or what follows (None: go on as after a skip)."""
        try:
            provider = self.provider_for(candidate)
        except LabmodelsError as error:  # its package is missing, its reference leads nowhere
            self.skip(candidate, str(error))
            return None, None
        tries = 0
        while True:
            tries += 1
            answer, fault = self._try(candidate, provider)
            if fault is None:
                return answer, None
            left_s = self.ends_at - self.clock()
            if left_s <= 0:
                return None, Fail()
            step = decide(
                fault.error_class, self.decisions, tries, candidate.retries, left_s, retry_after_s=fault.retry_after_s, draw=self.rng
            )
            if not isinstance(step, Retry):
                return None, step
            self.sleep(step.after_s)

    def _try(self, candidate: Candidate, provider: Provider) -> tuple[Answer | None, ProviderFault | None]:
        attempt, began = self._attempt(candidate), self.clock()
        answer: Answer | None = None
        try:
            answer = _whole(provider, candidate, replace(self.request, deadline_s=max(0.0, self.ends_at - began)))
            if why := failed_check(answer.text, candidate.checks, self.request.json_schema):
                raise ProviderFault("check_failed", f"{candidate.name}: {why}", usage=answer.usage)
        except ProviderFault as fault:
            self._note(_failed(attempt, candidate, fault, answer, self.clock() - began))
            return None, fault
        self._note(_answered(attempt, candidate, answer, self.clock() - began))
        return answer, None

    def _attempt(self, candidate: Candidate) -> Attempt:
        return Attempt(
            new_id(),
            self.id,
            datetime.now(UTC),
            self.occasion,
            candidate.name,
            candidate.provider,
            candidate.model_requested,
            "failed",
            self._prompt_sha256,
        )

    def _note(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        self.record(attempt)


def _whole(provider: Provider, candidate: Candidate, request: Request) -> Answer:
    """Return the whole answer; by its stream where the model has one, because only a stream shows early that nothing comes."""
    if not candidate.capabilities.streaming:
        return provider.complete(request)
    for event in provider.stream(request):
        if isinstance(event, Finished):
            return event.answer
    raise ProviderFault("truncated", f"{candidate.name}: the stream ended without an answer")


def _answered(attempt: Attempt, candidate: Candidate, answer: Answer, latency_s: float) -> Attempt:
    return replace(
        _billed(replace(attempt, model_returned=answer.model_returned), candidate, answer.usage),
        outcome="ok",
        finish=answer.finish,
        degraded=answer.degraded,
        provider_request_id=answer.provider_request_id,
        latency_s=latency_s,
    )


def _failed(attempt: Attempt, candidate: Candidate, fault: ProviderFault, answer: Answer | None, latency_s: float) -> Attempt:
    told = attempt if answer is None else _answered(attempt, candidate, answer, latency_s)
    return replace(
        _billed(told, candidate, fault.usage or Usage()),
        outcome="failed",
        error_class=fault.error_class,
        reason=str(fault),
        latency_s=latency_s,
    )


def _billed(attempt: Attempt, candidate: Candidate, usage: Usage) -> Attempt:
    prices = candidate.prices(attempt.at, attempt.model_returned)
    return replace(
        attempt,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_pico_usd=pico_usd(prices.cost_usd(usage)) if prices else None,
        cost_source=prices.source if prices else None,
    )


def _digest(request: Request) -> str:
    told = [[message.role, message.text] for message in request.messages]
    return hashlib.sha256(json.dumps([told, request.json_schema], sort_keys=True, ensure_ascii=True, default=str).encode()).hexdigest()
