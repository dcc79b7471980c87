"""labmodels plan: what a deployment would change, key by key; perhaps saved for deploy-config --plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from labmodels.cli.options import DetailedExitCode, Environment, Json, Settings, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

Configs = Annotated[
    list[str] | None, typer.Argument(metavar="CONFIG", help="Paths or names; nothing means everything.", show_default=False)
]
Everything = Annotated[bool, typer.Option("--all", help="Everything in the lab, the default.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the plan for deploy-config --plan.", show_default=False)
]


def plan(
    lab: Lab, configs: Configs = None, everything: Everything = False, env: Environment = None, set_: Settings = None,
    output: Output = None, detailed_exitcode: DetailedExitCode = False, json: Json = False,
) -> int:  # fmt: skip
    """Show what a deployment would change, key by key.

    Changes nothing. Secrets appear as references only.
    """
    from labmodels.cli.plans import render_plan, save_plan
    from labmodels.releases.deploy import plan as make
    from labmodels.terminal.output import emit_json, say
    from labmodels.wiring import default_environment, request_of, store_of

    environment = environment_of(env, default_environment(lab))
    request = request_of(lab, environment, [] if everything else configs or [], set_ or [])
    made = make(lab, store_of(lab, environment), request, os.environ)
    if json:
        from labmodels.releases.plan import as_json

        emit_json(as_json(made))
    else:
        render_plan(made)
    if output is not None:
        save_plan(made, output)
        say(f"saved: labmodels deploy-config --plan {output}")
    return ExitCode.CHANGES if detailed_exitcode and not made.is_empty else ExitCode.OK
