"""Rows of many processes are all there, only their owner can read them, and a damaged file is told, not a traceback."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from labmodels.errors import Busy, StorageFault
from labmodels.ledger import record, tables
from labmodels.ledger.record import Attempt, Ledger, Occasion, new_id

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def attempt(**changes) -> Attempt:
    values = {
        "id": new_id(), "request_id": new_id(), "at": AT, "occasion": Occasion("dev", "documentation"), "candidate": "gpt-4",
        "provider": "openai",
        "model_requested": "gpt-4o", "outcome": "ok", "prompt_sha256": "0" * 64,
    }  # fmt: skip
    return Attempt(**{**values, **changes})


def rows(path) -> list[dict]:
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM attempts ORDER BY id")]
    connection.close()
    return found


def write_fifty(path, start) -> None:
    start.wait(30)
    with Ledger(path) as ledger:
        for _ in range(50):
            ledger.record(attempt(candidate=str(os.getpid())))


def test_four_processes_that_open_a_new_ledger_at_once_lose_no_row(tmp_path):
    path = tmp_path / "state/ledger.db"
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    processes = [context.Process(target=write_fifty, args=(path, start)) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    found = rows(path)
    assert len(found) == len({row["id"] for row in found}) == 200
    assert {row["candidate"] for row in found} == {str(process.pid) for process in processes}


def test_two_that_meet_a_new_file_at_the_same_instant_both_open_it(tmp_path, monkeypatch):
    path, seen, opened = tmp_path / "ledger.db", [], []
    other = threading.Thread(target=lambda: opened.append(Ledger(path).close()))
    version = record._version

    def version_and_a_rival(connection):
        seen.append(version(connection))
        if len(seen) == 2:  # under our lock: the rival comes between our look and our writing
            other.start()
            other.join(0.3)
        return seen[-1]

    monkeypatch.setattr(record, "_version", version_and_a_rival)
    Ledger(path).close()
    other.join(30)
    assert len(opened) == 1


def test_a_row_holds_what_the_attempt_says_and_null_for_what_is_unknown(tmp_path):
    occasion = Occasion("production", "code_analysis", "high_accuracy", 7, "canary")
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.record(attempt(occasion=occasion, input_tokens=12, cost_pico_usd=10**15 + 1, at=AT.astimezone()))
    (row,) = rows(tmp_path / "ledger.db")
    assert (row["environment"], row["domain"], row["profile"], row["release"], row["origin"]) == (
        "production",
        "code_analysis",
        "high_accuracy",
        7,
        "canary",
    )
    assert (row["at"], row["input_tokens"], row["cost_pico_usd"]) == ("2026-11-23T12:00:00.000000+00:00", 12, 10**15 + 1)
    assert row["output_tokens"] is None and row["latency_s"] is None and row["error_class"] is None


def test_only_its_owner_can_read_the_ledger(tmp_path):
    path = tmp_path / "state/ledger.db"
    with Ledger(path) as ledger:
        ledger.record(attempt())
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert {file.name for file in path.parent.iterdir()} >= {"ledger.db", "ledger.db-wal"}


@pytest.mark.parametrize(
    "damage", [b"this is no database, whatever it is, and it is long enough to be looked at" * 20, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_damaged_ledger_is_a_storage_fault_that_names_the_way_out(tmp_path, damage):
    path = tmp_path / "ledger.db"
    path.write_bytes(damage)
    with pytest.raises(StorageFault, match="is damaged") as caught:
        Ledger(path)
    assert f"mv {path} {path}.damaged" in caught.value.hint


def test_pages_that_rot_later_are_a_storage_fault_too(tmp_path):
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        for _ in range(200):
            ledger.record(attempt())
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StorageFault, match="is damaged"), Ledger(path) as ledger:
        ledger.record(attempt())


def test_a_folder_in_its_place_and_a_later_version_are_told(tmp_path):
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(StorageFault, match="cannot open"):
        Ledger(tmp_path / "ledger.db")
    Ledger(tmp_path / "later.db").close()
    with sqlite3.connect(tmp_path / "later.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageFault, match="later labmodels"):
        Ledger(tmp_path / "later.db")


def test_a_ledger_that_stays_locked_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "_BUSY_S", 0.2)
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="locked"):
            ledger.record(attempt())
        holder.close()
        ledger.record(attempt())


def test_an_older_file_is_led_forward_once_and_keeps_its_rows(tmp_path, monkeypatch):
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.record(attempt())
    step = lambda connection: connection.exec_driver_sql("ALTER TABLE attempts ADD COLUMN later TEXT")  # noqa: E731
    monkeypatch.setattr(tables, "STEPS", (*tables.STEPS, step))
    monkeypatch.setattr(tables, "VERSION", tables.VERSION + 1)
    Ledger(path).close()
    Ledger(path).close()
    (row,) = rows(path)
    assert row["later"] is None and row["candidate"] == "gpt-4"


FIRST_VERSION = """
CREATE TABLE attempts (id TEXT NOT NULL PRIMARY KEY, request_id TEXT NOT NULL, at TEXT NOT NULL, environment TEXT NOT NULL,
    domain TEXT NOT NULL, profile TEXT, release INTEGER, origin TEXT NOT NULL, candidate TEXT NOT NULL, provider TEXT NOT NULL,
    model_requested TEXT NOT NULL, model_returned TEXT, provider_request_id TEXT, outcome TEXT NOT NULL, error_class TEXT, reason TEXT,
    finish TEXT, degraded BOOLEAN NOT NULL, input_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
    output_tokens INTEGER, reasoning_tokens INTEGER, cost_pico_usd BIGINT, latency_s FLOAT, prompt_sha256 TEXT NOT NULL);
