"""The router of one environment: follows the live release, makes a request of a question, and asks the route."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

from labmodels.config.chains import chain_of, is_known_name
from labmodels.config.schema.specialized_model import Requirements
from labmodels.errors import Usage
from labmodels.lab import Lab
from labmodels.ledger.record import Attempt, Occasion, new_id
from labmodels.providers.protocol import Answer, Message, Request, TextDelta
from labmodels.router import loop, response_cache
from labmodels.router.admission import Admission
from labmodels.router.attempts import digest, prompt_text
from labmodels.router.candidates import Candidate
from labmodels.router.checks import require_schema
from labmodels.router.embedding import embed
from labmodels.router.outcome import Answered, Began, Outcome, RouteEvent
from labmodels.router.question import AUTO, Caller, OutOfScope, Question
from labmodels.router.quota import Ceiling
from labmodels.router.rank import ranked, scores
from labmodels.router.split import arm_of
from labmodels.wiring import ledger_of, store_of
from labmodels.wiring.standing import Standing, mark_of

if TYPE_CHECKING:
    from labmodels.config.schema.specialized_model import SpecializedModel
    from labmodels.ledger.queries import Lately
    from labmodels.providers.protocol import Embeddings
    from labmodels.releases.effective import Choice
    from labmodels.router.telemetry import Telemetry

_MEASURED_FOR_S = 30.0  # how long measured figures are used before they are read again
_MEASURED_DAYS = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the route is asked it."""

    request: Request
    route: tuple[Candidate, ...]
    terms: loop.Terms
    choice: Choice
    order: Literal["declared", "measured", "asked for"]
    scores: dict[str, float]
    standing: Standing


