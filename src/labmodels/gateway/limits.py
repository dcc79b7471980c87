"""What the gateway takes on: how much of a body, how many requests at once, how many in line and for how long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labmodels.gateway.faults import Fault, crowded, stopping

if TYPE_CHECKING:
    from starlette.types import Receive

BODY_WITHIN_S = 30.0  # how long a client may take to send its body


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one gateway process. As many requests as run may wait in line; what is beyond is refused at once."""

    running: int = 32
    wait_s: float = 10.0
    body_bytes: int = 10_000_000
    request_s: float = 600.0
    drain_s: float = 30.0


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, most_bytes: int) -> bytes:
    """Return the body of a request; raise Fault for one that is too large or too slow, ConnectionError when the client has gone."""
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit() or int(announced) > most_bytes:
        raise _too_large(most_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > most_bytes:
                    raise _too_large(most_bytes)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise Fault(408, "timeout", f"the body did not arrive within {BODY_WITHIN_S:g} s") from None


def _too_large(most_bytes: int) -> Fault:
    return Fault(413, "request_too_large", f"the body is larger than {most_bytes} bytes")


class Line:
    """Places for requests that run, and a bounded line before them. Used by one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Take a place, or wait for one; raise Fault when there is no room, or none in time. Whoever entered must `leave`."""
        if self._is_closed:
            raise stopping()
        if self.running < self._limits.running:
            self.running += 1
            return
        if len(self._waiting) >= self._limits.running:
            raise crowded()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await turn
        except TimeoutError:
            self._give_up(turn)
            raise crowded(self._limits.wait_s) from None
        except BaseException:
            self._give_up(turn)
            raise

    def leave(self) -> None:
        """Give a place back: the first in line gets it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1

    def close(self) -> None:
        """Let nobody in any more; who stands in line is sent away."""
        self._is_closed = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(stopping())

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        """Step out of line; a place that was given at the same moment goes to the next one."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.leave()
