"""Counts requests in memory that all workers of a gateway share, and renders them in Prometheus's text format.

Each worker writes its own page only, from its event loop: nothing is locked. A page outlives its worker, so that counters never go
back when one is replaced. What is counted per model is the ledger's.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ROUTES = ("chat_completions", "messages", "embeddings", "models", "other")
STATUSES = (200, 400, 401, 403, 404, 405, 408, 413, 429, 499, 500, 501, 503, 504, 529)  # 499: the client went away
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_HISTOGRAM = len(BUCKETS_S) + 2  # its buckets, the one above them all, the sum
_PER_ROUTE = len(STATUSES) + 2 * _HISTOGRAM
_GAUGES = 2  # running, waiting
_PAGE = len(ROUTES) * _PER_ROUTE + _GAUGES
_NAMES = ("labmodels_gateway_first_byte_seconds", "labmodels_gateway_duration_seconds")
_HELP = ("Until the first byte of the answer was sent.", "Until the answer was sent.")


class Board:
    """The pages of all workers. Made before they are forked."""

    def __init__(self, workers: int) -> None:
        self._cells = memoryview(mmap.mmap(-1, workers * _PAGE * 8)).cast("d")
        self._workers = workers

    def page(self, worker: int) -> Page:
        """Return the page of one worker; what its predecessor had running is over."""
        page = Page(self._cells[worker * _PAGE : (worker + 1) * _PAGE])
        page.gauge(0, 0)
        return page

    def totals(self) -> list[float]:
        """Return the sum of all pages, cell by cell."""
        return [sum(self._cells[cell::_PAGE]) for cell in range(_PAGE)]


class Page:
    """What one worker counts."""

    def __init__(self, cells: memoryview[float]) -> None:
        self._cells = cells

    def count(self, route: str, status: int, first_byte_s: float | None, duration_s: float) -> None:
        """Count one request that has ended."""
        at = ROUTES.index(route) * _PER_ROUTE
        self._add(at + STATUSES.index(status if status in STATUSES else 500), 1.0)
        for which, seconds in enumerate((first_byte_s, duration_s)):
            if seconds is not None:
                base = at + len(STATUSES) + which * _HISTOGRAM
                self._add(base + bisect_left(BUCKETS_S, seconds), 1.0)
                self._add(base + _HISTOGRAM - 1, seconds)

    def _add(self, cell: int, amount: float) -> None:
        self._cells[cell] += amount

    def gauge(self, running: int, waiting: int) -> None:
        """Note how many requests run and wait now."""
        self._cells[_PAGE - 2] = running
        self._cells[_PAGE - 1] = waiting


def render(cells: Sequence[float]) -> str:
    """Return the totals in Prometheus's text format."""
    return "\n".join([*_requests(cells), *_gauges(cells), *_histograms(cells)]) + "\n"


def _requests(cells: Sequence[float]) -> Iterator[str]:
    yield from _head("labmodels_gateway_requests_total", "Requests that have ended, by the status of their answer.", "counter")
    for number, route in enumerate(ROUTES):
        for position, status in enumerate(STATUSES):
            if value := cells[number * _PER_ROUTE + position]:
                yield f'labmodels_gateway_requests_total{{route="{route}",status="{status}"}} {value:.0f}'


def _gauges(cells: Sequence[float]) -> Iterator[str]:
    for position, name, told in ((2, "running", "Requests that are being answered."), (1, "waiting", "Requests that wait in line.")):
        yield from _head(f"labmodels_gateway_requests_{name}", told, "gauge")
        yield f"labmodels_gateway_requests_{name} {cells[_PAGE - position]:.0f}"


def _histograms(cells: Sequence[float]) -> Iterator[str]:
    for which, (name, told) in enumerate(zip(_NAMES, _HELP, strict=True)):
        yield from _head(name, told, "histogram")
        for number, route in enumerate(ROUTES):
            base = number * _PER_ROUTE + len(STATUSES) + which * _HISTOGRAM
            counts = list(accumulate(cells[base : base + _HISTOGRAM - 1]))
            if not counts[-1]:
                continue
            for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), counts, strict=True):
                yield f'{name}_bucket{{route="{route}",le="{bound}"}} {count:.0f}'
            yield f'{name}_sum{{route="{route}"}} {cells[base + _HISTOGRAM - 1]:.6f}'
            yield f'{name}_count{{route="{route}"}} {counts[-1]:.0f}'


def _head(name: str, told: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {told}", f"# TYPE {name} {kind}"
