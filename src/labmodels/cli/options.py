"""Options that several commands share, each defined once."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from labmodels.errors import Usage

Json = Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")]
Environment = Annotated[
    str | None,
    typer.Option("--env", metavar="ENV", help="dev, test or production; else LABMODELS_ENV, else the lab's default.", show_default=False),
]
EnvironmentOrAll = Annotated[
    str | None, typer.Option("--env", metavar="ENV", help="dev, test or production; else LABMODELS_ENV, else all.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a value for this deployment; repeatable.", show_default=False)
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, kept in the history.", show_default=False)]
LockWait = Annotated[float, typer.Option("--lock-wait", metavar="SECONDS", help="How long to wait for another command.", min=0)]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="A released performance profile.", show_default=False)]
Domain = Annotated[
    str | None, typer.Option("--domain", metavar="NAME", help="What it is about: documentation, code_analysis, ...", show_default=False)
]
Target = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="Ask a config, a domain or auto (the best by measure); else the domain's route.", show_default=False
    ),
]
LocalOnly = Annotated[bool, typer.Option("--local-only", help="Nothing leaves the lab's machines.")]
MaxCost = Annotated[
    str | None, typer.Option("--max-cost", metavar="DOLLARS", help="What the request may cost at most, e.g. 0.02.", show_default=False)
]
DetailedExitCode = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 10 when there are changes or drift.")]


def parse_duration_option(text: str | None, option: str) -> float | None:
    """Return the seconds of an option such as 2h or 10m; raise Usage."""
    if text is None:
        return None
    from pydantic_core import PydanticCustomError

    from labmodels.config.units import parse_duration

    try:
        seconds = parse_duration(text)
    except PydanticCustomError:
        seconds = 0.0
    if seconds <= 0:
        raise Usage(f"{option} {text} is not a duration", hint=f"e.g. {option} 2h, {option} 10m or {option} '1h 30m'")
    return seconds


def environment_of(given: str | None, default: str) -> str:
    """Return the environment that a command is about: the option, LABMODELS_ENV, or the lab's default. Raises Usage for an unknown one."""
    from labmodels.config.schema.base import ENVIRONMENTS

    name = given or os.environ.get("LABMODELS_ENV") or default
    if name not in ENVIRONMENTS:
        origin = "--env" if given else "LABMODELS_ENV" if os.environ.get("LABMODELS_ENV") else "default_environment"
        raise Usage(f"{origin} {name}: no environment is called that", hint=f"one of {', '.join(ENVIRONMENTS)}")
    return name
