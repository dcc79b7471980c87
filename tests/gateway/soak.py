"""The gateway under load and faults: `python -m tests.gateway.soak [REQUESTS]` (10,000 when none is given).

Two hundred clients at a time, half of them streaming, a fifth of the provider's answers broken. Afterwards each request the clients
made is in the ledger once, with as many rows as tries the provider saw, and the gateway's memory has not grown.
"""

from __future__ import annotations

import itertools
import random
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.gateway.serving import eventually, lab_at, providers, rows, serving

AT_ONCE = 200
_FAULTS = ("500", "503", "429", "401", "html", "bad_json", "cut", "empty", "hang_up", "in_band_error")
_SHARE = 0.2
_BODY = {"model": "gpt-4", "messages": [{"role": "user", "content": "What is the answer?"}]}


@dataclass(frozen=True)
class Soaked:
    """What came of it. `growth` is the memory after the second half over that after the first."""

    answers: Counter[int]
    seen: int
    rows: int
    request_ids: int
    outcomes: Counter[str]
    growth: float
    log: str


def soak(requests: int, folder: Path) -> Soaked:
    """Send so many requests and count."""
    lab = lab_at(folder / "lab")
    rng = random.Random(1)
    plan = [rng.choice(_FAULTS) if rng.random() < _SHARE else "ok" for _ in range(requests * 3)]
    answers: Counter[int] = Counter()
    with providers() as (openai, _, variables), serving(lab, "--concurrency", str(AT_ONCE), folder=folder, variables=variables) as gateway:
        openai.plan.extend(plan)
        memory_mb = []
        for _ in range(2):
            answers += _load(gateway.url, requests // 2)
            memory_mb.append(_memory_mb(gateway.process.pid))
        assert eventually(lambda: "requests_running 0" in gateway.get("/metrics").text)
        found = rows(lab)
        asked = [row for row in found if row.outcome != "skipped"]
        ids = {row.request_id for row in found}
        outcomes = Counter(row.outcome for row in found)
        assert gateway.stop() == 0
        return Soaked(answers, len(openai.seen), len(asked), len(ids), outcomes, memory_mb[1] / memory_mb[0], gateway.log())


def _load(url: str, count: int) -> Counter[int]:
    answers: Counter[int] = Counter()
    numbers = itertools.count()

    def work() -> None:
        with httpx2.Client(timeout=120) as client:
            while (number := next(numbers)) < count:
                answers[client.post(f"{url}/v1/chat/completions", json={**_BODY, "stream": bool(number % 2)}).status_code] += 1

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _memory_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        soaked = soak(int(sys.argv[1]) if sys.argv[1:] else 10_000, Path(scratch))
    print(soaked.answers, soaked.outcomes, f"seen {soaked.seen}, rows {soaked.rows}, ids {soaked.request_ids}, growth {soaked.growth:.3f}")
