"""labmodels serve keys list: the gateway's keys, without the keys themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from labmodels.cli.options import Json
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.ledger.callers import Key

_LIMITS = {
    "request": "${} a request",
    "day": "${} a day",
    "month": "${} a month",
    "requests_per_minute": "{} requests a minute",
    "tokens_per_minute": "{} tokens a minute",
}


def serve_keys_list(lab: Lab, json: Json = False) -> None:
    """List the gateway's keys.

    Their names, scopes and ceilings; a key itself is never kept.
    """
    from labmodels.ledger import callers
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, say, write
    from labmodels.terminal.tables import table
    from labmodels.wiring import ledger_of

    with ledger_of(lab) as ledger:
        keys = callers.keys(ledger)
    if json:
        emit_json({"keys": [_as_json(key) for key in keys]})
    elif not keys:
        say("there are no keys: the gateway answers on this machine only\n  hint: labmodels serve keys add NAME")
    else:
        rows = [(key.name, ", ".join(key.domains) or "all", _told(key), _day(key.created_at), _day(key.revoked_at), key.id) for key in keys]
        write(table(("name", "domains", "limits", "made", "revoked", "id"), rows, Paint.of(sys.stdout)) + "\n")


def _as_json(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "domains": list(key.domains),
        "limits": dict(key.limits),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


def _told(key: Key) -> str:
    return ", ".join(_LIMITS[name].format(value) for name, value in key.limits.items()) or "none"


def _day(instant: str | None) -> str | None:
    return instant and instant[:10]
