"""Test the sample rows of many tables, which share savepoints, and rows with binary values."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
import sqlalchemy as sa

from autodiff.dialects import Scope, dialect_of
from autodiff.rehearse.sample_rows import insert_samples, read_rows
from autodiff.schema.objects import Name

TABLES = 40


def models(refusing: frozenset[int]) -> sa.MetaData:
    """Return tables that each refer to the one before; some refuse each generated row."""
    metadata = sa.MetaData()
    for number in range(TABLES):
        check = sa.CheckConstraint("n > 1000", name=f"large_{number}")
        sa.Table(
            f"t{number:02d}",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("n", sa.Integer, nullable=False),
            sa.Column("before_id", sa.ForeignKey(f"t{max(number - 1, 0):02d}.id")),
            *([check] if number in refusing else []),
        )
    return metadata


@pytest.mark.parametrize(
    ("refusing", "most_savepoints"),
    [(frozenset(), 1), (frozenset([TABLES - 1]), 70), (frozenset(range(0, TABLES, 3)), 300)],
    ids=["none", "the last", "every third"],
)
def test_many_tables_share_a_savepoint(
    any_database: sa.URL, refusing: frozenset[int], most_savepoints: int
) -> None:
    engine = sa.create_engine(any_database, poolclass=sa.NullPool)
    metadata = models(refusing)
    metadata.create_all(engine)
    savepoints: list[str] = []
    with engine.connect() as connection:
        sa.event.listen(connection, "savepoint", lambda _, name: savepoints.append(name))
        dialect = dialect_of(connection)
        schema = dialect.catalog.reflect(connection, Scope())
        notes = insert_samples(connection, dialect, schema, schema, {})
        counts = [
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in metadata.sorted_tables
        ]
    engine.dispose()
    assert counts == [0 if number in refusing else 3 for number in range(TABLES)]
    assert [note.split(":")[0] for note in notes] == [
        f"no sample rows in t{number:02d}" for number in sorted(refusing)
    ]
    assert 0 < len(savepoints) <= most_savepoints


class _AsMemoryview(psycopg.adapt.Loader):
    """Returns binary values as psycopg2 does."""

    def load(self, data: psycopg.abc.Buffer) -> memoryview:
        return memoryview(bytes.fromhex(bytes(data).decode().removeprefix("\\x")))


def test_rows_with_buffers_of_a_driver_are_read_as_bytes(
    database: Callable[[str], sa.URL],
) -> None:
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.connection.driver_connection.adapters.register_loader("bytea", _AsMemoryview)
        connection.exec_driver_sql("CREATE TABLE files (body bytea)")
        connection.exec_driver_sql("INSERT INTO files VALUES ('\\x0102'), (NULL)")
        name = Name("files")
        rows = read_rows(connection, dialect_of(connection), [name])
    engine.dispose()
    assert rows == {name: [{"body": b"\x01\x02"}, {"body": None}]}
    assert type(rows[name][0]["body"]) is bytes  # a memoryview is equal to its bytes


def test_a_child_gets_binary_keys_of_its_parent(any_database: sa.URL) -> None:
    engine = sa.create_engine(any_database, poolclass=sa.NullPool)
    metadata = sa.MetaData()
    key = sa.BINARY(1) if any_database.get_backend_name() == "mysql" else sa.LargeBinary()
    parent = sa.Table("parent", metadata, sa.Column("id", key, primary_key=True))
    reference = sa.ForeignKey(parent.c.id)
    child = sa.Table("child", metadata, sa.Column("id", key, reference, primary_key=True))
    metadata.create_all(engine)
    with engine.connect() as connection:
        dialect = dialect_of(connection)
        schema = dialect.catalog.reflect(connection, Scope())
        notes = insert_samples(connection, dialect, schema, schema, {})
        keys = connection.scalars(sa.select(child.c.id)).all()
    engine.dispose()
    assert (notes, len(keys)) == ([], 3)
