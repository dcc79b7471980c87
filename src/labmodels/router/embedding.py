"""Asks one embedding model for vectors: retries and one deadline, limits and budgets, a row an attempt, as for answers.

There is no fallback: vectors of another model lie in another space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from labmodels.ledger.record import Attempt, new_id
from labmodels.providers.protocol import Answer, Embeddings, ProviderFault, Usage
from labmodels.router.admission import Ending, Entry
from labmodels.router.attempts import Try, digest, ending_of
from labmodels.router.cost import pico_usd
from labmodels.router.outcome import RouteSpent
from labmodels.router.policy import Retry, decide
from labmodels.router.quota import Need, Refusal

if TYPE_CHECKING:
    from labmodels.router.candidates import Candidate
    from labmodels.router.loop import Means, Terms


def embed(texts: Sequence[str], candidate: Candidate, terms: Terms, means: Means) -> Embeddings:
    """Return a vector for each text. Raises NoProvider (RouteSpent) with the reason when there is none to be had."""
    ends_at = means.clock() + terms.deadline_s
    request_id, prompt_sha256 = new_id(), digest("\0".join(texts))
    attempts: list[Attempt] = []
    attempt = Attempt(
        "", request_id, datetime.now(UTC), terms.occasion, candidate.name, candidate.provider, candidate.model_requested, "failed",
        prompt_sha256, caller=terms.caller,
    )  # fmt: skip
    if candidate.skip_reason is not None:
        attempts.append(replace(attempt, id=new_id(), outcome="skipped", reason=candidate.skip_reason))
        means.door.settle(None, attempts, None)
        raise RouteSpent("no vectors", attempts)
    provider = means.provider_for(candidate)
    while True:
        ticket = means.door.admit(_entry(texts, candidate, terms, is_first=not attempts))
        if isinstance(ticket, Refusal):
            attempts.append(replace(attempt, id=new_id(), outcome="skipped", reason=ticket.reason))
            means.door.settle(None, attempts[-1:], None)
            raise RouteSpent("no vectors", attempts, (ticket,))
        began = means.clock()
        begun = Try(replace(attempt, id=new_id(), at=datetime.now(UTC)), candidate, None)
        try:
            found = provider.embed(texts, max(0.0, ends_at - began))
        except ProviderFault as fault:
            attempts.append(begun.failed(fault, None, means.clock() - began, None))
            means.door.settle(ticket, attempts[-1:], ending_of(attempts[-1], fault))
            left_s = ends_at - means.clock()
            step = decide(
                fault.error_class,
                terms.decisions,
                len(attempts),
                candidate.retries,
                left_s,
                retry_after_s=fault.retry_after_s,
                draw=means.rng,
            )
            if left_s <= 0 or not isinstance(step, Retry):
                raise RouteSpent("no vectors", attempts) from None
            means.sleep(step.after_s)
            continue
        except BaseException as error:
            means.door.settle(ticket, [begun.abandoned(type(error).__name__, means.clock() - began, None)], Ending("unknown"))
            raise
        row = begun.answered(_as_answer(found), means.clock() - began, None)
        means.door.settle(ticket, [row], ending_of(row, None))
        return found


def _entry(texts: Sequence[str], candidate: Candidate, terms: Terms, *, is_first: bool) -> Entry:
    """Reserve as many tokens as there are bytes: no tokenizer makes more of them."""
    tokens = sum(len(text.encode("utf-8", "replace")) + 2 for text in texts)
    prices = candidate.prices(datetime.now(UTC))
    cost = pico_usd(prices.cost_usd(Usage(tokens, 0, 0, 0))) if prices else None
    own = (candidate.ceiling,) if candidate.ceiling is not None else ()
    name = f"{terms.occasion.environment}/{candidate.name}" if terms.has_breakers else None
    return Entry(name, (*own, *terms.ceilings), Need(tokens, cost, is_first), candidate.total_s)


def _as_answer(found: Embeddings) -> Answer:
    """Return vectors as the ledger books an answer: nothing is written but numbers, so there are no output tokens."""
    return Answer("", "stop", replace(found.usage, output_tokens=0), found.model_returned)
