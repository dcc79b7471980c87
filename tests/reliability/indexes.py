"""Labs with indexes for the reliability tests, and what a search sees in them.

The embedding model is the real one; its export is made beforehand, so that what is stopped is the update and not the preparation.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from labmodels.embeddings.store import builds
from labmodels.embeddings.store.check import check
from labmodels.embeddings.store.reader import StoreReader
from labmodels.embeddings.store.truth import open_to_read
from tests.reliability import labs

DOMAIN = "documentation"
UPDATE = ("update-embeddings", "--domain", DOMAIN, "--incremental")
REBUILD = ("update-embeddings", "--domain", DOMAIN)
BACK_TO_THE_FIRST = ("embeddings", "rollback", DOMAIN, "1")
GC = ("embeddings", "gc", "--keep", "1")


def with_documents(lab: Path) -> None:
    """Lay out a lab with a few documents and the encoder made ready, and nothing of them indexed."""
    labs.lay_out(lab)
    for number in range(6):
        _write(lab, f"docs/page{number}.md", f"# Page {number}\n\nHow to mend part {number}.\n\n## More\n\nLook at host{number} first.\n")
    _update(lab, "update-embeddings", "--domain", "configuration", "--incremental")


def indexed(lab: Path) -> None:
    """Index them."""
    with_documents(lab)
    _update(lab, *UPDATE)


def edited(lab: Path) -> None:
    """Index them, then change one, delete one and add one."""
    indexed(lab)
    _write(lab, "docs/page1.md", "# Page 1\n\nAltogether different now.\n")
    _write(lab, "docs/new.md", "# New\n\nA page that was not there.\n")
    (lab / "docs" / "page2.md").unlink()


def indexed_twice(lab: Path) -> None:
    """Index them before and after the edits."""
    edited(lab)
    _update(lab, *UPDATE)


def shown(lab: Path) -> str:
    """Return what a search sees, by its digest; raise when words, vectors and places do not fit each other."""
    with StoreReader(lab / "embeddings") as reader:
        live = reader.live(DOMAIN)
        if live is None:
            return "nothing"
        by_words = {identity for identity, _ in reader.lexical(DOMAIN, '"page" OR "new" OR "how" OR "look" OR "different"', 1000)}
        chunks = reader.chunks(by_words)
        assert len(chunks) == live.chunk_count, f"{len(chunks)} chunks are found by words, {live.chunk_count} are live"
        vectors = reader.vectors(by_words)
        some = next(iter(vectors.values()))
        by_vector = dict(reader.dense(DOMAIN, some, 1000))
        assert by_vector.keys() == by_words, "vectors find other chunks than words"
        assert not reader.faults, reader.faults
        for identity, vector in vectors.items():
            assert abs(by_vector[identity] - float(vector @ some)) < 1e-3, "a score is not that of its chunk"
    places = sorted(f"{chunk.path}:{chunk.line}-{chunk.end_line} {chunk.hash}" for chunk in chunks.values())
    return sha256("\n".join(places).encode()).hexdigest()[:12]


def generations(lab: Path) -> str:
    """Return how many generations can be gone back to."""
    shown(lab)
    truth = open_to_read(lab / "embeddings")
    assert truth is not None
    with truth, truth.reading() as connection:
        return f"{len(builds.generations(connection, DOMAIN))} generations"


def audit(lab: Path) -> None:
    """Raise when something is not in order, or half done."""
    assert check(lab / "embeddings") == []
    litter = [path for path in (lab / "embeddings").rglob("*.tmp")]
    assert not litter, f"left behind: {litter}"


def _write(lab: Path, name: str, text: str) -> None:
    path = lab / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _update(lab: Path, *words: str) -> None:
    done = labs.run(lab, *words)
    assert done.returncode == 0, f"labmodels {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}"
