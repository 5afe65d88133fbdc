"""A rebuild keeps what was in the table and around it, and is done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Plan, diff
from autodiff.dialects import Scope, dialect_of
from autodiff.runner.executor import Executor, run_operations
from autodiff.runner.sinks import Live
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
    """What the database has, with a wider age, and `parts` added to the users."""
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
        run_operations(Executor(dialect, Live(connection, dialect)), plan.operations)


def _rows(connection: sa.Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_the_rows_are_kept_and_those_that_point_at_them(rebuilt: sa.Connection) -> None:
    """With foreign keys on, dropping the old table would take its children along."""
    assert _rows(rebuilt, "PRAGMA foreign_keys") == [(1,)]
    assert _rows(rebuilt, "SELECT id, age, boss FROM users") == [(1, 41, None), (2, 11, 1)]
    assert _rows(rebuilt, "SELECT * FROM posts") == [(1, 2)]
    rebuilt.exec_driver_sql("DELETE FROM users WHERE id = 1")
    assert _rows(rebuilt, "SELECT * FROM posts") == []


def test_the_counter_goes_on(rebuilt: sa.Connection) -> None:
    """AUTOINCREMENT never gives a number twice, though its row is gone."""
    rebuilt.exec_driver_sql("INSERT INTO users (name, age) VALUES ('new', 3)")
    assert _rows(rebuilt, "SELECT max(id) FROM users") == [(10,)]
    assert _rows(rebuilt, "SELECT name, seq FROM sqlite_sequence") == [("users", 10)]


def test_triggers_and_views_work_as_before(rebuilt: sa.Connection) -> None:
    """The table's own trigger, another table's that changes it, and a view over it."""
    assert _rows(rebuilt, "SELECT count(*) FROM log") == [(3,)]
    rebuilt.exec_driver_sql("INSERT INTO users (name, age) VALUES ('new', 16)")
    assert _rows(rebuilt, "SELECT count(*) FROM log") == [(4,)]
    rebuilt.exec_driver_sql("INSERT INTO posts VALUES (2, 1)")
    assert _rows(rebuilt, "SELECT name FROM adults") == [("Ann",)]
    rebuilt.exec_driver_sql("INSERT INTO posts VALUES (3, 1)")
    assert _rows(rebuilt, "SELECT name FROM adults") == [("Ann",), ("new",)]


def test_collations_and_constraints_hold(rebuilt: sa.Connection) -> None:
    """Case does not count for the unique name, and ages are positive."""
    for values in ("('ANN', 3)", "('Eve', 0)"):
        with pytest.raises(sa.exc.IntegrityError):
            rebuilt.exec_driver_sql(f"INSERT INTO users (name, age) VALUES {values}")


def test_what_has_no_name_gets_none(rebuilt: sa.Connection) -> None:
    """A change of one column names no constraint of the others."""
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
def test_several_changes_of_a_table_share_one_rebuild(
    connection: sa.Connection, parts: str
) -> None:
    """The rows are copied once, up and down."""
    plan = _plan(connection, _models(*CHANGES[parts]()))
    for statements in (plan.sql(), plan.reverse_sql()):
        copies = [sql for sql in statements if sql.startswith("CREATE TABLE _autodiff_users")]
        assert len(copies) == 1


def test_an_index_alone_needs_no_rebuild(connection: sa.Connection) -> None:
    """Nor does a column that may be NULL."""
    parts = (sa.Index("ix_age", "age"), sa.Column("city", sa.Text))
    plan = _plan(connection, _models(*parts, age=sa.Integer))
    assert plan.sql() == [
        "ALTER TABLE users ADD COLUMN city TEXT",
        "CREATE INDEX ix_age ON users (age)",
    ]


def test_made_up_names_stay_through_a_rebuild(connection: sa.Connection) -> None:
    """A number in one is not given anew when another constraint goes, while a migration runs."""
    connection.exec_driver_sql("CREATE TABLE t (n INT, CHECK (n > 0), CHECK (n > 1))")
    dialect, things = dialect_of(connection), Name("t")
    drops = [
        DropConstraint(table=things, name=name, kind="check")
        for name in ("t_n_check", "t_n_check1")
    ]
    executor = Executor(dialect, Live(connection, dialect))
    executor.submit(drops[0])
    executor.flush()
    left = dialect.catalog.reflect(connection, Scope(only=(things,))).tables[things].constraints
    assert left == (Check(name="t_n_check1", sql="n > 1"),)
    executor.submit(drops[1])
    executor.flush()
    assert (
        dialect.catalog.reflect(connection, Scope(only=(things,))).tables[things].constraints == ()
    )
