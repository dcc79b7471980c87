"""Stops a program at one of its system calls: with SIGKILL, or with an error in place of the call. Wraps strace; knows no command.

strace counts `when=N` for each system call by itself, and an injection that never happens looks like a success: so a first run records
which call of each kind touches the lab, and after each injection its log must show that it happened there. Under `--seccomp-bpf` signals
are not injected at all (strace 6.1 on Linux 6.18: exit 0, nothing killed), so only recording and errors enjoy its speed.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Closing and reading leave the lab as the call before left it. Not every architecture has every name; strace's `?` says so.
_CALLS = (
    "?openat,?write,?pwrite64,?writev,?fsync,?fdatasync,?ftruncate,?fallocate,?rename,?renameat,?renameat2,?symlink,?symlinkat,?link,?linkat,"
    "?unlink,?unlinkat,?mkdir,?mkdirat,?rmdir,?flock,?chmod,?fchmod,?fchmodat"
)
_WRITING = re.compile(r"O_CREAT|O_WRONLY|O_RDWR|O_TRUNC")
_CALL = re.compile(r"^(\d+) +(\w+)\(")
TIMEOUT_S = 60


@dataclass(frozen=True)
class Point:
    """The `ordinal`-th call of a kind, which changes the lab; `shown` is how strace prints it."""

    call: str
    ordinal: int
    shown: str


@dataclass(frozen=True)
class Stopped:
    """How a run ended that was to be stopped; `has_fired` when the injection is proven, `shown` its line in the log."""

    returncode: int
    stdout: str
    stderr: str
    has_fired: bool
    shown: str


def is_installed() -> bool:
    """Say whether this machine has strace."""
    return shutil.which("strace") is not None


def points(argv: Sequence[str], lab: Path, environ: Mapping[str, str], log: Path) -> list[Point]:
    """Run `argv` to its end; return every system call that changes something below `lab`, in order.

    The current folder is the lab's parent: strace shows it with every relative path, and it must not look like the lab.
    """
    done = _strace(["--seccomp-bpf"], argv, lab, environ, log)
    if done.returncode:
        raise AssertionError(f"the recorded run failed ({done.returncode}): {done.stderr}")
    found, counts, first_process = [], Counter[str](), ""
    for line in log.read_text(errors="replace").splitlines():
        if not (match := _CALL.match(line)):
            continue
        process, call = match.groups()
        first_process = first_process or process
        if process != first_process:
            assert not _changes(line, call, lab), f"another process touches the lab, which has counts of its own: {line}"
            continue
        counts[call] += 1
        if _changes(line, call, lab):
            found.append(Point(call, counts[call], line.partition(" ")[2].strip().replace(str(lab), "LAB")))
    return found


def kill_at(point: Point, argv: Sequence[str], lab: Path, environ: Mapping[str, str], log: Path) -> Stopped:
    """Run `argv` and kill it on entry to the call, which then does not happen."""
    done = _strace(["-e", f"inject={point.call}:signal=SIGKILL:when={point.ordinal}"], argv, lab, environ, log)
    lines = log.read_text(errors="replace").splitlines()
    last = next((line for line in reversed(lines) if _CALL.match(line)), "")
    was_killed = done.returncode == -signal.SIGKILL and any(line.endswith("+++ killed by SIGKILL +++") for line in lines)
    return Stopped(done.returncode, done.stdout, done.stderr, was_killed and _changes(last, point.call, lab), last)


def fail_at(point: Point, error: str, argv: Sequence[str], lab: Path, environ: Mapping[str, str], log: Path) -> Stopped:
    """Run `argv` and answer the call with `error` (such as ENOSPC) in place of carrying it out."""
    inject = f"inject={point.call}:error={error}:when={point.ordinal}"
    done = _strace(["--seccomp-bpf", "-e", inject], argv, lab, environ, log)
    injected = next((line for line in log.read_text(errors="replace").splitlines() if line.endswith("(INJECTED)")), "")
    return Stopped(done.returncode, done.stdout, done.stderr, _changes(injected, point.call, lab), injected)


def _strace(
    options: Sequence[str], argv: Sequence[str], lab: Path, environ: Mapping[str, str], log: Path
) -> subprocess.CompletedProcess[str]:
    log.unlink(missing_ok=True)
    command = ["strace", "-f", "-qq", "-y", "-s", "0", "-o", str(log), "-e", f"trace={_CALLS}", *options, *argv]
    return subprocess.run(
        command, cwd=lab.parent, env=dict(environ), capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False
    )


def _changes(line: str, call: str, lab: Path) -> bool:
    match = _CALL.match(line)
    if not match or match.group(2) != call or str(lab) not in line:
        return False
    return call != "openat" or _WRITING.search(line) is not None
