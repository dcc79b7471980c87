"""Who may ask through the gateway, as the ledger keeps it: a key's name, scope and ceilings, and the SHA-256 of the key, never the key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labmodels.errors import Usage

if TYPE_CHECKING:
    from labmodels.ledger.record import Ledger


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the gateway. `domains`: none is all; `limits`: rate limits and budgets by their names in the schema."""

    id: str
    name: str
    key_sha256: str
    domains: tuple[str, ...]
    limits: Mapping[str, Any]
    created_at: str
    revoked_at: str | None = None


def add(ledger: Ledger, key: Key) -> None:
    """Add a key. Raises Usage for a name that a key in use has."""
    from sqlalchemy import select

    from labmodels.ledger.tables import CALLERS

    columns = CALLERS.c
    row = {
        "id": key.id,
        "name": key.name,
        "key_sha256": key.key_sha256,
        "domains": json.dumps(key.domains),
        "limits": json.dumps(dict(key.limits)),
        "created_at": key.created_at,
    }
    with ledger.transaction() as connection:
        taken = connection.execute(select(columns.id).where(columns.name == key.name, columns.revoked_at.is_(None))).first()
        if taken:
            raise Usage(f"a key named {key.name} is in use", hint=f"take another name, or first: labmodels serve keys revoke {key.name}")
        connection.execute(CALLERS.insert(), row)


def keys(ledger: Ledger) -> list[Key]:
    """Return every key that was ever made, the oldest first."""
    from sqlalchemy import select

    from labmodels.ledger.tables import CALLERS

    with ledger.reading() as connection:
        rows = connection.execute(select(CALLERS).order_by(CALLERS.c.created_at, CALLERS.c.id)).all()
    return [
        Key(row.id, row.name, row.key_sha256, tuple(json.loads(row.domains)), json.loads(row.limits), row.created_at, row.revoked_at)
        for row in rows
    ]


def revoke(ledger: Ledger, name: str, at: str) -> bool:
    """Revoke the key with this name or id; return False when it was revoked before. Raises Usage where there is none."""
    from sqlalchemy import or_, select

    from labmodels.ledger.tables import CALLERS

    columns = CALLERS.c
    is_meant = or_(columns.name == name, columns.id == name)
    with ledger.transaction() as connection:
        revoked = connection.execute(CALLERS.update().where(is_meant, columns.revoked_at.is_(None)).values(revoked_at=at)).rowcount
        if not revoked and connection.execute(select(columns.id).where(is_meant)).first() is None:
            raise Usage(f"no key is called {name}", hint="labmodels serve keys list")
    return bool(revoked)
