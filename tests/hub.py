"""A hub of models on 127.0.0.1: lists one repository, sends its files through a redirect, and fails on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

REPOSITORY = "lab/tiny-GGUF"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """The server. `plan` names the fault of each coming transfer ("ok" when it is used up); `seen` is (path, headers) of each request.

    `token` None lets everybody in. `elsewhere` is the address that files are redirected to; its own by default.
    """

    files: dict[str, bytes]
    token: str | None = None
    plan: deque[str] = field(default_factory=deque)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    listing: Any = None
    elsewhere: str = ""

    def __enter__(self) -> Hub:
        self.stopping = threading.Event()
        self.half_sent = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environ(self) -> dict[str, str]:
        return {"HF_ENDPOINT": self.url}

    def listed(self) -> Any:
        if self.listing is not None:
            return self.listing
        siblings = [
            {"rfilename": name, "lfs": {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}} for name, data in self.files.items()
        ]
        return {"sha": COMMIT, "siblings": [{"rfilename": "README.md"}, *siblings]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: Hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is one of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        hub = self.server.hub
        hub.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        path = unquote(self.path.partition("?")[0])
        if path.startswith("/data/"):
            return self.transfer(hub.files[path.removeprefix("/data/")])
        if hub.token is not None and self.headers["authorization"] != f"Bearer {hub.token}":
            return self.reply(401, b"")
        if path == f"/api/models/{REPOSITORY}":
            return self.reply(200, json.dumps(hub.listed()).encode())
        before = f"/{REPOSITORY}/resolve/{COMMIT}/"
        name = path.removeprefix(before)
        if path.startswith(before) and name in hub.files:
            target = self.path if hub.plan and hub.plan[0] == "loop" else f"{hub.elsewhere or hub.url}/data/{name}"
            return self.reply(302, b"", {"location": target})
        return self.reply(404, b"")

    def transfer(self, data: bytes) -> None:
        hub = self.server.hub
        fault = hub.plan.popleft() if hub.plan else "ok"
        if fault.isdigit():
            return self.reply(int(fault), b"")
        if fault == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault == "longer":
            data += b"more"
        start = int((self.headers["range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if fault == "no_range" or not start:
            status, start, headers = 200, 0, {}
        else:
            status, headers = 206, {"content-range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        self.reply(status, data[start:], headers, fault)

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None, fault: str = "ok") -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if fault in ("cut", "stall"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.server.hub.half_sent.set()
            if fault == "stall":
                self.server.hub.stopping.wait(60)
            return
        self.wfile.write(body)
