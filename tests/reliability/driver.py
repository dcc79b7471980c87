"""The reliability driver: takes the table of state-changing commands through kills and faults, while a reader looks on.

    python -m tests.reliability.driver [--points 500] [--faults 120] [--command NAME ...] [--seed 0]

A kill or a fault is a point only when it is shown to have fired. Each point has a lab of its own. What must hold is the same for all: the
reader saw the old state or the new one and each of its reads worked; what is left is one of the two; the next command ends well and in the
new state, and the row's audit then finds the lab in order. Of a fault moreover: exit 0 only with the new state, else a message that names
the path, never a traceback. What a state is, is the row's matter; power cuts are in `power_cuts`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from queue import SimpleQueue
from random import Random

from tests.reliability.commands import Command, labmodels_commands, stand_in_commands
from tests.reliability.injection import TIMEOUT_S, Injector, Point, Program, Stopped, injector
from tests.reliability.labs import environment
from tests.reliability.reader import Reader

TABLES: dict[str, Callable[[], dict[str, Command]]] = {"labmodels": labmodels_commands, "stand-in": stand_in_commands}
ERRORS = ("ENOSPC", "EIO", "EACCES")
WORKERS = 2
TRIES = 4  # a random instant may come after the end of the command: then it is no point, and another one is drawn


@dataclass(frozen=True)
class Reference:
    """What one row does when nothing stops it: where its lab is laid out, its states, its points and its time."""

    command: Command
    template: Path
    old: str
    new: str
    points: tuple[Point, ...]
    duration_s: float


@dataclass(frozen=True)
class Trial:
    """One point to be tried: a mode (`kill at a call`, `kill at an instant`, `fault`) with the call and error, or the delay."""

    mode: str
    point: Point | None = None
    error: str = ""
    delay_s: float = 0.0

    def __str__(self) -> str:
        where = f"{self.point.call} {self.point.ordinal}: {self.point.shown}" if self.point else f"{self.delay_s:.3f} s"
        return f"{self.mode} {self.error} {where}"


@dataclass
class Tally:
    """The counts of one row and mode, and what was violated, each with its point."""

    points: int = 0
    fired: int = 0
    reads: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Bench:
    """A worker's place: a folder and a reader of its own, and the way it stops programs."""

    folder: Path
    reader: Reader
    inject: Injector
    labs: int = 0

    @contextmanager
    def lab(self, template: Path) -> Iterator[Path]:
        """Lend a fresh copy of `template`."""
        self.labs += 1
        lab = self.folder / str(self.labs) / "lab"
        shutil.copytree(template, lab, symlinks=True)
        yield lab
        shutil.rmtree(lab.parent)


def refer(command: Command, scratch: Path, inject: Injector) -> Reference:
    """Run `command` to its end: for its points, for its time, and to see that it ends in one state.

    The first run is for nothing else: it writes Python's caches, which later runs do not.
    """
    template = scratch / "template" / "lab"
    command.prepare(template)
    old = command.read(template)
    ends, points, duration_s = set(), [], 0.0
    for run in ("first", "recorded", "timed"):
        lab = scratch / run / "lab"
        shutil.copytree(template, lab, symlinks=True)
        program = Program(command.argv, environment(lab, scratch), lab)
        if run == "recorded":
            points = inject.points(program, scratch / "injection.log")
        else:
            started = time.monotonic()
            done = program.run()
            duration_s = time.monotonic() - started
            assert done.returncode == 0, f"{command.name} fails even when nothing is done to it: {done.stderr}"
        command.audit(lab)
        ends.add(command.read(lab))
    assert len(ends) == 1 and old not in ends, f"{command.name} must end in one new state: {old!r} -> {ends}"
    assert points, f"{command.name} changes nothing in the lab"
    return Reference(command, template, old, ends.pop(), tuple(points), duration_s)


