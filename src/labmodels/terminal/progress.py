"""Shows how far long work is: one line that is written over on a terminal, a heartbeat line elsewhere."""

from __future__ import annotations

import sys
import time

from labmodels.terminal.colour import is_terminal
from labmodels.terminal.output import is_quiet, say, write

_LIVE_PAUSE_S = 0.2
_HEARTBEAT_S = 10.0


class Progress:
    """Progress of the work that `name` names. `show` may be called as often as there is news."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_live = is_terminal(sys.stderr) and not is_quiet()
        self._pause_s = _LIVE_PAUSE_S if self._is_live else _HEARTBEAT_S
        self._began_at = time.monotonic()
        self._next_at = self._began_at + self._pause_s
        self._has_line = False

    def show(self, done: int, total: int, rest: str = "") -> None:
        """Say that `done` of `total` are done, with the rate, the remaining time and what else there is to say."""
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + self._pause_s
        rate = done / max(now - self._began_at, 1e-9)
        left = f", {rate:,.1f}/s, {duration((total - done) / rate)} left" if done else ""
        text = f"{self._name}: {done:,} of {total:,}{left}{rest}"
        if self._is_live:
            write(f"\r{text}\x1b[K", sys.stderr)
            self._has_line = True
        else:
            say(text)

    def clear(self) -> None:
        """Take the line away: what it said is over."""
        if self._has_line:
            write("\r\x1b[K", sys.stderr)
            self._has_line = False


def duration(seconds: float) -> str:
    """Return a span as people say it: 4 s, 3 min, 2.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
