"""Program: a provider on loopback in a process of its own, until its stdin ends: `python -m benchmarks.provider [FAULT]`.

Prints its port; with FAULT it fails every request so. For each line on stdin it prints how many requests have arrived.
"""

from __future__ import annotations

import sys
from collections import deque
from itertools import repeat

from labmodels.providers.loopback import Entry, Loopback

MOST_FAULTS = 1000


def main(fault: str | None = None) -> None:
    plan: deque[Entry] = deque(repeat(fault, MOST_FAULTS) if fault else ())
    with Loopback(plan) as server:
        print(server.port, flush=True)
        for _ in sys.stdin:
            print(len(server.seen), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
