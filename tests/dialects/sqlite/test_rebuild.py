"""Tests for rebuilding a table: rows and dependent objects are kept, and one rebuild is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Plan, diff
from autodiff.dialects import Scope, dialect_of
from autodiff.runner.executor import Executor, run_operations
from autodiff.runner.sinks import LiveSink
from autodiff.schema.objects import Check, Name
from autodiff.schema.operations import DropConstraint

BEFORE = """
PRAGMA foreign_keys = ON
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT COLLATE NOCASE UNIQUE,
    age INTEGER,
    boss INTEGER REFERENCES users (id) ON DELETE CASCADE,
    CHECK (age > 0)
)
CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE CASCADE)
CREATE TABLE log (line TEXT)
CREATE VIEW adults AS SELECT name FROM users WHERE age > 17
CREATE TRIGGER logged AFTER INSERT ON users BEGIN INSERT INTO log VALUES (NEW.name); END
CREATE TRIGGER posted AFTER INSERT ON posts BEGIN UPDATE users SET age = age + 1; END
INSERT INTO users VALUES (1, 'Ann', 40, NULL), (2, 'Bob', 10, 1), (9, 'gone', 1, 1)
DELETE FROM users WHERE id = 9
INSERT INTO posts VALUES (1, 2)
"""


def _models(*parts: sa.schema.SchemaItem, age: type = sa.BigInteger) -> sa.MetaData:
    """Return models of the database with a larger type for age, and `parts` added to users."""
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text(collation="NOCASE"), unique=True),
        sa.Column("age", age),
        sa.Column("boss", sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.CheckConstraint("age > 0"),
        *parts,
        sqlite_autoincrement=True,
    )
    key = sa.ForeignKey("users.id", ondelete="CASCADE")
    sa.Table(
        "posts", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("author", key)
    )
    sa.Table("log", metadata, sa.Column("line", sa.Text))
    return metadata


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.connect() as connection:
        for line in BEFORE.replace("\n    ", " ").replace("\n)", " )").strip().splitlines():
            connection.exec_driver_sql(line)
        connection.commit()
        yield connection
    engine.dispose()


@pytest.fixture
def rebuilt(connection: sa.Connection) -> sa.Connection:
    _run(connection, _plan(connection, _models()))
    return connection


def _plan(connection: sa.Connection, models: sa.MetaData) -> Plan:
    plan = diff(connection, models)
    connection.rollback()
    return plan


def _run(connection: sa.Connection, plan: Plan) -> None:
    dialect = dialect_of(connection)
    dialect.session.prepare(connection)
    with dialect.session.transaction(connection):
        run_operations(Executor(dialect, LiveSink(connection, dialect)), plan.operations)


def _rows(connection: sa.Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_rows_and_referencing_rows_are_kept(rebuilt: sa.Connection) -> None:
    """With foreign keys enabled, dropping the old table would delete the referencing rows."""
    assert _rows(rebuilt, "PRAGMA foreign_keys") == [(1,)]
    assert _rows(rebuilt, "SELECT id, age, boss FROM users") == [(1, 41, None), (2, 11, 1)]
    assert _rows(rebuilt, "SELECT * FROM posts") == [(1, 2)]
    rebuilt.exec_driver_sql("DELETE FROM users WHERE id = 1")
    assert _rows(rebuilt, "SELECT * FROM posts") == []


def test_autoincrement_continues(rebuilt: sa.Connection) -> None:
    """AUTOINCREMENT never reuses a number, even if its row was deleted."""
    rebuilt.exec_driver_sql("INSERT INTO users (name, age) VALUES ('new', 3)")
    assert _rows(rebuilt, "SELECT max(id) FROM users") == [(10,)]
    assert _rows(rebuilt, "SELECT name, seq FROM sqlite_sequence") == [("users", 10)]


def test_triggers_and_views_still_work(rebuilt: sa.Connection) -> None:
    """A trigger of the table, a trigger of another table that changes it, and a view are tested."""
    assert _rows(rebuilt, "SELECT count(*) FROM log") == [(3,)]
    rebuilt.exec_driver_sql("INSERT INTO users (name, age) VALUES ('new', 16)")
    assert _rows(rebuilt, "SELECT count(*) FROM log") == [(4,)]
    rebuilt.exec_driver_sql("INSERT INTO posts VALUES (2, 1)")
    assert _rows(rebuilt, "SELECT name FROM adults") == [("Ann",)]
    rebuilt.exec_driver_sql("INSERT INTO posts VALUES (3, 1)")
    assert _rows(rebuilt, "SELECT name FROM adults") == [("Ann",), ("new",)]


def test_collations_and_constraints_are_kept(rebuilt: sa.Connection) -> None:
    """The unique name ignores case, and ages are positive."""
    for values in ("('ANN', 3)", "('Eve', 0)"):
        with pytest.raises(sa.exc.IntegrityError):
            rebuilt.exec_driver_sql(f"INSERT INTO users (name, age) VALUES {values}")


def test_unnamed_constraints_stay_unnamed(rebuilt: sa.Connection) -> None:
    [(sql,)] = _rows(rebuilt, "SELECT sql FROM sqlite_master WHERE name = 'users'")
    assert "CONSTRAINT" not in str(sql)


CHANGES: dict[str, Callable[[], list[sa.schema.SchemaItem]]] = {
    "nothing more": list,
    "a check": lambda: [sa.CheckConstraint("age < 200", name="human")],
    "a unique": lambda: [sa.UniqueConstraint("age", "boss", name="uq_age")],
    "an index": lambda: [sa.Index("ix_age", "age")],
    "all, and a column": lambda: [
        sa.CheckConstraint("age < 200", name="human"),
        sa.UniqueConstraint("age", "boss", name="uq_age"),
        sa.Index("ix_age", "age"),
        sa.Column("made", sa.DateTime, server_default=sa.func.now()),
    ],
}


@pytest.mark.parametrize("parts", CHANGES)
def test_changes_of_a_table_share_one_rebuild(connection: sa.Connection, parts: str) -> None:
    """The rows are copied once in each direction."""
    plan = _plan(connection, _models(*CHANGES[parts]()))
    for statements in (plan.sql(), plan.reverse_sql()):
        copies = [sql for sql in statements if sql.startswith("CREATE TABLE _autodiff_users")]
        assert len(copies) == 1


def test_index_and_nullable_column_need_no_rebuild(connection: sa.Connection) -> None:
    parts = (sa.Index("ix_age", "age"), sa.Column("city", sa.Text))
    plan = _plan(connection, _models(*parts, age=sa.Integer))
    assert plan.sql() == [
        "ALTER TABLE users ADD COLUMN city TEXT",
        "CREATE INDEX ix_age ON users (age)",
    ]


def test_generated_names_do_not_change_during_a_migration(connection: sa.Connection) -> None:
    """The number in a generated name stays the same when another constraint is dropped."""
    connection.exec_driver_sql("CREATE TABLE t (n INT, CHECK (n > 0), CHECK (n > 1))")
    dialect, table_name = dialect_of(connection), Name("t")
    drops = [
        DropConstraint(table=table_name, name=name, kind="check")
        for name in ("t_n_check", "t_n_check1")
    ]
    executor = Executor(dialect, LiveSink(connection, dialect))
    executor.submit(drops[0])
    executor.flush()
    remaining = (
        dialect.catalog.reflect(connection, Scope(only=(table_name,)))
        .tables[table_name]
        .constraints
    )
    assert remaining == (Check(name="t_n_check1", sql="n > 1"),)
    executor.submit(drops[1])
    executor.flush()
    assert (
        dialect.catalog.reflect(connection, Scope(only=(table_name,)))
        .tables[table_name]
        .constraints
        == ()
    )
