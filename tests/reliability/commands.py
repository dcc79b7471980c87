"""The table of state-changing commands: how a lab is laid out for each, what is run, and what must hold while it runs and after.

A new command joins by a row. The rows of the product are in `labmodels_commands`; those of the stand-in that the driver is tested with, in
`stand_in_commands`. The driver turns a row into kills and faults and knows nothing of what the commands mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.reliability import stand_in


@dataclass(frozen=True)
class Command:
    """A state-changing command, run with the lab's folder in LABMODELS_LAB.

    `read` names the state as a reader sees it and raises when there is half a state or none: it is what the concurrent reader repeats, and
    what tells the old state from the new one. `audit` raises when the lab is not in order after the command was run again to its end.
    `settles` says that to run it again in the new state changes nothing.
    """

    name: str
    argv: tuple[str, ...]
    prepare: Callable[[Path], None]
    read: Callable[[Path], str]
    audit: Callable[[Path], None]
    settles: bool = True


def stand_in_commands() -> dict[str, Command]:
    """Return the sound stand-in under the name `sound` and one row for each planted bug, under the bug's name."""
    script = (sys.executable, "-S", "-m", "tests.reliability.stand_in", "new")
    rows = [Command("sound", script, stand_in.prepare, stand_in.read, stand_in.audit)]
    rows += [Command(bug, (*script, bug), stand_in.prepare, stand_in.read, stand_in.audit) for bug in stand_in.BUGS]
    return {row.name: row for row in rows}


def labmodels_commands() -> dict[str, Command]:
    """Return the product's rows."""
    return {}
