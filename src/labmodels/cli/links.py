"""labmodels links: show what else speaks of a passage, and why."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labmodels.cli.options import Environment, Json, environment_of
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.embeddings.links.link import Link, Mention
    from labmodels.embeddings.stored import StoredChunk
    from labmodels.terminal.colour import Paint

Place = Annotated[str, typer.Argument(metavar="PATH:LINE", help="A line of an indexed file.", show_default=False)]
Domains = Annotated[
    list[str] | None, typer.Option("--domain", metavar="NAME", help="Look in this index; repeatable. Else in all.", show_default=False)
]


def links(lab: Lab, place: Place, domain: Domains = None, env: Environment = None, json: Json = False) -> int:
    """Show what else speaks of a passage, and why.

    First what names the same symbols, paths, hosts, metrics, codes or keys; then what is nearest in meaning, each way.
    """
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, say, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.search import LabSearch

    path, line = _place(lab, place)
    with LabSearch(lab, environment_of(env, default_environment(lab))) as searching:
        here, found = searching.links(path, line, domain or ())
    if json:
        emit_json({"passage": _chunk_as_json(here), "links": [_link_as_json(link) for link in found]})
        return ExitCode.OK
    paint = Paint.of(sys.stdout)
    write("".join(_text(link, paint) for link in found))
    if not found:
        say(f"nothing else speaks of {here.path}:{here.line}-{here.end_line}")
    return ExitCode.OK


def _place(lab: Lab, place: str) -> tuple[str, int]:
    """Return the path below the lab's root, and the line; a path that exists is taken from the current folder."""
    path, _, line = place.rpartition(":")
    if not path or not line.isdecimal() or int(line) < 1:
        raise Usage(f"{place} is no PATH:LINE", hint="labmodels links docs/index.md:1")
    file = Path(path).absolute()
    if file.exists() and file.resolve().is_relative_to(lab.root.resolve()):
        return file.resolve().relative_to(lab.root.resolve()).as_posix(), int(line)
    return path, int(line)


def _text(link: Link, paint: Paint) -> str:
    from labmodels.terminal.text import one_line

    chunk = link.chunk
    trail = one_line(" > ".join(chunk.trail))
    line = link.mentions[0].line if link.mentions else chunk.line
    lines = [f"{paint(one_line(f'{chunk.path}:{line}'), 'strong')}  {chunk.domain}{f': {trail}' if trail else ''}"]
    lines += [f"  {_told(mention)}" for mention in link.mentions]
    if link.nearness:
        near = link.nearness
        lines.append(f"  near in meaning: cosine {near.cosine:.2f}, {_ordinal(near.rank)} there and {_ordinal(near.rank_back)} back")
    return "\n".join(lines) + "\n"


def _told(mention: Mention) -> str:
    from labmodels.terminal.text import one_line

    if mention.role == "is":
        return "is the file that is named here"
    return f"{mention.role} the {mention.kind} {one_line(mention.name)}"


def _ordinal(rank: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(rank, f"{rank}th")


def _chunk_as_json(chunk: StoredChunk) -> dict[str, Any]:
    return {
        "path": chunk.path,
        "line": chunk.line,
        "end_line": chunk.end_line,
        "domain": chunk.domain,
        "kind": chunk.kind,
        "trail": list(chunk.trail),
    }


def _link_as_json(link: Link) -> dict[str, Any]:
    return {
        **_chunk_as_json(link.chunk),
        "mentions": [asdict(mention) for mention in link.mentions],
        "nearness": asdict(link.nearness) if link.nearness else None,
    }
