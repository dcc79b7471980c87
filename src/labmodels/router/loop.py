"""Asks the candidates of a route in order until one answers: the one owner of retries, under one deadline for the whole request.

`policy` decides what follows a failure, the door (`admission`) whether a try may begin; adapters prove that an answer is complete.
Every try is booked before the next step. Clocks, sleep and chance are passed in.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from labmodels.config.schema.specialized_model import Requirements
from labmodels.errors import Busy, LabmodelsError, StorageFault
from labmodels.ledger.record import Attempt, Occasion, new_id
from labmodels.providers.protocol import (
    Answer,
    Delta,
    Finished,
    Message,
    Provider,
    ProviderFault,
    Request,
    TextDelta,
    ToolCallDelta,
)
from labmodels.router.admission import Ending, Entry, Ticket
from labmodels.router.attempts import Try, digest, ending_of, prompt_text
from labmodels.router.candidates import Candidate, unfit
from labmodels.router.checks import failed_check
from labmodels.router.need import need_of
from labmodels.router.outcome import Answered, Began, Interrupted, Outcome, RouteEvent, RouteSpent, Switched
from labmodels.router.policy import Fail, LargerContext, Next, Retry, Step, decide
from labmodels.router.quota import Ceiling, Refusal
from labmodels.secrets import redact

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import AfterOutput, Decision, ErrorClass

_NO_REQUIREMENTS = Requirements()
_GO_ON = "Your answer broke off. Go on exactly where it stops; repeat nothing, and say nothing about the interruption."


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one request, whoever answers it."""

    occasion: Occasion
    deadline_s: float
    decisions: Mapping[ErrorClass, Decision] = field(default_factory=dict)
    requires: Requirements = _NO_REQUIREMENTS
    ceilings: tuple[Ceiling, ...] = ()  # of the domain, the caller and the request; a model brings its own
    after_output: AfterOutput = "terminate"
    has_breakers: bool = True
    arm: str | None = None
    caller: str | None = None


class Door(Protocol):
    """Who lets a try begin and books how it ended: `admission.Admission`."""

    def admit(self, entry: Entry, *, is_forced: bool = False) -> Ticket | Refusal:
        """Reserve what `entry` needs, or say why it does not begin."""

    def settle(self, ticket: Ticket | None, attempts: Sequence[Attempt], ending: Ending | None, more: Sequence[Any] = ()) -> None:
        """Write rows and correct the reservation."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the loop reaches the world through. `keep` returns what else is stored with an answer, in the transaction of its row."""

    provider_for: Callable[[Candidate], Provider]
    door: Door
    keep: Callable[[Attempt, Answer], Sequence[Any]] = lambda attempt, answer: ()
    observe: Callable[[Sequence[Attempt]], None] = lambda attempts: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    rng: Callable[[], float] = random.random


def ask(request: Request, route: Sequence[Candidate], terms: Terms, means: Means) -> Outcome:
    """Return the first proven answer on `route`; raise NoProvider (RouteSpent) that lists every candidate with its reason."""
    for event in _Run(request, route, terms, means, is_streamed=False).events():
        if isinstance(event, Answered):
            return event.outcome
    raise AssertionError("a run ends with an answer or an error")


def stream(request: Request, route: Sequence[Candidate], terms: Terms, means: Means) -> Iterator[RouteEvent]:
    """Yield the answer as it comes and then Answered. Failures before the first output fall back unseen.

    After it `terms.after_output` says what happens: Interrupted is raised, or Switched tells that another candidate took over.
    """
    return _Run(request, route, terms, means, is_streamed=True).events()


_Ended = Step | Literal["answered", "blocked"]


