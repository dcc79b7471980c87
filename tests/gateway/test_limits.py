"""The line before the threads: never more inside than there is room for, and no place is lost whoever gives up when."""

from __future__ import annotations

import asyncio
import random

import pytest

from labmodels.gateway.faults import Fault
from labmodels.gateway.limits import Limits, Line, read_body


@pytest.mark.parametrize("seed", range(20))
def test_no_place_is_ever_lost_or_given_twice(seed):
    rng = random.Random(seed)
    line = Line(Limits(running=3, wait_s=0.003))
    most = 0

    async def visit() -> None:
        nonlocal most
        await asyncio.sleep(rng.random() * 0.02)
        try:
            await line.enter()
        except Fault as fault:
            assert fault.code == "overloaded"
            return
        most = max(most, line.running)
        assert line.running <= 3 and line.waiting <= 3
        try:
            await asyncio.sleep(rng.random() * 0.004)
        finally:
            line.leave()

    async def run() -> None:
        tasks = [asyncio.create_task(visit()) for _ in range(60)]
        for task in rng.sample(tasks, 15):
            asyncio.get_running_loop().call_later(rng.random() * 0.02, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert (line.running, line.waiting, most) == (0, 0, 3)


def test_whoever_gives_up_leaves_the_line_and_a_place_given_at_that_moment_goes_on():
    async def run() -> None:
        line = Line(Limits(running=1, wait_s=0.001))
        await line.enter()
        with pytest.raises(Fault):
            await line.enter()
        assert line.waiting == 0, "it gave up while the place was taken"
        late = asyncio.create_task(line.enter())
        await asyncio.sleep(0)
        line.leave()  # the place is the late one's now
        late.cancel()
        await asyncio.gather(late, return_exceptions=True)
        assert line.running == 0

    asyncio.run(run())


def test_closing_sends_those_in_line_away_and_lets_nobody_in():
    async def run() -> None:
        line = Line(Limits(running=1))
        await line.enter()
        waiting = asyncio.create_task(line.enter())
        await asyncio.sleep(0)
        line.close()
        for entering in (waiting, line.enter()):
            with pytest.raises(Fault) as sent_away:
                await entering
            assert sent_away.value.code == "stopping"
        line.leave()
        assert line.running == 0

    asyncio.run(run())


@pytest.mark.parametrize("headers", [{}, {b"content-length": b"4"}, {b"content-length": b"-1"}, {b"content-length": b"999"}])
def test_a_body_is_counted_whatever_its_length_was_said_to_be(headers):
    pieces = iter([b"abc", b"def", b"ghi", b""])

    async def receive() -> dict[str, object]:
        piece = next(pieces)
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    with pytest.raises(Fault) as refused:
        asyncio.run(read_body(headers, receive, most_bytes=8))
    assert refused.value.status == 413
