"""The gateway's keys in the ledger: one name in use at a time, revoked once, none ever forgotten."""

from __future__ import annotations

import pytest

from labmodels.errors import Usage
from labmodels.ledger.callers import Key, add, keys, revoke
from labmodels.ledger.record import Ledger


def key(name: str, number: int) -> Key:
    return Key(f"id{number}", name, f"{number:064x}", ("translation",), {"day": "5.00"}, f"2026-01-0{number}T00:00:00")


def test_a_key_comes_back_as_it_was_added_the_oldest_first(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        for number, name in ((2, "b"), (1, "a")):
            add(ledger, key(name, number))
        assert keys(ledger) == [key("a", 1), key("b", 2)]


def test_a_name_is_free_again_when_its_key_is_revoked(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        add(ledger, key("team", 1))
        with pytest.raises(Usage, match="a key named team is in use"):
            add(ledger, key("team", 2))
        assert revoke(ledger, "team", "2026-02-01") is True
        assert revoke(ledger, "id1", "2026-03-01") is False, "it was revoked before"
        add(ledger, key("team", 3))
        assert [one.revoked_at for one in keys(ledger)] == ["2026-02-01", None]
        assert revoke(ledger, "team", "2026-04-01") is True
        with pytest.raises(Usage, match="no key is called nobody"):
            revoke(ledger, "nobody", "2026-04-01")
