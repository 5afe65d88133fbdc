"""Send several queries in one round trip, if the driver can.

psycopg has the pipeline mode of libpq 14 and later; other drivers send one query after another.
https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["fetch_all"]


def fetch_all(
    connection: Connection, queries: Sequence[str], parameters: Mapping[str, Any]
) -> list[Sequence[Any]]:
    """Return the rows of each query; a query gets the parameters that it names."""
    texts = [sa.text(query) for query in queries]
    values = [
        {name: value for name, value in parameters.items() if name in text._bindparams}
        for text in texts
    ]
    driver = connection.connection.driver_connection
    if not _has_pipeline(driver):
        return [
            connection.execute(text, own).all() for text, own in zip(texts, values, strict=True)
        ]
    statements = [str(text.compile(dialect=connection.dialect)) for text in texts]
    with ExitStack() as stack:
        cursors: list[Any] = [stack.enter_context(driver.cursor()) for _ in texts]  # type: ignore[union-attr]
        with driver.pipeline():  # type: ignore[union-attr]
            for cursor, statement, own in zip(cursors, statements, values, strict=True):
                cursor.execute(statement, own)
        return [cursor.fetchall() for cursor in cursors]


def _has_pipeline(driver: Any) -> bool:
    if type(driver).__module__.partition(".")[0] != "psycopg" or not hasattr(driver, "pipeline"):
        return False
    import psycopg

    return isinstance(driver, psycopg.Connection) and psycopg.Pipeline.is_supported()
