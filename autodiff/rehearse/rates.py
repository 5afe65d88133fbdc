"""Measure how fast a scratch database copies, indexes and reads rows like those of a table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.schema.objects import Name, Table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects import Dialect

__all__ = ["WORTH_ESTIMATING", "Rates", "large_tables", "measure_rates"]

WORTH_ESTIMATING = 100_000
"""Rows from which a duration is estimated: with fewer, every step ends within a moment."""
_ROWS = 20_000
"""Rows to measure with: enough for some milliseconds of work on a fast server."""
_SECONDS = 1.0
"""How long the rows may take to be created."""
_MOST_TABLES = 5
_TABLE, _COPY = "autodiff_rate", "autodiff_rate_copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rows per second for each kind of work, measured with so many rows."""

    rows: int
    copy: float
    index: float
    scan: float


def large_tables(
    connection: Connection, dialect: Dialect, tables: Mapping[Name, Table]
) -> list[Table]:
    """Return the tables for which a live database has so many rows that it takes time.

    At most five, those with the most rows. The catalog's estimates are used; nothing is counted.
    """
    with suppress(SQLAlchemyError):
        sizes = dialect.catalog.table_sizes(connection, sorted(tables))
        connection.rollback()
        counts = {name: size.rows or 0 for name, size in sizes.items() if name in tables}
        large = [name for name, count in counts.items() if count >= WORTH_ESTIMATING]
        most = sorted(large, key=lambda name: (-counts[name], name))[:_MOST_TABLES]
        return [tables[name] for name in most]
    with suppress(SQLAlchemyError):
        connection.rollback()
    return []


def measure_rates(connection: Connection, dialect: Dialect, table: Table) -> Rates | None:
    """Return the rates for rows like those of a table of the scratch; None without rows.

    The rows are multiplied in a table without constraints, which is dropped.
    """
    connection.rollback()
    try:
        return _measured(connection, dialect, table)
    except SQLAlchemyError:
        return None
    finally:
        connection.rollback()
        with suppress(SQLAlchemyError):
            for name in (_TABLE, _COPY):
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
            connection.commit()


def _measured(connection: Connection, dialect: Dialect, table: Table) -> Rates | None:
    column = dialect.quote(_indexed_column(table))
    _seconds(connection, f"CREATE TABLE {_TABLE} AS SELECT * FROM {dialect.quote_name(table.name)}")
    rows = int(connection.exec_driver_sql(f"SELECT count(*) FROM {_TABLE}").scalar_one())
    if not rows:
        return None
    end = time.monotonic() + _SECONDS
    while rows < _ROWS and time.monotonic() < end:
        _seconds(connection, f"INSERT INTO {_TABLE} SELECT * FROM {_TABLE}")
        rows *= 2
    return Rates(
        rows=rows,
        copy=rows / _seconds(connection, f"CREATE TABLE {_COPY} AS SELECT * FROM {_TABLE}"),
        scan=rows / _seconds(connection, f"SELECT count(*) FROM {_TABLE} WHERE {column} IS NULL"),
        index=rows / _seconds(connection, f"CREATE INDEX {_TABLE}_ix ON {_TABLE} ({column})"),
    )


def _indexed_column(table: Table) -> str:
    key = table.primary_key
    return key.columns[0] if key is not None and key.columns else table.columns[0].name


def _seconds(connection: Connection, sql: str) -> float:
    """Run a statement and return the time that it took."""
    begun = time.perf_counter()
    result = connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
    if result.returns_rows:
        result.all()
    return max(time.perf_counter() - begun, 1e-6)
