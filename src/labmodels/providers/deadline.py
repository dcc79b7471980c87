"""Limits on waiting that hold for every byte: connect, first token, between tokens, throughput, and the whole call.

The SDKs' timeouts are per read, so a server that drips one byte a second is never timed out, neither in its headers nor in the
body of an error, which the SDK reads by itself. Here every read of the socket is given at most the time that is left of the
call (`Watch`). httpx2 takes no network backend from outside, so `bound_reads` sets the one attribute that holds it; a test with
dripping headers fails should a later version move it. Name resolution stays with the system's resolver and its own limits.
"""

from __future__ import annotations

import math
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import ErrorClass
    from labmodels.config.schema.language_model import Timeouts


_WINDOW_S = 10.0  # the floor on throughput holds over so long
_BYTES_A_TOKEN = 4


class Watch:
    """The time that is left of one call, which belongs to one thread. `with watch:` bounds every read of a watched client inside.

    `wrote()` says that the model did something; the limits on its pace count no time in which the consumer held the stream.
    """

    def __init__(
        self, timeouts: Timeouts, deadline_s: float | None, *, streaming: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._between_s = timeouts.between_tokens
        now = clock()
        self._ends_at = now + min(timeouts.total, math.inf if deadline_s is None else deadline_s)
        # Without streaming, the first byte comes when the last token is written: only the whole call has a limit.
        self._silent_at = now + timeouts.first_token if streaming else math.inf
        self._silence: ErrorClass = "timeout_first_token"
        self._slow_at = math.inf
        self._enough_bytes = (timeouts.least_tokens_per_second or 0.0) * _WINDOW_S * _BYTES_A_TOKEN
        self._latest: deque[tuple[float, int]] = deque()  # when and how much: the latest output that is enough for one window
        self._latest_bytes = 0
        self._paused_at = now
        self._paused_s = 0.0  # the pace is kept on a clock that stands still meanwhile

    def wrote(self, output: str) -> None:
        """Note an event with what the model wrote in it, thoughts included; until the first output, an event without any is no progress."""
        if not output and self._silence == "timeout_first_token":
            return
        now = self._clock() - self._paused_s
        self._silence = "timeout_between_tokens"
        self._silent_at = now + self._between_s
        if self._enough_bytes:
            self._weigh(now, len(output.encode("utf-8", "replace")))

    def _weigh(self, now: float, size_bytes: int) -> None:
        """Set when the stream will be too slow: a window after the oldest of the latest output that together is enough for one."""
        self._latest.append((now, size_bytes))
        self._latest_bytes += size_bytes
        while self._latest_bytes - self._latest[0][1] >= self._enough_bytes:
            self._latest_bytes -= self._latest.popleft()[1]
        self._slow_at = self._latest[0][0] + _WINDOW_S

    def pause(self) -> None:
        """Note that the consumer holds the stream from now on."""
        self._paused_at = self._clock()

    def resume(self) -> None:
        """Note that the consumer wants more."""
        self._paused_s += self._clock() - self._paused_at

    def end_within(self, seconds: float) -> None:
        """Let the call end that soon, if it does not end before."""
        self._ends_at = min(self._ends_at, self._clock() + seconds)

    def left_s(self) -> float:
        """Return the seconds until the nearest limit; negative when it has passed."""
        return min(self._ends_at - self._paused_s, self._silent_at, self._slow_at) - (self._clock() - self._paused_s)

    def exceeded(self) -> ErrorClass:
        """Return the class of the nearest limit."""
        limits: list[tuple[float, ErrorClass]] = [
            (self._ends_at - self._paused_s, "timeout_total"),
            (self._silent_at, self._silence),
            (self._slow_at, "timeout_throughput"),
        ]
        return min(limits, key=itemgetter(0))[1]

    def __enter__(self) -> None:
        self._token = _watch.set(self)

    def __exit__(self, *_: object) -> None:
        _watch.reset(self._token)


_watch: ContextVar[Watch | None] = ContextVar("labmodels_watch", default=None)


def _bounded(timeout: float | None, expired: type[Exception]) -> float | None:
    watch = _watch.get()
    if watch is None:
        return timeout
    left = watch.left_s()
    if left <= 0:
        raise expired("the time for this call is over")
    return left if timeout is None else min(timeout, left)


class _BoundStream(httpcore2.NetworkStream):
    """A connection whose reads and writes end with the call's time."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _bounded(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _bounded(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _BoundStream(self._stream.start_tls(ssl_context, server_hostname, _bounded(timeout, httpcore2.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _BoundBackend(httpcore2.NetworkBackend):
    """Opens connections whose reads are bounded."""

    def __init__(self, backend: httpcore2.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        seconds = _bounded(timeout, httpcore2.ConnectTimeout)
        return _BoundStream(self._backend.connect_tcp(host, port, seconds, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        return _BoundStream(self._backend.connect_unix_socket(path, _bounded(timeout, httpcore2.ConnectTimeout), socket_options))


def bound_reads(client: httpx2.Client) -> None:
    """Make every connection of `client`, through a proxy too, obey the watch of the call that uses it."""
    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:
            pool = transport._pool  # type: ignore[attr-defined]
            pool._network_backend = _BoundBackend(pool._network_backend)
