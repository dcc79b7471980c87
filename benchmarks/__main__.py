"""Measures the topics, prints one line a figure and appends the run to results.jsonl: `python -m benchmarks [TOPIC ...]`.

Exits 1 when a target is missed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import encoding, gateway, indexing, router, search, startup, validation
from benchmarks.measure import Figure

# To add a topic: write a module with `figures(folder) -> list[Figure]` and name it here.
TOPICS: dict[str, Callable[[Path], list[Figure]]] = {
    "startup": startup.figures,
    "validation": validation.figures,
    "router": router.figures,
    "gateway": gateway.figures,
    "encoding": encoding.figures,
    "indexing": indexing.figures,
    "search": search.figures,
}

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.jsonl"
VERDICTS = {True: "held", False: "MISSED", None: ""}


def main(names: Sequence[str]) -> int:
    """Measure the topics in `names` (all when empty); return 1 when a target is missed, 2 for an unknown topic."""
    if unknown := sorted(set(names) - TOPICS.keys()):
        print(f"no such topic: {', '.join(unknown)}\n  hint: {', '.join(TOPICS)}", file=sys.stderr)
        return 2
    figures: dict[str, list[Figure]] = {}
    for topic in names or TOPICS:
        with tempfile.TemporaryDirectory(prefix="labmodels-bench-") as folder:
            figures[topic] = TOPICS[topic](Path(folder))
        for figure in figures[topic]:
            print(_line(topic, figure), flush=True)
    with RESULTS.open("a", encoding="utf-8") as results:
        results.write(json.dumps(_record(figures)) + "\n")
    return 1 if any(figure.holds is False for taken in figures.values() for figure in taken) else 0


def _line(topic: str, figure: Figure) -> str:
    bound = "" if figure.target is None else f"{'>=' if figure.at_least else '<='} {figure.target:g}"
    return f"{topic:<12}{figure.name:<38}{figure.value:>8.2f} {figure.unit:<18}{bound:>8}  {VERDICTS[figure.holds]}".rstrip()


def _record(figures: dict[str, list[Figure]]) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": _git("rev-parse", "--short=12", "HEAD"),
        "is_modified": bool(_git("status", "--porcelain")),
        "machine": {"cpu": _cpu_model(), "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "figures": [
            {
                "topic": topic,
                "name": figure.name,
                "value": round(figure.value, 3),
                "unit": figure.unit,
                "target": figure.target,
                "holds": figure.holds,
            }
            for topic, taken in figures.items()
            for figure in taken
        ],
    }


def _git(*arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
