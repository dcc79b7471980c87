"""Limits on waiting that hold for every byte: connect, first token, between tokens, and the whole call.

The SDKs' timeouts are per read, so a server that drips one byte a second is never timed out, neither in its headers nor in the
body of an error, which the SDK reads by itself. Here every read of the socket is given at most the time that is left of the
call (`Watch`). httpx2 takes no network backend from outside, so `bound_reads` sets the one attribute that holds it; a test with
dripping headers fails should a later version move it. Name resolution stays with the system's resolver and its own limits.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import ErrorClass
    from labmodels.config.schema.language_model import Timeouts


class Watch:
    """The time that is left of one call. `token()` says that output came; before the first one another limit holds."""

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

    def token(self) -> None:
        """Note that the model wrote something: the limit between tokens begins anew."""
        self._silent_at = self._clock() + self._between_s
        self._silence = "timeout_between_tokens"

    def left_s(self) -> float:
        """Return the seconds until the nearest limit; negative when it has passed."""
        return min(self._ends_at, self._silent_at) - self._clock()

    def exceeded(self) -> ErrorClass:
        """Return the class of the nearest limit."""
        return "timeout_total" if self._ends_at <= self._silent_at else self._silence

    @contextmanager
    def over_reads(self) -> Iterator[None]:
        """Bound every read of a watched client that happens inside."""
        token = _watch.set(self)
        try:
            yield
        finally:
            _watch.reset(token)


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
