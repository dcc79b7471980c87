"""labmodels router status: breakers, windows and budgets, as every process of the lab sees them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from labmodels.cli.options import Environment, Json, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.router.explain import RouterStatus


def router_status(lab: Lab, env: Environment = None, json: Json = False) -> int:
    """Show breakers, windows and budgets as every process sees them.

    What is reserved for requests that are under way counts as used.
    """
    from labmodels.terminal.output import emit_json, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.inspection import status
    from labmodels.wiring.router import LabRouter

    with LabRouter(lab, environment_of(env, default_environment(lab))) as router:
        found = status(router)
    if json:
        emit_json(asdict(found))
    else:
        write(_text(found))
    return ExitCode.OK


def _text(found: RouterStatus) -> str:
    import sys

    from labmodels.terminal.colour import Paint
    from labmodels.terminal.tables import table

    paint = Paint.of(sys.stdout)
    rules = f"open after {found.threshold} failures in a row, for {found.cooldown_s:g} s"
    if found.breakers:
        rows = [
            (one.name, one.state, one.failures, one.error_class, None if one.ends_in_s is None else round(one.ends_in_s))
            for one in found.breakers
        ]
        breakers = f"breakers ({rules})\n" + table(("model", "state", "failures", "last error", "ends in s"), rows, paint)
    else:
        breakers = f"breakers: all closed ({rules})"
    if not found.used:
        return f"{found.environment}: {breakers}\nno limit or budget is declared\n"
    rows_used = [(left.owner, left.what, left.used, left.limit) for left in found.used]
    return f"{found.environment}: {breakers}\n" + table(("of", "what", "used", "limit"), rows_used, paint) + "\n"
