"""Lets a try begin and books how it ended, for every process of the lab: one transaction before it, one after it.

`breaker` and `quota` decide; here their state is read and written in the ledger. A reservation is the most that a try can use. It is
corrected when the try is settled; one whose process died, or whose bill nobody knows, stays counted as it is: a budget is never
exceeded by what we do not know.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from labmodels.ledger.prepared import Prepared
from labmodels.ledger.record import insert_attempts
from labmodels.router.breaker import Breaker, Health, Rules, after_failure
from labmodels.router.quota import Ceiling, Count, Need, Refusal, Window, before, refusal, windows_at

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from labmodels.ledger.record import Attempt, Ledger

_KEPT_MINUTES_S = 3600
Reserved = tuple[tuple[Ceiling, Window], ...]  # where a try counts


@dataclass(frozen=True, slots=True)
class Entry:
    """One candidate at the door: its breaker's name (None: it has none) and the ceilings it counts under."""

    breaker: str | None
    ceilings: tuple[Ceiling, ...]
    need: Need
    probe_s: float = 60.0  # how long a probe may take at most


@dataclass(frozen=True, slots=True)
class Ticket:
    """A try that may begin, and what is reserved for it."""

    entry: Entry
    reserved: Reserved = ()
    is_probe: bool = False
    is_forced: bool = False  # let through although its breaker is open, as the last one left


