"""Questions and the passages that answer them, judged by reading; README.md tells the format. Who searches, and scores, is the caller's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SETS = ("documentation", "code", "configuration", "logs")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A passage that answers: the one of the file `path` (below the lab's root) that holds the text `contains`. `grade`: 1 to 3."""

    path: str
    contains: str
    grade: int

    def is_met_by(self, path: str, text: str) -> bool:
        """Whether a hit, a passage of `path` with this text, is the passage that is meant. Spaces and line ends do not matter."""
        return path == self.path and " ".join(self.contains.split()) in " ".join(text.split())

    def lines(self, root: Path) -> list[int]:
        """Return the numbers (from 1) of the lines that hold it now."""
        lines = (root / self.path).read_text(encoding="utf-8").splitlines()
        return [number for number, line in enumerate(lines, start=1) if self.contains in line]


@dataclass(frozen=True, slots=True)
class Judged:
    """A query about a domain, and what answers it."""

    query: str
    domain: str
    relevant: tuple[Judgement, ...]


def judged(name: str) -> list[Judged]:
    """Return one of the SETS."""
    lines = (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_judged(json.loads(line)) for line in lines]


def resolved(name: str, root: Path) -> Iterator[dict[str, Any]]:
    """Yield one of the SETS with each judgement as {"path:line": grade}, by the lines that the files of `root` have now."""
    for one in judged(name):
        relevant = {f"{judgement.path}:{judgement.lines(root)[0]}": judgement.grade for judgement in one.relevant}
        yield {"query": one.query, "domain": one.domain, "relevant": relevant}


def _judged(value: dict[str, Any]) -> Judged:
    return Judged(value["query"], value["domain"], tuple(Judgement(**judgement) for judgement in value["relevant"]))
