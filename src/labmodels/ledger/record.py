"""Writes the ledger: one row for each attempt, from many processes at once, in a file that only its owner reads.

SQLite in WAL mode with `synchronous=NORMAL`: a killed process loses nothing that `record` returned from; a power cut may lose the
last rows, and never damages the file. Reading is `queries`'.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from labmodels.durable import DISK, use_wal
from labmodels.errors import Busy, StorageFault
from labmodels.ledger.prepared import Prepared

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Origin = Literal["live", "test", "canary", "probe", "drill"]
Outcome = Literal["ok", "failed", "skipped", "abandoned"]  # abandoned: whoever asked went away before the end
_BUSY_S = 10.0


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a request belongs to: where it ran and on whose behalf."""

    environment: str
    domain: str
    profile: str | None = None
    release: int | None = None
    origin: Origin = "live"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one candidate, or its being skipped. None is unknown; cost in pico-dollars; `reason` was redacted."""

    id: str
    request_id: str
    at: datetime
    occasion: Occasion
    candidate: str
    provider: str
    model_requested: str
    outcome: Outcome
    prompt_sha256: str
    model_returned: str | None = None
    provider_request_id: str | None = None
    error_class: str | None = None
    reason: str | None = None
    finish: str | None = None
    degraded: bool = False
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_pico_usd: int | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    cost_source: str | None = None
    is_cached: bool = False
    arm: str | None = None
    caller: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the columns of the attempts table."""
        row = {name: getattr(self, name) for name in _OWN_COLUMNS}
        row |= {name: getattr(self.occasion, name) for name in _OCCASION_COLUMNS}
        row["at"] = instant(self.at)
        return row


_OWN_COLUMNS = tuple(field.name for field in fields(Attempt) if field.name != "occasion")
_OCCASION_COLUMNS = tuple(field.name for field in fields(Occasion))


def new_id() -> str:
    """Return an id that sorts by the time it was made and that no other process makes."""
    return f"{time.time_ns():016x}{os.urandom(6).hex()}"


def instant(moment: datetime) -> str:
    """Return the text of an aware instant as the tables hold it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def insert_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Add the rows of attempts to a transaction."""
    if attempts:
        _INSERT.run_for_each(connection, [attempt.as_row() for attempt in attempts])


def _insert() -> Any:
    from labmodels.ledger.tables import ATTEMPTS

    return ATTEMPTS.insert()


_INSERT = Prepared(_insert)


class Ledger:
    """An open ledger. Raises StorageFault for a file that is damaged or cannot be written, Busy when it stays locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()  # threads of one process wait here, in turn, and not in SQLite, which sleeps
        with self._faults("open"):
            _create(path)
            self._engine = _engine(path)
            # One connection writes, for as long as the ledger is open: to take one from the pool costs more than a small transaction.
            self._writer = self._engine.connect().execution_options(begin="IMMEDIATE")
            self._migrate()

    def record(self, attempt: Attempt) -> None:
        """Add the row of one attempt; when this returns, every process sees it."""
        with self.transaction() as connection:
            insert_attempts(connection, [attempt])

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection inside one writing transaction."""
        with self._writing, self._faults("write"), self._writer.begin():
            yield self._writer

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the ledger."""
        with self._faults("read"), self._engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _migrate(self) -> None:
        from labmodels.ledger.tables import METADATA, STEPS, VERSION

        with self.reading() as connection:
            if _version(connection) == VERSION:
                return
        with self.transaction() as connection:
            version = _version(connection)  # again, under the lock: another process may have been faster
            if version > VERSION:
                raise StorageFault(
                    f"{self.path} was written by a later labmodels (version {version}, this one knows {VERSION})", hint="upgrade labmodels"
                )
            if version == 0:
                METADATA.create_all(connection)
            else:
                for step in STEPS[version - 1 :]:
                    step(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageFault.of(error, f"{doing} {self.path}") from None
        except Exception as error:
            import sqlite3

            from sqlalchemy.exc import DBAPIError

            if not isinstance(error, (DBAPIError, sqlite3.Error)):
                raise
            raise self._fault(error.orig if isinstance(error, DBAPIError) else error, doing) from None

    def _fault(self, error: BaseException | None, doing: str) -> Busy | StorageFault:
        import sqlite3

        cause = str(error)
        is_operational = isinstance(error, sqlite3.OperationalError)
        if is_operational and "locked" in cause:
            return Busy(f"{self.path} stayed locked for {_BUSY_S:g} s", hint="try again; if it stays, look for the process that holds it")
        if is_operational and "malformed" not in cause:
            hint = "check the folder's owner, mode and free space, then run it again"
            return StorageFault(f"cannot {doing} {self.path}: {cause}", hint=hint)
        hint = f"move it away, mv {self.path} {self.path}.damaged; the next request starts a new one"
        return StorageFault(f"{self.path} is damaged: {cause}", hint=hint)


def _create(path: Path) -> None:
    DISK.make_folder(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite gives its -wal and -shm the same mode


def _engine(path: Path) -> Engine:
    from sqlalchemy import URL, create_engine, event

    arguments = {"timeout": _BUSY_S, "check_same_thread": False}  # the pool gives a connection to one thread at a time
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args=arguments, pool_size=4, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: the transactions are those written here
        use_wal(connection, _BUSY_S)
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.connection.cursor().execute(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")

    return engine


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