def trials(reference: Reference, kills: int, faults: int, chance: Random) -> list[Trial]:
    """Return the points to try: two kills of three at calls, the rest at instants; the faults at calls."""
    at_calls = kills - kills // 3
    found = [Trial("kill at a call", point) for point in _spread(reference.points, at_calls)]
    found += [Trial("kill at an instant", delay_s=chance.uniform(0.3, 1.0) * reference.duration_s) for _ in range(kills - at_calls)]
    found += [Trial("fault", point, ERRORS[number % 3]) for number, point in enumerate(_spread(reference.points, faults))]
    return found


def _spread(points: Sequence[Point], count: int) -> list[Point]:
    """Return all points as often as `count` allows, then for the rest some of each kind of call.

    A release is dozens of writes and fsyncs and one rename: taken evenly, few points would miss the calls that a state hangs on.
    """
    kinds: dict[str, list[Point]] = {}
    for point in points:
        kinds.setdefault(point.call, []).append(point)
    # By multiples of the golden ratio the first few of a kind are far from each other, however many are taken.
    scattered = [sorted(kind, key=lambda point: kind.index(point) * 0.618034 % 1) for kind in kinds.values()]
    in_turn = [point for turn in zip_longest(*sorted(scattered, key=len)) for point in turn if point]
    rounds, rest = divmod(count, len(points))
    return [*points] * rounds + in_turn[:rest]


def attempt(reference: Reference, trial: Trial, bench: Bench, table: str) -> Tally:
    """Try one point, and say whether it fired and what was violated."""
    tally, started = Tally(points=1), time.monotonic()
    for chance in range(TRIES):
        with bench.lab(reference.template) as lab:
            program = Program(reference.command.argv, environment(lab, bench.folder), lab)
            bench.reader.watch(table, reference.command.name, lab)
            # Each further try comes earlier.
            stopped = _stop(trial, 0.7**chance, program, bench)
            seen = bench.reader.stop()
            tally.reads += seen.reads
            if not stopped.has_fired:
                continue
            tally.fired = 1
            found = [f"a reader met {fault}" for fault in seen.faults]
            found += [f"a reader saw {state!r}" for state in sorted(seen.states - {reference.old, reference.new})]
            found += _aftermath(reference, trial, stopped, program)
            tally.violations = [f"{reference.command.name}, {trial}\n    {violation}" for violation in found]
            break
    tally.seconds = time.monotonic() - started
    return tally


def _stop(trial: Trial, earlier: float, program: Program, bench: Bench) -> Stopped:
    if trial.point is None:
        return _kill_after(trial.delay_s * earlier, program)
    log = bench.folder / "injection.log"
    if trial.error:
        return bench.inject.fail_at(trial.point, trial.error, program, log)
    return bench.inject.kill_at(trial.point, program, log)


