"""Rows that stand in the way: found by a query, counted up to a limit, told by their first few."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff.errors import MigrationFailedError, RowsInTheWayError, database_words
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.schema.operations import Require

__all__ = ["Found", "find_rows", "refuse_rows"]

_LIMIT = 1000
_SHOWN = 5
_COLUMNS = 4
_LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The first rows that a query gave, `columns` by name, and how many came up to the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    count: int

    def __str__(self) -> str:
        """How many and which: "3 found: id 4, 9, 12"."""
        count = f"{_LIMIT} or more" if self.count >= _LIMIT else str(self.count)
        more = ["..."] if self.count > len(self.rows) else []
        if len(self.columns) == 1:
            values = [_shown(row[0]) for row in self.rows]
            return f"{count} found: {self.columns[0]} {', '.join([*values, *more])}"
        listed = [
            ", ".join(
                f"{name} {_shown(value)}" for name, value in zip(self.columns, row, strict=True)
            )
            for row in self.rows
        ]
        return f"{count} found: {'; '.join([*listed, *more])}"


def find_rows(connection: Connection, query: str) -> Found:
    """What the query finds. At most a limited number of rows is read.

    Raises SQLAlchemy's DBAPIError where the database refuses it.
    """
    result = connection.exec_driver_sql(
        _limited(query), execution_options={"no_parameters": True, "stream_results": True}
    )
    with result:
        rows = result.fetchmany(_LIMIT)
        columns = tuple(result.keys())[:_COLUMNS]
    shown = tuple(tuple(row)[: len(columns)] for row in itertools.islice(rows, _SHOWN))
    return Found(columns=columns, rows=shown, count=len(rows))


def refuse_rows(connection: Connection, operation: Require) -> None:
    """Raises RowsInTheWayError where the query of a check finds rows."""
    from sqlalchemy.exc import DBAPIError

    try:
        found = find_rows(connection, operation.query)
    except DBAPIError as error:
        raise MigrationFailedError(database_words(error.orig), statement=operation.query) from error
    if found.count:
        raise RowsInTheWayError(
            f"{operation.message} ({found})",
            statement=operation.query,
            hint="mend these rows and run it again, or do it in the migration, before its check",
        )


def _limited(query: str) -> str:
    """The query with a limit, unless it ends in a way of its own."""
    text = query.strip().rstrip(";").rstrip()
    words = [token.upper() for kind, token in tokens(text) if kind == "word"]
    return text if _ENDINGS.intersection(words) else f"{text}\nLIMIT {_LIMIT}"


_ENDINGS = frozenset(("LIMIT", "FETCH", "FOR", "OFFSET"))


def _shown(value: object) -> str:
    """A value on one line, cut where it is long."""
    text = "NULL" if value is None else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
