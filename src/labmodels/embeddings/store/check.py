"""Looks for damage: the pages, the tables against each other, each vector, the words, and the derived files to the last bit."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING

from labmodels.embeddings.store import builds, schema
from labmodels.embeddings.store.derived import Damaged, DerivedIndex
from labmodels.embeddings.store.reader import file_of
from labmodels.embeddings.store.spaces import sound
from labmodels.embeddings.store.truth import FILE_NAME, open_to_read

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not in order, in which domain ("" for all), and the command that mends it."""

    domain: str
    problem: str
    mend: str


def check(folder: Path, domain: str | None = None) -> list[Finding]:
    """Return what is wrong with the index of a domain, or of all. Raises StorageFault when the truth cannot be opened."""
    truth = open_to_read(folder)
    if truth is None:
        return []
    path = folder / FILE_NAME
    with truth, truth.reading() as connection:
        try:
            found = [Finding("", f"{path}: {problem}", f"mv {path} {path}.damaged") for problem in _pages(connection)]
            if not found:
                found = [*_references(connection), *_vectors(connection)]
                for name in [domain] if domain else builds.domains(connection):
                    found += _domain(connection, folder, name)
        except sqlite3.DatabaseError as error:
            found = [Finding("", f"{path}: {error}", f"mv {path} {path}.damaged")]
    return found


def _pages(connection: Connection) -> list[str]:
    return [problem for (problem,) in connection.execute("PRAGMA integrity_check(10)") if problem != "ok"]


def _references(connection: Connection) -> Iterator[Finding]:
    questions = {
        "chunks without their vector": "SELECT b.domain, count(*) FROM chunks c JOIN builds b ON b.id = c.build "
        "WHERE c.vector NOT IN (SELECT id FROM vectors WHERE space = b.space) GROUP BY 1",
        "chunks without their build": "SELECT '', count(*) FROM chunks WHERE build NOT IN (SELECT id FROM builds) HAVING count(*) > 0",
        "generations without their build": "SELECT domain, count(*) FROM generations WHERE build NOT IN (SELECT id FROM builds) GROUP BY 1",
        "a pointer that no generation is": "SELECT d.domain, 1 FROM domains d LEFT JOIN generations g "
        "ON g.domain = d.domain AND g.number = d.generation AND g.build = d.build WHERE g.number IS NULL",
        "chunks more or fewer than its generation says": "SELECT d.domain, g.chunks FROM domains d JOIN generations g "
        "ON g.domain = d.domain AND g.number = d.generation WHERE g.chunks != (SELECT count(*) FROM chunks c "
        "WHERE c.build = d.build AND c.born <= d.generation AND (c.died IS NULL OR c.died > d.generation))",
    }
    for what, query in questions.items():
        for domain, count in connection.execute(query):
            yield Finding(domain, f"{what}: {count}", _rebuild(domain))


def _vectors(connection: Connection) -> Iterator[Finding]:
    for space, fingerprint, dimensions in connection.execute("SELECT id, fingerprint, dimensions FROM spaces").fetchall():
        damaged = 0
        cursor = connection.execute("SELECT vector FROM vectors WHERE space = ?", (space,))
        while block := cursor.fetchmany(_BLOCK):
            damaged += sound([vector for (vector,) in block], dimensions).count(False)
        if damaged:
            yield Finding("", f"vectors of {fingerprint} that are none: {damaged}", _rebuild(""))


def _domain(connection: Connection, folder: Path, domain: str) -> Iterator[Finding]:
    live = builds.live_of(connection, domain)
    if live is None:
        return
    words = schema.words_table(live.build.id)
    lost = connection.execute(
        f"SELECT (SELECT count(*) FROM {words}_docsize) - (SELECT count(*) FROM chunks WHERE build = ?1 AND (died IS NULL OR died > ?2))",  # noqa: S608
        (live.build.id, live.build.generation),
    ).fetchone()[0]
    if lost:
        yield Finding(domain, f"words of {abs(lost)} chunks too {'many' if lost > 0 else 'few'}", _rebuild(domain))
    path = file_of(folder, live.build)
    mend = f"labmodels update-embeddings --domain {domain} --incremental"
    try:
        file = DerivedIndex(path)
        if file.header.build != live.build.token or file.header.generation > live.generation:
            yield Finding(domain, f"{path} is not of the live build", mend)
        else:
            file.verify()
    except FileNotFoundError:
        yield Finding(domain, f"{path} is missing; searches are exact, and slower", mend)
    except OSError as error:
        yield Finding(domain, f"{path} cannot be read: {error.strerror}", f"ls -l {path}")
    except Damaged as error:
        yield Finding(domain, str(error), mend)


def _rebuild(domain: str) -> str:
    return f"labmodels update-embeddings {f'--domain {domain}' if domain else '--all'}"