class LabRouter:
    """Answers questions in one environment for as long as a process lives. Safe to use from several threads.

    A deployment or a switch holds from the next question on; a question that is being answered stays with what it began with.
    """

    def __init__(self, lab: Lab, environment: str, warn: Callable[[str], None] = lambda _: None) -> None:
        self.lab = lab
        self.environment = environment
        self._store = store_of(lab, environment)
        self._standing_lock = threading.Lock()
        self._standing: Standing | None = None
        self._measured: tuple[float, dict[str, Lately]] = (-_MEASURED_FOR_S, {})
        self.standing()  # nothing is live: said before a ledger is made
        self.ledger = ledger_of(lab)
        self._telemetry = _telemetry(warn)

    def __enter__(self) -> LabRouter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def ask(self, question: Question) -> Outcome:
        """Return the whole answer. Raises NoProvider, Usage."""
        asked = self.prepare(question)
        key, hit = self._cached(asked, question)
        return hit or loop.ask(asked.request, asked.route, asked.terms, self._means(asked, key))

    def stream(self, question: Question) -> Generator[RouteEvent, None, None]:
        """Yield the answer as it comes, and Answered at the end. Raises NoProvider, Usage, both also at the first event."""
        asked = self.prepare(question)
        key, hit = self._cached(asked, question)
        if hit is None:
            yield from loop.stream(asked.request, asked.route, asked.terms, self._means(asked, key))
            return
        yield Began(hit.request_id, hit.attempts[-1].candidate)
        yield TextDelta(hit.answer.text)
        yield Answered(hit)

    def embed(self, name: str, texts: Sequence[str], domain: str | None = None, caller: Caller | None = None) -> Embeddings:
        """Return a vector for each text by the embedding model `name`. Raises NoProvider; there is no fallback into another space."""
        standing = self.standing()
        candidate = standing.embedder(name)
        terms = loop.Terms(
            Occasion(self.environment, domain or "", None, standing.live.release.number),
            candidate.total_s,
            standing.effective.decisions,
            ceilings=tuple(self._ceilings(Question((), caller=caller), standing.specialized(domain))),
            caller=caller.id if caller else None,
        )
        return embed(texts, candidate, terms, loop.Means(standing.vectors_of, self.door(standing)))

    def standing(self) -> Standing:
        """Return what is live now, read anew when it has changed."""
        with self._standing_lock:
            if self._standing is None or self._standing.mark != mark_of(self._store):
                self._standing = Standing(self.lab, self._store)
            return self._standing

    def measured(self) -> dict[str, Lately]:
        """Return what each model did lately, at most half a minute old."""
        from labmodels.ledger.queries import lately

        read_at, found = self._measured
        if time.monotonic() - read_at >= _MEASURED_FOR_S:
            found = lately(self.ledger, self.environment, datetime.now(UTC) - timedelta(days=_MEASURED_DAYS))
            self._measured = (time.monotonic(), found)
        return found

    def door(self, standing: Standing) -> Admission:
        """Return who admits tries under the rules that are live."""
        return Admission(self.ledger, standing.rules)

    # -- from a question to a request

    def prepare(self, question: Question) -> Asked:
        """Return what is asked of whom, and on which terms. Raises Usage for a model, a domain or a profile that is not live."""
        standing = self.standing()
        if question.json_schema is not None:
            require_schema(question.json_schema)
        with standing.readable():
            domain = _domain_of(standing, question)
            _require_scope(question, domain)
            choice = standing.live.profile(domain, question.profile)
            specialized = standing.specialized(domain)
            system = [Message("system", specialized.system_prompt)] if specialized and specialized.system_prompt else []
            request = Request(
                (*system, *question.messages),
                domain or "",
                question.parameters,
                question.json_schema,
                tools=question.tools,
                tool_choice=question.tool_choice,
                has_parallel_calls=question.has_parallel_calls,
            )
            names, order, arm = self._names(standing, question, domain, specialized, request)
            score: dict[str, float] = {}
            if order == "measured":
                names, score = self._by_measure(standing, names, choice)
            route = tuple(standing.candidate(name, domain, choice) for name in names)
            terms = self._terms(standing, question, specialized, route, choice, arm)
        return Asked(request, route, terms, choice, order, score, standing)

    def _names(
        self, standing: Standing, question: Question, domain: str | None, specialized: SpecializedModel | None, request: Request
    ) -> tuple[list[str], Literal["declared", "measured", "asked for"], str | None]:
        """Return who is asked, by which rule, and the arm of the domain's A/B test."""
        effective, target = standing.effective, question.target
        if target is not None and target not in (AUTO, domain):
            return [target], "asked for", None
        names = list(effective.route(domain))
        if target == AUTO:
            return list(dict.fromkeys([*names, *standing.models])), "measured", None
        chain = chain_of(domain, effective.fallback)
        if specialized is not None and specialized.split is not None:
            split = specialized.split
            arm = arm_of(split, question.user or prompt_text(request))
            first = split.candidate if arm == "candidate" else split.control
            return list(dict.fromkeys([first, *names])), "declared", f"{split.name}/{arm}"
        return names, "measured" if chain is not None and chain.order == "measured" else "declared", None

    def _by_measure(self, standing: Standing, names: Sequence[str], choice: Choice) -> tuple[list[str], dict[str, float]]:
        """Return the models by the profile's weights, and behind them what only stands in for a model."""
        weights = standing.weights(choice)
        models = [name for name in names if name in standing.models]
        others = [name for name in names if name not in standing.models]
        measured = self.measured()
        if weights is None:
            return [*models, *others], {}
        return [*ranked(models, measured, weights), *others], scores(models, measured, weights)

    def _terms(
        self,
        standing: Standing,
        question: Question,
        specialized: SpecializedModel | None,
        route: Sequence[Candidate],
        choice: Choice,
        arm: str | None,
    ) -> loop.Terms:
        requires = specialized.requires if specialized else Requirements()
        if question.is_local_only:
            requires = requires.model_copy(update={"local_only": True})
        fallback = standing.effective.fallback
        after_output = fallback.after_output if fallback else "terminate"
        # Each candidate may take the time that its config gives it; the request as a whole, the sum.
        deadline_s = sum(candidate.total_s for candidate in route)
        return loop.Terms(
            Occasion(
                self.environment,
                specialized.domain if specialized else question.domain or "",
                choice.profile,
                standing.live.release.number,
                question.origin,
            ),
            min(deadline_s, question.deadline_s) if question.deadline_s is not None else deadline_s,
            standing.effective.decisions,
            requires,
            tuple(self._ceilings(question, specialized)),
            "terminate" if after_output == "restart" and not question.can_restart else after_output,
            has_breakers=question.origin == "live",
            arm=arm,
            caller=question.caller.id if question.caller else None,
        )

    def _ceilings(self, question: Question, specialized: SpecializedModel | None) -> Iterator[Ceiling]:
        """Yield what holds whichever model answers: of the domain, of the caller, of this request."""
        if specialized is not None:
            name = specialized.domain
            scope = f"{self.environment}/domain:{name}"
            yield Ceiling.of(scope, f"the domain {name}", specialized.rate_limits, specialized.budgets)
        if question.caller is not None:
            caller = question.caller
            scope = f"{self.environment}/caller:{caller.id}"
            yield Ceiling.of(scope, f"the key {caller.name}", caller.rate_limits, caller.budgets)
        if question.most_usd is not None:
            yield Ceiling("", "this request", request=question.most_usd)

    # -- what is kept of an answer

    def _means(self, asked: Asked, key: str | None) -> loop.Means:
        def keep(attempt: Attempt, answer: Answer) -> Sequence[Any]:
            return [*self._text(asked, attempt, answer), *self._response(asked, key, attempt, answer)]

        return loop.Means(asked.standing.provider, self.door(asked.standing), keep, self._observer(asked))

    def _observer(self, asked: Asked) -> Callable[[Sequence[Attempt]], None]:
        telemetry = self._telemetry
        if telemetry is None:
            return lambda attempts: None
        from labmodels.router.telemetry import Asked as Told

        told = {candidate.name: Told.of(candidate.model, candidate.parameters(asked.request)) for candidate in asked.route}
        return lambda attempts: telemetry.emit(attempts, told)

    def _text(self, asked: Asked, attempt: Attempt, answer: Answer) -> Sequence[Any]:
        if not asked.standing.effective.lab.ledger.store_prompts:
            return ()
        from labmodels.ledger.tables import TEXTS

        return (TEXTS.insert().values(request_id=attempt.request_id, prompt=prompt_text(asked.request), answer=answer.text),)

    def _response(self, asked: Asked, key: str | None, attempt: Attempt, answer: Answer) -> Sequence[Any]:
        specialized = asked.standing.specialized(asked.request.domain or None)
        if key is None or specialized is None or specialized.cache is None:
            return ()
        return response_cache.storing(key, attempt, answer, time.time(), specialized.cache.keep)

    def _cached(self, asked: Asked, question: Question) -> tuple[str | None, Outcome | None]:
        """Return the key under which an answer is stored, where the domain opted in, and the one that is stored."""
        specialized = asked.standing.specialized(asked.request.domain or None)
        if specialized is None or specialized.cache is None or question.origin != "live":
            return None, None
        prompt = prompt_text(asked.request)
        requires = asked.terms.requires
        circumstances = (self.environment, asked.standing.digest, asked.choice.profile, asked.choice.is_switch, question.target)
        fences = (requires.local_only, requires.regions, asked.terms.arm)
        key = response_cache.cache_key(asked.request, prompt, *circumstances, *fences)
        found = response_cache.find(self.ledger, key, time.time())
        if found is None:
            return key, None
        attempt_id, answer = found
        row = Attempt(
            new_id(), new_id(), datetime.now(UTC), asked.terms.occasion, "cache", "cache", "cache", "ok", digest(prompt),
            arm=asked.terms.arm, caller=asked.terms.caller,
        )  # fmt: skip
        row = response_cache.as_hit(row, response_cache.paid_for(self.ledger, attempt_id), answer)
        self.ledger.record(row)
        return key, Outcome(row.request_id, answer, (row,))


