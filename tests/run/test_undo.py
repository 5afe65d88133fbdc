"""Test that manual steps with a declared reverse are reverted in the right order."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import op
from autodiff.dialects import dialect_for
from autodiff.errors import EditedMigrationError, MigrationFailedError
from autodiff.runner.journal import Progress
from autodiff.runner.undo import collect, find_undoing_steps
from autodiff.schema.objects import Name
from tests.run.killing import run_and_kill
from tests.run.test_killed import moments
from tests.support import Database, Folder, opened

CREATE = """
op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer()))
op.execute("INSERT INTO t VALUES (1, 10), (2, 20)")
"""
FUNCTIONS = """

def double(connection):
    connection.execute(sa.text("UPDATE t SET n = n * 2"))


def halve(connection):
    connection.execute(sa.text("UPDATE t SET n = n / 2"))


def add_ids(connection):
    connection.execute(sa.text("UPDATE t SET n = n + m"))


def take_ids(connection):
    connection.execute(sa.text("UPDATE t SET n = n - m"))
"""
ADD_M = 'op.add_column("t", sa.Column("m", sa.Integer(), server_default="3"))'
DROP_M = 'op.drop_column("t", "m")'
FAILING_STEP = 'op.create_unique_constraint("uq_m", "t", ["m"])'


@pytest.fixture
def mariadb(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("mariadb")) as db:
        yield db


def make_folder(path: Path, up: str, down: str) -> Folder:
    folder = Folder(path / "m")
    folder.write("aaaa", CREATE, 'op.drop_table("t")')
    file = folder.write("bbbb", up, down)
    file.write_text(file.read_text() + FUNCTIONS)
    return folder


def fail_second(db: Database, folder: Folder) -> tuple[object, ...]:
    """Make the second migration fail; return the state before it."""
    db.runner(folder).upgrade("aaaa")
    before = db.state()
    with pytest.raises(MigrationFailedError):
        db.runner(folder).upgrade()
    assert db.rows("SELECT n FROM t") != [(10,), (20,)]
    return before


def joined(*parts: str) -> str:
    return "\n".join(parts)


DROP_UNIQUE = 'op.drop_constraint("uq_m", "t", type_="unique")'
CASES = {
    "only reverse": (
        joined(
            ADD_M,
            "op.run(add_ids, reverse=take_ids)",
            "op.run(double, reverse=halve)",
            FAILING_STEP,
        ),
        joined(DROP_UNIQUE, DROP_M),
    ),
    "the same in downgrade": (
        joined(
            ADD_M,
            "op.run(add_ids, reverse=take_ids)",
            "op.run(double, reverse=halve)",
            FAILING_STEP,
        ),
        joined(DROP_UNIQUE, "op.run(halve)", "op.run(take_ids)", DROP_M),
    ),
    "one of them in downgrade": (
        joined(
            ADD_M,
            "op.run(add_ids, reverse=take_ids)",
            "op.run(double, reverse=halve)",
            FAILING_STEP,
        ),
        joined(DROP_UNIQUE, "op.run(take_ids)", DROP_M),
    ),
    "statements": (
        joined(
            'op.execute("UPDATE t SET n = n + 7", reverse="UPDATE t SET n = n - 7")',
            ADD_M,
            'op.execute("UPDATE t SET n = n * m", reverse="UPDATE t SET n = n / m")',
            FAILING_STEP,
        ),
        joined(DROP_UNIQUE, 'op.execute("UPDATE t SET n = n / m")', DROP_M),
    ),
    "rows of a new table": (
        joined(
            "op.run(double, reverse=halve)",
            'op.create_table("u", sa.Column("id", sa.Integer(), primary_key=True))',
            'op.bulk_insert(sa.table("u", sa.column("id")), [{"id": 1}, {"id": 2}])',
            'op.execute("INSERT INTO u VALUES (3)")',
            'op.create_index("ix", "u", ["nothing_there"])',
        ),
        joined('op.drop_index("ix", "u")', 'op.drop_table("u")', "op.run(halve)"),
    ),
    "a step that was not reached": (
        joined(ADD_M, "op.run(double, reverse=halve)", FAILING_STEP, "op.run(add_ids)"),
        joined(DROP_UNIQUE, "op.run(halve)", DROP_M),
    ),
}


@pytest.mark.parametrize("up, down", CASES.values(), ids=CASES)
def test_manual_steps_with_a_reverse_are_reverted(
    mariadb: Database, tmp_path: Path, up: str, down: str
) -> None:
    """Each one is reverted once, before the steps that it depends on."""
    folder = make_folder(tmp_path, up, down)
    before = fail_second(mariadb, folder)
    assert [m.revision for m in mariadb.runner(folder).downgrade()] == ["bbbb"]
    assert mariadb.state() == before
    assert mariadb.runner(folder).unfinished() is None


def test_a_failed_downgrade_is_reverted(mariadb: Database, tmp_path: Path) -> None:
    """The steps of upgrade() revert it."""
    folder = make_folder(
        tmp_path,
        joined("op.run(double, reverse=halve)", ADD_M),
        joined(DROP_M, "op.run(halve)", 'op.execute("SELECT nonsense")'),
    )
    mariadb.runner(folder).upgrade()
    upgraded_state = mariadb.state()
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).downgrade()
    assert mariadb.rows("SELECT n FROM t ORDER BY id") == [(10,), (20,)]
    assert mariadb.runner(folder).upgrade() == []
    assert mariadb.state() == upgraded_state


IRREVERSIBLE = {
    "a function without reverse": (
        joined(ADD_M, "op.run(double)", FAILING_STEP),
        joined(DROP_UNIQUE, DROP_M),
    ),
    "a function in downgrade": (
        joined(ADD_M, FAILING_STEP),
        joined(DROP_UNIQUE, "op.run(halve)", DROP_M),
    ),
    "rows in downgrade": (
        joined(ADD_M, FAILING_STEP),
        joined(DROP_UNIQUE, "op.execute(sa.delete(sa.table('t')))", DROP_M),
    ),
    "the connection": (
        joined(ADD_M, "double(op.get_bind())", FAILING_STEP),
        joined(DROP_UNIQUE, "op.run(halve)", DROP_M),
    ),
    "an index created by a statement": (
        joined(ADD_M, FAILING_STEP, 'op.execute("CREATE INDEX ix ON t (n)")'),
        joined('op.drop_index("ix", "t")', DROP_UNIQUE, DROP_M),
    ),
}


@pytest.mark.parametrize("up, down", IRREVERSIBLE.values(), ids=IRREVERSIBLE)
def test_manual_steps_without_a_reverse_are_refused(
    mariadb: Database, tmp_path: Path, up: str, down: str
) -> None:
    """Nothing is changed. The hint explains how a file declares a reverse."""
    folder = make_folder(tmp_path, up, down)
    mariadb.runner(folder).upgrade("aaaa")
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).upgrade()
    before = mariadb.state()
    with pytest.raises(MigrationFailedError, match="hand-written part") as caught:
        mariadb.runner(folder).downgrade()
    assert "op.run(function, reverse=...)" in str(caught.value.hint)
    assert mariadb.state() == before


def test_a_kill_while_reverting_is_recovered(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The next downgrade resumes, and each function is called once."""
    folder = make_folder(tmp_path, *CASES["one of them in downgrade"])
    with opened(database("mariadb")) as db:
        expected_state = fail_second(db, folder)
        db.runner(folder).downgrade()
        assert db.state() == expected_state
    kills = 0
    for moment in moments(60):
        url = database("mariadb")
        with opened(url) as db:
            fail_second(db, folder)
        kills += run_and_kill(url, folder, moment, direction="downgrade", target="-1")
        with opened(url) as db:
            if db.runner(folder).unfinished() is not None:
                db.runner(folder).downgrade()
            assert db.state() == expected_state, moment
    assert kills >= 5


