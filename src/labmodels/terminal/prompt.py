"""The one question a command asks before it changes something. What it is about to do was printed before."""

from __future__ import annotations

import sys

from labmodels.errors import Declined, Usage
from labmodels.terminal.colour import Paint, is_terminal
from labmodels.terminal.output import write


def confirm(question: str, *, assume_yes: bool, instead: str = "--yes") -> None:
    """Return when the answer is yes; raise `Declined` on anything else, `Usage` that names `instead` where there is no terminal."""
    if assume_yes:
        return
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise Usage(f"needs {instead} where there is no terminal", hint=f"look at what was shown, and run it again with {instead}")
    # On stderr, so that the question is seen when stdout goes into a file.
    write(f"{Paint.of(sys.stderr)(question, 'strong')} [y/N] ", sys.stderr)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        write("\n", sys.stderr)
    if answer.strip().lower() not in ("y", "yes"):
        raise Declined("declined at the prompt: nothing was changed", hint="answer y, or pass --yes")
