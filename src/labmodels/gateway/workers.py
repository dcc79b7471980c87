"""Several processes behind one listening socket: forked before anything is opened, replaced when one dies, ended together.

The kernel gives each new connection to one of them. They share breakers, limits and budgets through the ledger, and the counts of
/metrics through memory.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from labmodels.errors import ExitCode, LabmodelsError
from labmodels.gateway.metrics import Board
from labmodels.gateway.server import Service, serve_here
from labmodels.secrets import redact

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_SOUND_S = 60.0  # a worker that lived for so long did not fail at its start
_LONGER_THAN_DRAIN_S = 15.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


def serve_in_workers(service: Service, listener: socket.socket, workers: int) -> ExitCode:
    """Serve with `workers` processes until a signal comes; return the exit code."""
    return _Workers(service, listener, workers).run()


class _Workers:
    def __init__(self, service: Service, listener: socket.socket, count: int) -> None:
        self._service = service
        self._listener = listener
        self._count = count
        self._board = Board(count)
        self._alive: dict[int, tuple[int, float]] = {}  # process -> (worker, when it began)
        self._due: dict[int, float] = {}  # worker -> when it is begun again
        self._pause_s = dict.fromkeys(range(count), _FIRST_PAUSE_S)
        self._life, self._held = os.pipe()  # the writing end is closed by the kernel when this process dies

    def run(self) -> ExitCode:
        with _noted_signals() as notes:
            for worker in range(self._count):
                self._begin(worker)
            stop: int | None = None
            while stop is None:
                stop = next((number for number in _wait(notes, self._next_due_s()) if number != signal.SIGCHLD), None)
                self._bury()
                self._begin_due()
            return self._end(notes)

    def _end(self, notes: int) -> ExitCode:
        """Pass the signal on and wait; a second signal ends everything at once."""
        self._listener.close()
        self._signal(signal.SIGTERM)
        ends_at = time.monotonic() + self._service.limits.drain_s + _LONGER_THAN_DRAIN_S
        while self._alive:
            left_s = ends_at - time.monotonic()
            again = next((number for number in _wait(notes, max(0.0, left_s)) if number != signal.SIGCHLD), None)
            if again is not None or left_s <= 0:
                self._signal(signal.SIGKILL)
                return ExitCode.INTERRUPTED if again == signal.SIGINT else ExitCode.TERMINATED
            self._bury(is_ending=True)
        return ExitCode.OK

    def _begin(self, worker: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process == 0:
            os._exit(self._work(worker))
        self._alive[process] = (worker, time.monotonic())

    def _work(self, worker: int) -> int:
        """Be a worker: the terminal's Ctrl-C is the parent's to handle."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.close(self._held)
            return int(serve_here(self._service, self._listener, self._board, worker, self._life))
        except LabmodelsError as error:
            self._service.log(redact(f"error: {error}"))
            return int(error.exit_code)
        except BaseException:
            self._service.log(redact(traceback.format_exc().rstrip()))
            return int(ExitCode.BUG)

    def _bury(self, *, is_ending: bool = False) -> None:
        while self._alive:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            worker, began = self._alive.pop(process)
            if is_ending:
                continue
            pause_s = _FIRST_PAUSE_S if time.monotonic() - began > _SOUND_S else self._pause_s[worker]
            self._pause_s[worker] = min(pause_s * 2, _LONGEST_PAUSE_S)
            self._due[worker] = time.monotonic() + pause_s
            ended = os.waitstatus_to_exitcode(status)
            self._service.log(f"worker {worker} ended with {ended}; another begins in {pause_s:g} s")

    def _begin_due(self) -> None:
        for worker, due in list(self._due.items()):
            if due <= time.monotonic():
                del self._due[worker]
                self._begin(worker)

    def _next_due_s(self) -> float | None:
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None

    def _signal(self, number: int) -> None:
        for process in self._alive:
            os.kill(process, number)


@contextmanager
def _noted_signals() -> Iterator[int]:
    """Have signals noted in a pipe, which can be waited for together with a time; yield its reading end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _wait(notes: int, seconds: float | None) -> bytes:
    """Return the signals that came, waiting for one at most so long (None: for ever)."""
    ready, _, _ = select.select([notes], [], [], seconds)
    return os.read(notes, 64) if ready else b""
