"""Columns that count by themselves go on behind the rows that are there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from autodiff import diff, run

COUNTED = {
    "serial": (),
    "identity": (sa.Identity(),),
    "identity always": (sa.Identity(always=True),),
}


def models(*parts: sa.Identity, kind: type = sa.Integer, counts: bool = True) -> sa.MetaData:
    """A table of items with a key that counts as the parts say."""
    metadata = sa.MetaData()
    copied = [part._copy() for part in parts]
    key = sa.Column("id", kind, *copied, primary_key=True, autoincrement=counts)
    sa.Table("items", metadata, key, sa.Column("name", sa.Text))
    return metadata


def migrate(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Takes the database to the models, and asserts that nothing is left."""
    plan = diff(connection, metadata)
    connection.rollback()
    run(connection, plan)
    assert diff(connection, metadata).summary() == []
    connection.rollback()


def insert(connection: sa.Connection, name: str) -> int:
    """The key of a new row, which the database chooses."""
    statement = f"INSERT INTO items (name) VALUES ('{name}') RETURNING id"
    key: int = connection.exec_driver_sql(statement).scalar_one()
    connection.commit()
    return key


@pytest.mark.parametrize("before", COUNTED)
@pytest.mark.parametrize("after", COUNTED)
def test_the_next_key_follows_the_last(
    before: str, after: str, database: Callable[[str], sa.URL]
) -> None:
    """From serial to identity or back, the next row gets a key that no row has."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models(*COUNTED[before]).create_all(connection)
        connection.commit()
        assert [insert(connection, name) for name in "abc"] == [1, 2, 3]
        migrate(connection, models(*COUNTED[after]))
        assert insert(connection, "d") == 4
    engine.dispose()


@pytest.mark.parametrize("after", COUNTED)
def test_a_plain_key_that_begins_to_count_follows_the_largest(
    after: str, database: Callable[[str], sa.URL]
) -> None:
    """A key that was filled by hand goes on behind its largest value."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models(counts=False).create_all(connection)
        connection.exec_driver_sql("INSERT INTO items (id) VALUES (7), (41)")
        connection.commit()
        migrate(connection, models(*COUNTED[after]))
        assert insert(connection, "next") == 42
    engine.dispose()


@pytest.mark.parametrize("how", COUNTED)
def test_a_wider_key_counts_past_the_old_type(how: str, database: Callable[[str], sa.URL]) -> None:
    """The sequence of a key that becomes a bigint is no longer one of integers."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models(*COUNTED[how]).create_all(connection)
        connection.commit()
        migrate(connection, models(*COUNTED[how], kind=sa.BigInteger))
        last = 2**31 - 1
        connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('items', 'id'), {last})")
        assert insert(connection, "past") == last + 1
    engine.dispose()


def test_an_identity_starts_where_it_says_without_rows(
    database: Callable[[str], sa.URL],
) -> None:
    """An empty table, or one with smaller keys alone, leaves the start as it was told."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models(counts=False).create_all(connection)
        connection.exec_driver_sql("INSERT INTO items (id) VALUES (5)")
        connection.commit()
        migrate(connection, models(sa.Identity(start=1000, increment=10)))
        assert [insert(connection, name) for name in "ab"] == [1000, 1010]
    engine.dispose()
