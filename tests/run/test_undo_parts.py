"""Test that undoing a downgrade restores the parts of a table whose removal was not reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from tests.run.killing import run_and_kill
from tests.run.test_killed import moments
from tests.support import Database, Folder, opened

CREATE = """
op.create_table(
    "z",
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("a", sa.Integer()),
    sa.Column("b", sa.Integer(), nullable=True, server_default="7"),
    sa.UniqueConstraint("b", name="uq_b"),
)
op.create_index("ix_a", "z", ["a"])
"""
BOGUS = 'op.execute("SELECT bogus")'
CASES = {
    "an index": ('op.drop_index("ix_a", table_name="z")',),
    "an index and a constraint of the table": (
        'op.drop_index("ix_a", table_name="z")',
        'op.drop_constraint("uq_b", "z", type_="unique")',
    ),
    "a column of the table": (
        'op.drop_constraint("uq_b", "z", type_="unique")',
        'op.drop_column("z", "b")',
    ),
}
ADD = """
op.add_column("z", sa.Column("c", sa.Integer()))
op.backfill("z", {"c": 5})
op.alter_column("z", "c", existing_type=sa.Integer(), nullable=False)
"""
RELAX = 'op.alter_column("z", "c", existing_type=sa.Integer(), nullable=True)'


@pytest.fixture(params=["mariadb", "postgresql"])
def db(request: pytest.FixtureRequest, database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database(request.param)) as db:
        yield db


def permanent(db: Database, *steps: str) -> str:
    """Return code whose steps no rollback undoes."""
    if db.connection.dialect.name == "mysql":
        return "\n".join(steps)
    return "with op.autocommit():\n" + "\n".join(f"    {step}" for step in steps)


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES)
def test_removed_parts_of_a_table_are_restored(
    db: Database, tmp_path: Path, steps: tuple[str, ...]
) -> None:
    """The table is not created again, but what was removed from it is."""
    folder = Folder(tmp_path / "m")
    down = "\n".join((permanent(db, *steps), BOGUS, 'op.drop_table("z")'))
    folder.write("aaaa", CREATE, down)
    db.runner(folder).upgrade()
    before = db.table("z")
    with pytest.raises(MigrationFailedError, match="bogus"):
        db.runner(folder).downgrade()
    assert db.table("z") != before
    assert db.runner(folder).upgrade() == []
    assert db.runner(folder).unfinished() is None
    assert db.table("z") == before
    assert db.history() == ["aaaa"]


def test_a_changed_column_that_was_not_dropped_is_changed_back(
    db: Database, tmp_path: Path
) -> None:
    """NOT NULL is set again; the rows of the column are not filled a second time."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", CREATE, 'op.drop_table("z")')
    folder.write("bbbb", ADD, "\n".join((permanent(db, RELAX), BOGUS, 'op.drop_column("z", "c")')))
    db.runner(folder).upgrade()
    db.execute("INSERT INTO z (id, c) VALUES (1, 8)")
    before = db.state()
    with pytest.raises(MigrationFailedError, match="bogus"):
        db.runner(folder).downgrade()
    assert db.runner(folder).upgrade() == []
    assert db.state() == before


def test_only_the_dropped_columns_of_a_backfill_are_filled_again(
    db: Database, tmp_path: Path
) -> None:
    """The values of the column that was not dropped are kept."""
    folder = Folder(tmp_path / "m")
    add = """
    op.add_column("z", sa.Column("c", sa.Integer()))
    op.add_column("z", sa.Column("d", sa.Integer()))
    op.backfill("z", {"c": 5, "d": 6})
    """
    stop = 'op.require("SELECT id FROM z", "rows")'
    dropped, kept = 'op.drop_column("z", "d")', 'op.drop_column("z", "c")'
    folder.write("aaaa", CREATE, 'op.drop_table("z")')
    folder.write("bbbb", add, "\n".join((permanent(db, dropped), stop, kept)))
    db.runner(folder).upgrade()
    db.execute("INSERT INTO z (id, c, d) VALUES (1, 8, 9)")
    with pytest.raises(MigrationFailedError, match="rows"):
        db.runner(folder).downgrade()
    assert db.runner(folder).upgrade() == []
    assert db.rows("SELECT c, d FROM z") == [(8, 6)]


def test_a_change_that_nothing_undoes_is_refused_before_anything_is_done(
    db: Database, tmp_path: Path
) -> None:
    """The type that the table was created with is unknown to the step. Resuming stays possible."""
    folder = Folder(tmp_path / "m")
    step = 'op.alter_column("z", "a", existing_type=sa.Integer(), type_=sa.BigInteger())'
    folder.write("aaaa", CREATE, "\n".join((permanent(db, step), BOGUS, 'op.drop_table("z")')))
    db.runner(folder).upgrade()
    with pytest.raises(MigrationFailedError, match="bogus"):
        db.runner(folder).downgrade()
    before = db.state()
    with pytest.raises(MigrationFailedError, match="nothing in the other direction") as caught:
        db.runner(folder).upgrade()
    assert "run the same command again to resume" in f"{caught.value.hint}"
    assert db.state() == before
    path = folder.path / "0001_step_aaaa.py"
    with pytest.raises(MigrationFailedError, match="bogus"):
        db.runner(folder).downgrade()
    assert BOGUS in path.read_text()


def test_a_concurrent_index_is_restored_concurrently(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write(
        "aaaa",
        'op.create_table("z", sa.Column("id", sa.Integer(), primary_key=True))\n'
        "with op.autocommit():\n"
        '    op.create_index("ix_id", "z", ["id"], postgresql_concurrently=True)',
        "with op.autocommit():\n"
        '    op.drop_index("ix_id", "z", postgresql_concurrently=True)\n'
        f'{BOGUS}\nop.drop_table("z")',
    )
    with opened(database("postgresql")) as db:
        db.runner(folder).upgrade()
        before = db.state()
        with pytest.raises(MigrationFailedError, match="bogus"):
            db.runner(folder).downgrade()
        db.runner(folder).upgrade()
        assert db.state() == before


def test_an_undone_downgrade_is_complete_after_a_kill_at_any_statement(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The downgrade is killed after its index is gone, and the undoing at each statement."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", CREATE, 'op.drop_index("ix_a", "z")\nop.drop_table("z")')
    kills = 0
    for moment in moments(40):
        url = database("mariadb")
        with opened(url) as db:
            db.runner(folder).upgrade()
            before = db.state()
        run_and_kill(url, folder, moment, direction="downgrade", target="base")
        with opened(url) as db:
            runner = db.runner(folder)
            if runner.unfinished() is not None and db.history() == ["aaaa"]:
                kills += 1
                assert runner.upgrade() == []
                assert db.state() == before, moment
    assert kills >= 2


def test_indexes_of_one_name_on_two_tables_are_told_apart(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """On MySQL and MariaDB index names belong to their table."""
    columns = 'sa.Column("id", sa.Integer(), primary_key=True), sa.Column("a", sa.Integer())'
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", f'op.create_table("one", {columns})\nop.create_table("two", {columns})')
    folder.write(
        "bbbb",
        f'op.create_index("ix", "one", ["a"])\n{BOGUS}\nop.create_index("ix", "two", ["a"])',
        'op.drop_index("ix", "two")\nop.drop_index("ix", "one")',
    )
    with opened(database("mariadb")) as db:
        db.runner(folder).upgrade("aaaa")
        before = db.state()
        with pytest.raises(MigrationFailedError, match="bogus"):
            db.runner(folder).upgrade()
        db.runner(folder).downgrade()
        assert db.state() == before
