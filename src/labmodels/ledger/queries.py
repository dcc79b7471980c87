"""Reads the ledger: what each model did in a span of time. Percentiles are of answered attempts, by nearest rank."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from labmodels.ledger.record import Ledger, Origin, instant

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

PICO = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What one candidate did. Attempts that were skipped cost nothing; of the others, `cost_unknown` have no known cost."""

    candidate: str
    provider: str
    requests: int
    ok: int
    failed: int
    skipped: int
    degraded: int
    p50_latency_s: float | None
    p95_latency_s: float | None
    input_tokens: int
    output_tokens: int
    tokens_unknown: int
    cost_usd: Decimal
    cost_unknown: int
    last_error_class: str | None
    last_at: str


def summary(
    ledger: Ledger,
    since: datetime,
    *,
    environment: str | None = None,
    domain: str | None = None,
    origins: Sequence[Origin] = ("live",),
) -> list[ModelSummary]:
    """Return what each candidate did since an aware instant, the busiest first."""
    from sqlalchemy import select

    from labmodels.ledger.tables import ATTEMPTS

    columns = ATTEMPTS.c
    wanted: list[ColumnElement[bool]] = [columns.at >= instant(since), columns.origin.in_(origins)]
    if environment is not None:
        wanted.append(columns.environment == environment)
    if domain is not None:
        wanted.append(columns.domain == domain)
    query = select(ATTEMPTS).where(*wanted).order_by(columns.at, columns.id)
    attempts: dict[tuple[str, str], list[Any]] = defaultdict(list)
    with ledger.reading() as connection:
        for row in connection.execute(query):
            attempts[row.candidate, row.provider].append(row)
    found = [_summarise(*key, rows) for key, rows in attempts.items()]
    return sorted(found, key=lambda one: (-one.requests, one.candidate, one.provider))


def _summarise(candidate: str, provider: str, rows: Sequence[Any]) -> ModelSummary:
    asked = [row for row in rows if row.outcome != "skipped"]
    answered = [row for row in asked if row.outcome == "ok"]
    latencies = sorted(row.latency_s for row in answered if row.latency_s is not None)
    failures = [row.error_class for row in asked if row.outcome == "failed"]
    known = [row.cost_pico_usd for row in asked if row.cost_pico_usd is not None]
    return ModelSummary(
        candidate,
        provider,
        requests=len({row.request_id for row in rows}),
        ok=len(answered),
        failed=len(failures),
        skipped=len(rows) - len(asked),
        degraded=sum(row.degraded for row in answered),
        p50_latency_s=percentile(latencies, 0.5),
        p95_latency_s=percentile(latencies, 0.95),
        input_tokens=sum(row.input_tokens or 0 for row in asked),
        output_tokens=sum(row.output_tokens or 0 for row in asked),
        tokens_unknown=sum(row.input_tokens is None or row.output_tokens is None for row in asked),
        cost_usd=Decimal(sum(known)) / PICO,
        cost_unknown=len(asked) - len(known),
        last_error_class=failures[-1] if failures else None,
        last_at=rows[-1].at,
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile of ascending values; None without values."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


@dataclass(frozen=True, slots=True)
class Lately:
    """What one candidate did in its latest live attempts."""

    attempts: int
    failed: int
    good: int
    bad: int
    latency_s: float | None  # median of the answered
    cost_usd: float | None  # mean of those whose cost is known


def lately(ledger: Ledger, environment: str, since: datetime, most: int = 500) -> dict[str, Lately]:
    """Return what each candidate did in its last `most` live attempts since an aware instant, and what people thought of them."""
    from sqlalchemy import case, func, select

    from labmodels.ledger.tables import ATTEMPTS, FEEDBACK

    columns = ATTEMPTS.c
    place = func.row_number().over(partition_by=columns.candidate, order_by=columns.at.desc()).label("place")
    live = (columns.origin == "live", columns.environment == environment, columns.at >= instant(since), columns.is_cached.is_(False))
    opinions = (
        select(
            FEEDBACK.c.attempt_id,
            func.sum(case((FEEDBACK.c.verdict == "good", 1), else_=0)).label("good"),
            func.sum(case((FEEDBACK.c.verdict == "bad", 1), else_=0)).label("bad"),
        )
        .group_by(FEEDBACK.c.attempt_id)
        .subquery()
    )
    recent = (
        select(columns.candidate, columns.outcome, columns.latency_s, columns.cost_pico_usd, opinions.c.good, opinions.c.bad, place)
        .select_from(ATTEMPTS.outerjoin(opinions, opinions.c.attempt_id == columns.id))
        .where(*live, columns.outcome.in_(("ok", "failed")))
        .subquery()
    )
    rows: dict[str, list[Any]] = defaultdict(list)
    with ledger.reading() as connection:
        for row in connection.execute(select(recent).where(recent.c.place <= most)):
            rows[row.candidate].append(row)
    return {name: _lately(found) for name, found in rows.items()}


def _lately(rows: Sequence[Any]) -> Lately:
    latencies = sorted(row.latency_s for row in rows if row.outcome == "ok" and row.latency_s is not None)
    costs = [row.cost_pico_usd for row in rows if row.cost_pico_usd is not None]
    return Lately(
        attempts=len(rows),
        failed=sum(row.outcome == "failed" for row in rows),
        good=sum(row.good or 0 for row in rows),
        bad=sum(row.bad or 0 for row in rows),
        latency_s=percentile(latencies, 0.5),
        cost_usd=float(Decimal(sum(costs)) / PICO / len(costs)) if costs else None,
    )
