"""Updates over ten thousand files of which none or one has changed, their index of drawn vectors (`generated_index`); logs to templates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import generated_index, generated_log
from benchmarks.measure import LABMODELS, Figure, spent
from labmodels.embeddings.chunking import logs
from labmodels.embeddings.chunking.packing import Bound

FILES, LINES, ROUNDS = 10_000, 500_000, 5
_DOMAIN = "documentation"
_CHARACTERS = 400  # of a file: one chunk


def figures(folder: Path) -> list[Figure]:
    """Measure on a lab that is laid out below `folder`."""
    lab = folder / "lab"
    notes = _notes()
    generated_index.index(generated_index.lay_out(lab, notes), _DOMAIN)
    update = [LABMODELS, "update-embeddings", "--domain", _DOMAIN, "--incremental"]
    spent(update, cwd=lab)  # the starter lab's own files are young, and looked at once more
    same = min(spent(update, cwd=lab).wall_s for _ in range(ROUNDS))
    changed = []
    for path in list(notes)[:ROUNDS]:
        (lab / path).write_text(f"{notes[path]}\nSince today it says {path} too.\n", encoding="utf-8")
        changed.append(spent(update, cwd=lab).wall_s)
    return [
        Figure(f"{len(notes):,} files, none changed", same, "s", 1.0),
        Figure(f"{len(notes):,} files, one changed", min(changed), "s", 3.0),
        _templates(),
    ]


def _notes() -> dict[str, str]:
    """Return small pages by their paths: parts of the manual, each with a heading."""
    return {
        f"docs/notes/{number % 100:02}/{number:05}.md": f"# Note {number}\n\n{text}\n"
        for number, text in zip(range(FILES), _parts(), strict=False)
    }


def _parts() -> Iterator[str]:
    for _, text in generated_index.pages():
        for start in range(0, len(text), _CHARACTERS):
            yield text[start : start + _CHARACTERS].replace("#", "")


def _templates() -> Figure:
    lines = list(generated_log.lines(LINES))
    began = time.process_time()
    found = list(logs.chunks("host.log", lines, Bound(200, lambda text: len(text) // 4)))
    rate = len(lines) / (time.process_time() - began)
    return Figure(f"log lines to {len(found)} templates", rate / 1000, "k lines/CPU s", 50, at_least=True)
