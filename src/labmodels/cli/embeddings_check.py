"""labmodels embeddings check: look for damage in the indexes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

DomainName = Annotated[str | None, typer.Argument(metavar="DOMAIN", help="The index; else all.", show_default=False)]


def embeddings_check(lab: Lab, domain: DomainName = None, json: Json = False) -> int:
    """Look for damage in the indexes.

    Everything is read: the truth page by page, each vector, each derived file to its last bit. Exit 1 when something is not in order.
    """
    from labmodels.embeddings.store.check import check
    from labmodels.embeddings.store.overview import overviews
    from labmodels.terminal.output import emit_json, is_quiet, write
    from labmodels.terminal.text import counted, one_line

    there = [one.domain for one in overviews(lab.embeddings)]
    if domain is not None and domain not in there:
        raise Usage(f"{domain} has no index", hint=f"labmodels update-embeddings --domain {domain}")
    found = check(lab.embeddings, domain)
    looked_at = [domain] if domain else there
    if json:
        emit_json({"domains": looked_at, "findings": [asdict(one) for one in found]})
    elif found:
        write("".join(f"{one.domain or 'all'}: {one_line(one.problem)}\n  mend: {one.mend}\n" for one in found))
    elif not is_quiet():
        write(f"{counted(len(looked_at), 'index')[:-1] + 'es' if len(looked_at) != 1 else '1 index'} in order\n")
    return ExitCode.VERDICT_NO if found else ExitCode.OK
