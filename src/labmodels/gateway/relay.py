"""Carries one answer from the thread that asks the route to the event loop that sends it: cheap, in order, many pieces a wake-up.

The thread never waits for the client: what a slow one has not read yet is kept, an answer at most, and the thread is free for the
next request. `is_gone` tells the thread that nobody reads any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Head:
    """The status and the headers of an answer."""

    status: int
    headers: Headers


class Relay:
    """One answer on its way. `begin`, `put` and `end` are the thread's; everything else is the event loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_end: Callable[[], None]) -> None:
        self._loop = loop
        self._on_end = on_end  # called once, in the event loop, when the thread is done
        self._pieces: deque[bytes] = deque()
        self._is_woken = False
        self._waiter: asyncio.Future[None] | None = None
        self.head: Head | None = None
        self.is_ended = False
        self.is_gone = False
        self.is_cut = False

    # -- the thread

    def begin(self, head: Head, piece: bytes) -> None:
        """Say how the answer begins, and with what."""
        self.head = head
        self.put(piece)

    def put(self, piece: bytes) -> None:
        """Add a piece and see to it that the event loop looks: one wake-up for all that comes before it gets to it."""
        self._pieces.append(piece)
        if not self._is_woken:
            self._is_woken = True
            self._call(self._resume)

    def end(self, piece: bytes = b"") -> None:
        """Add the last piece; the thread is done."""
        self._pieces.append(piece)
        self.is_ended = True
        self._call(self._finish)

    def whole(self, head: Head, body: bytes) -> None:
        """Hand over an answer in one piece."""
        self.head = head
        self.end(body)

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop has ended: nobody reads any more
            self.is_gone = True

    # -- the event loop

    def take(self) -> bytes:
        """Return what has come since."""
        self._is_woken = False  # before looking: what comes after this wakes again
        pieces = []
        while self._pieces:
            pieces.append(self._pieces.popleft())
        return b"".join(pieces)

    async def wait(self, seconds: float) -> None:
        """Return when something came, was cut or hung up, or after `seconds`."""
        if self._is_woken or self._pieces or self.is_ended or self.is_cut or self.is_gone:
            return
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._resume)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def hang_up(self) -> None:
        """Note that the client has gone."""
        self.is_gone = True
        self._resume()

    def cut(self) -> None:
        """Have the answer end here: the gateway stops."""
        self.is_cut = True
        self._resume()

    def _finish(self) -> None:
        self._on_end()
        self._resume()

    def _resume(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
