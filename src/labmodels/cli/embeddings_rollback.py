"""labmodels embeddings rollback: make an earlier generation of an index live again."""

from __future__ import annotations

from typing import Annotated

import typer

from labmodels.cli.options import Json, LockWait
from labmodels.errors import ExitCode
from labmodels.lab import Lab

DomainName = Annotated[str, typer.Argument(metavar="DOMAIN", help="The index.", show_default=False)]
Number = Annotated[int | None, typer.Argument(metavar="GENERATION", help="Else the one before the live one.", show_default=False, min=1)]


def embeddings_rollback(lab: Lab, domain: DomainName, generation: Number = None, lock_wait: LockWait = 60.0, json: Json = False) -> int:
    """Make an earlier generation live again.

    It becomes a new generation, from the next search on. The next update follows the documents and the configuration again: roll a
    changed model back in its configuration, too.
    """
    from labmodels.embeddings.store.rollback import roll_back
    from labmodels.terminal.output import emit_json, is_quiet, write

    done = roll_back(lab.embeddings, domain, generation, lock_wait)
    if json:
        emit_json({"domain": domain, **done._asdict()})
    elif not is_quiet():
        write(f"{domain}: generation {done.generation} shows what {done.to} did, encoder {done.fingerprint}\n")
    return ExitCode.OK
