"""Statements of the hot path: written in SQLAlchemy like the others, compiled once a process, and run on the driver itself.

Building, hashing and compiling an expression, and wrapping its result, cost several times what SQLite takes to run it. Values and rows
pass as the driver has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement, Connection


class Prepared:
    """A statement with `bindparam`s or insert columns for values; `build` makes it at its first use."""

    def __init__(self, build: Callable[[], ClauseElement]) -> None:
        self._build = build
        self._compiled: dict[str, tuple[str, Sequence[str]]] = {}  # by dialect: the text, and its parameters in their order

    def run(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """Run it once, for its effect."""
        self.run_for_each(connection, (values,))

    def run_for_each(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each row, in their order."""
        text, names = self._text(connection)
        connection.connection.cursor().executemany(text, [tuple([row[name] for name in names]) for row in rows])

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run it and return its rows."""
        text, names = self._text(connection)
        cursor = connection.connection.cursor()
        cursor.execute(text, tuple([values[name] for name in names]))
        return cursor.fetchall()

    def _text(self, connection: Connection) -> tuple[str, Sequence[str]]:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled: Any = self._build().compile(dialect=dialect)
            found = self._compiled[dialect.name] = (str(compiled), tuple(compiled.positiontup))
        return found
