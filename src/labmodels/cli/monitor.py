"""labmodels monitor: what the models did, from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Domain, EnvironmentOrAll, Json, environment_of, parse_duration_option
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.ledger.queries import ModelSummary

Since = Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back, e.g. 24h or 7d.")]


def monitor(lab: Lab, since: Since = "24h", domain: Domain = None, env: EnvironmentOrAll = None, json: Json = False) -> int:
    """Show what the models did.

    Attempts of real requests only: tests, probes, canaries and drills do not count.
    """
    import os
    import sys
    from datetime import UTC, datetime, timedelta

    from labmodels.ledger.queries import summary
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, write
    from labmodels.terminal.tables import table
    from labmodels.wiring import ledger_of

    seconds = parse_duration_option(since, "--since") or 0.0
    environment = environment_of(env, "") if env or os.environ.get("LABMODELS_ENV") else None
    found: list[ModelSummary] = []
    if lab.ledger_file.exists():
        with ledger_of(lab) as ledger:
            found = summary(ledger, datetime.now(UTC) - timedelta(seconds=seconds), environment=environment, domain=domain)
    if json:
        emit_json({"since": since, "environment": environment, "domain": domain, "models": [_as_json(one) for one in found]})
    elif not found:
        where = f" in {environment}" if environment else ""
        about = f" about {domain}" if domain else ""
        write(f"no requests in the last {since}{where}{about}\n")
    else:
        write(
            table(
                ("model", "asked", "ok", "failed", "skipped", "p50 s", "p95 s", "tokens", "cost $", "last error"),
                [_row(one) for one in found],
                Paint.of(sys.stdout),
            )
            + "\n"
        )
    return ExitCode.OK


def _row(one: ModelSummary) -> tuple[object, ...]:
    tokens: object = one.input_tokens + one.output_tokens
    if one.tokens_unknown:
        tokens = f"{tokens}+?"
    cost: object = f"{one.cost_usd:f}+?" if one.cost_unknown else one.cost_usd
    return (
        one.candidate, one.requests, one.ok, one.failed, one.skipped, _rounded(one.p50_latency_s), _rounded(one.p95_latency_s),
        tokens, cost, one.last_error_class or "-",
    )  # fmt: skip


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _as_json(one: ModelSummary) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(one)
