"""A provider on 127.0.0.1 that speaks the wire formats of OpenAI and Anthropic, streaming included, and fails on demand.

`Loopback` is a context manager; `plan` names the fault of each coming request ("ok" when it is used up), or several at once
("tool_calls+cut"). What it says is `loopback_answers`'; how the line fails is here. Every wait ends with the server or with the
client; a fault that lasts outlasts every limit of a test or a drill: what ends it with the right class is the client's own limit.
"""

from __future__ import annotations

import json
import select
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from labmodels.providers.loopback_answers import PIECES, REFUSALS, SHAPES, TEXT, AnthropicWire, OpenAIWire, reply_to

LONGEST_S = 60.0
# Faults of an address: nothing there speaks TLS, no name leads there, nobody listens there.
ADDRESSES = {"tls": "https://127.0.0.1:{port}", "dns": "http://no-such-host.invalid", "refused": "http://127.0.0.1:1"}
_OVERSIZED = 9 * 1024 * 1024  # bytes; above what an adapter reads
_MIDWAY = frozenset({"cut", "in_band_error", "silent_midway", "bad_event"})
_OPENAI, _ANTHROPIC = OpenAIWire(), AnthropicWire()
# A fault, several joined by "+", or what is sent as it stands: the events of a stream, or the one object of a whole answer.
Entry = str | Sequence[dict[str, Any]]


