"""The terms that a request sets in its headers: what is asked about, under which profile, and what no fallback may cross."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from labmodels.gateway.faults import invalid

if TYPE_CHECKING:
    from labmodels.router.question import Caller, Question

_DOMAIN, _PROFILE, _LOCAL_ONLY, _MAX_COST = "x-labmodels-domain", "x-labmodels-profile", "x-labmodels-local-only", "x-labmodels-max-cost"


def fenced(question: Question, headers: Mapping[bytes, bytes], caller: Caller | None, most_s: float) -> Question:
    """Return `question` on the terms of its headers, asked by `caller`, to be answered within `most_s` seconds."""
    return replace(
        question,
        domain=_text(headers, _DOMAIN),
        profile=_text(headers, _PROFILE),
        is_local_only=_claim(headers, _LOCAL_ONLY),
        most_usd=_amount(headers, _MAX_COST),
        deadline_s=most_s,
        caller=caller,
    )


def _text(headers: Mapping[bytes, bytes], name: str) -> str | None:
    return headers.get(name.encode(), b"").decode("latin-1").strip() or None


def _claim(headers: Mapping[bytes, bytes], name: str) -> bool:
    text = (_text(headers, name) or "false").lower()
    if text not in ("true", "false"):
        raise invalid(f"{name} must be true or false", name)
    return text == "true"


def _amount(headers: Mapping[bytes, bytes], name: str) -> Decimal | None:
    from labmodels.errors import Usage
    from labmodels.router.question import amount_of

    text = _text(headers, name)
    try:
        return None if text is None else amount_of(text, name)
    except Usage as error:
        raise invalid(str(error), name) from None
