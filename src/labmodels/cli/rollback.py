"""labmodels rollback: make an earlier release live again, as a new release."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from labmodels.cli.options import Environment, Json, LockWait, Why, Yes, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

Number = Annotated[
    int | None,
    typer.Argument(metavar="N", help="The release to go back to; else the last good one before the live one.", show_default=False),
]


def rollback(
    lab: Lab,
    number: Number = None,
    env: Environment = None,
    yes: Yes = False,
    why: Why = "",
    lock_wait: LockWait = 60.0,
    json: Json = False,
) -> int:
    """Make an earlier release live again.

    The rollback is itself a release: nothing of the history is lost, and it can be undone.
    """
    from labmodels.cli.plans import render_plan
    from labmodels.releases.deploy import plan_rollback
    from labmodels.releases.deploy import rollback as roll_back
    from labmodels.terminal.output import emit_json, is_quiet, write
    from labmodels.terminal.prompt import confirm
    from labmodels.wiring import default_environment, store_of

    environment = environment_of(env, default_environment(lab))
    store = store_of(lab, environment)
    expected_live = None
    if not yes:
        live, target, shown = plan_rollback(store, number)
        if not shown.is_empty:
            render_plan(shown, sys.stderr if json or is_quiet() else sys.stdout)
            confirm(f"Roll {environment} of {lab.root} back from {live.label} to {target.label}?", assume_yes=False)
            expected_live, number = live.number, target.number
    outcome = roll_back(store, number, expected_live=expected_live, why=why, lock_wait_s=lock_wait)
    origin = outcome.release.rollback_of
    if json:
        emit_json(
            {
                "environment": environment,
                "release": outcome.release.number,
                "digest": outcome.release.digest,
                "rollback_of": origin,
                "is_new": outcome.is_new,
            }
        )
    elif outcome.is_new and not is_quiet():
        write(f"{environment}: {outcome.release.label} is live, with the content of release {origin}\n")
    elif not is_quiet():
        write(f"{environment}: nothing to do, {outcome.release.label} already is this state\n")
    return ExitCode.OK
