"""Keeps a build's sources, chunks and words, a source at a time, inside the caller's transaction.

What a build has shown in a generation stays as it was: a chunk that goes gets a day of death. What nobody has seen yet is deleted. The
words of a build are those of the chunks that have not died by its last generation.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import TYPE_CHECKING, NamedTuple

from labmodels.embeddings.chunking.chunk import Chunk, under
from labmodels.embeddings.store.schema import words_table

if TYPE_CHECKING:
    from labmodels.embeddings.store.builds import Build

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CONTENT = "line, end_line, kind, trail, symbols, text, occurrences, vector"
_WORDS = "id, path, trail, symbols, text"


class Source(NamedTuple):
    """A file as it was when its chunks were cut. An empty `sha256`: it must be looked at again, whatever the rest says."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    sha256: str


def sources(connection: Connection, build: Build) -> dict[str, Source]:
    """Return the sources of a build by their paths."""
    found = connection.execute("SELECT path, size, mtime_ns, inode, sha256 FROM sources WHERE build = ?", (build.id,))
    return {row[0]: Source(*row) for row in found}


def touch(connection: Connection, build: Build, seen: Iterable[Source]) -> None:
    """Note how files look now."""
    connection.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?)", ((build.id, *source) for source in seen))


def replace_source(
    connection: Connection, build: Build, number: int, source: Source, chunks: Sequence[Chunk], vectors: Mapping[str, int]
) -> None:
    """Make `chunks` what a build holds of a source from generation `number` on; `vectors` are their ids by hash.

    A chunk that is as before stays the one that it was.
    """
    held = defaultdict(list)
    for row in connection.execute(
        f"SELECT {_CONTENT}, id, born, died FROM chunks WHERE build = ? AND path = ? AND (died IS NULL OR died > ?)",  # noqa: S608
        (build.id, source.path, build.generation),
    ):
        held[row[:8]].append(row[8:])
    for chunk in chunks:
        content = _content(chunk, vectors[chunk.hash])
        if kept := held.get(content):
            identity, _, died = kept.pop()
            if died is not None:
                connection.execute("UPDATE chunks SET died = NULL WHERE id = ?", (identity,))
        else:
            _add(connection, build, number, source.path, content)
    _bury(connection, build, number, [(row[0], row[1]) for kept in held.values() for row in kept])
    touch(connection, build, [source])


def drop_source(connection: Connection, build: Build, number: int, path: str) -> None:
    """Let a source and its chunks go from generation `number` on."""
    alive = connection.execute("SELECT id, born FROM chunks WHERE build = ? AND path = ? AND died IS NULL", (build.id, path)).fetchall()
    _bury(connection, build, number, alive)
    connection.execute("DELETE FROM sources WHERE build = ? AND path = ?", (build.id, path))


