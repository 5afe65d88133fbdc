"""Connect to PostgreSQL with one query, instead of those that SQLAlchemy sends one by one.

SQLAlchemy asks for the version, the schema and two settings of a new engine, in a transaction, and
psycopg looks for the type hstore. Over a slow connection, each of them takes as long as reading a
hundred tables. If SQLAlchemy asks for more in a later version, it gets the answers itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.records import Records, remember_records
from autodiff.schema.sqltext import quote_literal

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

__all__ = ["prepare_engine"]

_QUERY = """
SELECT pg_catalog.version(), current_schema(),
       current_setting('default_transaction_isolation'),
       current_setting('standard_conforming_strings'),
       coalesce({schema}, current_schema()),
       array_to_string(ARRAY(
         SELECT c.relname FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = coalesce({schema}, current_schema()) AND c.relname IN ({tables})
           AND c.relkind IN ('r', 'p', 'v', 'm', 'f')), ' ')
"""


def prepare_engine(engine: Engine, tables: Sequence[str], schema: str | None) -> None:
    """Let an engine ask one query when it connects, which also looks for tables."""
    query = _QUERY.format(
        schema="NULL::text" if schema is None else quote_literal(schema),
        tables=", ".join(map(quote_literal, tables)),
    )
    dialect: Any = engine.dialect
    dialect.use_native_hstore = False  # no query of autodiff returns one

    def ask(connection: Any, record: Any) -> None:
        version, current, isolation, conforming, own, existing = _fetch(connection, query)
        found = tuple(table for table in tables if table in existing.split())
        records = Records(schema=own, names=tuple(tables), existing=found, current_schema=current)
        remember_records(record.info, records)
        parse = type(dialect)._get_server_version_info
        dialect._get_server_version_info = lambda _: parse(dialect, _Answer(version))
        dialect._get_default_schema_name = lambda _: current
        dialect.get_default_isolation_level = lambda _: isolation.upper()
        dialect._set_backslash_escapes = lambda _: setattr(
            dialect, "_backslash_escapes", conforming == "off"
        )

    sa.event.listen(engine, "connect", ask, insert=True, once=True)


def _fetch(connection: Any, query: str) -> Any:
    """Return the row of a query, without BEGIN and ROLLBACK around it."""
    connection.autocommit = True
    try:
        cursor = connection.cursor()
        cursor.execute(query)
        row = cursor.fetchone()
        cursor.close()
    finally:
        connection.autocommit = False
    return row


class _Answer:
    """A connection of SQLAlchemy on which each query has the same answer."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def exec_driver_sql(self, statement: str) -> _Answer:
        return self

    def scalar(self) -> str:
        return self._answer