def _telemetry(warn: Callable[[str], None]) -> Telemetry | None:
    """Return where OpenTelemetry is told of requests, where the operator asked for it; else its names are not even imported."""
    if not any(name.startswith("OTEL_") for name in os.environ):
        return None
    from labmodels.router.telemetry import telemetry_of

    return telemetry_of(warn=warn)


def _domain_of(standing: Standing, question: Question) -> str | None:
    """Return the domain of a question. Raises Usage for a model or a domain that the live release does not know."""
    target, domain = question.target, question.domain
    if domain and domain not in standing.domains:
        raise _unknown("domain", domain, standing.domains, standing)
    if target is None or target == AUTO or target in standing.models or is_known_name(target):
        return domain
    if target not in standing.domains:
        raise _unknown("model", target, (*standing.models, *standing.domains), standing, f"{', '.join(standing.models)}, auto, or a domain")
    if domain and domain != target:
        raise Usage(f"the model names the domain {target}, the request the domain {domain}", hint="leave one of them out")
    return target


def _unknown(kind: str, name: str, known: Sequence[str], standing: Standing, told: str = "") -> Usage:
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"live: {told or ', '.join(known)}"
    return Usage(f"no {kind} is called {name} in {standing.live.environment}", hint=hint)


def _require_scope(question: Question, domain: str | None) -> None:
    """Raise OutOfScope for a domain that the caller's key does not open."""
    caller = question.caller
    if caller is not None and caller.domains and domain not in caller.domains:
        allowed = ", ".join(sorted(caller.domains))
        about = f"the domain {domain}" if domain else "requests without a domain"
        raise OutOfScope(f"the key {caller.name} does not open {about}", hint=f"it opens {allowed}: ask for a model of that name")