def is_ahead(connection: Connection, build: Build) -> bool:
    """Whether a build holds anything else than its last generation did."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM chunks WHERE build = ?1 AND born > ?2) "
        "OR EXISTS (SELECT 1 FROM chunks WHERE build = ?1 AND died > ?2)"
    )
    return bool(connection.execute(query, (build.id, build.generation)).fetchone()[0])


def revive(connection: Connection, build: Build, at: int, number: int) -> None:
    """Make what a build held in generation `at` what it holds from generation `number` on.

    The sources of what changes must be looked at again: the next update follows the files, wherever they have gone.
    """
    changed = {
        path
        for (path,) in connection.execute(
            "SELECT DISTINCT path FROM chunks WHERE build = ?1 AND "
            "((died IS NULL OR died > ?2) IS NOT (born <= ?3 AND (died IS NULL OR died > ?3)) OR died > ?2)",
            (build.id, build.generation, at),
        )
    }
    later = connection.execute(
        "SELECT id, born FROM chunks WHERE build = ?1 AND born > ?2 AND (died IS NULL OR died > ?3)", (build.id, at, build.generation)
    ).fetchall()
    _bury(connection, build, number, later)
    connection.execute(
        "UPDATE chunks SET died = NULL WHERE build = ? AND born <= ? AND died > ?", (build.id, at, build.generation)
    )  # deaths that no generation has seen
    dead = connection.execute(
        f"SELECT {_CONTENT}, path FROM chunks WHERE build = ?1 AND born <= ?2 AND died > ?2 AND died <= ?3",  # noqa: S608
        (build.id, at, build.generation),
    ).fetchall()
    for row in dead:
        _add(connection, build, number, row[8], row[:8])
    connection.executemany("DELETE FROM sources WHERE build = ? AND path = ?", ((build.id, path) for path in changed))
    connection.executemany(
        "INSERT INTO sources SELECT ?1, ?2, -1, 0, 0, '' "
        "WHERE EXISTS (SELECT 1 FROM chunks WHERE build = ?1 AND path = ?2 AND died IS NULL)",
        ((build.id, path) for path in changed),
    )


def forget_words_of_the_dead(connection: Connection, build: Build) -> None:
    """Take the words of the chunks that the next generation does not show out of a build's."""
    dead = f"SELECT {_WORDS} FROM chunks WHERE build = ? AND died > ?"  # noqa: S608
    _remove_words(connection, build, connection.execute(dead, (build.id, build.generation)))


def _content(chunk: Chunk, vector: int) -> tuple[object, ...]:
    text, trail, symbols = _sound(chunk.text), [_sound(one) for one in chunk.trail], [_sound(one) for one in chunk.symbols]
    return (chunk.line, chunk.end_line, chunk.kind, _json(trail), _json(symbols), text, chunk.occurrences, vector)


def _add(connection: Connection, build: Build, number: int, path: str, content: tuple[object, ...]) -> None:
    cursor = connection.execute(
        f"INSERT INTO chunks (build, path, born, {_CONTENT}) VALUES ({','.join('?' * 11)})",  # noqa: S608
        (build.id, path, number, *content),
    )
    row = (cursor.lastrowid, path, content[3], content[4], content[5])
    connection.execute(f"INSERT INTO {words_table(build.id)} (rowid, text, symbols, path) VALUES (?, ?, ?, ?)", _words(row))  # noqa: S608


def _bury(connection: Connection, build: Build, number: int, buried: Iterable[tuple[int, int]]) -> None:
    """Let chunks, given by id and birth, die with generation `number`; those that no generation has shown are gone at once."""
    for identity, born in buried:
        if born <= build.generation:
            connection.execute("UPDATE chunks SET died = ? WHERE id = ?", (number, identity))
            continue
        row = connection.execute(f"SELECT {_WORDS} FROM chunks WHERE id = ?", (identity,)).fetchone()  # noqa: S608
        _remove_words(connection, build, [row])
        connection.execute("DELETE FROM chunks WHERE id = ?", (identity,))


def _remove_words(connection: Connection, build: Build, found: Iterable[tuple[object, ...]]) -> None:
    """Take chunks out of the words; a table without content wants to be told again what it was given."""
    table = words_table(build.id)
    command = f"INSERT INTO {table} ({table}, rowid, text, symbols, path) VALUES ('delete', ?, ?, ?, ?)"  # noqa: S608
    connection.executemany(command, (_words(row) for row in found))


def _words(row: tuple[object, ...]) -> tuple[object, ...]:
    """Return what is indexed of a chunk, the same whenever it is asked; names are also split where their case changes."""
    identity, path, trail, symbols, text = row
    names = json.loads(str(symbols))
    split = [parts for name in names if (parts := _CAMEL.sub(" ", name)) != name]
    return (identity, under(json.loads(str(trail)), str(text)), " ".join([*names, *split]), path)


def _json(names: Sequence[str]) -> str:
    return json.dumps(names, ensure_ascii=False)


def _sound(text: str) -> str:
    """Return a text without the halves of characters that a file's strange encoding can bring: SQLite takes none."""
    return text.encode(errors="replace").decode()
