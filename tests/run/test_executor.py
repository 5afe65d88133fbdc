"""Test the executor: shared rebuilds, the order of statements and independent threads."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement, Executable

from autodiff import op
from autodiff.dialects import dialect_of
from autodiff.errors import MigrationFailedError
from autodiff.runner.context import current_executor, executing
from autodiff.runner.executor import Executor
from autodiff.runner.sinks import LiveSink
from autodiff.schema.objects import Check
from tests.support import Database, Folder, opened

pytestmark = pytest.mark.usefixtures("modules_imported")

TABLES = (
    "CREATE TABLE a (id INTEGER PRIMARY KEY, x INT, y INT, z INT)",
    "CREATE TABLE b (id INTEGER PRIMARY KEY, x INT)",
    "INSERT INTO a VALUES (1, 2, 3, 4)",
)


@pytest.fixture
def db(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("sqlite")) as db:
        db.execute(*TABLES)
        yield db


def statement_starts(db: Database, folder: Path, up: str) -> list[str]:
    """Run a migration; return the first words of each statement that it sends."""
    migrations = Folder(folder / "m")
    migrations.write("aaaa", up)
    statements: list[str] = []
    runner = db.runner(migrations, on_event=lambda event: _record_sql(event, statements))
    runner.upgrade()
    return [" ".join(sql.replace("\n", " ").split()[:3]) for sql in statements]


def _record_sql(event: object, statements: list[str]) -> None:
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


def test_neighboring_operations_share_a_rebuild(db: Database, tmp_path: Path) -> None:
    """Consecutive operations on one table copy its rows once."""
    up = """
    op.alter_column("a", "x", nullable=False)
    op.drop_column("a", "y")
    op.add_column("a", sa.Column("w", sa.Text(), server_default="w"))
    op.create_unique_constraint("uq_x", "a", ["x"])
    op.create_check_constraint("ck_z", "a", "z > 0")
    op.create_index("ix_z", "a", ["z"])
    op.alter_column("a", "z", type_=sa.Text())
    """
    assert statement_starts(db, tmp_path, up) == [*REBUILD_A, "CREATE INDEX ix_z"]
    assert db.rows("SELECT * FROM a") == [(1, 2, "4", "w")]
    table = db.table("a")
    assert [c.name for c in table.columns] == ["id", "x", "z", "w"]
    assert table.constraint("uq_x") and table.constraint("ck_z") and table.index("ix_z")


def test_each_table_is_rebuilt_once(db: Database, tmp_path: Path) -> None:
    """Operations on another table in between do not split a rebuild."""
    up = """
    op.alter_column("a", "x", nullable=False)
    op.alter_column("b", "x", nullable=False)
    op.alter_column("a", "y", nullable=False)
    """
    assert statement_starts(db, tmp_path, up) == REBUILD_A + REBUILD_B


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
def test_other_statements_end_a_rebuild(
    db: Database, tmp_path: Path, code: str, statement: str
) -> None:
    """They see the table as the operations before them left it."""
    up = 'op.alter_column("a", "x", nullable=False)\n' + code
    assert statement_starts(db, tmp_path, up) == [*REBUILD_A, statement]


def test_the_connection_sees_postponed_operations(db: Database, tmp_path: Path) -> None:
    """op.get_bind() runs the postponed operations first."""
    up = """
    op.alter_column("a", "x", new_column_name="xx", nullable=False)
    assert op.get_bind().execute(sa.text("SELECT xx FROM a")).scalar() == 2
    op.drop_column("a", "xx")
    """
    statement_starts(db, tmp_path, up)
    assert [c.name for c in db.table("a").columns] == ["id", "y", "z"]


def test_postponed_operations_run_at_the_end(db: Database, tmp_path: Path) -> None:
    """The last step of a migration may need a rebuild."""
    assert statement_starts(db, tmp_path, 'op.alter_column("a", "x", nullable=False)') == REBUILD_A


def test_a_nullable_column_is_added_without_a_rebuild(db: Database, tmp_path: Path) -> None:
    assert statement_starts(db, tmp_path, 'op.add_column("a", sa.Column("w", sa.Text()))') == [
        "ALTER TABLE a"
    ]


def test_a_failed_rebuild_names_its_operations(db: Database, tmp_path: Path) -> None:
    """The message lists all operations that shared it, and the database's reason."""
    up = """
    op.alter_column("a", "x", nullable=False)
    op.create_check_constraint("ck_z", "a", "z > 100")
    """
    with pytest.raises(MigrationFailedError) as caught:
        statement_starts(db, tmp_path, up)
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
def test_a_missing_column_or_constraint_is_named(
    db: Database, tmp_path: Path, code: str, reason: str
) -> None:
    """The hint suggests to compare the migration with the database."""
    with pytest.raises(MigrationFailedError) as caught:
        statement_starts(db, tmp_path, code)
    assert reason in caught.value.message
    assert caught.value.hint == "compare the migration with the database: autodiff check"


def test_a_missing_table_is_named(db: Database, tmp_path: Path) -> None:
    """The error comes before any statement is sent."""
    with pytest.raises(MigrationFailedError) as caught:
        statement_starts(db, tmp_path, 'op.alter_column("nowhere", "x", nullable=False)')
    assert "there is no table nowhere in the database" in caught.value.message
    assert (
        caught.value.hint == "check that the migration runs on the database that it was written for"
    )


