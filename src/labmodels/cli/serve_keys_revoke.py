"""labmodels serve keys revoke: a key stops working, in every process of the gateway."""

from __future__ import annotations

from typing import Annotated

import typer

from labmodels.cli.options import Json
from labmodels.lab import Lab

Name = Annotated[str, typer.Argument(metavar="NAME", help="The key's name or id.", show_default=False)]


def serve_keys_revoke(lab: Lab, name: Name, json: Json = False) -> None:
    """Revoke a key of the gateway.

    It stops working within a second. A gateway whose keys are all revoked stays closed.
    """
    from datetime import UTC, datetime

    from labmodels.ledger import callers
    from labmodels.ledger.record import instant
    from labmodels.terminal.output import emit_json, say
    from labmodels.wiring import ledger_of

    with ledger_of(lab) as ledger:
        was_in_use = callers.revoke(ledger, name, instant(datetime.now(UTC)))
    if json:
        emit_json({"name": name, "was_in_use": was_in_use})
    else:
        say(f"{name} is revoked" if was_in_use else f"{name} was revoked before")
