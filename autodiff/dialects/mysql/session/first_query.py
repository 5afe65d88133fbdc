"""Connect to MySQL or MariaDB with one query, instead of those that SQLAlchemy sends one by one.

SQLAlchemy asks for the version, the database and three settings of a new engine. If it asks for
more in a later version, it gets the answers itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.mysql.catalog.queries import TABLE_EXISTS
from autodiff.dialects.mysql.expressions import quote_string
from autodiff.dialects.records import Records, remember_records

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

__all__ = ["prepare_engine"]

_QUERY = """
SELECT VERSION(), DATABASE(), @@sql_mode, @@lower_case_table_names,
       COALESCE({schema}, DATABASE()), {existing}
"""


def prepare_engine(engine: Engine, tables: Sequence[str], schema: str | None) -> None:
    """Let an engine ask one query when it connects, which also looks for tables."""
    own_schema = "NULL" if schema is None else quote_string(schema)
    where = "DATABASE()" if schema is None else own_schema
    found = (TABLE_EXISTS.format(schema=where, table=quote_string(table)) for table in tables)
    query = _QUERY.format(schema=own_schema, existing=", ".join(found))
    dialect: Any = engine.dialect

    def ask(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(query)
        version, current, mode, casing, own, *exists = cursor.fetchone()
        cursor.close()
        names = tuple(table for table, has in zip(tables, exists, strict=True) if has)
        records = Records(schema=own, names=tuple(tables), existing=names, current_schema=current)
        remember_records(record.info, records)
        settings = {"sql_mode": mode, "lower_case_table_names": casing}
        fetch = dialect._fetch_setting
        dialect._get_server_version_info = lambda _: dialect._parse_server_version(version)
        dialect._get_default_schema_name = lambda _: current
        dialect.get_default_isolation_level = _unknown_level
        dialect.do_rollback = skip_rollback
        dialect._fetch_setting = lambda connection, name: (
            settings[name] if name in settings else fetch(connection, name)
        )

    def skip_rollback(_: object) -> None:
        """Skip the first rollback: it follows this query only, which began no transaction."""
        del dialect.do_rollback

    sa.event.listen(engine, "connect", ask, insert=True, once=True)


def _unknown_level(_: object) -> str:
    """Say that the isolation level is unknown: a check never restores it."""
    raise NotImplementedError
