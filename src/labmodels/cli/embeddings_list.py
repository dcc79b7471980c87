"""labmodels embeddings list: the indexes, configured or there."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from labmodels.cli.options import Environment, Json, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.embeddings.store.overview import Overview


def embeddings_list(lab: Lab, env: Environment = None, json: Json = False) -> int:
    """List the indexes and their state."""
    from labmodels.embeddings.store.overview import overviews
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, write
    from labmodels.terminal.tables import table
    from labmodels.wiring import default_environment
    from labmodels.wiring.embeddings import LabIndexes

    with LabIndexes(lab, environment_of(env, default_environment(lab))) as indexes:
        there = {one.domain: one for one in overviews(indexes.folder)}
        configured = indexes.all
    names = [*configured, *(name for name in there if name not in configured)]
    if json:
        rows = [
            {"domain": name, "configured": name in configured, "index": asdict(there[name]) if name in there else None} for name in names
        ]
        emit_json({"origin": indexes.origin, "indexes": rows})
        return ExitCode.OK
    lines = []
    for name in names:
        one = there.get(name)
        group = configured[name].declared.group if name in configured else one.group if one else ""
        figures = (one.generation, one.sources, one.chunks, one.updated_at[:19].replace("T", " ")) if one else (None,) * 4
        lines.append((name, group, _state(one, name in configured), *figures))
    headers = ("domain", "group", "state", "generation", "sources", "chunks", "updated (UTC)")
    write(table(headers, lines, Paint.of(sys.stdout)) + "\n")
    return ExitCode.OK


def _state(one: Overview | None, is_configured: bool) -> str:
    if one is None:
        return "not built"
    state = "live" if one.generation else "begun"
    if one.generation and one.is_being_built:
        state = "live, another begun"
    return state if is_configured else f"{state}, not configured"
