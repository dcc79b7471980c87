"""The tables of the truth, and the steps from one version of them to the next.

Plain sqlite3, not SQLAlchemy as in the ledger: a search from a cold shell would wait longer for the import than for the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection

VERSION = 1

_TABLES = """
-- A vector space: the fingerprint of an encoder. Vectors depend on it and on the text alone, so that every way of cutting shares them.
CREATE TABLE spaces (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    dimensions INTEGER NOT NULL,
    parts TEXT NOT NULL
);

-- float16, little-endian, of length 1. An ordinary table with an integer key: derived files name vectors by it, so that none is used
-- twice, and a row of 768 bytes stays on one page, which it would not beside a key of its own.
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER NOT NULL,
    hash BLOB NOT NULL,
    vector BLOB NOT NULL
);
CREATE UNIQUE INDEX vectors_by_hash ON vectors (space, hash);

-- A domain cut in one way and embedded in one space. `generation` is the last one that it was live as, 0 before the first. Derived files
-- name a build by its token: another truth has builds of the same ids.
CREATE TABLE builds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL,
    domain TEXT NOT NULL,
    space INTEGER NOT NULL,
    cut TEXT NOT NULL,
    folder TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
);

-- The one pointer: what is live.
CREATE TABLE domains (
    domain TEXT PRIMARY KEY,
    build INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    updated_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE generations (
    domain TEXT NOT NULL,
    number INTEGER NOT NULL,
    build INTEGER NOT NULL,
    run INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    chunks INTEGER NOT NULL,
    PRIMARY KEY (domain, number)
) WITHOUT ROWID;

-- A file as it was when its chunks were cut; an empty sha256 says that it must be looked at again.
CREATE TABLE sources (
    build INTEGER NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (build, path)
) WITHOUT ROWID;

-- Part of generation g of its build when born <= g and not died <= g.
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    build INTEGER NOT NULL,
    path TEXT NOT NULL,
    line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    kind TEXT NOT NULL,
    trail TEXT NOT NULL,
    symbols TEXT NOT NULL,
    text TEXT NOT NULL,
    occurrences INTEGER NOT NULL,
    vector INTEGER NOT NULL,
    born INTEGER NOT NULL,
    died INTEGER
);
CREATE INDEX chunks_by_path ON chunks (build, path);
CREATE INDEX chunks_by_vector ON chunks (vector, build);
CREATE INDEX chunks_by_birth ON chunks (build, born);
CREATE INDEX chunks_by_death ON chunks (build, died) WHERE died IS NOT NULL;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    counts TEXT NOT NULL DEFAULT '{}',
    outcome TEXT NOT NULL DEFAULT 'running'
);
"""

STEPS: tuple[Callable[[Connection], None], ...] = ()
"""What brings a file of version 1, 2, ... to the next version."""


def create(connection: Connection) -> None:
    """Create every table in an open transaction."""
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def words_table(build: int) -> str:
    """Return the name of a build's full-text table: one each, so that a word weighs what it weighs in its own domain."""
    return f"words_{build:d}"


def create_words(connection: Connection, build: int) -> None:
    """Create the full-text table of a build: the words of the chunks that are live or come with the next generation.

    It holds no texts: `rows` gives them again to take a chunk out.
    """
    connection.execute(
        f"CREATE VIRTUAL TABLE {words_table(build)} USING fts5("
        "text, symbols, path, content='', tokenize=\"porter unicode61 remove_diacritics 2\")"
    )
