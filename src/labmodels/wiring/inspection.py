"""Looks at the router of a lab without asking anybody: who would be asked and why, what is open, what is used. And closes breakers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from labmodels.config.schema.base import BASIC_NLP, CUSTOM_MODELS
from labmodels.router.admission import Entry, Seen
from labmodels.router.bounds import likely_cost_usd
from labmodels.router.breaker import Breaker
from labmodels.router.candidates import Candidate, unfit
from labmodels.router.explain import BreakerStatus, Explanation, Left, Listed, Place, RouterStatus, Verdict
from labmodels.router.need import need_of
from labmodels.router.quota import PICO, Ceiling, Need, usage_of

if TYPE_CHECKING:
    from labmodels.router.question import Question
    from labmodels.wiring.router import Asked, LabRouter
    from labmodels.wiring.standing import Standing

_NOTHING = Need(0, 0)


def explain(router: LabRouter, question: Question) -> Explanation:
    """Return who would be asked for `question` right now. Raises Usage as asking does."""
    asked = router.prepare(question)
    places: list[Place] = []
    for position, candidate in enumerate(asked.route):
        is_last = all(unfit(one, asked.request, asked.terms.requires) for one in asked.route[position + 1 :])
        is_chosen = any(place.verdict == "chosen" for place in places)
        places.append(_place(router, asked, candidate, is_last=is_last, is_chosen=is_chosen))
    live = asked.standing.live
    return Explanation(
        router.environment,
        live.release.number,
        asked.request.domain or None,
        asked.choice.profile,
        asked.choice.reason,
        asked.order,
        asked.terms.arm,
        tuple(places),
    )


def _place(router: LabRouter, asked: Asked, candidate: Candidate, *, is_last: bool, is_chosen: bool) -> Place:
    now = datetime.now(UTC)
    request = replace(asked.request, parameters=candidate.parameters(asked.request))
    need = need_of(candidate, request, now)
    breaker = f"{router.environment}/{candidate.name}" if candidate.model is not None else None
    own = (candidate.ceiling,) if candidate.ceiling else ()
    entry = Entry(breaker, (*own, *asked.terms.ceilings), need, candidate.total_s)
    seen = router.door(asked.standing).look(entry)
    reason = unfit(candidate, asked.request, asked.terms.requires) or ""
    if not reason and seen.refusal is not None and not (is_last and seen.refusal.kind == "breaker"):
        reason = seen.refusal.reason
    verdict: Verdict = "skipped" if reason else "next" if is_chosen else "chosen"
    prices = candidate.prices(now, parameters=request.parameters)
    return Place(
        candidate.name,
        candidate.provider,
        verdict,
        reason,
        seen.breaker.state(asked.standing.rules, time.time()),
        likely_cost_usd(candidate.model, prices, request) if candidate.model else Decimal(0),
        None if need.cost_pico_usd is None else Decimal(need.cost_pico_usd) / PICO,
        prices.source if prices else None,
        tuple(_left(entry.ceilings, seen)),
        router.measured().get(candidate.name),
        asked.scores.get(candidate.name),
    )


def _left(ceilings: Iterable[Ceiling], seen: Seen) -> Iterator[Left]:
    now = time.time()
    for ceiling in ceilings:
        counts = {window: count for (scope, window), count in seen.counts.items() if scope == ceiling.scope}
        for what, used, limit in usage_of(ceiling, counts, now):
            yield Left(ceiling.owner, what, used, limit)


def status(router: LabRouter) -> RouterStatus:
    """Return the breakers that are not at rest and what is used of every limit and budget, as every process sees them."""
    standing, now = router.standing(), time.time()
    door = router.door(standing)
    breakers = []
    for name, breaker in door.breakers(f"{router.environment}/").items():
        ends_at = breaker.ends_at(standing.rules)
        ends_in_s = None if ends_at is None else max(0.0, ends_at - now)
        state = breaker.state(standing.rules, now)
        breakers.append(BreakerStatus(name.partition("/")[2], state, breaker.failures, breaker.error_class, ends_in_s))
    ceilings = tuple(_ceilings(router, standing))
    seen = door.look(Entry(None, ceilings, _NOTHING))
    rules = standing.rules
    return RouterStatus(router.environment, rules.threshold, rules.cooldown_s, tuple(breakers), tuple(_left(ceilings, seen)))


def _ceilings(router: LabRouter, standing: Standing) -> Iterator[Ceiling]:
    """Yield every ceiling that is live: of models under the default profile, of domains, of the gateway's keys."""
    from labmodels.gateway.keys import caller_of
    from labmodels.ledger.callers import keys

    choice = standing.live.profile(None)
    for name in standing.models:
        if (ceiling := standing.candidate(name, None, choice).ceiling) is not None:
            yield ceiling
    for domain in standing.effective.domains():
        if (specialized := standing.specialized(domain)) is not None:
            scope = f"{router.environment}/domain:{domain}"
            yield Ceiling.of(scope, f"the domain {domain}", specialized.rate_limits, specialized.budgets)
    for caller in (caller_of(key) for key in keys(router.ledger) if key.revoked_at is None):
        yield Ceiling.of(f"{router.environment}/caller:{caller.id}", f"the key {caller.name}", caller.rate_limits, caller.budgets)


def reset(router: LabRouter, names: Sequence[str]) -> list[str]:
    """Close the breakers of `names` (none: all) and return those that were not at rest."""
    scope = f"{router.environment}/"
    closed = router.door(router.standing()).close_breakers(scope, [f"{scope}{name}" for name in names])
    return [name.partition("/")[2] for name in closed]


def models(router: LabRouter) -> list[Listed]:
    """Return what can be asked by name: the live configs, the lab's own models, the built-in."""
    standing, now = router.standing(), datetime.now(UTC)
    choice = standing.live.profile(None)
    breakers = router.door(standing).breakers(f"{router.environment}/")
    found = []
    for name in (*standing.models, *CUSTOM_MODELS, BASIC_NLP):
        one = standing.candidate(name, None, choice)
        prices = one.prices(now)
        flat = prices.tiers[0].prices if prices else None
        breaker = breakers.get(f"{router.environment}/{name}", Breaker())
        listed = Listed(
            name,
            one.provider,
            one.model_requested,
            one.is_local,
            one.model.region if one.model else None,
            one.context_tokens,
            one.skip_reason,
            breaker.state(standing.rules, time.time()),
            router.measured().get(name),
            flat.input if flat else None,
            flat.output if flat else None,
            prices.source if prices else None,
        )
        found.append(listed)
    return found
