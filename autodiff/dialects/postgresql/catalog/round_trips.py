"""Send several queries in one round trip, if the driver can.

psycopg has the pipeline mode of libpq 14 and later; other drivers send one query after another.
https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import Dialect

__all__ = ["fetch_all"]


def fetch_all(
    connection: Connection, queries: Sequence[str], parameters: Mapping[str, Any]
) -> list[Sequence[Any]]:
    """Return the rows of each query; a query gets the parameters that it names.

    The connection has to be in a transaction of SQLAlchemy, or in autocommit mode. Otherwise the
    driver would begin a transaction that SQLAlchemy does not know, and never ends.
    """
    driver = connection.connection.driver_connection
    in_pipeline = len(queries) > 1 and _has_pipeline(driver)
    if in_pipeline:
        parameters = {name: _numbers_as_text(value) for name, value in parameters.items()}
    texts = [_clause(query) for query in queries]
    values = [
        {name: value for name, value in parameters.items() if name in text._bindparams}
        for text in texts
    ]
    if in_pipeline:
        statements = [_statement(query) for query in queries]
        return _in_pipeline(driver, connection.dialect, statements, values)
    return [connection.execute(text, own).all() for text, own in zip(texts, values, strict=True)]


@lru_cache(64)
def _clause(query: str) -> sa.TextClause:
    return sa.text(query)


@lru_cache(64)
def _statement(query: str) -> str:
    """Return a query with psycopg's placeholders."""
    from sqlalchemy.dialects.postgresql import psycopg

    dialect = psycopg.dialect()  # type: ignore[no-untyped-call]
    return str(_clause(query).compile(dialect=dialect))


def _in_pipeline(
    driver: Any, dialect: Dialect, statements: Sequence[str], values: Sequence[dict[str, Any]]
) -> list[Sequence[Any]]:
    """Run the statements on psycopg's connection. Its errors become those of SQLAlchemy."""
    import psycopg

    with ExitStack() as stack:
        cursors = [stack.enter_context(driver.cursor()) for _ in statements]
        try:
            with driver.pipeline():
                for cursor, statement, own in zip(cursors, statements, values, strict=True):
                    cursor.execute(statement, own)
            return [cursor.fetchall() for cursor in cursors]
        except psycopg.Error as error:
            raise sa.exc.DBAPIError.instance(
                "\n".join(statements), None, error, psycopg.Error, dialect=dialect
            ) from error


def _numbers_as_text(value: Any) -> Any:
    """Return a list of numbers as the text of an array, which psycopg would write for each query.

    The queries cast it. https://www.postgresql.org/docs/current/arrays.html#ARRAYS-INPUT
    """
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        return "{" + ",".join(map(str, value)) + "}"
    return value


def _has_pipeline(driver: Any) -> bool:
    if type(driver).__module__.partition(".")[0] != "psycopg" or not hasattr(driver, "pipeline"):
        return False
    import psycopg

    return isinstance(driver, psycopg.Connection) and psycopg.Pipeline.is_supported()
