"""labmodels diff: compare releases with each other, or the sources with what is live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import DetailedExitCode, Environment, Json, environment_of
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.releases.content import Content
    from labmodels.releases.store import ReleaseStore

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
    from labmodels.releases.content import changes
    from labmodels.releases.deploy import require_live
    from labmodels.releases.drift import declared
    from labmodels.releases.plan import change_as_json
    from labmodels.terminal.output import emit_json, write
    from labmodels.wiring import default_environment, store_of

    environment = environment_of(env, default_environment(lab))
    store = store_of(lab, environment)
    live = require_live(store)
    before = live.content if first is None else _release(store, first)
    after = declared(lab, store) if first is None else live.content if second is None else _release(store, second)
    names = (f"release {first or live.number}", "the sources" if first is None else f"release {second or live.number}")
    found = changes(before, after)
    if json:
        emit_json(
            {"environment": environment, "before": names[0], "after": names[1], "changes": [change_as_json(change) for change in found]}
        )
    elif found:
        write(f"{environment}: {names[0]} -> {names[1]}\n{change_lines(found)}\n")
    else:
        write(f"{environment}: {names[0]} and {names[1]} are the same\n")
    return ExitCode.CHANGES if detailed_exitcode and found else ExitCode.OK


def _release(store: ReleaseStore, number: int) -> Content:
    release = store.release(number)
    if release is None:
        kept = ", ".join(map(str, sorted(store.numbered()))) or "none"
        raise Usage(
            f"there is no release {number} in {store.folder.name}: kept are {kept}", hint=f"labmodels history --env {store.folder.name}"
        )
    return release.content
