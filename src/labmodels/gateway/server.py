"""Runs the gateway: binds its address, serves it in this process, and ends gracefully. Several processes are `workers`'.

The first signal lets what runs go on for a while and takes nothing new; the second one ends at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from labmodels.errors import Busy, ExitCode, MissingExtra, StorageFault, Usage
from labmodels.gateway.limits import Limits, Line

if TYPE_CHECKING:
    import uvicorn

    from labmodels.gateway.backend import Backend
    from labmodels.gateway.metrics import Board

_BACKLOG = 512
_AFTER_CUT_S = 5.0  # for the last errors to be sent, and for threads to book what they were doing
_KEEP_ALIVE_S = 60


@dataclass(frozen=True, slots=True)
class Service:
    """What every process of a gateway serves. `open_backend` is called in the process that serves, so that nothing open is inherited.

    `log` takes a line for stderr; `access_log` the line of each request, None is silent.
    """

    open_backend: Callable[[], AbstractContextManager[Backend]]
    limits: Limits
    log: Callable[[str], None]
    access_log: Callable[[str], None] | None = None
    has_open_metrics: bool = False


def bind(host: str, port: int, *, has_keys: bool) -> socket.socket:
    """Return the listening socket. Raises Usage for a wide address without keys, Busy when the port is in use, StorageFault otherwise."""
    import errno

    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise Usage(f"--host {host} is no address of this machine: {error.strerror or error}", hint="--host 127.0.0.1") from None
    if not has_keys and not ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise Usage(
            f"--host {host} can be reached by others, and the gateway has no keys", hint="first make one: labmodels serve keys add NAME"
        )
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Busy(f"{host}:{port} is in use", hint="stop what listens there, or choose another: --port 0 takes a free one") from None
        raise StorageFault(f"cannot listen on {host}:{port}: {error.strerror}", hint="choose another --host or --port") from None
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def require_packages() -> None:
    """Raise MissingExtra where a package of the `serve` extra is not installed."""
    from importlib.util import find_spec

    for package in ("starlette", "uvicorn", "httptools"):
        if find_spec(package) is None:
            raise MissingExtra(package, "serve")


def run(service: Service, listener: socket.socket, workers: int) -> int:
    """Serve until a signal comes; return the exit code."""
    from labmodels.gateway.metrics import Board

    if workers == 1:
        return serve_here(service, listener, Board(1))
    from labmodels.gateway.workers import serve_in_workers

    return serve_in_workers(service, listener, workers)


def serve_here(service: Service, listener: socket.socket, board: Board, worker: int = 0, parent: int | None = None) -> ExitCode:
    """Serve until a signal comes, or until `parent`, the reading end of a pipe, is closed by its death; return the exit code."""
    with service.open_backend() as backend:
        return asyncio.run(_serve(service, backend, listener, board, worker, parent))


async def _serve(service: Service, backend: Backend, listener: socket.socket, board: Board, worker: int, parent: int | None) -> ExitCode:
    import uvicorn

    from labmodels.gateway.app import Gateway
    from labmodels.gateway.connection import BoundedConnection
    from labmodels.gateway.observed import Observed

    limits = service.limits
    gateway = Gateway(backend, limits, totals=board.totals, log=service.log, has_open_metrics=service.has_open_metrics)
    config = uvicorn.Config(
        Observed(gateway.routes, board.page(worker), gateway.line, service.access_log),
        http=BoundedConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # what goes wrong is told by `log`
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(limits.drain_s + _AFTER_CUT_S),
    )
    server = _server(config)
    loop = asyncio.get_running_loop()
    ended_by: list[int] = []

    def stop(number: int) -> None:
        if ended_by:
            sys.stderr.flush()
            os._exit(128 + number)
        ended_by.append(number)
        gateway.begin_stop()
        server.should_exit = True
        loop.call_later(limits.drain_s, gateway.cut)

    def orphaned(pipe: int) -> None:
        loop.remove_reader(pipe)
        stop(signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT) if parent is None else (signal.SIGTERM,):
        loop.add_signal_handler(number, stop, number)
    if parent is not None:
        loop.add_reader(parent, orphaned, parent)
    await server.serve(sockets=[listener])
    await _let_threads_end(gateway.line)
    return ExitCode.OK


def _server(config: uvicorn.Config) -> uvicorn.Server:
    """Return a server that leaves signals to us."""
    import uvicorn

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(config)


async def _let_threads_end(line: Line) -> None:
    """Wait for the threads that still book an answer nobody reads, but not for a provider that says nothing."""
    ends_at = asyncio.get_running_loop().time() + _AFTER_CUT_S
    while line.running and asyncio.get_running_loop().time() < ends_at:
        await asyncio.sleep(0.02)
