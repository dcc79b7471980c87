"""Keys: made once, known by their hash, read anew at most a second late."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from labmodels.errors import Usage
from labmodels.gateway.faults import Fault
from labmodels.gateway.keys import Doorkeeper, caller_of, made


def test_a_key_is_long_random_and_kept_as_its_hash_only():
    text, key = made("team", ["documentation"], {"day": "5.00", "requests_per_minute": 3})
    other, _ = made("team", [], {})
    assert text.startswith("lm_") and len(text) == 46 and text != other
    assert key.key_sha256 == hashlib.sha256(text.encode()).hexdigest() and text not in repr(key)
    caller = caller_of(key)
    assert (caller.name, caller.domains, str(caller.budgets.day), caller.rate_limits.requests_per_minute) == (
        "team", frozenset({"documentation"}), "5.00", 3,
    )  # fmt: skip


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(Usage):
        made("team", [], {"day": "5.00", "month": "1.00"})


def test_the_ledger_is_read_at_most_once_a_second_however_many_ask():
    text, key = made("team", [], {})
    now, reads = [0.0], []
    known = [key]

    def read():
        reads.append(now[0])
        return list(known)

    async def run() -> None:
        with ThreadPoolExecutor(1) as aside:
            door = Doorkeeper(read, aside, lambda: now[0])
            headers = {b"authorization": f"bearer {text}".encode()}
            callers = await asyncio.gather(*(door.admit(headers) for _ in range(20)))
            assert {caller.name for caller in callers} == {"team"} and len(reads) == 1
            known[0] = replace(key, revoked_at="2026-01-01")
            now[0] = 1.1
            for wrong in (headers, {}, {b"x-api-key": b"\xff"}):
                with pytest.raises(Fault) as refused:
                    await door.admit(wrong)
                assert refused.value.status == 401
            assert len(reads) == 2

    asyncio.run(run())
