"""labmodels init: lay out the starter lab in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import ExitCode

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Where the lab goes; created if need be.", show_default=False)]


def init(folder: Folder, json: Json = False) -> int:
    """Lay out the starter lab in DIR.

    Existing files are kept as they are, so that it can be run again; what is missing is added.
    """
    from shlex import quote

    from labmodels.starter import lay_out
    from labmodels.terminal.output import emit_json, is_quiet, say, write

    written, kept = lay_out(folder)
    if json:
        emit_json({"lab": folder.absolute(), "written": written, "kept": kept})
    elif not is_quiet():
        write(f"{folder}: {len(written)} files written, {len(kept)} kept as they are\n")
        if written:
            enter = "" if folder.absolute() == Path.cwd() else f"cd {quote(str(folder))} && "
            say(f"next: {enter}labmodels validate-config && labmodels deploy-config --all")
    return ExitCode.OK
