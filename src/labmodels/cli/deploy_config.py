"""labmodels deploy-config: plan, ask, then make configurations live behind a gate."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Environment, Json, LockWait, Settings, Why, Yes, environment_of
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.releases.candidate import Request
    from labmodels.releases.deploy import Outcome
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
    from labmodels.terminal.output import is_quiet
    from labmodels.terminal.prompt import confirm
    from labmodels.wiring import default_environment, probe_of, request_of, store_of

    _require_one(configs, everything, plan, set_)
    expected: tuple[Plan, str] | None = None
    if plan is not None:
        expected = (load_plan(plan), str(plan))
        request = expected[0].request
        if env is not None and env != request.environment:
            raise Usage(f"{plan} is for {request.environment}, not for {env}", hint=f"labmodels plan --env {env} -o NEW.json")
    else:
        request = request_of(lab, environment_of(env, default_environment(lab)), [] if everything else configs or [], set_ or [])
    store = store_of(lab, request.environment)
    if plan is None and yes:
        _refuse_unseen_overrides(request)
    elif plan is None:
        shown = make(lab, store, request, os.environ)
        if not shown.is_empty:
            render_plan(shown, sys.stderr if json or is_quiet() else sys.stdout)
            confirm(f"Deploy this to {request.environment} of {lab.root}?", assume_yes=False, instead="--yes or --plan")
            expected = (shown, "the plan shown")
    gate = probe_of(lab, request.environment) if probe else None
    outcome = deploy(lab, store, request, os.environ, expected=expected, probe=gate, why=why, lock_wait_s=lock_wait)
    _report(request.environment, outcome, json)
    return ExitCode.OK


def _require_one(configs: Sequence[str] | None, everything: bool, plan: Path | None, settings: Sequence[str] | None) -> None:
    """Raise Usage unless the command line says, once, what is deployed."""
    if plan is not None and (configs or everything or settings):
        raise Usage("--plan says what is deployed: give no CONFIG, --all or --set with it", hint="labmodels deploy-config --plan FILE")
    if plan is None and not configs and not everything:
        raise Usage("say what to deploy: CONFIG..., --all or --plan FILE", hint="labmodels plan shows what --all would change")


def _refuse_unseen_overrides(request: Request) -> None:
    """Raise Usage where values set by hand would reach production without anybody having seen them in a plan."""
    from labmodels.releases.live import PRODUCTION
    from labmodels.releases.overrides import VARIABLE_PREFIX

    unseen = ["--set"] * bool(request.settings) + sorted(name for name in os.environ if name.startswith(VARIABLE_PREFIX))
    if request.environment == PRODUCTION and unseen:
        raise Usage(
            f"{', '.join(unseen)}: with --yes nobody would see what this sets in {PRODUCTION}",
            hint=f"labmodels plan --env {PRODUCTION} ... -o p.json shows and saves it; then labmodels deploy-config --plan p.json",
        )


def _report(environment: str, outcome: Outcome, as_json: bool) -> None:
    from labmodels.cli.plans import counted
    from labmodels.terminal.output import emit_json, is_quiet, write

    release, plan = outcome.release, outcome.plan
    if as_json:
        emit_json(
            {
                "environment": environment,
                "release": release.number,
                "digest": release.digest,
                "is_new": outcome.is_new,
                "changes": len(plan.changes) if outcome.is_new else 0,
                "overrides": list(plan.overrides),
                "repairs": list(plan.repairs) if outcome.is_new else [],
            }
        )
    elif is_quiet():
        return
    elif outcome.is_new:
        lines = [f"{environment}: {release.label} is live, {counted(plan.changes)} changed"]
        lines += [f"  repaired: {fault}" for fault in plan.repairs]
        lines += [f"  set by hand: {override}" for override in plan.overrides]
        write("\n".join(lines) + "\n")
    else:
        write(f"{environment}: nothing to do, {release.label} already is this state\n")