def _kill_after(delay_s: float, program: Program) -> Stopped:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(program.argv, cwd=program.lab.parent, env=dict(program.environ), stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        process.wait(timeout=delay_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(TIMEOUT_S)
    return Stopped(process.returncode, "", "", process.returncode == -signal.SIGKILL)


def _aftermath(reference: Reference, trial: Trial, stopped: Stopped, program: Program) -> Iterator[str]:
    command, lab = reference.command, program.lab
    left = _read(command, lab)
    if left not in (reference.old, reference.new):
        yield f"left is {left}"
    if trial.error:
        yield from _false_report(reference, left, stopped, lab)
    then = Program(command.then or command.argv, program.environ, lab).run()
    if then.returncode:
        yield f"the next command ended with {then.returncode}: {then.stderr.strip()[-600:]}"
    if (after := _read(command, lab)) != reference.new:
        yield f"after the next command there is {after}"
    try:
        command.audit(lab)
    except Exception as error:
        yield f"after the next command, {type(error).__name__}: {error}"


def _false_report(reference: Reference, left: str, stopped: Stopped, lab: Path) -> Iterator[str]:
    shown = stopped.stdout + stopped.stderr
    if "Traceback" in shown:
        yield f"a traceback: {shown.strip()[-600:]}"
    if stopped.returncode == 0:
        if left != reference.new:
            yield f"exit 0, and the state is still {left}"
    elif not re.search(rf"{re.escape(str(lab))}|\.labmodels", stopped.stderr):
        yield f"exit {stopped.returncode} with a message that names no path: {shown.strip()[-600:]}"


def _read(command: Command, lab: Path) -> str:
    try:
        return command.read(lab)
    except Exception as error:
        return f"unreadable ({type(error).__name__}: {error})"


def drive(
    table: str, names: Sequence[str], kills: int, faults: int, seed: int = 0, inject: Injector | None = None
) -> dict[tuple[str, str], Tally]:
    """Try `kills` and `faults` points in all, shared by the rows `names` of `table`; return the tallies by row and mode."""
    rows, inject = TABLES[table](), inject or injector()
    chance = Random(seed)
    tallies: dict[tuple[str, str], Tally] = {}
    with _scratch() as folder, _benches(folder, inject) as benches, ThreadPoolExecutor(WORKERS) as pool:

        def on_a_free_bench(reference: Reference, trial: Trial) -> tuple[str, Tally]:
            bench = benches.get()
            try:
                return trial.mode, attempt(reference, trial, bench, table)
            finally:
                benches.put(bench)

        for number, name in enumerate(names):
            reference = refer(rows[name], folder / f"reference-{number}", inject)
            mine = trials(reference, _share(kills, number, len(names)), _share(faults, number, len(names)), chance)
            for mode, tally in pool.map(on_a_free_bench, [reference] * len(mine), mine):
                _add(tallies.setdefault((name, mode), Tally()), tally)
    return tallies


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        # strace shows the path behind each link.
        yield Path(folder).resolve()


@contextmanager
def _benches(folder: Path, inject: Injector) -> Iterator[SimpleQueue[Bench]]:
    free: SimpleQueue[Bench] = SimpleQueue()
    benches = []
    for number in range(WORKERS):
        place = folder / f"bench-{number}"
        place.mkdir()
        benches.append(Bench(place, Reader(environment(place / "lab", place)), inject))
        free.put(benches[-1])
    try:
        yield free
    finally:
        for bench in benches:
            bench.reader.close()


def _share(count: int, number: int, parts: int) -> int:
    return count * (number + 1) // parts - count * number // parts


def _add(total: Tally, one: Tally) -> None:
    total.points += one.points
    total.fired += one.fired
    total.reads += one.reads
    total.violations += one.violations
    total.seconds += one.seconds


def report(tallies: Mapping[tuple[str, str], Tally]) -> str:
    """Return the table of counts and, below it, every violation."""
    layout = "{:<28} {:<20} {:>7} {:>7} {:>8} {:>11} {:>8}".format
    lines = [layout("command", "mode", "points", "fired", "reads", "violations", "seconds")]
    total = Tally()
    for (name, mode), tally in tallies.items():
        _add(total, tally)
        lines.append(layout(name, mode, tally.points, tally.fired, tally.reads, len(tally.violations), f"{tally.seconds:.1f}"))
    lines.append(layout("all", "", total.points, total.fired, total.reads, len(total.violations), f"{total.seconds:.1f}"))
    return "\n".join([*lines, *total.violations])


def is_sound(tallies: Mapping[tuple[str, str], Tally]) -> bool:
    """Say whether every point fired and nothing was violated."""
    return bool(tallies) and all(tally.fired == tally.points > 0 and not tally.violations for tally in tallies.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the table and print the counts; 0 when every point fired and nothing was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.driver", description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=500, help="kills in all")
    parser.add_argument("--faults", type=int, default=120, help="injected errors in all")
    parser.add_argument("--table", choices=TABLES, default="labmodels")
    parser.add_argument("--command", action="append", help="a row of the table; repeatable; all of them by default")
    parser.add_argument("--seed", type=int, default=0, help="of the random instants")
    options = parser.parse_args(arguments)
    tallies = drive(options.table, options.command or list(TABLES[options.table]()), options.points, options.faults, options.seed)
    print(report(tallies))
    return 0 if is_sound(tallies) else 1


if __name__ == "__main__":
    sys.exit(main())
