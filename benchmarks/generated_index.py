"""Lays out labs with documents of this machine, and indexes them with vectors that are drawn instead of computed.

How long a search or an update takes does not hang on what the vectors say, and to embed 20,000 texts takes minutes. Everything else is
the product's own: the chunkers, the store, the fingerprint of the encoder that is configured, so that searches and updates go on from it.
"""

from __future__ import annotations

import gzip
import os
import re
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from benchmarks.measure import LABMODELS, spent
from labmodels.embeddings.store.update import Wish, update
from labmodels.lab import Lab
from labmodels.wiring.embeddings import LabIndexes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labmodels.embeddings.encoding.protocol import Encoder, Progress

ENVIRONMENT = "dev"
_MANUALS, _OTHER_PAGES = Path("/usr/share/man"), Path("/usr/share/doc")
_AGE_S = 3600.0  # what was written a moment ago is read again by the next update, whatever its time says
_HEADING = re.compile(r"\.S[HS]\s+\"?(.*?)\"?\s*$")
_SET_IN_TYPE = re.compile(r"\.(?:B|I|BI|BR|IB|IR|RB|RI|Nm|Fl|Ar|Nd)\s+(.*)")
_FONT = re.compile(r"\\f.|\\[&|^]")


def lay_out(lab: Path, documents: Mapping[str, str]) -> LabIndexes:
    """Write the starter lab and `documents`, texts by their paths, below `lab`, deploy it, and return its indexes."""
    spent([LABMODELS, "init", str(lab)], cwd=lab.parent)
    written_s = time.time() - _AGE_S
    for path, text in documents.items():
        (lab / path).parent.mkdir(parents=True, exist_ok=True)
        (lab / path).write_text(text, encoding="utf-8", errors="replace")
        os.utime(lab / path, (written_s, written_s))
    spent([LABMODELS, "deploy-config", "--all", "--env", ENVIRONMENT, "--yes"], cwd=lab)
    return LabIndexes(Lab(lab), ENVIRONMENT)


def index(indexes: LabIndexes, domain: str) -> int:
    """Build the index of a domain with drawn vectors; return how many chunks it has."""
    chosen = indexes.of(domain)
    encoder = indexes.encoder(chosen)
    outcome = update(
        indexes.folder, indexes.corpus(chosen), cast("Encoder", _Drawn(encoder)), asdict(cast("Any", encoder.identity)), Wish()
    )
    return outcome.chunks


class _Drawn:
    """The space of an encoder, with drawn vectors: as much of an encoder as an update asks for."""

    def __init__(self, encoder: Encoder) -> None:
        import numpy as np

        self.fingerprint, self.dimensions = encoder.fingerprint, encoder.dimensions
        self._random = np.random.default_rng(1)

    def documents(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        import numpy as np

        if progress is not None:
            progress(len(texts))
        rows = self._random.standard_normal((len(texts), self.dimensions), dtype=np.float32)
        return cast("NDArray[np.float32]", rows / np.linalg.norm(rows, axis=1, keepdims=True))


def pages() -> Iterator[tuple[str, str]]:
    """Yield the names and texts of the manual pages of this machine, in a fixed order; of its other documentation where it has none."""
    if files := sorted(file for file in _MANUALS.glob("man*/*.gz") if file.is_file()):
        yield from ((file.stem, _manual(file)) for file in files)
    for file in [] if files else sorted(_OTHER_PAGES.rglob("*")):
        if file.is_file() and file.suffix in ("", ".txt", ".md"):
            yield file.relative_to(_OTHER_PAGES).as_posix().replace("/", "."), file.read_text(encoding="utf-8", errors="replace")


def sources() -> Iterator[tuple[str, str]]:
    """Yield the paths and texts of the standard library's modules, in a fixed order."""
    library = Path(sysconfig.get_path("stdlib"))
    for file in sorted(library.rglob("*.py")):
        path = file.relative_to(library).as_posix()
        if not path.startswith(("site-packages/", "test/", "lib2to3/tests/")):
            yield path, file.read_text(encoding="utf-8", errors="replace")


def up_to(most_characters: int, documents: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield documents until they have as many characters."""
    for name, text in documents:
        if most_characters <= 0:
            return
        most_characters -= len(text)
        yield name, text


def _manual(file: Path) -> str:
    """Return a manual page as paragraphs under headings, with little of its typesetting left."""
    lines = []
    with gzip.open(file, "rt", encoding="utf-8", errors="replace") as page:
        for line in page:
            if heading := _HEADING.match(line):
                lines.append(f"\n## {heading[1]}\n")
            elif not line.startswith((".", "'")):
                lines.append(line.rstrip())
            else:
                lines.append(words[1] if (words := _SET_IN_TYPE.match(line)) else "")
    return _FONT.sub("", "\n".join(lines)).replace("\\-", "-")
