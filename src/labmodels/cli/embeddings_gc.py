"""labmodels embeddings gc: drop what no kept generation shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from labmodels.cli.options import Json, LockWait
from labmodels.errors import ExitCode
from labmodels.lab import Lab

Keep = Annotated[int, typer.Option("--keep", metavar="N", help="How many generations of each index stay, the live one among them.", min=1)]


def embeddings_gc(lab: Lab, keep: Keep = 5, lock_wait: LockWait = 60.0, json: Json = False) -> int:
    """Drop what no kept generation shows.

    Older generations, builds that nothing names, and vectors of texts that stand nowhere any more.
    """
    from labmodels.embeddings.store.gc import Collected, collect
    from labmodels.embeddings.store.truth import open_to_read, writing
    from labmodels.terminal.output import emit_json, is_quiet, write

    done = Collected()
    truth = open_to_read(lab.embeddings)
    if truth is not None:
        truth.close()
        with writing(lab.embeddings, lock_wait) as truth:
            done = collect(truth, keep)
    counts = asdict(done)
    if json:
        emit_json({"keep": keep, "dropped": counts})
    elif not is_quiet():
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        write(f"dropped {told}\n" if told else "nothing to drop\n")
    return ExitCode.OK
