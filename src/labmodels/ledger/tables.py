"""The ledger's tables and the forward-only steps that lead an older file to them.

Tokens and cost are null where they are unknown, never 0. Money is whole pico-dollars (1e-12 US dollars): sums in SQL stay exact.
Prompts and answers are not stored; a prompt is known by its SHA-256.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import BigInteger, Boolean, Column, Connection, Float, Index, Integer, MetaData, Table, Text

METADATA = MetaData()

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("at", Text, nullable=False),  # UTC, ISO 8601 with microseconds: sorts as time
    Column("environment", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("profile", Text),
    Column("release", Integer),
    Column("origin", Text, nullable=False),
    Column("candidate", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model_requested", Text, nullable=False),
    Column("model_returned", Text),
    Column("provider_request_id", Text),
    Column("outcome", Text, nullable=False),
    Column("error_class", Text),
    Column("reason", Text),
    Column("finish", Text),
    Column("degraded", Boolean, nullable=False),
    Column("input_tokens", Integer),
    Column("cache_read_tokens", Integer),
    Column("cache_write_tokens", Integer),
    Column("output_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("cost_pico_usd", BigInteger),
    Column("latency_s", Float),
    Column("prompt_sha256", Text, nullable=False),
    Index("attempts_by_time", "at"),
)


# Step n leads an existing file from version n + 1 to n + 2; a new file gets the tables above and the last version at once.
# A step that was shipped never changes; what comes later is appended.
STEPS: tuple[Callable[[Connection], None], ...] = ()
VERSION = 1 + len(STEPS)
