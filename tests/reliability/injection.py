"""Stops a program at one of the calls by which it changes the lab: with SIGKILL, or with an error in place of the call.

At each system call by strace where there is one; else at Python's own calls (`interposed`), which see what goes through `os` and not what
SQLite does. An injection that never happens looks like a success, so both prove each one: `has_fired`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

TIMEOUT_S = 60


@dataclass(frozen=True)
class Point:
    """The `ordinal`-th call of a kind, which changes the lab; `shown` is how a log prints it."""

    call: str
    ordinal: int
    shown: str


@dataclass(frozen=True)
class Stopped:
    """How a run ended that was to be stopped; `has_fired` when the injection is proven."""

    returncode: int
    stdout: str
    stderr: str
    has_fired: bool


@dataclass(frozen=True)
class Program:
    """What is run: its arguments, its whole environment, and the lab it works on, whose parent is its current folder."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    lab: Path

    def run(self, before: Sequence[str] = (), more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run it to its end, behind `before` and with `more` in the environment."""
        return subprocess.run(
            [*before, *self.argv],
            cwd=self.lab.parent,
            env={**self.environ, **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )


class Injector(Protocol):
    """A way to stop a program; `log` is a file of the injector's own."""

    def points(self, program: Program, log: Path) -> list[Point]:
        """Run `program` to its end; return every call that changes something below its lab, in order."""

    def kill_at(self, point: Point, program: Program, log: Path) -> Stopped:
        """Run `program` and kill it on entry to the call, which then does not happen."""

    def fail_at(self, point: Point, error: str, program: Program, log: Path) -> Stopped:
        """Run `program` and answer the call with `error` (such as ENOSPC) in place of carrying it out."""


def injector() -> Injector:
    """Return the best one that this machine has."""
    from tests.reliability.strace import Strace

    return Strace() if shutil.which("strace") else Interposed()


class Interposed:
    """Stops Python programs alone, at the calls that Python makes; needs nothing but Python."""

    FOLDER = Path(__file__).parent / "interposed"

    def points(self, program: Program, log: Path) -> list[Point]:
        """See `Injector`."""
        done = self._run("", program, log)
        if done.returncode:
            raise AssertionError(f"the recorded run failed ({done.returncode}): {done.stderr}")
        calls = (line.split(" ", 2) for line in self._lines(log))
        return [Point(call, int(ordinal), f"{call} {path}".replace(str(program.lab), "LAB")) for call, ordinal, path in calls]

    def kill_at(self, point: Point, program: Program, log: Path) -> Stopped:
        """See `Injector`."""
        done = self._run(f"{point.call} {point.ordinal} kill", program, log)
        has_fired = done.returncode == -signal.SIGKILL and self._lines(log)[-1:] != [] and self._lines(log)[-1].endswith(" fired")
        return Stopped(done.returncode, done.stdout, done.stderr, has_fired)

    def fail_at(self, point: Point, error: str, program: Program, log: Path) -> Stopped:
        """See `Injector`."""
        done = self._run(f"{point.call} {point.ordinal} {error}", program, log)
        return Stopped(done.returncode, done.stdout, done.stderr, any(line.endswith(" fired") for line in self._lines(log)))

    def _run(self, deed: str, program: Program, log: Path) -> subprocess.CompletedProcess[str]:
        log.unlink(missing_ok=True)
        search_path = os.pathsep.join(filter(None, [str(self.FOLDER), program.environ.get("PYTHONPATH")]))
        more = {"PYTHONPATH": search_path, "INTERPOSE_LAB": str(program.lab), "INTERPOSE_LOG": str(log), "INTERPOSE_AT": deed}
        return program.run(more=more)

    def _lines(self, log: Path) -> list[str]:
        return log.read_text().splitlines() if log.exists() else []
