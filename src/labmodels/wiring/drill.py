"""The drill of a lab: copies of a live route's models, asked at a provider on loopback that fails on demand.

Breakers, limits and budgets of a drill live in a ledger of its own that is gone with it; its attempts are rows of the lab's ledger with
the origin `drill`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from labmodels.config.schema.language_model import Budgets, Credentials, RateLimits, Timeouts
from labmodels.errors import NoVerdict
from labmodels.ledger.record import Ledger
from labmodels.providers.loopback import ADDRESSES, Loopback
from labmodels.providers.registry import build
from labmodels.router.admission import Admission, Ending, Entry, Ticket
from labmodels.router.candidates import Candidate
from labmodels.router.drill import FAULTS, Fault, Rehearsal, Scene, play, play_breaker, play_fence
from labmodels.router.loop import Means

if TYPE_CHECKING:
    from labmodels.ledger.record import Attempt
    from labmodels.providers.protocol import Provider
    from labmodels.router.question import Question
    from labmodels.router.quota import Refusal
    from labmodels.wiring.router import LabRouter

_DEADLINE_S = 5.0
# Short enough to rehearse thirty faults in seconds, long enough for a busy machine.
_LIMITS = Timeouts.model_construct(connect=2.0, first_token=0.5, between_tokens=0.5, total=4.0, least_tokens_per_second=None)
_SOUND_LIMITS = Timeouts.model_construct(connect=4.0, first_token=4.0, between_tokens=4.0, total=4.0, least_tokens_per_second=None)
_MOST_TRIES = 32


class _Door:
    """Admits by the drill's own ledger and writes the rows into the lab's."""

    def __init__(self, own: Admission, lab: Admission) -> None:
        self._own, self._lab = own, lab

    def admit(self, entry: Entry, *, is_forced: bool = False) -> Ticket | Refusal:
        return self._own.admit(entry, is_forced=is_forced)

    def settle(self, ticket: Ticket | None, attempts: Sequence[Attempt], ending: Ending | None, more: Sequence[Any] = ()) -> None:
        self._own.settle(ticket, (), ending)
        self._lab.settle(None, attempts, None)


def drill(router: LabRouter, question: Question) -> Iterator[Scene]:
    """Yield each rehearsed fault of the route that `question` would take. Raises NoVerdict where no model could fail."""
    asked = router.prepare(replace(question, origin="drill"))
    models = [candidate for candidate in asked.route if candidate.model is not None]
    if not models:
        raise NoVerdict("the route holds no model that could fail", hint="labmodels router explain")
    terms = replace(asked.terms, deadline_s=_DEADLINE_S, ceilings=(), has_breakers=True)
    rules = asked.standing.rules
    with TemporaryDirectory(prefix="labmodels-drill-") as folder, ExitStack() as open_now:
        failing, sound = open_now.enter_context(Loopback()), open_now.enter_context(Loopback())
        stand_ins = [candidate for candidate in asked.route if candidate.model is None and candidate.skip_reason is None]

        def rehearse(act: Callable[[Rehearsal, Means], Scene], fault: str) -> Scene:
            """Play one act on copies and on breakers of its own."""
            copies = (
                _copy(models[0], failing.address(_wire(models[0]), fault), _LIMITS),
                *(_copy(model, sound.address(_wire(model)), _SOUND_LIMITS) for model in models[1:]),
                *stand_ins,
            )
            with Ledger(Path(folder) / f"{time.monotonic_ns()}.db") as ledger:
                door = _Door(Admission(ledger, rules), router.door(asked.standing))
                providers = {copy.name: _provider(router, copy) for copy in copies}
                rehearsal = Rehearsal(copies, terms, rules, asked.standing.effective.decisions)
                return act(rehearsal, Means(lambda candidate: providers[candidate.name], door))

        def arrived() -> int:
            return len(failing.seen)

        for fault in FAULTS:
            yield rehearse(_playing(fault, failing, arrived), fault.name)
        failing.plan.clear()
        failing.plan.extend(["500"] * _MOST_TRIES)
        yield rehearse(lambda rehearsal, means: play_breaker(rehearsal, means, arrived), "500")
        failing.plan.clear()

        def cloud() -> int:
            """Return how many requests have reached a model that is not local."""
            keys = {_key(model) for model in models if not model.is_local}
            return sum(_key_of(seen.headers) in keys for server in (failing, sound) for seen in server.seen)

        yield rehearse(lambda rehearsal, means: play_fence(rehearsal, means, cloud), "ok")


def _playing(fault: Fault, failing: Loopback, arrived: Callable[[], int]) -> Callable[[Rehearsal, Means], Scene]:
    def act(rehearsal: Rehearsal, means: Means) -> Scene:
        failing.plan.clear()
        failing.plan.extend([fault.name] * _MOST_TRIES)
        return play(fault, rehearsal, means, None if fault.name in ADDRESSES else arrived)

    return act


def _wire(candidate: Candidate) -> str:
    return "anthropic" if candidate.provider == "anthropic" else "openai"


def _copy(candidate: Candidate, address: str, limits: Timeouts) -> Candidate:
    """Return a candidate that is asked at `address` with a key of the drill: its order, retries and context are the live ones."""
    model = candidate.model
    if model is None:
        return candidate
    changes: dict[str, Any] = {
        "provider": _wire(candidate),
        "base_url": address,
        "weights": None,
        "credentials": Credentials(api_key=None),
        "timeouts": limits,
        "retries": model.retries.model_copy(update={"backoff": 0.01, "max_backoff": 0.02}),
        "rate_limits": RateLimits(),
        "budgets": Budgets(),
        "output_checks": [],
        "capabilities": model.capabilities.model_copy(update={"streaming": True}),
    }
    return replace(candidate, provider=_wire(candidate), model=model.model_copy(update=changes), skip_reason=None, ceiling=None)


def _provider(router: LabRouter, copy: Candidate) -> Provider:
    if copy.model is None:
        return router.standing().provider(copy)
    keyed = copy.model.model_copy(update={"credentials": Credentials(api_key="env:DRILL_KEY")})
    return build(keyed, {"DRILL_KEY": _key(copy)})


def _key(candidate: Candidate) -> str:
    """Return the key by which a rehearsal provider knows which model was meant."""
    return f"drill-of-{candidate.name}"


def _key_of(headers: dict[str, str]) -> str:
    return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
