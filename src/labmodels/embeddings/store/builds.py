"""Which state of a domain is live: its builds, its generations, and the one pointer that is moved between them."""

from __future__ import annotations

import os
from sqlite3 import Connection
from typing import NamedTuple

from labmodels.embeddings.store import rows, schema
from labmodels.embeddings.store.spaces import Space
from labmodels.embeddings.store.truth import now
from labmodels.errors import Usage


class Build(NamedTuple):
    """A domain cut in one way and embedded in one space. `generation` is the last one that it was live as, 0 before the first."""

    id: int
    domain: str
    space: int
    cut: str
    folder: str
    generation: int
    token: str


class Live(NamedTuple):
    """What a domain's pointer names."""

    build: Build
    generation: int
    space: Space
    updated_at: str


class Generation(NamedTuple):
    """One state of a domain that was live, or is."""

    number: int
    build: int
    fingerprint: str
    created_at: str
    chunks: int
    kind: str


_BUILD = "b.id, b.domain, b.space, b.cut, b.folder, b.generation, b.token"


def live_of(connection: Connection, domain: str) -> Live | None:
    """Return what is live; None before the first generation."""
    row = connection.execute(
        f"SELECT {_BUILD}, d.generation, s.id, s.fingerprint, s.dimensions, d.updated_at FROM domains d "  # noqa: S608
        "JOIN builds b ON b.id = d.build JOIN spaces s ON s.id = b.space WHERE d.domain = ?",
        (domain,),
    ).fetchone()
    return Live(Build(*row[:7]), row[7], Space(*row[8:11]), row[11]) if row else None


def domains(connection: Connection) -> list[str]:
    """Return the domains that have an index, live or begun, by name."""
    return [name for (name,) in connection.execute("SELECT DISTINCT domain FROM builds ORDER BY domain")]


def newest(connection: Connection, domain: str, space: Space, cut: str, *, is_unseen: bool = False) -> Build | None:
    """Return the build that a run in this space and way of cutting goes on with, the live one first; `is_unseen`: one never live."""
    row = connection.execute(
        f"SELECT {_BUILD} FROM builds b WHERE b.domain = ? AND b.space = ? AND b.cut = ? AND (b.generation = 0 OR NOT ?) "  # noqa: S608
        "ORDER BY b.generation DESC, b.id DESC LIMIT 1",
        (domain, space.id, cut, is_unseen),
    ).fetchone()
    return Build(*row) if row else None


def unseen(connection: Connection, domain: str) -> Build | None:
    """Return the newest build that was never live."""
    row = connection.execute(
        f"SELECT {_BUILD} FROM builds b WHERE b.domain = ? AND b.generation = 0 ORDER BY b.id DESC LIMIT 1",  # noqa: S608
        (domain,),
    ).fetchone()
    return Build(*row) if row else None


def begin(connection: Connection, domain: str, space: Space, cut: str, folder: str) -> Build:
    """Make an empty build."""
    token = os.urandom(8).hex()
    cursor = connection.execute(
        "INSERT INTO builds (token, domain, space, cut, folder, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (token, domain, space.id, cut, folder, now()),
    )
    build = Build(cursor.lastrowid or 0, domain, space.id, cut, folder, 0, token)
    schema.create_words(connection, build.id)
    return build


def move(connection: Connection, build: Build, folder: str) -> Build:
    """Put a build's derived file into another folder from now on."""
    connection.execute("UPDATE builds SET folder = ? WHERE id = ?", (folder, build.id))
    return build._replace(folder=folder)


def next_number(connection: Connection, domain: str) -> int:
    """Return the number of the generation that is being written."""
    row = connection.execute("SELECT generation FROM domains WHERE domain = ?", (domain,)).fetchone()
    return row[0] + 1 if row else 1


def flip(connection: Connection, build: Build, run: int) -> int:
    """Make what a build holds now the domain's next generation, and return its number."""
    number = next_number(connection, build.domain)
    rows.forget_words_of_the_dead(connection, build)
    connection.execute("UPDATE builds SET generation = ? WHERE id = ?", (number, build.id))
    connection.execute(
        "INSERT INTO domains VALUES (?, ?, ?, ?) ON CONFLICT (domain) DO UPDATE "
        "SET build = excluded.build, generation = excluded.generation, updated_at = excluded.updated_at",
        (build.domain, build.id, number, now()),
    )
    connection.execute(
        "INSERT INTO generations VALUES (?, ?, ?, ?, ?, (SELECT count(*) FROM chunks WHERE build = ? AND died IS NULL))",
        (build.domain, number, build.id, run, now(), build.id),
    )
    return number


def generations(connection: Connection, domain: str) -> list[Generation]:
    """Return the generations that can be gone back to, the newest first."""
    found = connection.execute(
        "SELECT g.number, g.build, s.fingerprint, g.created_at, g.chunks, coalesce(r.kind, '') FROM generations g "
        "JOIN builds b ON b.id = g.build JOIN spaces s ON s.id = b.space LEFT JOIN runs r ON r.id = g.run "
        "WHERE g.domain = ? ORDER BY g.number DESC",
        (domain,),
    )
    return [Generation(*row) for row in found]


def roll_back(connection: Connection, domain: str, number: int | None, run: int) -> tuple[int, int]:
    """Make the content of generation `number`, else of the one before the live one, live as a new generation.

    Returns the number that was gone back to and the new one. Raises Usage for a generation that there is not.
    """
    known = {one.number: one.build for one in generations(connection, domain)}
    live = live_of(connection, domain)
    if live is None:
        raise Usage(f"{domain} has no index", hint=f"labmodels update-embeddings --domain {domain}")
    earlier = [one for one in known if one < live.generation]
    if number is None and not earlier:
        raise Usage(f"{domain} has no generation before {live.generation}", hint=f"labmodels embeddings show {domain}")
    wanted = max(earlier) if number is None else number
    if wanted not in known:
        kept = ", ".join(map(str, sorted(known)))
        raise Usage(f"{domain} has no generation {wanted}", hint=f"kept are {kept}")
    row = connection.execute(f"SELECT {_BUILD} FROM builds b WHERE b.id = ?", (known[wanted],)).fetchone()  # noqa: S608
    build = Build(*row)
    rows.revive(connection, build, wanted, next_number(connection, domain))
    return wanted, flip(connection, build, run)


def begin_run(connection: Connection, domain: str, kind: str) -> int:
    """Note that a run has begun, and return its id. The caller writes alone: one that still seems to run was killed."""
    connection.execute("UPDATE runs SET outcome = 'killed' WHERE domain = ? AND outcome = 'running'", (domain,))
    cursor = connection.execute("INSERT INTO runs (domain, kind, started_at) VALUES (?, ?, ?)", (domain, kind, now()))
    return cursor.lastrowid or 0


def end_run(connection: Connection, run: int, outcome: str, counts: str = "{}") -> None:
    """Note how a run has ended."""
    connection.execute("UPDATE runs SET ended_at = ?, outcome = ?, counts = ? WHERE id = ?", (now(), outcome, counts, run))