CREATE INDEX attempts_by_time ON attempts (at);
INSERT INTO attempts (id, request_id, at, environment, domain, origin, candidate, provider, model_requested, outcome, degraded,
    prompt_sha256) VALUES ('1', '1', '2026-11-23T12:00:00.000000+00:00', 'dev', '', 'live', 'gpt-4', 'openai', 'gpt', 'ok', 0, 'x');
PRAGMA user_version = 1;
"""


def test_a_file_of_the_first_version_becomes_what_a_new_file_is(tmp_path):
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    with sqlite3.connect(old) as connection:
        connection.executescript(FIRST_VERSION)
    connection.close()
    for path in (old, new):
        with Ledger(path) as ledger:
            ledger.record(attempt())

    def shape(path):
        connection = sqlite3.connect(path)
        tables_ = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found = {name: {row[1:4] for row in connection.execute(f"PRAGMA table_info({name})")} for name in tables_}
        connection.close()
        return found

    assert shape(old) == shape(new)
    assert [row["is_cached"] for row in rows(old)] == [0, 0]


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "ledger.db"
    Ledger(path).close()

    def half(connection):
        connection.exec_driver_sql("ALTER TABLE attempts ADD COLUMN half TEXT")
        raise StorageFault("no space")

    monkeypatch.setattr(tables, "STEPS", (*tables.STEPS, half))
    monkeypatch.setattr(tables, "VERSION", tables.VERSION + 1)
    with pytest.raises(StorageFault, match="no space"):
        Ledger(path)
    monkeypatch.undo()
    with Ledger(path) as ledger:
        ledger.record(attempt())
    assert "half" not in rows(path)[0]


def test_ids_sort_by_the_time_they_were_made():
    made = [new_id() for _ in range(200)]
    assert len(set(made)) == 200
    assert [one[:16] for one in made] == sorted(one[:16] for one in made)
    assert int(made[0][:16], 16) / 1e9 == pytest.approx(datetime.now(UTC).timestamp(), abs=timedelta(minutes=1).total_seconds())
