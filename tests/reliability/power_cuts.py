"""The product's changes of state under cuts of the power: each is run behind `power_loss`, and each tree that may be left is read and used.

python -m tests.reliability.power_cuts [--samples 300] [--seed 0]
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labmodels.durable import DISK, FileSystem
from labmodels.lab import Lab
from labmodels.releases.candidate import Request
from labmodels.releases.deploy import deploy, rollback
from labmodels.releases.store import ReleaseStore
from labmodels.releases.switch import Wish, switch
from tests.reliability import labs
from tests.reliability.power_loss import CrashState, Recording, crash_states

USED_EVERY = 20  # each tree is read; to run the next command on each would take minutes


@dataclass(frozen=True)
class Change:
    """A change of state, run in this process: on what lab, what it does behind `files`, and what names the state."""

    prepare: Callable[[Path], None]
    run: Callable[[FileSystem, Path], None]
    read: Callable[[Path], str]
    next: Callable[[FileSystem, Path], None] | None = None  # leads to the new state from both; by default the change again


def _store(files: FileSystem, root: Path) -> ReleaseStore:
    return ReleaseStore(Lab(root).environment_folder(labs.ENVIRONMENT), files)


def _deploy(files: FileSystem, root: Path) -> None:
    deploy(Lab(root), _store(files, root), Request(labs.ENVIRONMENT), {})


def _deploy_one(files: FileSystem, root: Path) -> None:
    path = "configs/language_models/gpt4_config.yaml"
    deploy(Lab(root), _store(files, root), Request(labs.ENVIRONMENT, (path,), (f"{labs.KEY}=0.3",)), {})


def _roll_back(files: FileSystem, root: Path) -> None:
    rollback(_store(files, root), None)


def _roll_back_to_the_first(files: FileSystem, root: Path) -> None:
    rollback(_store(files, root), 1)


def _switch(files: FileSystem, root: Path) -> None:
    switch(_store(files, root), Wish("high_accuracy", "code_analysis"))


def _switch_again(files: FileSystem, root: Path) -> None:
    switch(_store(files, root), Wish("fast_response", "code_analysis"))


def _deployed(lab: Path) -> None:
    labs.lay_out(lab)
    _deploy(DISK, lab)


def _deployed_twice(lab: Path) -> None:
    _deployed(lab)
    _deploy_one(DISK, lab)


def _switched(lab: Path) -> None:
    _deployed(lab)
    _switch(DISK, lab)


def _about_to_retire_one(lab: Path) -> None:
    labs.lay_out(lab)
    path = lab / "labmodels.yaml"
    text, found = re.subn(r"keep: \d+", "keep: 2", path.read_text())
    assert found
    path.write_text(text)
    _deploy(DISK, lab)
    _deploy_one(DISK, lab)


def _deploy_another(files: FileSystem, root: Path) -> None:
    path = "configs/language_models/gpt4_config.yaml"
    deploy(Lab(root), _store(files, root), Request(labs.ENVIRONMENT, (path,), (f"{labs.KEY}=0.5",)), {})


CHANGES = {
    "first deploy": Change(labs.lay_out, _deploy, labs.live),
    "deploy": Change(_deployed, _deploy_one, labs.live),
    "deploy that retires": Change(_about_to_retire_one, _deploy_another, labs.live),
    "rollback": Change(_deployed_twice, _roll_back, labs.live, _roll_back_to_the_first),
    "switch": Change(_deployed, _switch, labs.switched),
    "second switch": Change(_switched, _switch_again, labs.switched),
}


@dataclass
class Outcome:
    """How many trees were read, how many of them used, and what was wrong with them."""

    states: int = 0
    used: int = 0
    violations: list[str] = field(default_factory=list)


def cut(change: Change, samples: int, seed: int, recording: type[Recording] = Recording) -> Outcome:
    """Cut the power at every step of `change` in the corner cases, and `samples` times at random."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="power-cuts-") as folder:
        before = Path(folder, "before")
        change.prepare(before)
        after = Path(folder, "after")
        shutil.copytree(before, after, symlinks=True)
        change.run(DISK, after)
        old, new = change.read(before), change.read(after)
        assert old != new
        for state in crash_states(change.run, before, samples, seed, recording):
            outcome.states += 1
            is_used = outcome.states % USED_EVERY == 0 or state.has_returned
            outcome.used += is_used
            try:
                _check(change, state, old, new, is_used)
            except Exception as error:
                outcome.violations.append(f"{type(error).__name__}: {error}\n{state}")
    return outcome


def _check(change: Change, state: CrashState, old: str, new: str, is_used: bool) -> None:
    left = change.read(state.root)
    assert left in ((new,) if state.has_returned else (old, new)), f"{left} is left"
    if not is_used:
        return
    (change.next or change.run)(DISK, state.root)
    assert change.read(state.root) == new
    labs.audit(state.root)


def main(arguments: Sequence[str] | None = None) -> int:
    """Cut the power in every change and print the counts; 0 when nothing was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.power_cuts", description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=300, help="random cuts of each change, beside the corner cases")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    layout = "{:<28} {:>7} {:>7} {:>11} {:>8}".format
    print(layout("change", "trees", "used", "violations", "seconds"))
    violations: list[str] = []
    for name, change in CHANGES.items():
        started = time.monotonic()
        outcome = cut(change, options.samples, options.seed)
        violations += outcome.violations
        print(layout(name, outcome.states, outcome.used, len(outcome.violations), f"{time.monotonic() - started:.1f}"), flush=True)
    print("\n".join(violations[:20]))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
