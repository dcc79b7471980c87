"""Stops a program at one of its system calls, by strace.

strace counts `when=N` for each system call by itself, so a first run records which call of each kind touches the lab, and after each
injection its log must show that it happened there. Under `--seccomp-bpf` signals are not injected at all (strace 6.1 on Linux 6.18: exit 0,
nothing killed), so only recording and errors enjoy its speed.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.reliability.injection import Point, Program, Stopped

# Closing and reading leave the lab as the call before left it. Not every architecture has every name; strace's `?` says so.
_CALLS = (
    "?openat,?write,?pwrite64,?writev,?fsync,?fdatasync,?ftruncate,?fallocate,?rename,?renameat,?renameat2,?symlink,?symlinkat,?link,?linkat,"
    "?unlink,?unlinkat,?mkdir,?mkdirat,?rmdir,?flock,?chmod,?fchmod,?fchmodat"
)
_WRITING = re.compile(r"O_CREAT|O_WRONLY|O_RDWR|O_TRUNC")
_CALL = re.compile(r"^(\d+) +(\w+)\(")


class Strace:
    """Stops any program, at any system call that may change a file."""

    def points(self, program: Program, log: Path) -> list[Point]:
        """See `Injector`."""
        done = self._run(["--seccomp-bpf"], program, log)
        if done.returncode:
            raise AssertionError(f"the recorded run failed ({done.returncode}): {done.stderr}")
        found, counts, first_process = [], Counter[str](), ""
        for line in _lines(log):
            if not (match := _CALL.match(line)):
                continue
            process, call = match.groups()
            first_process = first_process or process
            if process != first_process:
                assert not _changes(line, call, program.lab), f"another process touches the lab, which has counts of its own: {line}"
                continue
            counts[call] += 1
            if _changes(line, call, program.lab):
                found.append(Point(call, counts[call], line.partition(" ")[2].strip().replace(str(program.lab), "LAB")))
        return found

    def kill_at(self, point: Point, program: Program, log: Path) -> Stopped:
        """See `Injector`."""
        done = self._run(["-e", f"inject={point.call}:signal=SIGKILL:when={point.ordinal}"], program, log)
        lines = _lines(log)
        last = next((line for line in reversed(lines) if _CALL.match(line)), "")
        was_killed = done.returncode == -signal.SIGKILL and any(line.endswith("+++ killed by SIGKILL +++") for line in lines)
        return Stopped(done.returncode, done.stdout, done.stderr, was_killed and _changes(last, point.call, program.lab))

    def fail_at(self, point: Point, error: str, program: Program, log: Path) -> Stopped:
        """See `Injector`."""
        done = self._run(["--seccomp-bpf", "-e", f"inject={point.call}:error={error}:when={point.ordinal}"], program, log)
        injected = next((line for line in _lines(log) if line.endswith("(INJECTED)")), "")
        return Stopped(done.returncode, done.stdout, done.stderr, _changes(injected, point.call, program.lab))

    def _run(self, options: Sequence[str], program: Program, log: Path) -> subprocess.CompletedProcess[str]:
        log.unlink(missing_ok=True)
        return program.run(before=["strace", "-f", "-qq", "-y", "-s", "0", "-o", str(log), "-e", f"trace={_CALLS}", *options])


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()


def _changes(line: str, call: str, lab: Path) -> bool:
    # A relative path is shown with the current folder, which is the lab's parent and so is not taken for the lab.
    match = _CALL.match(line)
    if not match or match.group(2) != call or str(lab) not in line:
        return False
    return call != "openat" or _WRITING.search(line) is not None
