"""What is noted of every request: the counts, and a line in the log that holds no content."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from labmodels.gateway.limits import Line
    from labmodels.gateway.metrics import Page

_ROUTES = {
    "/v1/chat/completions": "chat_completions",
    "/v1/messages": "messages",
    "/v1/embeddings": "embeddings",
    "/v1/models": "models",
}
_GONE = 499  # nobody was there to read the whole answer
_CANDIDATE = b"x-labmodels-candidate"


class Observed:
    """An ASGI application that notes what another one does. `log` takes a line; None is silent."""

    def __init__(self, app: ASGIApp, page: Page, line: Line, log: Callable[[str], None] | None) -> None:
        self._app = app
        self._page = page
        self._line = line
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(send)
        self._page.gauge(self._line.running, self._line.waiting)
        try:
            await self._app(scope, receive, seen.send)
        except Exception:  # Starlette raises again what its handler has told the client and the log
            if seen.status is None:
                raise
        finally:
            self._note(scope, seen)

    def _note(self, scope: Scope, seen: _Seen) -> None:
        status = seen.status if seen.is_whole and seen.status is not None else _GONE
        duration_s = time.perf_counter() - seen.began
        self._page.count(_ROUTES.get(scope["path"], "other"), status, seen.first_byte_s, duration_s)
        self._page.gauge(self._line.running, self._line.waiting)
        if self._log is not None:
            at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            path = scope["path"].encode("ascii", "backslashreplace").decode()
            self._log(f"{at} {scope['method']} {path!r} {status} {seen.candidate} {duration_s * 1000:.0f} ms".replace("'", ""))


class _Seen:
    """What was sent for one request."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = time.perf_counter()
        self.status: int | None = None
        self.candidate = "-"
        self.first_byte_s: float | None = None
        self.is_whole = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.first_byte_s = time.perf_counter() - self.began
            self.candidate = next((value.decode() for name, value in message["headers"] if name == _CANDIDATE), "-")
        elif not message.get("more_body", False):
            self.is_whole = True
        await self._send(message)
