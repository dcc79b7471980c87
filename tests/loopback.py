"""A provider on 127.0.0.1 that speaks the wire formats of OpenAI and Anthropic, streaming included, and fails on demand.

`Loopback` is a context manager; `plan` names the fault of each coming request ("ok" when it is used up). Every wait ends with the
server. A fault that lasts outlasts every limit of a test: what ends it with the right class is the client's own limit.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONGEST_S = 60.0
PIECES = ("The ", "answer ", "is ", "42.")
TEXT = "".join(PIECES)

# (status, OpenAI's error, Anthropic's error, further headers)
STATUSES: dict[str, tuple[int, dict[str, Any], dict[str, Any], dict[str, str]]] = {
    "400": (
        400,
        {"type": "invalid_request_error", "message": "bad parameter"},
        {"type": "invalid_request_error", "message": "bad parameter"},
        {},
    ),
    "401": (401, {"code": "invalid_api_key", "message": "wrong key"}, {"type": "authentication_error", "message": "wrong key"}, {}),
    "402": (402, {"message": "pay first"}, {"type": "billing_error", "message": "pay first"}, {}),
    "403": (403, {"message": "not for you"}, {"type": "permission_error", "message": "not for you"}, {}),
    "404": (404, {"code": "model_not_found", "message": "no such model"}, {"type": "not_found_error", "message": "no such model"}, {}),
    "408": (408, {"message": "too slow"}, {"type": "timeout_error", "message": "too slow"}, {}),
    "413": (413, {"message": "too large"}, {"type": "request_too_large", "message": "too large"}, {}),
    "429": (429, {"message": "slow down"}, {"type": "rate_limit_error", "message": "slow down"}, {}),
    "429-seconds": (429, {"message": "slow down"}, {"type": "rate_limit_error", "message": "slow down"}, {"retry-after": "7"}),
    "429-date": (429, {"message": "slow down"}, {"type": "rate_limit_error", "message": "slow down"}, {"retry-after": "DATE"}),
    "429-absurd": (429, {"message": "slow down"}, {"type": "rate_limit_error", "message": "slow down"}, {"retry-after": "99999999"}),
    "insufficient_quota": (
        429,
        {"code": "insufficient_quota", "type": "insufficient_quota", "message": "You exceeded your current quota"},
        {"type": "invalid_request_error", "message": "Your credit balance is too low"},
        {},
    ),
    "context_overflow": (
        400,
        {"code": "context_length_exceeded", "message": "This model's maximum context length is 8192 tokens"},
        {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"},
        {},
    ),
    "500": (500, {"message": "broken"}, {"type": "api_error", "message": "broken"}, {}),
    "503": (503, {"message": "down"}, {"type": "api_error", "message": "down"}, {}),
    "529": (529, {"message": "overloaded"}, {"type": "overloaded_error", "message": "overloaded"}, {}),
}
_OPENAI_USAGE = {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26, "prompt_tokens_details": {"cached_tokens": 5}}
_ANTHROPIC_USAGE = {"input_tokens": 12, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3, "output_tokens": 6}


@dataclass
class Seen:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Loopback:
    """The server. `url` for OpenAI's clients is `openai_url`; `seen` holds what arrived; `reply` is the text it answers with."""

    plan: deque[str] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    reply: str = TEXT

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
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    def has_seen(self, count: int) -> bool:
        """Wait until so many requests have arrived; False when they never do."""
        with self.arrival:
            return self.arrival.wait_for(lambda: len(self.seen) >= count, 60)

    def pieces(self) -> list[str]:
        return list(PIECES) if self.reply == TEXT else [self.reply]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    loopback: Loopback

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what half of the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else headers and body meet the client's delayed ACK: 40 ms a call
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        loopback = self.server.loopback
        with loopback.arrival:
            loopback.seen.append(Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            loopback.arrival.notify_all()
        fault = loopback.plan.popleft() if loopback.plan else "ok"
        self.is_anthropic = self.path.endswith("/messages")
        if fault in STATUSES:
            status, openai_error, anthropic_error, headers = STATUSES[fault]
            headers = {name: formatdate(usegmt=True) if value == "DATE" else value for name, value in headers.items()}
            self.send_json({"type": "error", "error": anthropic_error} if self.is_anthropic else {"error": openai_error}, status, headers)
        elif fault in RAW:
            RAW[fault](self)
        elif self.path.endswith("/embeddings"):
            rows = [{"index": k, "embedding": [float(len(text)), 1.0]} for k, text in enumerate(body["input"])]
            self.send_json({"data": rows[:-1] if fault == "short" else rows[::-1], "model": body["model"], "usage": {"prompt_tokens": 3}})
        elif body.get("stream"):
            self.send_stream(fault, body)
        else:
            self.send_answer(fault, body)

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

    def send_answer(self, fault: str, body: dict[str, Any]) -> None:
        text = "" if fault == "empty" else self.server.loopback.reply
        answer = _anthropic_answer(text, body) if self.is_anthropic else _openai_answer(text, body)
        choice = answer if self.is_anthropic else answer["choices"][0]
        finish = "stop_reason" if self.is_anthropic else "finish_reason"
        choice[finish] = _finish(fault, self.is_anthropic)
        if fault == "no_choices":
            answer.pop("content" if self.is_anthropic else "choices")
        if fault == "no_usage":
            answer.pop("usage")
        data = json.dumps(answer).encode()
        if fault == "cut":
            self.send_head(200, {"content-type": "application/json", "content-length": str(len(data))})
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif fault == "silent":
            self.send_head(200, {"content-type": "application/json", "content-length": str(len(data))})
            self.wait()
        elif fault == "drip":
            self.send_head(200, {"content-type": "application/json", "content-length": str(len(data))})
            self.drip(data)
        else:
            self.send_bytes(data, "text/plain" if fault == "wrong_type" else "application/json")

    # --- streams

    def send_stream(self, fault: str, body: dict[str, Any]) -> None:
        self.send_head(
            200, {"content-type": "text/plain" if fault == "wrong_type" else "text/event-stream", "transfer-encoding": "chunked"}
        )
        events = list(self.events(fault, body))
        if fault == "silent":
            self.wait()
        if fault == "drip":
            self.drip_chunks(b": still here\n\n")
        for k, event in enumerate(events):
            if fault in ("cut", "in_band_error", "silent_midway", "bad_event") and k == 3:
                return self.fail_midway(fault)
            self.chunk(event)
        if fault not in ("clean_eof", "no_finish", "no_terminator") and not self.is_anthropic:
            self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")
        return None

    def events(self, fault: str, body: dict[str, Any]) -> Iterator[bytes]:
        pieces = [] if fault == "empty" else self.server.loopback.pieces()
        finish = _finish(fault, self.is_anthropic)
        source = _anthropic_events if self.is_anthropic else _openai_events
        for event in source(pieces, None if fault in ("clean_eof", "no_finish") else finish, body, fault):
            name = f"event: {event['type']}\n" if self.is_anthropic else ""
            yield f"{name}data: {json.dumps(event)}\n\n".encode()

    def fail_midway(self, fault: str) -> None:
        self.close_connection = True
        if fault == "silent_midway":
            self.wait()
        elif fault == "bad_event":
            self.chunk(b"event: content_block_delta\ndata: {broken\n\n")
            self.wfile.write(b"0\r\n\r\n")
        elif fault == "in_band_error":
            error = {"type": "overloaded_error" if self.is_anthropic else "server_error", "message": "overloaded"}
            self.chunk(
                b"event: error\ndata: "
                + json.dumps({"type": "error", "error": error} if self.is_anthropic else {"error": error}).encode()
                + b"\n\n"
            )
            self.wfile.write(b"0\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    # --- slow ones

    def wait(self, seconds: float = LONGEST_S) -> None:
        self.close_connection = True
        self.server.loopback.stopping.wait(seconds)

    def drip(self, data: bytes) -> None:
        self.close_connection = True
        for k in range(min(len(data) - 1, int(LONGEST_S / 0.02))):
            self.wfile.write(data[k : k + 1])
            if self.server.loopback.stopping.wait(0.02):
                return

    def drip_chunks(self, data: bytes) -> None:
        self.close_connection = True
        for _ in range(int(LONGEST_S / 0.02)):
            self.chunk(data)
            if self.server.loopback.stopping.wait(0.02):
                return


def _finish(fault: str, is_anthropic: bool) -> str | None:
    ends = {
        "no_finish": (None, None),
        "clean_eof": (None, None),
        "length": ("length", "max_tokens"),
        "content_filter": ("content_filter", "refusal"),
        "context_full": ("stop", "model_context_window_exceeded"),
        "odd_finish": ("because", "because"),
    }
    return ends.get(fault, ("stop", "end_turn"))[is_anthropic]


def _openai_answer(text: str, body: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "c1",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [{"index": 0, "message": message}],
        "usage": _OPENAI_USAGE,
    }


def _anthropic_answer(text: str, body: dict[str, Any]) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"id": "m1", "type": "message", "role": "assistant", "model": body["model"], "content": content, "usage": _ANTHROPIC_USAGE}


def _openai_events(pieces: list[str], finish: str | None, body: dict[str, Any], fault: str) -> Iterator[dict[str, Any]]:
    def event(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {
            "id": "c1",
            "object": "chat.completion.chunk",
            "model": body["model"],
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }

    yield event({"role": "assistant", "content": ""})
    for piece in pieces:
        yield event({"content": piece})
    if finish is not None:
        yield event({}, finish)
    if fault != "no_usage":
        yield {"id": "c1", "object": "chat.completion.chunk", "model": body["model"], "choices": [], "usage": _OPENAI_USAGE}


def _anthropic_events(pieces: list[str], finish: str | None, body: dict[str, Any], fault: str) -> Iterator[dict[str, Any]]:
    start = {name: value for name, value in _ANTHROPIC_USAGE.items() if name != "output_tokens"} | {"output_tokens": 1}
    message = {"id": "m1", "type": "message", "role": "assistant", "model": body["model"], "content": []}
    yield {"type": "message_start", "message": message if fault == "no_usage" else message | {"usage": start}}
    yield {"type": "ping"}
    for piece in pieces:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    if fault == "clean_eof":
        return
    delta = {"type": "message_delta", "delta": {"stop_reason": finish}}
    yield delta if fault == "no_usage" else delta | {"usage": {"output_tokens": 6}}
    if fault != "no_terminator":
        yield {"type": "message_stop"}


def _drip_headers(handler: _Handler) -> None:
    handler.drip(b"HTTP/1.1 200 OK\r\nx-filler: " + b"x" * 4000)


def _drip_error(handler: _Handler) -> None:
    handler.send_head(500, {"content-type": "application/json", "content-length": "4000"})
    handler.drip(b" " * 4000)


def _echo_key(handler: _Handler) -> None:
    shown = handler.headers.get("authorization") or handler.headers.get("x-api-key") or ""
    error = {"type": "authentication_error", "message": f"Incorrect API key provided: {shown.removeprefix('Bearer ')}"}
    handler.send_json({"type": "error", "error": error}, 401)


def _redirect(handler: _Handler) -> None:
    handler.send_bytes(b"", "text/plain", 307, {"location": "http://127.0.0.1:9/elsewhere"})


def _hang_up(handler: _Handler) -> None:
    handler.close_connection = True


RAW = {
    "html": lambda handler: handler.send_bytes(b"<html><body>Sign in</body></html>", "text/html"),
    "502": lambda handler: handler.send_bytes(b"<html>Bad gateway</html>", "text/html", 502),
    "bad_json": lambda handler: handler.send_bytes(b'{"choices": [', "application/json"),
    "json_list": lambda handler: handler.send_bytes(b"[1]", "application/json"),
    "oversized": lambda handler: handler.send_bytes(b" " * (9 * 1024 * 1024), "text/event-stream"),
    "json_error": lambda handler: handler.send_json({"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}}),
    "slow_headers": lambda handler: handler.wait(),
    "drip_headers": _drip_headers,
    "drip_error": _drip_error,
    "echo_key": _echo_key,
    "redirect": _redirect,
    "hang_up": _hang_up,
}
