"""Says what the indexes are, for people: one line a domain, and everything that is known of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labmodels.embeddings.store import builds
from labmodels.embeddings.store.derived import Damaged, DerivedIndex
from labmodels.embeddings.store.reader import file_of
from labmodels.embeddings.store.truth import faults, open_to_read


@dataclass(frozen=True, slots=True)
class Overview:
    """An index that is there: live, or begun and not live yet (generation 0)."""

    domain: str
    group: str
    generation: int
    fingerprint: str
    sources: int
    chunks: int
    updated_at: str
    is_being_built: bool  # a build waits to be gone on with


@dataclass(frozen=True, slots=True)
class Run:
    """What a run on a domain did."""

    kind: str
    started_at: str
    ended_at: str | None
    outcome: str
    counts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Details:
    """Everything that is known of an index; its last runs, the newest first."""

    overview: Overview
    dimensions: int
    cut: str
    generations: list[builds.Generation]
    runs: list[Run]
    file: str  # the state of the derived file


def overviews(folder: Path) -> list[Overview]:
    """Return the indexes that are there, by domain."""
    truth = open_to_read(folder)
    if truth is None:
        return []
    with truth, truth.reading() as connection:
        return [found for name in builds.domains(connection) if (found := _overview(connection, name))]


def details(folder: Path, domain: str, runs: int = 5) -> Details | None:
    """Return what is known of the index of `domain`; None when it was never begun."""
    truth = open_to_read(folder)
    if truth is None:
        return None
    with truth, faults(folder, "read"), truth.reading() as connection:
        overview = _overview(connection, domain)
        if overview is None:
            return None
        live = builds.live_of(connection, domain)
        lately = connection.execute(
            "SELECT kind, started_at, ended_at, outcome, counts FROM runs WHERE domain = ? ORDER BY id DESC LIMIT ?", (domain, runs)
        )
        return Details(
            overview,
            live.space.dimensions if live else 0,
            live.build.cut if live else "",
            builds.generations(connection, domain),
            [Run(kind, begun, ended, outcome, json.loads(counts)) for kind, begun, ended, outcome, counts in lately],
            _file(folder, live) if live else "none yet",
        )


def _overview(connection: Any, domain: str) -> Overview | None:
    live, begun = builds.live_of(connection, domain), builds.unseen(connection, domain)
    build = live.build if live else begun
    if build is None:
        return None
    query = (
        "SELECT (SELECT count(*) FROM sources WHERE build = ?1), (SELECT fingerprint FROM spaces WHERE id = ?2), "
        "(SELECT chunks FROM generations WHERE domain = ?3 AND number = ?4), (SELECT created_at FROM builds WHERE id = ?1)"
    )
    sources, fingerprint, chunks, created_at = connection.execute(
        query, (build.id, build.space, domain, live.generation if live else 0)
    ).fetchone()
    return Overview(
        domain,
        build.folder,
        live.generation if live else 0,
        fingerprint,
        sources,
        chunks or 0,
        live.updated_at if live else created_at,
        begun is not None,
    )


def _file(folder: Path, live: builds.Live) -> str:
    path = file_of(folder, live.build)
    try:
        header = DerivedIndex(path).header
    except FileNotFoundError:
        return f"{path} is missing"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    except Damaged as error:
        return str(error)
    if header.build != live.build.token:
        return f"{path} is of another build"
    return f"{path}, {header.count:,} vectors as of generation {header.generation}"
