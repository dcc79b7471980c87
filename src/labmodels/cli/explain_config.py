"""labmodels explain-config: a value, where it comes from, and everything it shadows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from labmodels.cli.options import Domain, Environment, Json, Profile, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.config.layers import Origin
    from labmodels.releases.explain import Explanation

Key = Annotated[
    str,
    typer.Argument(metavar="KEY", help="e.g. gpt-4.parameters.temperature, or model_integration.fallback_strategy.", show_default=False),
]
Release = Annotated[
    int | None, typer.Option("--release", metavar="N", help="As it is in a release; else as the sources say it now.", show_default=False)
]


def explain_config(
    lab: Lab, key: Key, env: Environment = None, domain: Domain = None, profile: Profile = None, release: Release = None, json: Json = False
) -> int:
    """Show a value, where it comes from, and what it shadows."""
    import os

    from labmodels.releases.explain import explain
    from labmodels.terminal.output import emit_json, write
    from labmodels.wiring import default_environment, store_of

    environment = environment_of(env, default_environment(lab))
    found = explain(lab, store_of(lab, environment), key, domain=domain, profile=profile, release=release, environ=os.environ)
    if json:
        emit_json({"environment": environment, "release": release, "profile": found[0].profile, "keys": [_as_json(one) for one in found]})
    else:
        write("\n".join(_lines(one) for one in found) + "\n")
    return ExitCode.OK


def _as_json(one: Explanation) -> dict[str, Any]:
    return {
        "key": one.key,
        "value": one.value,
        "origins": [{"layer": origin.layer.name, "value": origin.value, "place": _place(origin)} for origin in one.origins],
    }


def _lines(one: Explanation) -> str:
    import json

    from labmodels.secrets import redact

    lines = [f"{one.key} = {redact(json.dumps(one.value, ensure_ascii=False))}"]
    for index, origin in enumerate(one.origins):
        value = "" if index == 0 else f" {redact(json.dumps(origin.value, ensure_ascii=False, default=str))} of"
        verb = "from" if index == 0 else "shadows"
        place = _place(origin)
        lines.append(f"  {verb}{value} {origin.layer.name}{f' ({place})' if place else ''}")
    return "\n".join(lines)


def _place(origin: Origin) -> str | None:
    from labmodels.terminal.report import shown_path

    span = origin.layer.span_of(origin.path)
    return f"{shown_path(span.path)}:{span.line}:{span.column}" if span else None