@dataclass(frozen=True, slots=True)
class Ending:
    """How a try ended: the model's health by it, and what it used (None: unknown, the reservation stays)."""

    health: Health
    error_class: str | None = None
    tokens: int | None = None
    cost_pico_usd: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a candidate at the door, for people to look at."""

    breaker: Breaker
    counts: Mapping[tuple[str, Window], Count]
    refusal: Refusal | None


class Admission:
    """The door of one environment. `wall` is the clock that all processes share, in seconds since 1970."""

    def __init__(self, ledger: Ledger, rules: Rules, wall: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._rules = rules
        self._wall = wall

    def admit(self, entry: Entry, *, is_forced: bool = False) -> Ticket | Refusal:
        """Reserve what `entry` needs, or say why it does not begin. `is_forced`: whatever its breaker says; ceilings always hold."""
        now = self._wall()
        reserved = _windows(entry.ceilings, now)
        breaker, is_counted = Breaker(), bool(reserved)
        if not is_counted and entry.breaker is not None:
            with self._ledger.reading() as connection:
                breaker = _breaker(connection, entry.breaker)
            is_counted = breaker.state(self._rules, now) == "half-open"  # the place of the probe must be taken
        if not is_counted:
            return self._refusal(entry, breaker, {}, now, is_forced=is_forced) or self._ticket(entry, reserved, breaker, now)
        with self._ledger.transaction() as connection:
            breaker, counts = _breaker(connection, entry.breaker), _counts(connection, reserved, now)
            if refused := self._refusal(entry, breaker, counts, now, is_forced=is_forced):
                return refused
            ticket = self._ticket(entry, reserved, breaker, now)
            _reserve(connection, ticket, counts)
            if ticket.is_probe:
                _save(connection, entry.breaker, replace(breaker, probe_until=now + entry.probe_s))
            return ticket

    def settle(self, ticket: Ticket | None, attempts: Sequence[Attempt], ending: Ending | None, more: Iterable[Any] = ()) -> None:
        """Write `attempts`, correct the reservation of `ticket` and tell its breaker: all of it or nothing. `more`: further statements."""
        with self._ledger.transaction() as connection:
            insert_attempts(connection, attempts)
            if ticket is not None and ending is not None:
                _correct(connection, ticket, ending)
                self._tell(connection, ticket, ending)
            for statement in more:
                connection.execute(statement)

    def look(self, entry: Entry) -> Seen:
        """Return what the door would say, without changing anything."""
        now = self._wall()
        with self._ledger.reading() as connection:
            breaker = _breaker(connection, entry.breaker)
            counts = _counts(connection, _windows(entry.ceilings, now), now)
        return Seen(breaker, counts, self._blocked(breaker, entry, now) or _refused(entry, counts, now))

    def breakers(self, scope: str) -> dict[str, Breaker]:
        """Return the breakers whose names begin with `scope` and that are not at rest."""
        from sqlalchemy import select

        from labmodels.ledger.tables import BREAKERS

        query = select(BREAKERS).where(BREAKERS.c.name.startswith(scope, autoescape=True)).order_by(BREAKERS.c.name)
        with self._ledger.reading() as connection:
            rows = connection.execute(query).all()
        return {row.name: Breaker(row.failures, row.openings, row.opened_at, row.probe_until, row.error_class) for row in rows}

    def close_breakers(self, scope: str, names: Sequence[str] = ()) -> list[str]:
        """Close the breakers in `scope` that are called `names` (none: all) and return those that were not at rest."""
        from sqlalchemy import select

        from labmodels.ledger.tables import BREAKERS

        wanted = BREAKERS.c.name.in_(names) if names else BREAKERS.c.name.startswith(scope, autoescape=True)
        with self._ledger.transaction() as connection:
            found = connection.execute(select(BREAKERS.c.name).where(wanted).order_by(BREAKERS.c.name)).scalars().all()
            connection.execute(BREAKERS.delete().where(wanted))
        return list(found)

    def _blocked(self, breaker: Breaker, entry: Entry, now: float) -> Refusal | None:
        state, ends_at = breaker.state(self._rules, now), breaker.ends_at(self._rules)
        if state == "open" and ends_at is not None:
            why = f"its breaker is open for {ends_at - now:.0f} s more, after {breaker.failures} failures ({breaker.error_class})"
            return Refusal("breaker", why, ends_at - now)
        if state == "half-open" and breaker.has_probe(now, entry.probe_s):
            return Refusal("breaker", f"its breaker is half-open, and one request is trying it ({breaker.error_class})", entry.probe_s)
        return None

    def _refusal(
        self, entry: Entry, breaker: Breaker, counts: Mapping[tuple[str, Window], Count], now: float, *, is_forced: bool
    ) -> Refusal | None:
        return (None if is_forced else self._blocked(breaker, entry, now)) or _refused(entry, counts, now)

    def _ticket(self, entry: Entry, reserved: Reserved, breaker: Breaker, now: float) -> Ticket:
        state = breaker.state(self._rules, now)
        return Ticket(entry, reserved, is_probe=state == "half-open", is_forced=state == "open")

    def _tell(self, connection: Connection, ticket: Ticket, ending: Ending) -> None:
        name = ticket.entry.breaker
        if name is None:
            return
        if ending.health == "alive":
            _FORGET_BREAKER.run(connection, {"name": name})
        elif ending.health == "dead":
            breaker = after_failure(_breaker(connection, name), ending.error_class or "", self._rules, self._wall())
            _save(connection, name, breaker)
        elif ticket.is_probe:
            _save(connection, name, replace(_breaker(connection, name), probe_until=None))


def _refused(entry: Entry, counts: Mapping[tuple[str, Window], Count], now: float) -> Refusal | None:
    for ceiling in entry.ceilings:
        own = {window: count for (scope, window), count in counts.items() if scope == ceiling.scope}
        if refused := refusal(ceiling, entry.need, own, now):
            return refused
    return None


def _breaker(connection: Connection, name: str | None) -> Breaker:
    rows = _READ_BREAKER.rows(connection, {"name": name}) if name is not None else ()
    return Breaker(*rows[0]) if rows else Breaker()


def _save(connection: Connection, name: str | None, breaker: Breaker) -> None:
    _WRITE_BREAKER.run(connection, {"name": name, **asdict(breaker)})


def _windows(ceilings: Iterable[Ceiling], now: float) -> Reserved:
    return tuple((ceiling, window) for ceiling in ceilings for window in ceiling.windows(now))


def _counts(connection: Connection, reserved: Reserved, now: float) -> dict[tuple[str, Window], Count]:
    """Return what counts in the scopes of `reserved`; the minute before goes along."""
    minute, day, month = windows_at(now)
    starts = {"last": before(minute).starts_at, "minute": minute.starts_at, "day": day.starts_at, "month": month.starts_at}
    return {
        (scope, Window(period, starts_at)): Count(requests, tokens, cost)
        for scope in {ceiling.scope for ceiling, _ in reserved}
        for period, starts_at, requests, tokens, cost in _READ_WINDOWS.rows(connection, {"scope": scope, **starts})
    }


def _reserve(connection: Connection, ticket: Ticket, counts: Mapping[tuple[str, Window], Count]) -> None:
    from labmodels.ledger.tables import WINDOWS

    need = ticket.entry.need
    _add(connection, ticket.reserved, lambda ceiling: Count(ceiling.requests_of(need), need.tokens, need.cost_pico_usd or 0))
    for ceiling, window in ticket.reserved:
        if window.period == "minute" and (ceiling.scope, window) not in counts:  # a new minute: the old ones are of no use any more
            old = (WINDOWS.c.period == "minute") & (WINDOWS.c.starts_at < window.starts_at - _KEPT_MINUTES_S)
            connection.execute(WINDOWS.delete().where(WINDOWS.c.scope == ceiling.scope, old))


def _correct(connection: Connection, ticket: Ticket, ending: Ending) -> None:
    need = ticket.entry.need
    tokens = 0 if ending.tokens is None else ending.tokens - need.tokens
    cost = 0 if ending.cost_pico_usd is None else ending.cost_pico_usd - (need.cost_pico_usd or 0)
    if tokens or cost:
        _add(connection, ticket.reserved, lambda _: Count(0, tokens, cost))


def _add(connection: Connection, reserved: Reserved, count_of: Callable[[Ceiling], Count]) -> None:
    rows = [
        {"scope": ceiling.scope, "period": window.period, "starts_at": window.starts_at, **count_of(ceiling)._asdict()}
        for ceiling, window in reserved
    ]
    if rows:
        _ADD_TO_WINDOWS.run_for_each(connection, rows)


# -- statements ------------------------------------------------------------------------------------------------------------


def _read_breaker() -> Any:
    from sqlalchemy import bindparam, select

    from labmodels.ledger.tables import BREAKERS

    columns = [BREAKERS.c[field.name] for field in fields(Breaker)]
    return select(*columns).where(BREAKERS.c.name == bindparam("name"))


def _write_breaker() -> Any:
    from sqlalchemy.dialects.sqlite import insert

    from labmodels.ledger.tables import BREAKERS

    statement = insert(BREAKERS)
    changed = {field.name: statement.excluded[field.name] for field in fields(Breaker)}
    return statement.on_conflict_do_update(index_elements=["name"], set_=changed)


def _forget_breaker() -> Any:
    from sqlalchemy import bindparam

    from labmodels.ledger.tables import BREAKERS

    return BREAKERS.delete().where(BREAKERS.c.name == bindparam("name"))


def _read_windows() -> Any:
    from sqlalchemy import bindparam, select

    from labmodels.ledger.tables import WINDOWS

    columns = WINDOWS.c
    starts: list[Any] = [bindparam(name) for name in ("last", "minute", "day", "month")]
    query = select(columns.period, columns.starts_at, *(columns[name] for name in Count._fields))
    return query.where(columns.scope == bindparam("scope"), columns.starts_at.in_(starts))


def _add_to_windows() -> Any:
    from sqlalchemy.dialects.sqlite import insert

    from labmodels.ledger.tables import WINDOWS

    statement = insert(WINDOWS)
    added = {name: WINDOWS.c[name] + statement.excluded[name] for name in Count._fields}
    return statement.on_conflict_do_update(index_elements=["scope", "period", "starts_at"], set_=added)


_READ_BREAKER, _WRITE_BREAKER, _FORGET_BREAKER = Prepared(_read_breaker), Prepared(_write_breaker), Prepared(_forget_breaker)
_READ_WINDOWS, _ADD_TO_WINDOWS = Prepared(_read_windows), Prepared(_add_to_windows)