def test_reverse_is_only_for_sql_text(mariadb: Database, tmp_path: Path) -> None:
    """A SQLAlchemy statement has none; the hint names an alternative."""
    folder = make_folder(tmp_path, 'op.execute(sa.select(1), reverse="SELECT 1")', "pass")
    with pytest.raises(MigrationFailedError, match="accepts reverse only for SQL text") as caught:
        mariadb.runner(folder).upgrade()
    assert "op.run(function, reverse=...)" in str(caught.value.hint)


ADD_UNSEEN = 'op.execute("ALTER TABLE t ADD k INT", reverse="ALTER TABLE t {reverse}")'
OTHER_TABLE = 'op.execute("ALTER TABLE u ADD k INT", reverse="ALTER TABLE u {reverse}")'


@pytest.mark.parametrize("step", [ADD_UNSEEN, OTHER_TABLE], ids=["same table", "other table"])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("reverse", ["DROP COLUMN k", "RENAME COLUMN k TO kk"])
def test_the_schema_is_compared_after_the_steps_were_undone(
    mariadb: Database, tmp_path: Path, step: str, is_first: bool, reverse: str
) -> None:
    """A reverse that does not undo its step is noticed, whichever table it leaves altered."""
    written = step.format(reverse=reverse)
    steps = [written, ADD_M] if is_first else [ADD_M, written]
    folder = make_folder(tmp_path, joined(*steps, FAILING_STEP), joined(DROP_UNIQUE, DROP_M))
    mariadb.execute("CREATE TABLE u (id INT)")
    mariadb.runner(folder).upgrade("aaaa")
    before = mariadb.state()
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).upgrade()
    if "DROP" in reverse:
        mariadb.runner(folder).downgrade()
        assert mariadb.state() == before
        return
    with pytest.raises(MigrationFailedError, match="the schema is not what it was before them"):
        mariadb.runner(folder).downgrade()


