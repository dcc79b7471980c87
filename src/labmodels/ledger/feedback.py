"""What people thought of an answer: one row an opinion, beside the attempt that it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Literal

from labmodels.errors import Usage
from labmodels.ledger.record import Ledger, instant, new_id

Verdict = Literal["good", "bad"]
LAST = "last"


def give(
    ledger: Ledger,
    attempt: str,
    verdict: Verdict,
    *,
    by: str,
    reason: str | None = None,
    correction: str | None = None,
    prompt: str | None = None,
) -> str:
    """Record an opinion of an attempt, or of the request that it answered, and return the attempt's id.

    `prompt` is the question as it was asked, for a lab that stores none; it must be the one that the attempt was given.
    Raises Usage for an attempt that there is not, or one that answered nothing.
    """
    from labmodels.ledger.tables import FEEDBACK, TEXTS

    with ledger.transaction() as connection:
        found = _find(connection, attempt)
        values = {"id": new_id(), "at": instant(datetime.now(UTC)), "attempt_id": found.id, "verdict": verdict, "by": by}
        connection.execute(FEEDBACK.insert().values(**values, reason=reason, correction=correction))
        if prompt is not None and not _has_text(connection, found.request_id):
            connection.execute(TEXTS.insert().values(request_id=found.request_id, prompt=prompt, answer=None))
    return str(found.id)


def _find(connection: Any, text: str) -> Any:
    """Return the answered attempt with this id, the one that answered the request with this id, or the latest by `last`."""
    from sqlalchemy import or_, select

    from labmodels.ledger.tables import ATTEMPTS

    columns = ATTEMPTS.c
    query = select(columns.id, columns.request_id, columns.outcome, columns.reason).order_by(columns.at.desc())
    wanted = columns.outcome == "ok" if text == LAST else or_(columns.id == text, columns.request_id == text)
    rows = connection.execute(query.where(wanted).limit(100)).all()
    answered = next((row for row in rows if row.outcome == "ok"), None)
    if answered is not None:
        return answered
    if rows:
        raise Usage(f"attempt {text} was {rows[0].outcome}: {rows[0].reason}", hint="feedback is about an answer")
    latest = connection.execute(select(columns.id).where(columns.outcome == "ok").order_by(columns.at.desc()).limit(200)).scalars().all()
    close = get_close_matches(text, latest, n=1)
    raise Usage(f"no attempt is called {text}", hint=f"did you mean {close[0]}?" if close else "labmodels ask --json prints its attempts")


def _has_text(connection: Any, request_id: str) -> bool:
    from sqlalchemy import select

    from labmodels.ledger.tables import TEXTS

    return connection.execute(select(TEXTS.c.request_id).where(TEXTS.c.request_id == request_id)).first() is not None
