"""Drops what no kept generation shows: chunks, builds, vectors that nobody names, and files of what has gone. The caller writes alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from sqlite3 import Connection

from labmodels.durable import DISK, FileSystem
from labmodels.embeddings.store import schema
from labmodels.embeddings.store.truth import Truth

KEPT = 5
_MOST_FREE = 0.25  # of a file's pages; beyond it is written anew


@dataclass
class Collected:
    """How much was dropped."""

    generations: int = 0
    builds: int = 0
    chunks: int = 0
    vectors: int = 0
    files: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether there was nothing to drop."""
        return not any(asdict(self).values())


def collect(truth: Truth, keep: int = KEPT, *, files: FileSystem = DISK) -> Collected:
    """Keep the newest `keep` generations of each domain, the live one among them, and what a run can go on with."""
    done = Collected()
    with truth.transaction() as connection:
        for domain, generation in connection.execute("SELECT domain, generation FROM domains").fetchall():
            _collect_generations(connection, domain, generation - keep + 1, done)
        done.builds = _drop_builds(connection)
        unnamed = "DELETE FROM vectors WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.vector = vectors.id)"
        done.vectors = connection.execute(unnamed).rowcount
        connection.execute(
            "DELETE FROM spaces WHERE NOT EXISTS (SELECT 1 FROM builds WHERE builds.space = spaces.id) "
            "AND NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.space = spaces.id)"
        )
        connection.execute("DELETE FROM runs WHERE id NOT IN (SELECT run FROM generations)")
    done.files = _drop_files(truth, files)
    _give_back_pages(truth.connection)
    return done


def _collect_generations(connection: Connection, domain: str, oldest: int, done: Collected) -> None:
    done.generations += connection.execute("DELETE FROM generations WHERE domain = ? AND number < ?", (domain, oldest)).rowcount
    dead = "DELETE FROM chunks WHERE build IN (SELECT id FROM builds WHERE domain = ?) AND died <= ?"
    done.chunks += connection.execute(dead, (domain, oldest)).rowcount


def _drop_builds(connection: Connection) -> int:
    """Drop the builds that no generation names; one that was begun since its domain last changed is gone on with."""
    doomed = connection.execute(
        "SELECT b.id FROM builds b LEFT JOIN domains d ON d.domain = b.domain WHERE b.id NOT IN (SELECT build FROM generations) "
        "AND NOT (b.generation = 0 AND (d.updated_at IS NULL OR b.created_at >= d.updated_at))"
    ).fetchall()
    for (build,) in doomed:
        connection.execute(f"DROP TABLE {schema.words_table(build)}")
        for table in ("chunks", "sources"):
            connection.execute(f"DELETE FROM {table} WHERE build = ?", (build,))  # noqa: S608
        connection.execute("DELETE FROM builds WHERE id = ?", (build,))
    return len(doomed)


def _drop_files(truth: Truth, files: FileSystem) -> int:
    """Delete the derived files of domains that have none any more, and what crashed writers left."""
    live = truth.connection.execute("SELECT b.folder, b.domain FROM domains d JOIN builds b ON b.id = d.build")
    kept = {truth.folder / folder / f"{domain}.index" for folder, domain in live}
    doomed = [path for path in truth.folder.glob("*/*.index") if path not in kept]
    for path in doomed:
        files.unlink(path)
    for folder in {path.parent for path in [*kept, *doomed] if path.parent.is_dir()}:
        files.remove_leftovers(folder)
    return len(doomed)


def _give_back_pages(connection: Connection) -> None:
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    if free > pages * _MOST_FREE:
        connection.execute("VACUUM")