@dataclass
class Seen:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Loopback:
    """The server. `seen` holds what arrived, `connections` how many came; `reply` is the text it answers with."""

    plan: deque[Entry] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    reply: str = TEXT
    connections: int = 0

    def __enter__(self) -> Loopback:
        self.stopping = threading.Event()
        self.arrival = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.loopback = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(LONGEST_S)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address for Anthropic's clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """The address for OpenAI's clients."""
        return f"{self.url}/v1"

    def address(self, provider: str, fault: str = "ok") -> str:
        """Return the base_url for a provider's clients; with a fault of ADDRESSES, one that fails in that way."""
        root = ADDRESSES[fault].format(port=self.port) if fault in ADDRESSES else self.url
        return root if provider == "anthropic" else f"{root}/v1"

    def has_seen(self, count: int) -> bool:
        """Wait until so many requests have arrived; False when they never do."""
        with self.arrival:
            return self.arrival.wait_for(lambda: len(self.seen) >= count, LONGEST_S)

    def note(self, seen: Seen) -> Entry:
        """Note a request; return what the plan has for it."""
        with self.arrival:
            self.seen.append(seen)
            self.arrival.notify_all()
            return self.plan.popleft() if self.plan else "ok"

    def note_connection(self) -> None:
        """Note a connection."""
        with self.arrival:
            self.connections += 1

    @property
    def pieces(self) -> tuple[str, ...]:
        """The answer as it is streamed."""
        return PIECES if self.reply == TEXT else (self.reply,)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024  # hundreds may call at once
    loopback: Loopback

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what half of the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else headers and body meet the client's delayed ACK: 40 ms a call
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.loopback.note_connection()

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        entry = self.server.loopback.note(Seen(self.path, headers, body))
        self.wire: OpenAIWire | AnthropicWire = _ANTHROPIC if self.path.endswith("/messages") else _OPENAI
        if not isinstance(entry, str):
            self.send_given(entry, is_stream=bool(body.get("stream")))
            return
        faults = frozenset(entry.split("+"))
        refusals, instead = faults & REFUSALS.keys(), faults & INSTEAD.keys()
        if refusals:
            self.send_refusal(min(refusals))
        elif instead:
            INSTEAD[min(instead)](self)
        elif self.path.endswith("/embeddings"):
            self.send_answer(_OPENAI.embeddings(body, faults), faults)
        elif body.get("stream"):
            events = self.wire.events(reply_to(body, self.server.loopback.pieces, faults))
            self.send_stream(list(events), faults)
        else:
            self.send_answer(self.wire.answer(reply_to(body, self.server.loopback.pieces, faults)), faults)

    # --- whole bodies

    def send_json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_bytes(json.dumps(value).encode(), "application/json", status, headers)

    def send_bytes(self, data: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_head(status, {"content-type": kind, "content-length": str(len(data)), **(headers or {})})
        self.wfile.write(data)

    def send_head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"x-request-id": "req-1", "request-id": "req-1", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_refusal(self, name: str) -> None:
        refusal = REFUSALS[name]
        headers = {name: formatdate(usegmt=True) if value == "DATE" else value for name, value in refusal.headers.items()}
        self.send_json(self.wire.refusal(refusal), refusal.status, headers)

    def send_given(self, objects: Sequence[dict[str, Any]], *, is_stream: bool) -> None:
        if is_stream:
            self.send_stream(list(objects), frozenset())
        else:
            self.send_json(objects[0])

    def send_answer(self, answer: dict[str, Any], faults: frozenset[str]) -> None:
        data = json.dumps(answer).encode()
        kind = "text/plain" if "wrong_type" in faults else "application/json"
        if faults.isdisjoint({"cut", "silent", "drip"}):
            self.send_bytes(data, kind)
            return
        self.send_head(200, {"content-type": kind, "content-length": str(len(data))})
        self.close_connection = True
        if "cut" in faults:
            self.wfile.write(data[: len(data) // 2])
        elif "silent" in faults:
            self.wait()
        else:
            self.drip(data[:-1])

    # --- streams

    def send_stream(self, events: Sequence[dict[str, Any]], faults: frozenset[str]) -> None:
        kind = "text/plain" if "wrong_type" in faults else "text/event-stream"
        self.send_head(200, {"content-type": kind, "transfer-encoding": "chunked"})
        if "silent" in faults:
            self.wait()
        elif "drip" in faults:
            self.drip(_chunk(b": still here\n\n"), whole=True)
        elif midway := faults & _MIDWAY:
            for event in events[: (len(events) + 1) // 2]:
                self.wfile.write(_chunk(_encoded(event)))
            self.fail_midway(min(midway))
        else:
            for event in events:
                self.wfile.write(_chunk(_encoded(event)))
            is_ended = faults.isdisjoint({"clean_eof", "no_finish", "no_terminator"})
            last = self.wire.last if is_ended else b""
            self.wfile.write((_chunk(last) if last else b"") + b"0\r\n\r\n")

    def fail_midway(self, fault: str) -> None:
        self.close_connection = True
        if fault == "silent_midway":
            self.wait()
        elif fault == "bad_event":
            self.wfile.write(_chunk(b"event: content_block_delta\ndata: {broken\n\n") + b"0\r\n\r\n")
        elif fault == "in_band_error":
            data = json.dumps(self.wire.in_band_error).encode()
            self.wfile.write(_chunk(b"event: error\ndata: " + data + b"\n\n") + b"0\r\n\r\n")

    # --- slow ones

    def wait(self) -> None:
        """Say nothing until the client hangs up or the server ends."""
        self.close_connection = True
        for _ in range(int(LONGEST_S / 0.1)):
            if self.server.loopback.stopping.is_set() or select.select([self.connection], [], [], 0.1)[0]:
                return

    def drip(self, data: bytes, *, whole: bool = False) -> None:
        """Write `data` byte by byte, or as a whole again and again."""
        self.close_connection = True
        for k in range(int(LONGEST_S / 0.02) if whole else len(data)):
            self.wfile.write(data if whole else data[k : k + 1])
            if self.server.loopback.stopping.wait(0.02):
                return


def _encoded(event: dict[str, Any]) -> bytes:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _drip_headers(handler: _Handler) -> None:
    handler.drip(b"HTTP/1.1 200 OK\r\nx-filler: " + b"x" * 4000)


def _drip_error(handler: _Handler) -> None:
    handler.send_head(500, {"content-type": "application/json", "content-length": "4000"})
    handler.drip(b" " * 3999)


def _echo_key(handler: _Handler) -> None:
    shown = handler.headers.get("authorization") or handler.headers.get("x-api-key") or ""
    error = {"type": "authentication_error", "message": f"Incorrect API key provided: {shown.removeprefix('Bearer ')}"}
    handler.send_json({"type": "error", "error": error}, 401)


def _redirect(handler: _Handler) -> None:
    handler.send_bytes(b"", "text/plain", 307, {"location": "http://127.0.0.1:9/elsewhere"})


def _hang_up(handler: _Handler) -> None:
    handler.close_connection = True


# What comes instead of an answer.
INSTEAD: dict[str, Callable[[_Handler], None]] = {
    "html": lambda handler: handler.send_bytes(b"<html><body>Sign in</body></html>", "text/html"),
    "502": lambda handler: handler.send_bytes(b"<html>Bad gateway</html>", "text/html", 502),
    "bad_json": lambda handler: handler.send_bytes(b'{"choices": [', "application/json"),
    "json_list": lambda handler: handler.send_bytes(b"[1]", "application/json"),
    "oversized": lambda handler: handler.send_bytes(b" " * _OVERSIZED, "text/event-stream"),
    "json_error": lambda handler: handler.send_json(AnthropicWire.in_band_error),
    "slow_headers": lambda handler: handler.wait(),
    "drip_headers": _drip_headers,
    "drip_error": _drip_error,
    "echo_key": _echo_key,
    "redirect": _redirect,
    "hang_up": _hang_up,
}
FAULTS = frozenset({*REFUSALS, *SHAPES, *INSTEAD, *_MIDWAY, *ADDRESSES, "silent", "drip", "wrong_type", "short"})
