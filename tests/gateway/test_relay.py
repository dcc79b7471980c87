"""From the thread to the event loop: every piece once, in order, however the two are interleaved."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from labmodels.gateway.relay import Head, Relay


async def received(relay: Relay) -> list[bytes]:
    """Take what comes until the end, as the gateway does."""
    pieces = []
    while True:
        await relay.wait(5)
        is_ended, piece = relay.is_ended, relay.take()
        pieces.append(piece)
        if is_ended:
            return pieces


@pytest.mark.parametrize("pause_s", [0.0, 0.00001, 0.0005])
def test_every_piece_arrives_once_and_in_order_and_the_place_is_given_back_once(pause_s):
    sent = [f"{number},".encode() for number in range(2000 if not pause_s else 300)]
    left: list[int] = []

    async def run() -> list[bytes]:
        relay = Relay(asyncio.get_running_loop(), lambda: left.append(1))

        def work() -> None:
            relay.begin(Head(200, []), sent[0])
            for piece in sent[1:-1]:
                relay.put(piece)
                if pause_s:
                    time.sleep(pause_s)
            relay.end(sent[-1])

        thread = threading.Thread(target=work)
        thread.start()
        pieces = await received(relay)
        thread.join()
        await asyncio.sleep(0)
        return pieces

    pieces = asyncio.run(run())
    assert b"".join(pieces) == b"".join(sent) and left == [1]
    assert pause_s or len(pieces) < len(sent) / 2, "many pieces a wake-up"


@pytest.mark.parametrize("end", ["cut", "hang_up"])
def test_whoever_waits_is_woken_by_an_end_from_outside(end):
    async def run() -> float:
        loop = asyncio.get_running_loop()
        relay = Relay(loop, lambda: None)
        loop.call_later(0.01, getattr(relay, end))
        began = loop.time()
        await relay.wait(20)
        return loop.time() - began

    assert asyncio.run(run()) < 15


def test_a_thread_that_outlives_the_loop_learns_that_nobody_reads():
    async def run() -> Relay:
        return Relay(asyncio.get_running_loop(), lambda: None)

    relay = asyncio.run(run())
    relay.put(b"late")
    assert relay.is_gone
