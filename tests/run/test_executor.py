"""The executor: one rebuild for neighbours, nothing held back for long, no thread meets another."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import op
from autodiff.dialects import dialect_of
from autodiff.errors import MigrationFailedError
from autodiff.runner.context import current_executor, executing
from autodiff.runner.executor import Executor
from autodiff.runner.sinks import LiveSink
from tests.support import Database, Folder, opened

TABLES = (
    "CREATE TABLE a (id INTEGER PRIMARY KEY, x INT, y INT, z INT)",
    "CREATE TABLE b (id INTEGER PRIMARY KEY, x INT)",
    "INSERT INTO a VALUES (1, 2, 3, 4)",
)


@pytest.fixture
def db(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("sqlite")) as found:
        found.execute(*TABLES)
        yield found


def sent(db: Database, folder: Path, up: str) -> list[str]:
    """The first words of each statement that a migration sends."""
    migrations = Folder(folder / "m")
    migrations.write("aaaa", up)
    statements: list[str] = []
    runner = db.runner(migrations, on_event=lambda event: _note(event, statements))
    runner.upgrade()
    return [" ".join(sql.replace("\n", " ").split()[:3]) for sql in statements]


def _note(event: object, statements: list[str]) -> None:
    if hasattr(event, "sql"):
        statements.append(event.sql)


REBUILD_A = [
    "CREATE TABLE _autodiff_a",
    "INSERT INTO _autodiff_a",
    "DROP TABLE a",
    "PRAGMA legacy_alter_table =",
    "ALTER TABLE _autodiff_a",
    "PRAGMA legacy_alter_table =",
]
REBUILD_B = [
    line.replace("_autodiff_a", "_autodiff_b").replace("TABLE a", "TABLE b") for line in REBUILD_A
]


def test_neighbours_share_a_rebuild(db: Database, tmp_path: Path) -> None:
    """Operations on one table, one after the other, copy its rows once."""
    up = """
    op.alter_column("a", "x", nullable=False)
    op.drop_column("a", "y")
    op.add_column("a", sa.Column("w", sa.Text(), server_default="w"))
    op.create_unique_constraint("uq_x", "a", ["x"])
    op.create_check_constraint("ck_z", "a", "z > 0")
    op.create_index("ix_z", "a", ["z"])
    op.alter_column("a", "z", type_=sa.Text())
    """
    assert sent(db, tmp_path, up) == [*REBUILD_A, "CREATE INDEX ix_z"]
    assert db.rows("SELECT * FROM a") == [(1, 2, "4", "w")]
    table = db.table("a")
    assert [c.name for c in table.columns] == ["id", "x", "z", "w"]
    assert table.constraint("uq_x") and table.constraint("ck_z") and table.index("ix_z")


def test_other_tables_may_be_altered_in_between(db: Database, tmp_path: Path) -> None:
    """A new column and the primary key that makes it count rows come in one rebuild, whatever
    happens to other tables in between: each table is rebuilt once."""
    up = """
    op.alter_column("a", "x", nullable=False)
    op.alter_column("b", "x", nullable=False)
    op.alter_column("a", "y", nullable=False)
    """
    assert sent(db, tmp_path, up) == REBUILD_A + REBUILD_B


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ('op.execute("UPDATE a SET y = 9")', "UPDATE a SET"),
        ('op.backfill("a", {"y": 9})', "UPDATE a SET"),
        ('op.execute(sa.update(sa.table("a", sa.column("y"))).values(y=9))', "UPDATE a SET"),
        ('op.create_table("c", sa.Column("id", sa.Integer()))', "CREATE TABLE c"),
        ('op.rename_column("a", "y", "yy")', "ALTER TABLE a"),
    ],
)
def test_what_is_no_part_of_a_rebuild_ends_it(
    db: Database, tmp_path: Path, code: str, statement: str
) -> None:
    """Statements see the table as the operations before them left it."""
    up = 'op.alter_column("a", "x", nullable=False)\n' + code
    assert sent(db, tmp_path, up) == [*REBUILD_A, statement]


def test_the_connection_sees_what_was_held_back(db: Database, tmp_path: Path) -> None:
    """op.get_bind() comes after everything before it."""
    up = """
    op.alter_column("a", "x", new_column_name="xx", nullable=False)
    assert op.get_bind().execute(sa.text("SELECT xx FROM a")).scalar() == 2
    op.drop_column("a", "xx")
    """
    sent(db, tmp_path, up)
    assert [c.name for c in db.table("a").columns] == ["id", "y", "z"]


def test_what_is_held_back_is_done_at_the_end(db: Database, tmp_path: Path) -> None:
    """A migration whose last step needs a rebuild is complete."""
    assert sent(db, tmp_path, 'op.alter_column("a", "x", nullable=False)') == REBUILD_A


def test_what_alter_table_reaches_needs_no_rebuild(db: Database, tmp_path: Path) -> None:
    """A nullable column is added in place."""
    assert sent(db, tmp_path, 'op.add_column("a", sa.Column("w", sa.Text()))') == ["ALTER TABLE a"]


def test_a_rebuild_that_fails_names_its_operations(db: Database, tmp_path: Path) -> None:
    """All that shared it, and what the database said."""
    up = """
    op.alter_column("a", "x", nullable=False)
    op.create_check_constraint("ck_z", "a", "z > 100")
    """
    with pytest.raises(MigrationFailedError) as caught:
        sent(db, tmp_path, up)
    assert caught.value.message.startswith(
        "upgrade of 0001_step_aaaa.py failed: cannot apply ~ column a.x: not null; + check a.ck_z: "
        "CHECK constraint failed: ck_z\nstatement: INSERT INTO _autodiff_a "
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ('op.alter_column("a", "no", nullable=False)', "table a has no no"),
        ('op.drop_constraint("no", "a", type_="check")', "table a has no no"),
    ],
)
def test_what_is_not_there_is_named(db: Database, tmp_path: Path, code: str, reason: str) -> None:
    """The hint sends to the comparison."""
    with pytest.raises(MigrationFailedError) as caught:
        sent(db, tmp_path, code)
    assert reason in caught.value.message
    assert caught.value.hint == "compare the migration with the database: autodiff check"


def test_a_table_that_is_not_there_is_named(db: Database, tmp_path: Path) -> None:
    """Before any statement is sent."""
    with pytest.raises(MigrationFailedError) as caught:
        sent(db, tmp_path, 'op.alter_column("nowhere", "x", nullable=False)')
    assert "there is no table nowhere in the database" in caught.value.message
    assert (
        caught.value.hint == "check that the migration runs on the database that it was written for"
    )


OUTSIDE = [
    name
    for name in op.__all__
    if inspect.isfunction(getattr(op, name))
    and name not in {"f", "sql_type", "inline_literal", "batch_alter_table"}
]
ARGUMENTS = {
    "column": sa.Column("x", sa.Integer()),
    "columns": ["x"],
    "local_cols": ["x"],
    "remote_cols": ["x"],
    "values": {"x": 1},
    "before": ["a"],
    "after": ["a"],
    "table": sa.table("t", sa.column("x")),
    "rows": [{"x": 1}],
    "kind": "index",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_op_outside_of_a_migration_is_refused(name: str) -> None:
    """Each function says so, and how migrations are run."""
    function = getattr(op, name)
    arguments = [
        ARGUMENTS.get(parameter.name, "x")
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if name == "create_exclude_constraint":
        arguments.append((sa.column("x"), "="))
    with pytest.raises(MigrationFailedError) as caught:
        function(*arguments)
    assert caught.value.message == "a function of op was called outside a migration"
    assert caught.value.hint == (
        "call op functions inside upgrade() or downgrade(), run by: autodiff upgrade"
    )


def test_a_migration_is_over_when_it_failed(db: Database, tmp_path: Path) -> None:
    """Its executor is not left behind for the next call of op."""
    with pytest.raises(MigrationFailedError, match="boom"):
        sent(db, tmp_path, "raise ValueError('boom')")
    with pytest.raises(
        MigrationFailedError, match="a function of op was called outside a migration"
    ):
        current_executor()


def test_migrations_may_be_nested(db: Database) -> None:
    """The outer one is current again afterwards."""
    dialect = dialect_of(db.connection)
    outer, inner = (Executor(dialect, LiveSink(db.connection, dialect)) for _ in range(2))
    with executing(outer):
        with executing(inner):
            assert current_executor() is inner
        assert current_executor() is outer


def test_threads_do_not_meet(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Two threads that upgrade two databases at once each change their own."""
    barrier = threading.Barrier(2, timeout=20)
    urls = [database("sqlite"), database("sqlite")]
    failures: list[BaseException] = []

    def upgrade(number: int) -> None:
        try:
            folder = Folder(tmp_path / f"m{number}")
            for step in range(5):
                folder.write(f"{number}{step}", _crossing(number, step))
            with opened(urls[number]) as db:
                runner = db.runner(folder, on_event=lambda event: _wait(event, barrier))
                runner.upgrade()
        except BaseException as error:
            barrier.abort()
            failures.append(error)

    threads = [threading.Thread(target=upgrade, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with ExitStack() as stack:
        for number, url in enumerate(urls):
            db = stack.enter_context(opened(url))
            assert db.tables() == [f"t{number}_{step}" for step in range(5)]
            assert all(not db.table(name).columns[1].nullable for name in db.tables())


def _crossing(number: int, step: int) -> str:
    table = f"t{number}_{step}"
    return f"""
    op.create_table("{table}", sa.Column("id", sa.Integer()), sa.Column("x", sa.Integer()))
    op.alter_column("{table}", "x", nullable=False)
    """


def _wait(event: object, barrier: threading.Barrier) -> None:
    """Makes both threads send each statement at the same moment."""
    if hasattr(event, "sql"):
        barrier.wait()
