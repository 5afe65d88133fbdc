"""Test that reading only what a migration changed gives what reading everything gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from autodiff import Project
from autodiff.rehearse.context import open_rehearsal_context
from autodiff.rehearse.rehearsal_database import RehearsalDatabase
from autodiff.rehearse.row_sources import SampleRows
from autodiff.rehearse.scratch_reader import ScratchReader
from autodiff.schema.objects import Schema
from tests.support import Folder

ID = 'sa.Column("id", sa.Integer(), primary_key=True)'
COUNT_DELETED = {
    "sqlite": "CREATE TRIGGER counts AFTER UPDATE ON box BEGIN DELETE FROM note; END",
    "mariadb": "CREATE TRIGGER counts AFTER UPDATE ON box FOR EACH ROW DELETE FROM note",
    "postgresql": "CREATE FUNCTION clear() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN DELETE FROM note; RETURN NEW; END'; "
    "CREATE TRIGGER counts AFTER UPDATE ON box FOR EACH ROW EXECUTE FUNCTION clear()",
}
HISTORY = [
    (
        f'op.create_table("shelf", {ID}, sa.Column("name", sa.String(20)))',
        'op.drop_table("shelf")',
    ),
    (
        f'op.create_table("box", {ID}, sa.Column("shelf_id", sa.Integer(), '
        'sa.ForeignKey("shelf.id", ondelete="CASCADE", name="box_shelf_fkey")))',
        'op.drop_table("box")',
    ),
    (f'op.create_table("note", {ID})', 'op.drop_table("note")'),
    (
        'op.add_column("shelf", sa.Column("floor", sa.Integer()))',
        'op.drop_column("shelf", "floor")',
    ),
    (
        'op.alter_column("shelf", "name", type_=sa.String(30), existing_type=sa.String(20))',
        'op.alter_column("shelf", "name", type_=sa.String(20), existing_type=sa.String(30))',
    ),
    (
        'op.create_index("ix_shelf_name", "shelf", ["name"])',
        'op.drop_index("ix_shelf_name", "shelf")',
    ),
    (
        'op.add_column("box", sa.Column("label", sa.String(9)))\n'
        'op.backfill("box", {"label": "\'new\'"}, where="label IS NULL")',
        'op.drop_column("box", "label")',
    ),
    ('op.rename_table("note", "memo")', 'op.rename_table("memo", "note")'),
    ('op.execute("CREATE TABLE free (id integer)")', 'op.execute("DROP TABLE free")'),
    (
        'op.drop_constraint("box_shelf_fkey", "box", type_="foreignkey")',
        'op.create_foreign_key("box_shelf_fkey", "box", "shelf", ["shelf_id"], ["id"], '
        'ondelete="CASCADE")',
    ),
]


@pytest.fixture
def rehearsal(any_database: sa.URL, tmp_path: Path) -> Iterator[RehearsalDatabase]:
    """Yield a scratch for the history above."""
    folder = Folder(tmp_path / "migrations")
    for number, (up, down) in enumerate(HISTORY):
        folder.write(f"r{number:03}", up, down)
    project = Project(any_database, sa.MetaData(), folder.path)
    with (
        open_rehearsal_context(project, project.graph(), None) as context,
        RehearsalDatabase(context) as database,
    ):
        yield database


def assert_read_alike(database: RehearsalDatabase) -> None:
    """Compare what the database tracks with everything, read anew."""
    tracked = database.snapshot()
    full = ScratchReader(database.inspector, lambda: None).snapshot()
    assert tracked.schema == full.schema
    assert tracked.rows == full.rows


def test_a_history_is_read_as_it_is(rehearsal: RehearsalDatabase) -> None:
    """Upgrade, rows, downgrade, upgrade: what is tracked equals a full reading each time."""
    rows = SampleRows(Schema())
    for migration in rehearsal.graph.migrations.values():
        rehearsal.upgrade(migration)
        assert_read_alike(rehearsal)
        rehearsal.insert_rows(rows)
        assert_read_alike(rehearsal)
        rehearsal.downgrade()
        assert_read_alike(rehearsal)
        rehearsal.upgrade(migration)
        rehearsal.insert_rows(rows)
        assert_read_alike(rehearsal)
    assert any(rehearsal.snapshot().rows.values())


def test_only_changed_tables_are_read(rehearsal: RehearsalDatabase) -> None:
    """The rows of a table that no migration has touched are not selected again."""
    first, second, third, *_ = rehearsal.graph.migrations.values()
    sent: list[str] = []
    event.listen(
        rehearsal.inspector.connection,
        "before_cursor_execute",
        lambda conn, cursor, statement, *_: sent.append(statement),
    )
    for migration in (first, second):
        rehearsal.upgrade(migration)
        rehearsal.snapshot()
    sent.clear()
    rehearsal.upgrade(third)
    rehearsal.snapshot()
    read = [sql for sql in sent if sql.startswith("SELECT") and "AS c0" in sql]
    assert len(read) == 1
    assert "note" in read[0]


def test_a_trigger_can_change_any_rows(any_database: sa.URL, tmp_path: Path) -> None:
    """A backfill fires a trigger that deletes the rows of another table."""
    folder = Folder(tmp_path / "migrations")
    folder.write("aaaa", f'op.create_table("box", {ID}, sa.Column("label", sa.String(9)))', "pass")
    folder.write("bbbb", f'op.create_table("note", {ID})', "pass")
    backend = any_database.get_backend_name().replace("mysql", "mariadb")
    folder.write("cccc", f'op.execute("""{COUNT_DELETED[backend]}""")', "pass")
    folder.write("dddd", 'op.backfill("box", {"label": "\'new\'"}, where="id > 0")', "pass")
    project = Project(any_database, sa.MetaData(), folder.path)
    with (
        open_rehearsal_context(project, project.graph(), None) as context,
        RehearsalDatabase(context) as database,
    ):
        *first, last = database.graph.migrations.values()
        for migration in first:
            database.upgrade(migration)
        database.insert_rows(SampleRows(Schema()))
        assert all(database.snapshot().rows.values())
        database.upgrade(last)
        assert_read_alike(database)
        assert not all(database.snapshot().rows.values())
