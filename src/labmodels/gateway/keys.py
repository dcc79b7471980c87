"""The gateway's own keys: how they are made and hashed, and whose a request's key is. The rows are `ledger.callers`'."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any

from labmodels.errors import Usage
from labmodels.gateway.faults import Fault
from labmodels.ledger.callers import Key
from labmodels.ledger.record import instant, new_id
from labmodels.router.question import Caller

_PREFIX = "lm_"
_BYTES = 32  # too many to be guessed, so that one fast hash is enough
_FRESH_S = 1.0  # how long a revoked key may go on at most
_RATES = ("requests_per_minute", "tokens_per_minute")


def made(name: str, domains: Sequence[str], limits: Mapping[str, Any]) -> tuple[str, Key]:
    """Return a new key, to be shown once, and the row that the ledger keeps of it. Raises Usage for limits that contradict each other."""
    from pydantic import ValidationError

    text = _PREFIX + secrets.token_urlsafe(_BYTES)
    key = Key(new_id(), name, key_hash(text), tuple(domains), limits, instant(datetime.now(UTC)))
    try:
        caller_of(key)
    except ValidationError as error:
        raise Usage(
            f"the limits of {name} cannot be: {error.errors(include_url=False)[0]['msg']}",
            hint="a month allows no less than a day, a day no less than a request",
        ) from None
    return text, key


def key_hash(key: str) -> str:
    """Return the hash by which the ledger knows a key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def caller_of(key: Key) -> Caller:
    """Return who asks with `key`."""
    from labmodels.config.schema.language_model import Budgets, RateLimits

    rates = {name: value for name, value in key.limits.items() if name in _RATES}
    budgets = {name: f"${value}" for name, value in key.limits.items() if name not in _RATES}
    return Caller(key.id, key.name, frozenset(key.domains), RateLimits.model_validate(rates), Budgets.model_validate(budgets))


class Doorkeeper:
    """Knows every caller, from a reading of the ledger that is at most a second old.

    A gateway whose keys were all revoked stays closed: only one that never had a key answers without.
    """

    def __init__(self, read: Callable[[], Sequence[Key]], aside: Executor, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._aside = aside  # where reading may wait without holding up the event loop
        self._clock = clock
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._callers: Mapping[str, Caller] = {}
        self._is_open = False

    async def admit(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        """Return who asks; None on a gateway that has no keys. Raises Fault (401), or LabmodelsError where the ledger cannot be read."""
        await self._refresh()
        if self._is_open:
            if b"origin" in headers:  # a page in a browser on this machine: it has no business here without a key
                raise Fault(403, "needs_key", "requests from web pages need a key: labmodels serve keys add NAME")
            return None
        key = headers.get(b"x-api-key", b"").decode("latin-1").strip()
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if not key and scheme.lower() == "bearer":
            key = token.strip()
        caller = self._callers.get(key_hash(key)) if key else None
        if caller is None:
            told = "the key is not known here, or was revoked" if key else "a key is needed: Authorization: Bearer lm_..."
            raise Fault(401, "invalid_api_key", told)
        return caller

    async def _refresh(self) -> None:
        if self._clock() - self._read_at < _FRESH_S:
            return
        async with self._reading:
            if self._clock() - self._read_at < _FRESH_S:  # somebody read while this one waited
                return
            began = self._clock()
            keys = await asyncio.get_running_loop().run_in_executor(self._aside, self._read)
            self._is_open = not keys
            self._callers = {key.key_sha256: caller_of(key) for key in keys if key.revoked_at is None}
            self._read_at = began
