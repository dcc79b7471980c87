"""Reads judged queries: JSON lines of a query, its domain, and the passages or files that answer it, each with a grade."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labmodels.embeddings.stored import StoredChunk
from labmodels.errors import StorageFault, Usage

_SHOWN = 5
_EXAMPLE = '{"query": "how do I rotate a key", "domain": "documentation", "relevant": {"docs/secrets.md:12": 2}}'


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query and what answers it: grades, 1 or more, by "path:line", for the chunk that holds the line, or by "path" for any of a file."""

    text: str
    domain: str | None
    relevant: Mapping[str, int]


def read_judged(path: Path) -> list[JudgedQuery]:
    """Return the queries of a file. Raises Usage with the lines that are none, StorageFault when it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise Usage(f"{path} is not UTF-8 text", hint=f"a line of it is {_EXAMPLE}") from None
    except OSError as error:
        raise StorageFault.of(error, f"read {path}") from None
    found: list[JudgedQuery] = []
    faults: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(_judged(json.loads(line)))
        except ValueError as error:
            faults.append(f"{path}:{number}: {error}")
    if faults:
        more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
        raise Usage("; ".join(faults[:_SHOWN]) + more, hint=f"a line is {_EXAMPLE}")
    return found


def judged_ids(chunks: Sequence[StoredChunk], relevant: Mapping[str, int]) -> list[str]:
    """Return a ranking of chunks as `grading.retrieval` takes it: the judgement that each meets, the best that none before it met."""
    ids: list[str] = []
    for chunk in chunks:
        met = sorted((key for key in relevant if _meets(chunk, key)), key=lambda key: -relevant[key])
        ids.append(next((key for key in met if key not in ids), met[0] if met else f"{chunk.path}:{chunk.line}"))
    return ids


def _meets(chunk: StoredChunk, key: str) -> bool:
    if key == chunk.path:
        return True
    path, _, line = key.rpartition(":")
    return path == chunk.path and line.isdecimal() and chunk.line <= int(line) <= chunk.end_line


def _judged(data: Any) -> JudgedQuery:
    if not isinstance(data, dict):
        raise ValueError("no object")
    query, domain, relevant = data.get("query"), data.get("domain"), data.get("relevant")
    if not isinstance(query, str) or not query.strip():
        raise ValueError("`query` is no text")
    if domain is not None and not isinstance(domain, str):
        raise ValueError("`domain` is no name")
    if not isinstance(relevant, dict) or not all(isinstance(grade, int) for grade in relevant.values()):
        raise ValueError('`relevant` is no object of whole grades by "path:line" or "path"')
    if not any(grade > 0 for grade in relevant.values()):
        raise ValueError("nothing is relevant")
    return JudgedQuery(query, domain, relevant)
