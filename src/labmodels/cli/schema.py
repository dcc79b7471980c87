"""labmodels schema: print the JSON Schema of a kind of configuration, for editors and other tools."""

from __future__ import annotations

from typing import Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import ExitCode, Usage

KindName = Annotated[
    str | None, typer.Argument(metavar="KIND", help="language_model, fallback, ...; nothing lists the kinds.", show_default=False)
]


def schema(kind: KindName = None, json: Json = False) -> int:
    """Print the JSON Schema of a kind of configuration.

    The shipped files name these schemas in their first line, so that editors complete and check while you type.
    """
    from json import dumps

    from labmodels.config.schema import KINDS
    from labmodels.terminal.output import emit_json, write

    if kind is None and json:
        emit_json({"kinds": list(KINDS)})
        return ExitCode.OK
    if kind is None:
        write("".join(f"{name}\n" for name in KINDS))
        return ExitCode.OK
    if kind not in KINDS:
        from difflib import get_close_matches

        close = get_close_matches(kind, KINDS, n=1)
        raise Usage(f"no kind is called {kind}", hint=f"did you mean {close[0]}?" if close else f"one of {', '.join(KINDS)}")
    from labmodels.config.json_schema import export

    write(dumps(export(kind), indent=2) + "\n")
    return ExitCode.OK
