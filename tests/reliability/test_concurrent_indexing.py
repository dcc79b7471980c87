"""Many updates, rebuilds, rollbacks and collections at once, some of them killed, while a reader looks on: whole states only."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from tests.reliability import indexes, labs

WRITERS = int(os.environ.get("RELIABILITY_WRITERS", "10"))
_COMMANDS = (
    indexes.UPDATE,
    indexes.UPDATE,
    indexes.REBUILD,
    ("embeddings", "rollback", indexes.DOMAIN),
    ("embeddings", "gc", "--keep", "3"),
)


@pytest.mark.timeout(600)  # dozens of processes, perhaps on a busy machine
def test_two_writers_that_are_killed_and_readers_never_make_half_a_state(tmp_path: Path):
    lab = tmp_path / "lab"
    indexes.indexed_twice(lab)
    chance = Random(0)
    kept = sorted((lab / "docs").glob("*.md"))
    seen, faults, is_over = set(), [], False

    def look() -> None:
        while not is_over:
            try:
                seen.add(indexes.shown(lab))
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}")
            time.sleep(0.01)

    def write(number: int) -> int:
        kept[number % len(kept)].write_text(f"# Page\n\nHow it looks, number {number}.\n")
        words = [*_COMMANDS[number % len(_COMMANDS)], "--lock-wait", "100"]
        program = subprocess.Popen(
            [sys.executable, "-m", "labmodels", *words],
            cwd=lab.parent,
            env=labs.environment(lab, lab.parent),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _, shown = program.communicate(timeout=chance.uniform(0.3, 3.0))
        except subprocess.TimeoutExpired:
            program.kill()
            program.communicate()
            return 0
        if program.returncode:
            faults.append(f"{' '.join(words)} ended with {program.returncode}: {shown}")
        return program.returncode

    with ThreadPoolExecutor(3) as pool:
        looking = pool.submit(look)
        list(pool.map(write, range(WRITERS)))
        is_over = True
        looking.result()
    assert not faults, faults
    assert seen and "nothing" not in seen
    done = labs.run(lab, *indexes.UPDATE)
    assert done.returncode == 0, done.stderr
    indexes.audit(lab)
    left = indexes.shown(lab)
    assert labs.run(lab, *indexes.REBUILD).returncode == 0
    assert indexes.shown(lab) == left, "updates have not made what a rebuild makes"
