"""Find rows that a migration can't handle: count them up to a limit, and show the first few."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff.errors import MigrationFailedError, RowsInTheWayError, database_words
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects import Dialect
    from autodiff.schema.operations import Require

__all__ = ["Found", "find_rows", "refuse_rows"]

_LIMIT = 1000
"""Rows that are read at most: "1000 or more" is enough to know, and a full scan may take hours."""
_SHOWN = 5
_COLUMNS = 4
_LONGEST = 40
"""Rows, columns and characters of a value that are shown, so that a message fits on a screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The first rows of a query, its `columns`, and the number of rows up to the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    count: int

    def __str__(self) -> str:
        """Return how many rows and which: "3 found: id 4, 9, 12"."""
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


def find_rows(connection: Connection, dialect: Dialect, query: str) -> Found:
    """Return the rows of a query; at most a limited number is read.

    Raises SQLAlchemy's DBAPIError if the database refuses the query.
    """
    quick = dialect.session.quick_query(connection, _limited(query))
    result = connection.exec_driver_sql(
        quick, execution_options={"no_parameters": True, "stream_results": True}
    )
    with result:
        rows = result.fetchmany(_LIMIT)
        columns = tuple(result.keys())[:_COLUMNS]
    shown = tuple(tuple(row)[: len(columns)] for row in itertools.islice(rows, _SHOWN))
    return Found(columns=columns, rows=shown, count=len(rows))


def refuse_rows(connection: Connection, dialect: Dialect, operation: Require) -> None:
    """Raise RowsInTheWayError if the query of a check finds rows."""
    from sqlalchemy.exc import DBAPIError

    try:
        found = find_rows(connection, dialect, operation.query)
    except DBAPIError as error:
        raise MigrationFailedError(database_words(error.orig), statement=operation.query) from error
    if found.count:
        raise RowsInTheWayError(
            f"{operation.message} ({found})",
            statement=operation.query,
            hint="fix these rows and run it again, or fix them in the migration before "
            "op.require()",
        )


def _limited(query: str) -> str:
    """Return the query with a limit, unless it has one or ends in a way that forbids it."""
    text = query.strip().rstrip(";").rstrip()
    words = [token.upper() for kind, token in tokens(text) if kind == "word"]
    return text if _ENDINGS.intersection(words) else f"{text}\nLIMIT {_LIMIT}"


_ENDINGS = frozenset(("LIMIT", "FETCH", "FOR", "OFFSET"))


def _shown(value: object) -> str:
    """Return a value on one line, shortened if it is long."""
    text = "NULL" if value is None else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
