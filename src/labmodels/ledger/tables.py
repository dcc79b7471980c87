"""The ledger's tables and the forward-only steps that lead an older file to them.

Tokens and cost are null where they are unknown, never 0. Money is whole pico-dollars (1e-12 US dollars): sums in SQL stay exact.
A prompt is known by its SHA-256; `texts` holds prompts and answers only where the lab opted in, `responses` those of cached domains.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import BigInteger, Boolean, Column, Connection, Float, ForeignKey, Index, Integer, MetaData, Table, Text

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
    Column("cost_source", Text),  # config, genai-prices: where the prices came from
    Column("first_token_s", Float),
    Column("is_cached", Boolean, nullable=False, server_default="0"),
    Column("arm", Text),  # of the domain's A/B test, TEST/control or TEST/candidate
    Column("caller", Text),  # the gateway key that asked
    Index("attempts_by_time", "at"),
    Index("attempts_by_request", "request_id"),
)

# What every process must know of a model before it asks it. Instants are seconds since 1970 by the wall clock, which they share.
BREAKERS = Table(
    "breakers",
    METADATA,
    Column("name", Text, primary_key=True),  # ENVIRONMENT/CANDIDATE
    Column("failures", Integer, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("opened_at", Float),
    Column("probe_until", Float),
    Column("error_class", Text),
)

# What was asked for and spent in a minute, a day, a month (UTC); what is reserved counts until it is settled.
WINDOWS = Table(
    "windows",
    METADATA,
    Column("scope", Text, primary_key=True),  # ENVIRONMENT/model:NAME, ENVIRONMENT/domain:NAME, ENVIRONMENT/caller:ID
    Column("period", Text, primary_key=True),
    Column("starts_at", Integer, primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("cost_pico_usd", BigInteger, nullable=False),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", Text, nullable=False),
    Column("attempt_id", Text, ForeignKey("attempts.id"), nullable=False),
    Column("verdict", Text, nullable=False),  # good, bad
    Column("reason", Text),
    Column("correction", Text),
    Column("by", Text, nullable=False),
    Index("feedback_by_attempt", "attempt_id"),
)

TEXTS = Table(
    "texts",
    METADATA,
    Column("request_id", Text, primary_key=True),
    Column("prompt", Text, nullable=False),  # the messages as JSON
    Column("answer", Text),
)

RESPONSES = Table(
    "responses",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("expires_at", Float, nullable=False),
    Column("attempt_id", Text, nullable=False),  # the one that was paid for
    Column("answer", Text, nullable=False),
)

# Who may ask through the gateway. A key is known by its SHA-256: it has too much entropy for guessing to need a slow hash.
CALLERS = Table(
    "callers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key_sha256", Text, nullable=False, unique=True),
    Column("domains", Text, nullable=False),  # JSON list; empty is all
    Column("limits", Text, nullable=False),  # JSON: rate limits and budgets
    Column("created_at", Text, nullable=False),
    Column("revoked_at", Text),
)


def _router(connection: Connection) -> None:
    """Version 2: breakers, windows, feedback, texts, responses, callers, and more about each attempt."""
    for column in ("cost_source TEXT", "first_token_s FLOAT", "is_cached BOOLEAN DEFAULT 0 NOT NULL", "arm TEXT", "caller TEXT"):
        connection.exec_driver_sql(f"ALTER TABLE attempts ADD COLUMN {column}")
    connection.exec_driver_sql("CREATE INDEX attempts_by_request ON attempts (request_id)")
    for table in (BREAKERS, WINDOWS, FEEDBACK, TEXTS, RESPONSES, CALLERS):
        table.create(connection)


# Step n leads an existing file from version n + 1 to n + 2; a new file gets the tables above and the last version at once.
# A step that was shipped never changes; what comes later is appended.
STEPS: tuple[Callable[[Connection], None], ...] = (_router,)
VERSION = 1 + len(STEPS)
