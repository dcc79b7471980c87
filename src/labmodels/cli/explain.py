"""labmodels explain: what a code of validate-config means, why it matters, and a wrong and a right example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import ExitCode

if TYPE_CHECKING:
    from labmodels.config.codes import Code

CodeName = Annotated[str | None, typer.Argument(metavar="CODE", help="e.g. LM204; nothing lists all codes.", show_default=False)]


def explain(code: CodeName = None, json: Json = False) -> int:
    """Explain a code of validate-config."""
    import sys

    from labmodels.config import codes
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, write
    from labmodels.terminal.tables import table

    if json:
        found = codes.CODES.values() if code is None else [codes.find_code(code)]
        emit_json({"codes": [_as_json(one, is_whole=code is not None) for one in found]})
    elif code is None:
        rows = [(found.code, found.severity.value, found.title) for found in codes.CODES.values()]
        write(table(("code", "severity", "title"), rows, Paint.of(sys.stdout)) + "\n")
    else:
        write(codes.explain(code).rstrip("\n") + "\n")
    return ExitCode.OK


def _as_json(code: Code, *, is_whole: bool) -> dict[str, str]:
    told = {"code": code.code, "severity": code.severity.value, "title": code.title}
    return {**told, "explanation": code.explanation, "example": code.example} if is_whole else told
