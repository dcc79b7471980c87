"""labmodels models list: what can answer, whether it is well, and what it costs."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING

from labmodels.cli.options import Environment, Json, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.router.explain import Listed


def models_list(lab: Lab, env: Environment = None, json: Json = False) -> int:
    """Show what can answer, its health and its price.

    Prices are US dollars for a million tokens. Health is the breaker and the failures of the last seven days; nothing is asked.
    """
    from labmodels.terminal.output import emit_json, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.inspection import models
    from labmodels.wiring.router import LabRouter

    environment = environment_of(env, default_environment(lab))
    with LabRouter(lab, environment) as router:
        found = models(router)
    if json:
        emit_json({"environment": environment, "models": [asdict(one) for one in found]})
    else:
        write(_text(found))
    return ExitCode.OK


def _text(found: list[Listed]) -> str:
    import sys

    from labmodels.terminal.colour import Paint
    from labmodels.terminal.tables import table

    rows = [
        (
            one.name,
            one.provider,
            one.model,
            one.unavailable or _health(one),
            "unknown" if one.input_usd is None else f"{_money(one.input_usd)} / {_money(one.output_usd)}",
        )
        for one in found
    ]
    return table(("name", "provider", "model", "health", "$ in / out"), rows, Paint.of(sys.stdout)) + "\n"


def _money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount.normalize():f}"


def _health(one: Listed) -> str:
    if one.breaker != "closed":
        return f"breaker {one.breaker}"
    if one.lately is None:
        return "not asked lately"
    return f"{one.lately.attempts - one.lately.failed} of {one.lately.attempts} answered"
