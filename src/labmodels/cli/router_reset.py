"""labmodels router reset: close breakers by hand, once what was broken is mended."""

from __future__ import annotations

from typing import Annotated

import typer

from labmodels.cli.options import Environment, Json, environment_of
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

Models = Annotated[list[str] | None, typer.Argument(metavar="MODEL...", help="Whose breakers; else all.", show_default=False)]


def router_reset(lab: Lab, models: Models = None, env: Environment = None, json: Json = False) -> int:
    """Close breakers by hand.

    The next request is let through at once. Limits and budgets stay as they are: what was spent is spent.
    """
    from labmodels.terminal.output import emit_json, is_quiet, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.inspection import reset
    from labmodels.wiring.router import LabRouter

    environment = environment_of(env, default_environment(lab))
    with LabRouter(lab, environment) as router:
        known = router.standing().models
        if unknown := [name for name in models or [] if name not in known]:
            raise Usage(f"no model is called {unknown[0]} in {environment}", hint=f"live: {', '.join(known)}")
        closed = reset(router, models or [])
    if json:
        emit_json({"environment": environment, "closed": closed})
    elif not is_quiet():
        told = f"closed {', '.join(closed)}" if closed else "nothing to do, no breaker has counted a failure"
        write(f"{environment}: {told}\n")
    return ExitCode.OK
