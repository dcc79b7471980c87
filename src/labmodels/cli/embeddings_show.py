"""labmodels embeddings show: an index, its generations and its last runs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.embeddings.store.overview import Details

DomainName = Annotated[str, typer.Argument(metavar="DOMAIN", help="The index.", show_default=False)]


def embeddings_show(lab: Lab, domain: DomainName, json: Json = False) -> int:
    """Show an index, its generations and runs."""
    from labmodels.embeddings.store.overview import details
    from labmodels.terminal.output import emit_json, write

    found = details(lab.embeddings, domain)
    if found is None:
        raise Usage(f"{domain} has no index", hint=f"labmodels update-embeddings --domain {domain}")
    if json:
        told = asdict(found)
        told["generations"] = [one._asdict() for one in found.generations]
        emit_json(told)
    else:
        write(_text(found))
    return ExitCode.OK


def _text(found: Details) -> str:
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.tables import table

    paint, one = Paint.of(sys.stdout), found.overview
    state = f"generation {one.generation}" if one.generation else "begun, not live yet"
    lines = [
        f"{one.domain}: {state}, {one.sources:,} sources, {one.chunks:,} chunks",
        f"encoder {one.fingerprint}, {found.dimensions} dimensions; cut by {found.cut}",
        f"file: {found.file}",
    ]
    if one.generation and one.is_being_built:
        lines.append("another build was begun and is not live yet")
    generations = [(g.number, g.kind, g.created_at[:19].replace("T", " "), g.chunks, g.fingerprint) for g in found.generations]
    if generations:
        lines += ["", table(("generation", "by", "at (UTC)", "chunks", "encoder"), generations, paint)]
    runs = [(run.started_at[:19].replace("T", " "), run.kind, run.outcome, run.counts.get("embedded")) for run in found.runs]
    if runs:
        lines += ["", table(("run at (UTC)", "kind", "outcome", "embedded"), runs, paint)]
    return "\n".join(lines) + "\n"
