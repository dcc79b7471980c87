"""Makes an earlier generation of a domain live again, as a new one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from labmodels.embeddings.store import builds
from labmodels.embeddings.store.refresh import refresh
from labmodels.embeddings.store.truth import open_to_read, writing
from labmodels.errors import Usage


class RolledBack(NamedTuple):
    """Which generation was gone back to, and the new one that shows the same."""

    to: int
    generation: int
    fingerprint: str


def roll_back(folder: Path, domain: str, number: int | None, lock_wait_s: float) -> RolledBack:
    """Go back to generation `number`, else to the one before the live one. The next update follows the sources and the configuration again.

    Raises Usage for what there is not, Busy, StorageFault.
    """
    truth = open_to_read(folder)
    if truth is None:
        raise Usage(f"{domain} has no index", hint=f"labmodels update-embeddings --domain {domain}")
    truth.close()
    with writing(folder, lock_wait_s) as truth:
        with truth.transaction() as connection:
            run = builds.begin_run(connection, domain, "rollback")
            to, generation = builds.roll_back(connection, domain, number, run)
            builds.end_run(connection, run, "done")
            live = builds.live_of(connection, domain)
        refresh(truth, domain)
    return RolledBack(to, generation, live.space.fingerprint if live else "")