OP_FUNCTIONS = [
    name
    for name in op.__all__
    if inspect.isfunction(getattr(op, name))
    and name not in {"f", "sql_type", "inline_literal", "batch_alter_table"}
    and name
    not in {"register_operation", "implementation_for", "invoke"}  # for operations of users
]
ARGUMENTS = {
    "column": sa.Column("x", sa.Integer()),
    "columns": ["x"],
    "local_cols": ["x"],
    "remote_cols": ["x"],
    "values": {"x": 1},
    "table": sa.table("t", sa.column("x")),
    "rows": [{"x": 1}],
    "kind": "index",
    "function": print,
}


@pytest.mark.parametrize("name", OP_FUNCTIONS)
def test_op_outside_a_migration_is_refused(name: str) -> None:
    """The hint explains how migrations are run."""
    function = getattr(op, name)
    arguments = [
        ARGUMENTS.get(parameter.name, ["x"] if parameter.annotation == "Sequence[str]" else "x")
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
        "call op functions inside upgrade() or downgrade(), and run: autodiff upgrade"
    )


def test_a_failed_migration_ends_its_executor(db: Database, tmp_path: Path) -> None:
    """The next call of op does not reach the executor of the failed migration."""
    with pytest.raises(MigrationFailedError, match="boom"):
        statement_starts(db, tmp_path, "raise ValueError('boom')")
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


class _Counted(Executable, ClauseElement):
    """A statement that counts how often it is compiled."""

    inherit_cache = False
    compiled = 0


@compiles(_Counted)
def _compile_counted(element: _Counted, compiler: object, **options: object) -> str:
    element.compiled += 1
    return "SELECT 1"


def test_a_clause_is_compiled_to_show_and_to_run_it(db: Database) -> None:
    """Compiling an INSERT of many rows takes a second."""
    dialect = dialect_of(db.connection)
    clause = _Counted()
    Executor(dialect, LiveSink(db.connection, dialect)).execute_clause(clause)
    assert clause.compiled == 2


def test_threads_do_not_interfere(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Two threads upgrade two databases at the same time; each changes only its own."""
    barrier = threading.Barrier(2, timeout=20)
    urls = [database("sqlite"), database("sqlite")]
    failures: list[BaseException] = []

    def upgrade(number: int) -> None:
        try:
            folder = Folder(tmp_path / f"m{number}")
            for step in range(5):
                folder.write(f"{number}{step}", _table_migration(number, step))
            with opened(urls[number]) as db:
                runner = db.runner(folder, on_event=lambda event: _wait_for_both(event, barrier))
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


def _table_migration(number: int, step: int) -> str:
    table = f"t{number}_{step}"
    return f"""
    op.create_table("{table}", sa.Column("id", sa.Integer()), sa.Column("x", sa.Integer()))
    op.alter_column("{table}", "x", nullable=False)
    """


def _wait_for_both(event: object, barrier: threading.Barrier) -> None:
    """Make both threads send each statement at the same time."""
    if hasattr(event, "sql"):
        barrier.wait()


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        (
            'op.drop_constraint("same", "pair", type_="check")',
            "cannot - check pair.same: table pair has no same",
            "constraints without a name, or with the same one, are called pair_x_check, "
            "pair_y_check in migrations",
        ),
        (
            'op.drop_constraint("same", "pair", if_exists=True)',
            "cannot - constraint pair.same: table pair has no same",
            "constraints without a name, or with the same one, are called pair_x_check, "
            "pair_y_check in migrations",
        ),
        (
            """
    op.create_check_constraint("new", "pair", "x > 1")
    op.create_check_constraint("new", "pair", "y > 1")
    op.rename_constraint("pair", "new", "other", type_="check")
    """,
            "cannot ~ check pair.new -> other: table pair has several constraints of that name",
            "give each constraint a name of its own",
        ),
    ],
)
def test_a_name_of_several_constraints_is_refused(
    db: Database, tmp_path: Path, code: str, message: str, hint: str
) -> None:
    """None of them is changed: SQLite allows the same name, which identifies none of them."""
    definition = (
        "CREATE TABLE pair (x INTEGER CONSTRAINT same CHECK (x > 0), "
        "y INTEGER CONSTRAINT same CHECK (y > 0))"
    )
    db.execute(definition)
    with pytest.raises(MigrationFailedError) as caught:
        statement_starts(db, tmp_path, code)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert db.rows("SELECT sql FROM sqlite_master WHERE name = 'pair'") == [(definition,)]


def test_one_of_several_constraints_of_a_name_is_dropped(db: Database, tmp_path: Path) -> None:
    """Migrations call it by its columns, as they do unnamed constraints."""
    db.execute("CREATE TABLE pair (x INTEGER, CONSTRAINT c CHECK (x > 0), CONSTRAINT c UNIQUE (x))")
    statement_starts(db, tmp_path, 'op.drop_constraint("pair_x_key", "pair", type_="unique")')
    assert [type(c) for c in db.table("pair").constraints] == [Check]
