"""Runs commands and says what they cost: CPU time of the child alone (user + system), its peak memory and the wall time. Knows no topic."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
LABMODELS = str(BIN / "labmodels")


@dataclass(frozen=True)
class Figure:
    """One measured value and the bound that it should keep; `at_least` turns the bound around."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the bound is kept; None when there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


@dataclass(frozen=True)
class Spent:
    """What one run of a command took."""

    cpu_s: float
    peak_mb: float
    wall_s: float


def spent(command: Sequence[str], cwd: Path) -> Spent:
    """Run `command` once in `cwd`, without the caller's LABMODELS_* variables and keys; a failed run is an error, not a fast one."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{output[-2000:]}")
    return Spent(cpu_s=usage.ru_utime + usage.ru_stime, peak_mb=usage.ru_maxrss / 1024, wall_s=wall_s)


def best_of(rounds: int, commands: Mapping[str, Sequence[str]], cwd: Path) -> dict[str, Spent]:
    """Return each command's least CPU and wall time, and its greatest peak memory, over interleaved rounds.

    Other work on the machine only ever adds time (shared caches, a core's other thread), so the least is nearest to the truth;
    interleaving gives all commands the same chance of a quiet moment. A first round warms file and bytecode caches and is not counted.
    """
    runs: dict[str, list[Spent]] = {name: [] for name in commands}
    for round_number in range(rounds + 1):
        for name, command in commands.items():
            run = spent(command, cwd)
            if round_number > 0:
                runs[name].append(run)
    return {
        name: Spent(min(run.cpu_s for run in taken), max(run.peak_mb for run in taken), min(run.wall_s for run in taken))
        for name, taken in runs.items()
    }


def environ() -> dict[str, str]:
    """Return the variables that a measured command gets."""
    kept = ("HOME", "LANG", "LC_ALL", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PATH": f"{BIN}:{os.defpath}", "COLUMNS": "80"}