def test_a_migration_reads_only_its_own_tables(mariadb: Database, tmp_path: Path) -> None:
    """Each migration sends the same few statements, whatever the number of tables."""
    folder = Folder(tmp_path / "m")
    for number in range(6):
        table = f'op.create_table("t{number}", sa.Column("id", sa.Integer(), primary_key=True))'
        folder.write(f"a{number}", table, f'op.drop_table("t{number}")')
    sent: list[str] = []
    sa.event.listen(
        mariadb.connection.engine,
        "before_cursor_execute",
        lambda *arguments: sent.append(arguments[2]),
    )
    mariadb.runner(folder).upgrade("a3")
    sent.clear()
    mariadb.runner(folder).upgrade("a4")
    one = len(sent)
    sent.clear()
    mariadb.runner(folder).upgrade()
    assert len(sent) == one
    last = sent[next(n for n, sql in enumerate(sent) if "journal" in sql) :]
    assert len([sql for sql in sent if "information_schema" in sql]) <= 2, sent
    assert len(last) <= 20, last


def test_a_table_is_not_read_again_after_each_new_index(mariadb: Database, tmp_path: Path) -> None:
    """A new table is not read at all: SHOW CREATE TABLE marks it before each index."""
    folder = Folder(tmp_path / "m")
    columns = ", ".join(f'sa.Column("{name}", sa.Integer())' for name in "abc")
    steps = [f'op.create_index("ix_{name}", "t", ["{name}"])' for name in "abc"]
    folder.write("a", joined(f'op.create_table("t", {columns})', *steps), 'op.drop_table("t")')
    sent: list[str] = []
    sa.event.listen(
        mariadb.connection.engine,
        "before_cursor_execute",
        lambda *arguments: sent.append(arguments[2]),
    )
    mariadb.runner(folder).upgrade()
    read = [sql for sql in sent if "GROUP_CONCAT" in sql]
    assert not read
    assert [index.name for index in mariadb.schema().tables[Name("t")].indexes] == [
        *("ix_a", "ix_b", "ix_c")
    ]


USERS = """
op.create_table("u", sa.Column("id", sa.Integer, primary_key=True), sa.Column("age", sa.Integer))
op.create_index("ix", "u", ["age"])
"""
WIDER = 'op.alter_column("u", "age", type_=sa.BigInteger())'
REFUSED_STEP = 'op.create_index("bad", "u", ["missing"])'
OUTSIDE_A_TRANSACTION = {
    "the same column twice": (
        joined(WIDER, 'op.execute("SELECT 1")', 'op.alter_column("u", "missing", nullable=False)'),
        'op.alter_column("u", "age", type_=sa.Integer())',
        None,
    ),
    "an index that existed": (
        joined('op.create_index("ix", "u", ["age"], if_not_exists=True)', REFUSED_STEP),
        'op.drop_index("ix", "u", if_exists=True)',
        "it is unknown whether this step changed anything",
    ),
    "an index that did not exist": (
        joined('op.drop_index("iy", "u", if_exists=True)', REFUSED_STEP),
        'op.create_index("iy", "u", ["age"])',
        "it is unknown whether this step changed anything",
    ),
    "a table that gets another shape": (
        joined('op.drop_table("u")', REFUSED_STEP),
        'op.create_table("u", sa.Column("id", sa.Integer, primary_key=True))',
        "the schema is not what it was before them",
    ),
}


