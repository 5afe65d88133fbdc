"""Tests for serial and identity columns, which continue after the existing rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import diff, run
from autodiff.migrations import load_graph
from autodiff.runner.runner import Runner

KEY_OPTIONS = {
    "serial": (),
    "identity": (sa.Identity(),),
    "identity always": (sa.Identity(always=True),),
}


def models(
    *identity_options: sa.Identity, kind: type = sa.Integer, autoincrement: bool = True
) -> sa.MetaData:
    """Return models of a table of items; the arguments define its key."""
    metadata = sa.MetaData()
    identities = [part._copy() for part in identity_options]
    key = sa.Column("id", kind, *identities, primary_key=True, autoincrement=autoincrement)
    sa.Table("items", metadata, key, sa.Column("name", sa.Text))
    return metadata


def migrate(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Migrate the database to the models and assert that no difference remains."""
    plan = diff(connection, metadata)
    connection.rollback()
    run(connection, plan)
    assert diff(connection, metadata).summary() == []
    connection.rollback()


def insert(connection: sa.Connection, name: str) -> int:
    """Insert a row and return its generated key."""
    statement = f"INSERT INTO items (name) VALUES ('{name}') RETURNING id"
    key: int = connection.exec_driver_sql(statement).scalar_one()
    connection.commit()
    return key


@pytest.mark.parametrize("before", KEY_OPTIONS)
@pytest.mark.parametrize("after", KEY_OPTIONS)
def test_next_key_follows_the_last(
    before: str, after: str, database: Callable[[str], sa.URL]
) -> None:
    """A change between serial and identity, in either direction, reuses no key."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models(*KEY_OPTIONS[before]).create_all(connection)
        connection.commit()
        assert [insert(connection, name) for name in "abc"] == [1, 2, 3]
        migrate(connection, models(*KEY_OPTIONS[after]))
        assert insert(connection, "d") == 4
    engine.dispose()


@pytest.mark.parametrize("after", KEY_OPTIONS)
def test_new_serial_or_identity_follows_the_largest_key(
    after: str, database: Callable[[str], sa.URL]
) -> None:
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models(autoincrement=False).create_all(connection)
        connection.exec_driver_sql("INSERT INTO items (id) VALUES (7), (41)")
        connection.commit()
        migrate(connection, models(*KEY_OPTIONS[after]))
        assert insert(connection, "next") == 42
    engine.dispose()


@pytest.mark.parametrize("before", KEY_OPTIONS)
def test_wider_key_counts_past_the_old_type(before: str, database: Callable[[str], sa.URL]) -> None:
    """The sequence of a key that becomes bigint is altered to bigint too."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models(*KEY_OPTIONS[before]).create_all(connection)
        connection.commit()
        migrate(connection, models(*KEY_OPTIONS[before], kind=sa.BigInteger))
        last = 2**31 - 1
        connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('items', 'id'), {last})")
        assert insert(connection, "past") == last + 1
    engine.dispose()


def test_identity_start_is_used_if_no_key_is_larger(
    database: Callable[[str], sa.URL],
) -> None:
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models(autoincrement=False).create_all(connection)
        connection.exec_driver_sql("INSERT INTO items (id) VALUES (5)")
        connection.commit()
        migrate(connection, models(sa.Identity(start=1000, increment=10)))
        assert [insert(connection, name) for name in "ab"] == [1000, 1010]
    engine.dispose()


def sequence_type(connection: sa.Connection) -> str:
    """Return the type of the sequence that the key owns."""
    query = (
        "SELECT seqtypid::regtype::text FROM pg_sequence "
        "WHERE seqrelid = pg_get_serial_sequence('items', 'id')::regclass"
    )
    found: str = connection.exec_driver_sql(query).scalar_one()
    connection.rollback()
    return found


@pytest.mark.parametrize("kind", [sa.SmallInteger, sa.Integer, sa.BigInteger])
@pytest.mark.parametrize("start", ["smaller serial", "identity", "uuid"])
def test_sequence_has_the_type_of_its_column(
    start: str, kind: type, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A key that becomes a serial, or a serial of another type, has a sequence of that type."""
    before = {
        "smaller serial": models(kind=sa.SmallInteger),
        "identity": models(sa.Identity(), kind=kind),
        "uuid": models(kind=sa.Uuid, autoincrement=False),
    }
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        before[start].create_all(connection)
        connection.commit()
        plan = diff(connection, models(kind=kind))
        connection.rollback()
        if plan:
            (tmp_path / "0001_serial.py").write_text(plan.source("serial", revision="serial"))
            Runner(connection, load_graph(tmp_path)).upgrade()
        assert sequence_type(connection) == kind().compile(connection.dialect).lower()
    engine.dispose()


def test_sequence_that_is_smaller_than_its_column(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The sequence of a key that was made larger by hand gets the type of the key."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models().create_all(connection)
        connection.exec_driver_sql("ALTER TABLE items ALTER COLUMN id TYPE bigint")
        connection.commit()
        plan = diff(connection, models(kind=sa.BigInteger))
        connection.rollback()
        assert plan.summary() == ["~ column items.id: postgresql_sequence_type integer -> default"]
        (tmp_path / "0001_serial.py").write_text(plan.source("serial", revision="serial"))
        runner = Runner(connection, load_graph(tmp_path))
        runner.upgrade()
        assert sequence_type(connection) == "bigint"
        assert diff(connection, models(kind=sa.BigInteger)).summary() == []
        connection.rollback()
        runner.downgrade()
        assert sequence_type(connection) == "bigint"  # the smaller type was an error
    engine.dispose()


def test_sequence_that_is_larger_than_its_column(database: Callable[[str], sa.URL]) -> None:
    """It is no difference: the column is full before the sequence ends."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models().create_all(connection)
        connection.exec_driver_sql("ALTER SEQUENCE items_id_seq AS bigint")
        connection.commit()
        assert diff(connection, models()).summary() == []
    engine.dispose()


ALEMBIC = """
import sqlalchemy as sa
from autodiff import op

revision = "aaaa"
parents = ()


def upgrade():
    op.alter_column(
        "items", "id", existing_type=sa.INTEGER(), type_=sa.BigInteger(),
        existing_nullable=False, autoincrement=True,
    )


def downgrade():
    op.alter_column(
        "items", "id", existing_type=sa.BigInteger(), type_=sa.INTEGER(),
        existing_nullable=False, autoincrement=True,
    )
"""


def test_alembic_writes_autoincrement_for_a_serial_that_gets_another_type(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The column keeps its sequence, which follows the type in both directions."""
    types = "SELECT data_type::text FROM pg_sequences"
    (tmp_path / "0001_wide.py").write_text(ALEMBIC)
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        models().create_all(connection)
        connection.exec_driver_sql("ALTER SEQUENCE items_id_seq RENAME TO other_seq")
        connection.commit()
        runner = Runner(connection, load_graph(tmp_path))
        for step, expected in ((runner.upgrade, "bigint"), (runner.downgrade, "integer")):
            step()
            insert(connection, expected)
            found = connection.exec_driver_sql(f"{types} WHERE sequencename = 'other_seq'")
            assert found.scalars().all() == [expected]
            connection.rollback()
    engine.dispose()
