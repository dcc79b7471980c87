"""Stored answers for equal requests of a domain that opted in. A hit is marked, bills nothing and has no latency.

The key covers everything that an answer depends on: what is live, how it is asked, and every word of the request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from labmodels.providers.protocol import Answer, Request, Source, ToolCall, Usage

if TYPE_CHECKING:
    from labmodels.ledger.record import Attempt, Ledger


def cache_key(request: Request, prompt: str, *circumstances: object) -> str:
    """Return the key of `request`, whose `prompt` is its text as JSON; `circumstances` are what is live and asked for besides."""
    parameters = request.parameters.model_dump(mode="json", exclude_unset=True) if request.parameters else None
    told = [prompt, request.domain, parameters, request.tool_choice, request.has_parallel_calls, *circumstances]
    return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def find(ledger: Ledger, key: str, now: float) -> tuple[str, Answer] | None:
    """Return the attempt that was paid for and its answer, when one is stored that still holds."""
    from sqlalchemy import select

    from labmodels.ledger.tables import RESPONSES

    query = select(RESPONSES.c.attempt_id, RESPONSES.c.answer).where(RESPONSES.c.key == key, RESPONSES.c.expires_at > now)
    with ledger.reading() as connection:
        row = connection.execute(query).first()
    return (row.attempt_id, _answer(json.loads(row.answer))) if row else None


def paid_for(ledger: Ledger, attempt_id: str) -> Mapping[str, Any] | None:
    """Return the row of the attempt that a stored answer was paid with, where the ledger still has it."""
    from sqlalchemy import select

    from labmodels.ledger.tables import ATTEMPTS

    columns = ATTEMPTS.c
    query = select(columns.candidate, columns.provider, columns.model_requested).where(columns.id == attempt_id)
    with ledger.reading() as connection:
        row = connection.execute(query).first()
    return dict(row._mapping) if row else None


def storing(key: str, attempt: Attempt, answer: Answer, now: float, keep_s: float) -> Sequence[Any]:
    """Return the statements that store `answer` until `now` + `keep_s`; none for one that another model would better."""
    from sqlalchemy.dialects.sqlite import insert

    from labmodels.ledger.tables import RESPONSES

    if answer.degraded or answer.finish != "stop" or attempt.occasion.origin != "live":
        return ()
    values = {"expires_at": now + keep_s, "attempt_id": attempt.id, "answer": json.dumps(asdict(answer))}
    statement = insert(RESPONSES).values(key=key, **values)
    return (
        RESPONSES.delete().where(RESPONSES.c.expires_at <= now),
        statement.on_conflict_do_update(index_elements=["key"], set_=values),
    )


def as_hit(attempt: Attempt, paid: Mapping[str, Any] | None, answer: Answer) -> Attempt:
    """Return the row of a hit, under the name of the candidate whose answer was `paid` for."""
    nothing: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0, "cost_pico_usd": 0, "cost_source": "cache", "is_cached": True}
    return replace(attempt, outcome="ok", finish=answer.finish, model_returned=answer.model_returned, **nothing, **(paid or {}))


def _answer(data: dict[str, Any]) -> Answer:
    return Answer(
        **{
            **data,
            "usage": Usage(**data["usage"]),
            "sources": tuple(Source(**source) for source in data["sources"]),
            "tool_calls": tuple(ToolCall(**call) for call in data["tool_calls"]),
        }
    )
