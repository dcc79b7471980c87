"""Opens the truth and keeps its promises: one file, whole transactions, errors that say what to do. What is in it is left to the others.

WAL with `synchronous=FULL`: what a transaction wrote survives a power cut, readers see the state before it or after it and never wait.
Who may write is decided by the lock of `writing`, which the kernel frees when its holder dies.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from labmodels.durable import DISK, use_wal
from labmodels.embeddings.store import schema
from labmodels.errors import Busy, StorageFault
from labmodels.lab import locked

FILE_NAME = "index.db"
LOCK_NAME = ".lock"
_BUSY_S = 10.0
_REBUILD = "labmodels update-embeddings --all"


class Truth:
    """An open truth, for one thread. Raises StorageFault for a file that is damaged or cannot be used, Busy when it stays locked."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.connection = connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside one writing transaction: all of it, or nothing."""
        with self._inside("BEGIN IMMEDIATE", "write"):
            yield self.connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside one look at the truth: no later write is seen."""
        with self._inside("BEGIN", "read"):
            yield self.connection

    def close(self) -> None:
        """Close the file."""
        with faults(self.folder, "close"):
            self.connection.close()

    def __enter__(self) -> Truth:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _inside(self, begin: str, doing: str) -> Iterator[None]:
        with faults(self.folder, doing):
            self.connection.execute(begin)
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                    self.connection.execute("ROLLBACK")
                raise


@contextmanager
def writing(folder: Path, wait_s: float) -> Iterator[Truth]:
    """Open the truth in `folder`, created where there is none, as its one writer. Raises Busy when another one is not done in `wait_s`."""
    DISK.make_folder(folder, 0o755)
    with locked(folder / LOCK_NAME, wait_s), faults(folder, "open"):
        path = folder / FILE_NAME
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite gives its -wal and -shm the same mode
        with Truth(folder, _connected(f"{path.as_uri()}?mode=rw")) as truth:
            use_wal(truth.connection, _BUSY_S)
            truth.connection.execute("PRAGMA synchronous = FULL")
            _migrate(truth)
            yield truth


def open_to_read(folder: Path) -> Truth | None:
    """Open the truth in `folder` to read; None when there is none."""
    path = folder / FILE_NAME
    if not path.exists():
        return None
    with faults(folder, "open"):
        connection = _connected(f"{path.as_uri()}?mode=ro")
        try:
            version = _version(connection)
        except sqlite3.OperationalError:
            if os.access(folder, os.W_OK) or _has_content(path.with_name(f"{FILE_NAME}-wal")):
                raise
            # Readers of a WAL leave marks beside it; where they cannot and nothing is in it, the file alone is the truth.
            connection.close()
            connection = _connected(f"{path.as_uri()}?mode=ro&immutable=1")
            version = _version(connection)
        if version != schema.VERSION:
            connection.close()
            if version == 0:  # a writer has made the file and not yet its tables
                return None
            raise _foreign(path, version)
    return Truth(folder, connection)


@contextmanager
def faults(folder: Path, doing: str) -> Iterator[None]:
    """Turn what SQLite and the file system raise into errors of the tree."""
    path = folder / FILE_NAME
    try:
        yield
    except OSError as error:
        raise StorageFault.of(error, f"{doing} {path}") from None
    except sqlite3.Error as error:
        raise _fault(error, path, doing) from None


def now() -> str:
    """Return this instant as the tables hold it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _fault(error: sqlite3.Error, path: Path, doing: str) -> Busy | StorageFault:
    is_operational = isinstance(error, sqlite3.OperationalError)
    if is_operational and "locked" in str(error):
        return Busy(f"{path} stayed locked for {_BUSY_S:g} s", hint="try again; if it stays, look for the process that holds it")
    if is_operational and "malformed" not in str(error):
        return StorageFault(f"cannot {doing} {path}: {error}", hint="check the folder's owner, mode and free space, then run it again")
    return StorageFault(f"{path} is damaged: {error}", hint=f"move it away, mv {path} {path}.damaged, and build it again: {_REBUILD}")


def _connected(uri: str) -> sqlite3.Connection:
    # isolation_level None: the driver begins nothing by itself, the transactions are those written here.
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


def _migrate(truth: Truth) -> None:
    version = _version(truth.connection)
    if version == schema.VERSION:
        return
    if version > schema.VERSION:
        raise _foreign(truth.folder / FILE_NAME, version)
    with truth.transaction() as connection:
        if version == 0:
            schema.create(connection)
        else:
            for step in schema.STEPS[version - 1 :]:
                step(connection)
        connection.execute(f"PRAGMA user_version = {schema.VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _foreign(path: Path, version: int) -> StorageFault:
    hint = "upgrade labmodels" if version > schema.VERSION else _REBUILD
    return StorageFault(f"{path} was written by another labmodels (version {version}, this one knows {schema.VERSION})", hint=hint)


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
