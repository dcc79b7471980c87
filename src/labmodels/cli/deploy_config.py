"""labmodels deploy-config: plan, ask, then make configurations live behind a gate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Environment, Json, LockWait, Settings, Why, Yes, environment_of
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.releases.plan import Plan

Configs = Annotated[
    list[str] | None, typer.Argument(metavar="CONFIG", help="Paths or names; everything else stays as it is live.", show_default=False)
]
Everything = Annotated[bool, typer.Option("--all", help="Deploy everything in the lab.")]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="Deploy what `labmodels plan -o FILE` saved, if it still holds.", show_default=False),
]
Probe = Annotated[
    bool, typer.Option("--probe", help="Before going live, send one small real request to each changed model that can be asked.")
]


def deploy_config(
    lab: Lab, configs: Configs = None, everything: Everything = False, env: Environment = None, plan: PlanFile = None,
    set_: Settings = None, probe: Probe = False, yes: Yes = False, why: Why = "", lock_wait: LockWait = 60.0, json: Json = False,
) -> int:  # fmt: skip
    """Make configurations live in an environment.

    Shows the plan and asks; without a terminal it wants --yes or --plan. Doing it twice is a no-op.
    """
    from labmodels.cli.plans import render_plan
    from labmodels.releases.deploy import deploy
    from labmodels.releases.deploy import plan as make
    from labmodels.releases.plan import load_plan
    from labmodels.terminal.output import emit_json, write
    from labmodels.terminal.prompt import confirm
    from labmodels.wiring import default_environment, probe_of, request_of, store_of

    expected: tuple[Plan, str] | None = None
    if plan is not None:
        if configs or everything or set_:
            raise Usage("--plan says what is deployed: give no CONFIG, --all or --set with it", hint="labmodels deploy-config --plan FILE")
        expected = (load_plan(plan), str(plan))
        request = expected[0].request
        if env is not None and env != request.environment:
            raise Usage(f"{plan} is for {request.environment}, not for {env}", hint=f"labmodels plan --env {env} -o NEW.json")
    else:
        if not configs and not everything:
            raise Usage("say what to deploy: CONFIG..., --all or --plan FILE", hint="labmodels plan shows what --all would change")
        request = request_of(lab, environment_of(env, default_environment(lab)), [] if everything else configs or [], set_ or [])
    store = store_of(lab, request.environment)
    if plan is None and not yes:
        shown = make(lab, store, request, os.environ)
        if not shown.is_empty:
            render_plan(shown)
            confirm(f"Deploy this to {request.environment} of {lab.root}?", assume_yes=False)
            expected = (shown, "the plan shown")
    outcome = deploy(
        lab,
        store,
        request,
        os.environ,
        expected=expected,
        probe=probe_of(lab, request.environment) if probe else None,
        why=why,
        lock_wait_s=lock_wait,
    )
    if json:
        emit_json(
            {
                "environment": request.environment,
                "release": outcome.release.number,
                "digest": outcome.release.digest,
                "is_new": outcome.is_new,
                "changes": len(outcome.plan.changes),
            }
        )
    elif outcome.is_new:
        write(f"{request.environment}: {outcome.release.label} is live, {len(outcome.plan.changes)} keys changed\n")
    else:
        write(f"{request.environment}: nothing to do, {outcome.release.label} already is this state\n")
    return ExitCode.OK