class _Run:
    """One request on its way: what it may use, what was tried so far, and what its consumer has received."""

    def __init__(self, request: Request, route: Sequence[Candidate], terms: Terms, means: Means, *, is_streamed: bool) -> None:
        self.id = new_id()
        self._request, self._route, self._terms, self._means = request, route, terms, means
        self._is_streamed = is_streamed
        self._ends_at = means.clock() + terms.deadline_s
        self._prompt_sha256 = digest(prompt_text(request))
        self._attempts: list[Attempt] = []
        self._unwritten: list[Attempt] = []
        self._refusals: list[Refusal] = []
        self._was_admitted = False
        self._spent_pico_usd = 0
        self._outcome: Outcome | None = None
        self._received: list[str] = []
        self._has_begun = False
        self._has_called_tools = False
        self._retry_after_s: float | None = None
        self._switch_reason: str | None = None

    def events(self) -> Iterator[RouteEvent]:
        """Ask in order. A candidate whose breaker is open comes last, and is then asked whatever its breaker says."""
        above_tokens: int | None = None
        waiting = deque((position, False) for position in range(len(self._route)))
        try:
            while waiting:
                position, was_blocked = waiting.popleft()
                candidate = self._route[position]
                if reason := self._unfit(candidate, above_tokens):
                    self._skip(candidate, reason)
                    continue
                ended = yield from self._ask(candidate, is_forced=was_blocked or self._is_last(position))
                if self._outcome is not None:
                    yield Answered(self._outcome)
                    return
                if ended == "blocked":
                    waiting.append((position, True))
                elif isinstance(ended, Fail):
                    raise self._spent("no provider could answer, and the decision table asks no other")
                elif isinstance(ended, LargerContext):
                    above_tokens = max(above_tokens or 0, candidate.context_tokens or 0)
            raise self._spent("no provider could answer")
        finally:
            self._flush()
            self._means.observe(self._attempts)

    def _is_last(self, position: int) -> bool:
        return all(unfit(candidate, self._request, self._terms.requires) for candidate in self._route[position + 1 :])

    def _unfit(self, candidate: Candidate, above_tokens: int | None) -> str | None:
        if self._continues and candidate.model is None:
            return "it cannot go on with an answer that another began"
        return unfit(candidate, self._request, self._terms.requires, above_tokens)

    # -- one candidate

    def _ask(self, candidate: Candidate, *, is_forced: bool) -> Generator[RouteEvent, None, _Ended]:
        """Ask one candidate as often as policy allows; return how that ended."""
        try:
            provider = self._means.provider_for(candidate)
        except LabmodelsError as error:  # its package is missing, its reference leads nowhere
            self._skip(candidate, str(error))
            return Next()
        tries = 0
        while True:
            tries += 1
            request = self._now_asked(candidate)
            ticket = self._means.door.admit(self._entry(candidate, request), is_forced=is_forced)
            if isinstance(ticket, Refusal):
                if tries > 1:  # its failures have opened the breaker, or used what it may use
                    return Next()
                self._skip(candidate, ticket.reason)
                self._refusals.append(ticket)
                return "blocked" if ticket.kind == "breaker" else Next()
            self._was_admitted = True
            fault = yield from self._try(candidate, provider, ticket, request)
            if fault is None:
                return "answered"
            left_s = self._ends_at - self._means.clock()
            if left_s <= 0:
                return Fail()
            step = self._following(fault, tries, candidate, left_s)
            self._after_output(step, str(fault))
            if not isinstance(step, Retry):
                return step
            if ticket.is_forced:  # one try is enough of a model that is known to be down
                return Next()
            self._means.sleep(step.after_s)

    def _following(self, fault: ProviderFault, tries: int, candidate: Candidate, left_s: float) -> Step:
        decisions, draw = self._terms.decisions, self._means.rng
        return decide(fault.error_class, decisions, tries, candidate.retries, left_s, retry_after_s=fault.retry_after_s, draw=draw)

    def _entry(self, candidate: Candidate, request: Request) -> Entry:
        environment = self._terms.occasion.environment
        has_breaker = self._terms.has_breakers and candidate.model is not None
        own = (candidate.ceiling,) if candidate.ceiling is not None else ()
        need = need_of(candidate, request, datetime.now(UTC), is_first=not self._was_admitted, spent_pico_usd=self._spent_pico_usd)
        return Entry(f"{environment}/{candidate.name}" if has_breaker else None, (*own, *self._terms.ceilings), need, candidate.total_s)

    # -- one try

    def _try(
        self, candidate: Candidate, provider: Provider, ticket: Ticket, request: Request
    ) -> Generator[RouteEvent, None, ProviderFault | None]:
        began = self._means.clock()
        request = replace(request, deadline_s=max(0.0, self._ends_at - began))
        begun = Try(self._attempt(candidate), candidate, request.parameters)
        first_token_s: float | None = None
        answer: Answer | None = None
        try:
            with closing(_deltas(provider, candidate, request)) as deltas:
                for event in deltas:
                    if isinstance(event, Finished):
                        answer = event.answer
                        break
                    if first_token_s is None:
                        first_token_s = self._means.clock() - began
                    if self._is_streamed:
                        yield from self._hand_on(event, candidate)
            answer = self._proven(candidate, answer)
        except ProviderFault as fault:
            self._book(ticket, begun.failed(fault, answer, self._means.clock() - began, first_token_s), fault)
            return fault
        except BaseException as error:  # whoever asked went away, or a bug: what was begun is booked all the same
            row = begun.abandoned(type(error).__name__, self._means.clock() - began, first_token_s)
            self._settle(ticket, row, Ending("unknown"))
            raise
        row = begun.answered(answer, self._means.clock() - began, first_token_s)
        try:
            self._book(ticket, row, None, answer)
        except (StorageFault, Busy) as error:
            self._outcome = Outcome(self.id, answer, tuple(self._attempts), error)
        else:
            self._outcome = Outcome(self.id, answer, tuple(self._attempts))
        if self._is_streamed and not candidate.capabilities.streaming:
            yield from self._hand_on_whole(answer, candidate)
        return None

    def _proven(self, candidate: Candidate, answer: Answer | None) -> Answer:
        """Return the whole answer; raise for one that did not end, or does not meet what it must."""
        if answer is None:
            raise ProviderFault("truncated", f"{candidate.name}: the stream ended without an answer")
        if self._continues:
            answer = replace(answer, text="".join(self._received) if self._is_streamed else answer.text)
        schema = self._request.json_schema if not answer.tool_calls else None
        if why := failed_check(answer.text, () if answer.tool_calls else candidate.checks, schema):
            raise ProviderFault("check_failed", f"{candidate.name}: {why}", usage=answer.usage)
        return answer

    # -- what the consumer receives

    @property
    def _continues(self) -> bool:
        return bool(self._received) and self._terms.after_output == "continue"

    def _hand_on(self, event: Delta, candidate: Candidate) -> Iterator[RouteEvent]:
        if event == TextDelta(""):
            return
        if not self._has_begun:
            self._has_begun = True
            yield Began(self.id, candidate.name)
        if self._switch_reason is not None:
            policy: Literal["restart", "continue"] = "continue" if self._terms.after_output == "continue" else "restart"
            yield Switched(policy, candidate.name, self._switch_reason)
            self._switch_reason = None
            if policy == "restart":
                self._received.clear()
        if isinstance(event, TextDelta):
            self._received.append(event.text)
        else:
            self._has_called_tools = True
        yield event

    def _hand_on_whole(self, answer: Answer, candidate: Candidate) -> Iterator[RouteEvent]:
        """Hand on an answer that came in one piece, now that it is proven."""
        yield from self._hand_on(TextDelta(answer.text), candidate)
        for index, call in enumerate(answer.tool_calls):
            yield from self._hand_on(ToolCallDelta(index, call.id, call.name, call.arguments), candidate)

    def _after_output(self, step: Step, reason: str) -> None:
        """After a failure: raise Interrupted where the consumer has received a part and nobody may take over."""
        if not self._received and not self._has_called_tools:
            return
        policy = self._terms.after_output
        if policy == "terminate" or isinstance(step, Fail) or (policy == "continue" and self._has_called_tools):
            raise self._spent("the answer broke off after its first output", Interrupted)
        self._switch_reason = reason

    def _now_asked(self, candidate: Candidate) -> Request:
        """Return the request as `candidate` gets it: its own parameters, and what was received if it is to go on with that."""
        request = replace(self._request, parameters=candidate.parameters(self._request))
        if not self._continues:
            return request
        begun = (Message("assistant", "".join(self._received)), Message("user", _GO_ON))
        return replace(request, messages=(*request.messages, *begun))

    # -- booking

    def _attempt(self, candidate: Candidate) -> Attempt:
        return Attempt(
            new_id(),
            self.id,
            datetime.now(UTC),
            self._terms.occasion,
            candidate.name,
            candidate.provider,
            candidate.model_requested,
            "failed",
            self._prompt_sha256,
            arm=self._terms.arm,
            caller=self._terms.caller,
        )

    def _skip(self, candidate: Candidate, reason: str) -> None:
        """Note a candidate that is not asked; the row is written with the next one."""
        attempt = replace(self._attempt(candidate), outcome="skipped", reason=redact(reason))
        self._attempts.append(attempt)
        self._unwritten.append(attempt)

    def _book(self, ticket: Ticket, attempt: Attempt, fault: ProviderFault | None, answer: Answer | None = None) -> None:
        known = attempt.cost_pico_usd
        ending = ending_of(attempt, fault)
        self._spent_pico_usd += (ticket.entry.need.cost_pico_usd or 0) if ending.cost_pico_usd is None else (known or 0)
        self._retry_after_s = fault.retry_after_s if fault is not None else None
        self._settle(ticket, attempt, ending, () if answer is None else self._means.keep(attempt, answer))

    def _settle(self, ticket: Ticket, attempt: Attempt, ending: Ending, more: Sequence[Any] = ()) -> None:
        self._attempts.append(attempt)
        rows = [*self._unwritten, attempt]
        self._unwritten = []
        self._means.door.settle(ticket, rows, ending, more)

    def _flush(self) -> None:
        if self._unwritten:
            rows, self._unwritten = self._unwritten, []
            self._means.door.settle(None, rows, None)

    def _spent(self, summary: str, kind: type[RouteSpent] = RouteSpent) -> RouteSpent:
        self._flush()
        return kind(summary, self._attempts, () if self._was_admitted else self._refusals, self._retry_after_s)


def _deltas(provider: Provider, candidate: Candidate, request: Request) -> Generator[Delta | Finished, None, None]:
    """Ask by the model's stream where it has one, because only a stream shows early that nothing comes."""
    if candidate.capabilities.streaming:
        yield from provider.stream(request)
    else:
        yield Finished(provider.complete(request))
