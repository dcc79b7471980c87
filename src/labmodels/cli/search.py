"""labmodels search: find passages by words and by meaning."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from labmodels.cli.options import Environment, Json, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.embeddings.search.fusion import Place
    from labmodels.embeddings.search.search import Found, Hit
    from labmodels.embeddings.search.snippets import SnippetLine
    from labmodels.embeddings.stored import LiveIndex, StoredChunk
    from labmodels.terminal.colour import Paint

Text = Annotated[list[str], typer.Argument(metavar="QUERY", help='What is looked for; "quoted words" must occur.', show_default=False)]
Domains = Annotated[
    list[str] | None, typer.Option("--domain", metavar="NAME", help="Search this index; repeatable. Else all.", show_default=False)
]
Mode = Annotated[
    Literal["hybrid", "dense", "lexical"] | None,
    typer.Option("--mode", help="By words and meaning, or by one of them; else as configured.", show_default=False),
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="FILTER", help="path:GLOB or kind:NAME; repeatable. Also inside the query.", show_default=False),
]
Count = Annotated[
    int | None, typer.Option("-k", metavar="N", help="How many hits; else as configured.", min=1, max=100, show_default=False)
]
Explain = Annotated[bool, typer.Option("--explain", help="Show ranks and scores of both lists.")]


def search(
    lab: Lab,
    query: Text,
    domain: Domains = None,
    mode: Mode = None,
    where: Where = None,
    k: Count = None,
    explain: Explain = False,
    env: Environment = None,
    json: Json = False,
) -> int:
    """Find passages by words and by meaning.

    Hits are printed as PATH:LINE with the lines that speak most of the query.
    """
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, say, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.search import LabSearch

    with LabSearch(lab, environment_of(env, default_environment(lab))) as searching:
        found = searching.search(" ".join(query), domain or (), mode, where or (), k)
    if json:
        emit_json(_as_json(found))
        return ExitCode.OK
    paint = Paint.of(sys.stdout)
    write("\n".join(_text(hit, explain, paint) for hit in found.hits))
    for note in found.notes:
        say(f"note: {note}")
    if not found.hits:
        say("nothing was found")
    if explain:
        say(f"searched {found.mode}: " + "; ".join(_age(index) for index in found.indexes))
    return ExitCode.OK


def _text(hit: Hit, explain: bool, paint: Paint) -> str:
    from labmodels.terminal.text import one_line

    trail = one_line(" > ".join(hit.chunk.trail))
    lines = [f"{paint(one_line(hit.place), 'strong')}{f'  {trail}' if trail else ''}"]
    lines += [f"  {_marked(line, paint)}" for line in hit.snippet if line.text.strip()]
    if explain:
        lines.append(
            paint(f"  {hit.chunk.domain}: score {hit.score:.3f}, {_told('words', hit.lexical)}, {_told('meaning', hit.dense)}", "faint")
        )
    if hit.also:
        lines.append(paint(f"  also {one_line(', '.join(dict.fromkeys(_place(chunk) for chunk in hit.also)))}", "faint"))
    return "\n".join(lines) + "\n"


def _marked(line: SnippetLine, paint: Paint) -> str:
    from labmodels.terminal.text import visible

    text, at, parts = visible(line.text), 0, []
    for start, end in line.marks:
        parts += [text[at:start], paint(text[start:end], "match")]
        at = end
    return "".join((*parts, text[at:])).replace("\t", "    ")


def _told(name: str, place: Place | None) -> str:
    return f"{name} none" if place is None else f"{name} {place.rank} ({place.score:.3f}, scaled {place.scaled:.2f})"


def _age(index: LiveIndex) -> str:
    age_s = (datetime.now(UTC) - datetime.fromisoformat(index.updated_at)).total_seconds()
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if age_s >= unit_s:
            return f"{index.domain} generation {index.generation}, {age_s // unit_s:.0f} {unit} old"
    return f"{index.domain} generation {index.generation}, {max(age_s, 0):.0f} s old"


def _place(chunk: StoredChunk) -> str:
    return f"{chunk.path}:{chunk.line}"


def _as_json(found: Found) -> dict[str, Any]:
    return {
        "query": found.query.text,
        "mode": found.mode,
        "hits": [_hit_as_json(hit) for hit in found.hits],
        "indexes": [asdict(index) for index in found.indexes],
        "notes": list(found.notes),
    }


def _hit_as_json(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "place": hit.place,
        "path": chunk.path,
        "line": chunk.line,
        "end_line": chunk.end_line,
        "domain": chunk.domain,
        "kind": chunk.kind,
        "trail": list(chunk.trail),
        "text": chunk.text,
        "score": hit.score,
        "lexical": asdict(hit.lexical) if hit.lexical else None,
        "dense": asdict(hit.dense) if hit.dense else None,
        "reranked": hit.reranked,
        "snippet": [asdict(line) for line in hit.snippet],
        "also": list(dict.fromkeys(_place(one) for one in hit.also)),
    }
