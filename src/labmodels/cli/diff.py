"""labmodels diff: compare releases with each other, or the sources with what is live."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from labmodels.cli.options import DetailedExitCode, Environment, Json, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

First = Annotated[int | None, typer.Argument(metavar="A", help="A release; alone, it is compared with the live one.", show_default=False)]
Second = Annotated[int | None, typer.Argument(metavar="B", help="Another release.", show_default=False)]


def diff(
    lab: Lab,
    first: First = None,
    second: Second = None,
    env: Environment = None,
    detailed_exitcode: DetailedExitCode = False,
    json: Json = False,
) -> int:
    """Compare releases, or the sources with what is live.

    Without arguments: what is live against what the sources say now.
    """
    from labmodels.cli.plans import change_lines
    from labmodels.releases.candidate import Tree
    from labmodels.releases.content import changes
    from labmodels.releases.drift import declared
    from labmodels.releases.history import kept_release
    from labmodels.releases.plan import change_as_json
    from labmodels.releases.store import require_live
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, write
    from labmodels.wiring import default_environment, store_of

    environment = environment_of(env, default_environment(lab))
    store = store_of(lab, environment)
    if first is None:
        live = require_live(store)
        before, after = live.content, declared(Tree(lab), environment, live)
        names = (f"release {live.number}", "the sources")
    else:
        older, newer = kept_release(store, first), require_live(store) if second is None else kept_release(store, second)
        before, after = older.content, newer.content
        names = (f"release {older.number}", f"release {newer.number}")
    found = changes(before, after)
    if json:
        emit_json(
            {"environment": environment, "before": names[0], "after": names[1], "changes": [change_as_json(change) for change in found]}
        )
    elif found:
        write(f"{environment}: {names[0]} -> {names[1]}\n{change_lines(found, Paint.of(sys.stdout))}\n")
    else:
        write(f"{environment}: {names[0]} and {names[1]} are the same\n")
    return ExitCode.CHANGES if detailed_exitcode and found else ExitCode.OK
