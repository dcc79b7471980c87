"""labmodels explain: what a code of validate-config means, why it matters, and a wrong and a right example."""

from __future__ import annotations

from typing import Annotated

import typer

from labmodels.errors import ExitCode

CodeName = Annotated[str | None, typer.Argument(metavar="CODE", help="e.g. LM204; nothing lists all codes.", show_default=False)]


def explain(code: CodeName = None) -> int:
    """Explain a code of validate-config."""
    import sys

    from labmodels.config import codes
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import write
    from labmodels.terminal.tables import table

    if code is None:
        rows = [(found.code, found.severity.value, found.title) for found in codes.CODES.values()]
        write(table(("code", "severity", "title"), rows, Paint.of(sys.stdout)) + "\n")
    else:
        write(codes.explain(code).rstrip("\n") + "\n")
    return ExitCode.OK