@pytest.mark.parametrize(
    "up, down, refusal", OUTSIDE_A_TRANSACTION.values(), ids=OUTSIDE_A_TRANSACTION
)
def test_what_was_permanent_is_undone_exactly_or_the_run_says_so(
    any_database: sa.URL, tmp_path: Path, up: str, down: str, refusal: str | None
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    check = 'op.require("SELECT id FROM u WHERE 1 = 0", "u has rows")'
    outside = f"with op.autocommit():\n{textwrap.indent(up, '    ')}"
    folder.write("bbbb", joined(check, outside), down)
    with opened(any_database) as db:
        db.runner(folder).upgrade("aaaa")
        before = db.schema()
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        if refusal is None:
            assert [m.revision for m in db.runner(folder).downgrade()] == ["bbbb"]
            assert db.schema() == before
        else:
            with pytest.raises(MigrationFailedError, match=refusal):
                db.runner(folder).downgrade()
            if "unknown" in refusal:
                assert db.schema() == before


AFTER_A_MISTAKE = {
    "rows are restored": (
        joined(
            'op.add_column("u", sa.Column("new", sa.Integer))',
            'op.backfill("u", {"new": sa.text("age * 2")})',
            'op.drop_column("u", "age")',
        ),
        joined(
            'op.add_column("u", sa.Column("age", sa.Integer))',
            'op.backfill("u", {"age": sa.text("new / 2")})',
            'op.drop_column("u", "new")',
        ),
    ),
    "a statement is undone by an operation": (
        'op.execute("CREATE TABLE made (id INTEGER)")',
        'op.drop_table("made")',
    ),
    "rows are protected": (
        'op.add_column("u", sa.Column("new", sa.Integer))',
        joined('op.require("SELECT id FROM u", "u has rows")', 'op.drop_column("u", "new")'),
    ),
    "a finished step has no counterpart": (
        'op.create_index("iy", "u", ["age"])',
        'op.drop_constraint("iy", "u", type_="unique")',
    ),
}


@pytest.mark.parametrize("up, down", AFTER_A_MISTAKE.values(), ids=AFTER_A_MISTAKE)
def test_a_file_with_a_mistake_is_not_undone_by_guessing(
    any_database: sa.URL, tmp_path: Path, up: str, down: str
) -> None:
    """Nothing is changed. The corrected file can be undone, or goes on."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    mistake = joined(up, "raise ValueError(1)")
    path = folder.write("bbbb", f"with op.autocommit():\n{textwrap.indent(mistake, '    ')}", down)
    with opened(any_database) as db:
        db.runner(folder).upgrade("aaaa")
        db.execute("INSERT INTO u (id, age) VALUES (1, 5)")
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        before = db.state()
        with pytest.raises(MigrationFailedError, match="unknown what undoes them"):
            db.runner(folder).downgrade()
        assert db.state() == before
        path.write_text(path.read_text().replace("raise ValueError(1)", "pass"))
        assert [m.revision for m in db.runner(folder).upgrade()] == ["bbbb"]


def test_an_edited_file_with_finished_code_is_not_resumed(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """The journal does not have the rows that were inserted, nor the code that was run."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    steps = """
with op.autocommit():
    op.create_table("v", sa.Column("id", sa.Integer))
    op.bulk_insert(sa.table("u", sa.column("id")), [{"id": 5}])
    op.create_index("bad", "v", ["missing"])
"""
    path = folder.write("bbbb", steps)
    with opened(any_database) as db:
        db.runner(folder).upgrade("aaaa")
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        path.write_text(path.read_text().replace('"id": 5', '"id": 7'))
        with pytest.raises(EditedMigrationError):
            db.runner(folder).upgrade()


def test_a_renamed_key_does_not_hinder_an_exact_undo(any_database: sa.URL, tmp_path: Path) -> None:
    """The foreign key of the other table names the renamed column."""
    folder = Folder(tmp_path / "m")
    child = 'op.create_table("v", sa.Column("u_id", sa.Integer, sa.ForeignKey("u.id", name="fk")))'
    folder.write("aaaa", joined(USERS, child))
    folder.write(
        "bbbb",
        'op.rename_column("u", "id", "pk")\n'
        "with op.autocommit():\n"
        '    op.add_column("v", sa.Column("x", sa.Integer))\n'
        '    op.create_index("bad", "v", ["missing"])',
        'op.drop_column("v", "x")\nop.rename_column("u", "pk", "id")',
    )
    with opened(any_database) as db:
        db.runner(folder).upgrade("aaaa")
        before = db.schema()
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        assert [m.revision for m in db.runner(folder).downgrade()] == ["bbbb"]
        assert db.schema() == before


def test_parts_of_a_column_are_undone_by_the_step_that_changes_them() -> None:
    """The other direction groups the changes of a column in another way."""
    dialect = dialect_for("sqlite")

    def alter() -> None:
        op.alter_column("u", "age", nullable=False)
        op.alter_column("u", "age", server_default="1")
        op.alter_column("u", "age", comment="years")

    def restore() -> None:
        op.alter_column("u", "age", server_default=None, comment=None)
        op.alter_column("u", "age", nullable=True)

    forward, backward = collect(dialect, alter), collect(dialect, restore)
    assert find_undoing_steps(forward, backward, Progress(steps=1)) == backward[1:]
    assert find_undoing_steps(forward, backward, Progress(steps=2)) == backward
    assert find_undoing_steps(forward, backward, Progress(steps=3)) == backward
