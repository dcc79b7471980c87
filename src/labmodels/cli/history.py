"""labmodels history: what happened in an environment."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from labmodels.cli.options import Environment, Json, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

Last = Annotated[int, typer.Option("--last", "-n", metavar="N", help="Only the newest N; 0 is all.", min=0)]


def history(lab: Lab, env: Environment = None, last: Last = 20, json: Json = False) -> int:
    """Show what happened in an environment.

    Deployments, rollbacks and switches, the newest last: who, when, from what to what, and why.
    """
    from labmodels.releases.history import history as read
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, write
    from labmodels.terminal.tables import table
    from labmodels.wiring import default_environment, store_of

    environment = environment_of(env, default_environment(lab))
    steps = read(store_of(lab, environment))
    shown = steps[-last:] if last else steps
    if json:
        emit_json(
            {
                "environment": environment,
                "steps": [{"id": s.id, "at": s.at, "by": s.by, "what": s.what, "outcome": s.outcome, **s.details} for s in shown],
            }
        )
    elif not steps:
        write(f"{environment}: nothing has happened yet\n")
    else:
        rows = [
            (
                step.at[:19].replace("T", " "),
                step.what,
                _subject(step.what, step.details),
                step.outcome,
                step.by,
                step.details.get("why") or "-",
            )
            for step in shown
        ]
        write(table(("when (UTC)", "what", "subject", "outcome", "by", "why"), rows, Paint.of(sys.stdout)) + "\n")
    return ExitCode.OK


def _subject(what: str, details: dict[str, object]) -> str:
    if what == "switch":
        domain = "every domain" if details["domain"] == "*" else details["domain"]
        ends = min((str(at) for at in (details.get("expires_at"), details.get("confirm_by")) if at), default="")
        until = f" until {ends[:19].replace('T', ' ')}{' unless confirmed' * bool(details.get('confirm_by'))}" if ends else ""
        return f"{domain}: {details['from'] or 'no profile'} -> {details['to'] or 'no profile'}{until}"
    if what == "confirm":
        return ", ".join(map(str, details["domains"])) if isinstance(details["domains"], list) else ""
    origin = f" = {details['rollback_of']}" if details.get("rollback_of") else ""
    return f"release {details['release']}{origin} ({str(details['digest'])[:12]})"
