"""Test the estimated numbers of rows: only an empty table has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.schema.objects import Name
from tests.support import Database, opened


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as found:
        yield found


def counts(db: Database) -> dict[str, int]:
    db.connection.rollback()
    found = dialect_of(db.connection).catalog.row_counts(db.connection, 10)
    return {name.name: count for name, count in found.items() if name.schema is None}


def test_a_table_with_rows_is_never_empty(db: Database) -> None:
    """MySQL and MariaDB have statistics of 0 for rows that were just written."""
    db.execute(
        "CREATE TABLE none (id INTEGER NOT NULL PRIMARY KEY)",
        "CREATE TABLE one (id INTEGER NOT NULL PRIMARY KEY)",
        "CREATE TABLE many (id INTEGER NOT NULL PRIMARY KEY)",
        "INSERT INTO one VALUES (1)",
        f"INSERT INTO many VALUES {', '.join(f'({number})' for number in range(500))}",
    )
    found = counts(db)
    assert found["none"] == 0
    assert found.get("one", 1) == 1  # PostgreSQL does not know it before ANALYZE
    assert found.get("many", 11) > 10


def test_postgresql_counts_the_rows_of_partitions(database: Callable[[str], sa.URL]) -> None:
    with opened(database("postgresql")) as db:
        db.execute(
            "CREATE SCHEMA other",
            "CREATE TABLE other.plain (id int)",
            "CREATE TABLE logs (id int) PARTITION BY RANGE (id)",
            "CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (10)",
            "CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (10) TO (2000)",
        )
        assert counts(db) == {"logs": 0, "logs_1": 0, "logs_2": 0}
        db.execute("INSERT INTO logs SELECT generate_series(1, 1500)")
        assert "logs_2" not in counts(db) or counts(db)["logs_2"] > 0
        db.execute("ANALYZE logs_1, logs_2")
        assert counts(db) == {"logs": 1500, "logs_1": 9, "logs_2": 1491}
        found = dialect_of(db.connection).catalog.row_counts(db.connection, 10)
        assert found[Name("plain", "other")] == 0
