"""A process that reads a lab over and over while another one changes it, as the next request would, and reports whatever it saw.

    python -m tests.reliability.reader

Obeys lines on stdin: `watch TABLE COMMAND LAB` reads with that row's `read` until `stop`, which is answered by one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PAUSE_S = 0.005  # leaves the processor to the process under test


@dataclass(frozen=True)
class Watched:
    """What the reader saw: how often it read, the states by name, and what it could not read."""

    reads: int
    states: frozenset[str]
    faults: tuple[str, ...]


@dataclass
class Reader:
    """A reader process, as the driver holds it."""

    environ: Mapping[str, str]
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        argv = [sys.executable, "-m", "tests.reliability.reader"]
        self.process = subprocess.Popen(argv, env=dict(self.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def watch(self, table: str, command: str, lab: Path) -> None:
        """Start to read `lab`; returns after the first read."""
        assert self._ask(json.dumps({"table": table, "command": command, "lab": str(lab)})) == {"watching": True}

    def stop(self) -> Watched:
        """Stop reading and return what was seen."""
        seen = self._ask("stop")
        return Watched(seen["reads"], frozenset(seen["states"]), tuple(seen["faults"]))

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)
        assert self.process.stdout
        self.process.stdout.close()

    def _ask(self, line: str) -> dict:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def _watch(read: Callable[[Path], str], lab: Path, is_stopped: threading.Event, seen: Counter[str], faults: Counter[str]) -> None:
    while not is_stopped.is_set():
        try:
            seen[read(lab)] += 1
        except Exception as error:
            faults[f"{type(error).__name__}: {error}"] += 1
        time.sleep(PAUSE_S)


def main() -> None:
    """Obey stdin until it ends."""
    from tests.reliability.driver import TABLES

    def answer(**facts: object) -> None:
        print(json.dumps(facts), flush=True)

    stop, thread, seen, faults = threading.Event(), None, Counter[str](), Counter[str]()
    for line in sys.stdin:
        if line.strip() == "stop":
            stop.set()
            assert thread
            thread.join()
            answer(reads=seen.total() + faults.total(), states=sorted(seen), faults=sorted(faults))
            continue
        order = json.loads(line)
        row = TABLES[order["table"]]()[order["command"]]
        stop, seen, faults = threading.Event(), Counter(), Counter()
        thread = threading.Thread(target=_watch, args=(row.read, Path(order["lab"]), stop, seen, faults), daemon=True)
        thread.start()
        while not seen and not faults:
            time.sleep(PAUSE_S)
        answer(watching=True)


if __name__ == "__main__":
    main()
