"""Test that the SQL of a migration, written without a database, is what a run sends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import HistoryError, MigrationFailedError
from autodiff.runner.events import Direction, Event, StatementRun
from tests.support import Folder, opened

STEPS = {
    "aaaa": (
        """
        op.create_table(
            "users",
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("name", sa.String(50), server_default="it's"),
            sa.Column("age", sa.Integer(), sa.CheckConstraint("age > 0"), index=True),
            sa.PrimaryKeyConstraint("id"),
            sa.UniqueConstraint("name"),
        )
        op.create_table(
            "posts",
            sa.Column("id", sa.Integer(), primary_key=True),
            sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id", ondelete="CASCADE")),
        )
        """,
        """
        op.drop_table("posts")
        op.drop_table("users")
        """,
    ),
    "bbbb": (
        """
        op.alter_column("users", "name", type_=sa.String(60), existing_type=sa.String(50))
        op.alter_column("users", "age", nullable=False, existing_type=sa.Integer())
        op.create_index("ix_name", "users", [sa.text("name DESC")])
        op.alter_column("posts", "user_id", nullable=False, existing_type=sa.Integer())
        """,
        """
        op.alter_column("posts", "user_id", nullable=True, existing_type=sa.Integer())
        op.drop_index("ix_name", table_name="users")
        op.alter_column("users", "age", nullable=True, existing_type=sa.Integer())
        op.alter_column("users", "name", type_=sa.String(50), existing_type=sa.String(60))
        """,
    ),
    "cccc": (
        """
        op.rename_table("users", "people")
        op.rename_column("people", "name", "full_name")
        op.add_column("people", sa.Column("email", sa.String(9), nullable=False, server_default=""))
        op.alter_column("people", "full_name", server_default="x")
        op.execute("INSERT INTO people (full_name, age) VALUES ('50% :a', 3)")
        op.bulk_insert(
            sa.table("posts", sa.column("user_id", sa.Integer())), [{"user_id": 1}, {"user_id": 1}]
        )
        """,
        """
        op.execute("DELETE FROM posts")
        op.execute("DELETE FROM people")
        op.alter_column("people", "full_name", server_default="it's")
        op.drop_column("people", "email")
        op.rename_column("people", "full_name", "name")
        op.rename_table("people", "users")
        """,
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "m")
    for revision, (up, down) in STEPS.items():
        folder.write(revision, up, down)
    return folder


def sent_by_run(url: sa.URL, folder: Folder, target: str, direction: Direction) -> list[str]:
    """Run one migration; return the statements that it sends."""
    events: list[Event] = []
    with opened(url) as db:
        runner = db.runner(folder, on_event=events.append)
        migrations = runner.upgrade(target) if direction == "upgrade" else runner.downgrade(target)
        assert len(migrations) == 1
    return [event.sql for event in events if isinstance(event, StatementRun)]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_sql_is_what_a_run_sends(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """The statements are the same in both directions, including SQLite's table rebuilds."""
    url = database(kind)
    project = Project(url, directory=folder.path)
    migrations = list(project.graph().migrations.values())
    for migration in migrations:
        statements = project.sql(migration)
        assert _without_bulk_rows(statements) == _without_bulk_rows(
            sent_by_run(url, folder, "+1", "upgrade")
        )
    for migration in reversed(migrations):
        statements = project.sql(migration, "downgrade")
        assert _without_bulk_rows(statements) == _without_bulk_rows(
            sent_by_run(url, folder, "-1", "downgrade")
        )


def _without_bulk_rows(statements: list[str]) -> list[str]:
    """Leave out the rows of bulk_insert, which a run sends separately from their statement."""
    return [sql for sql in statements if not sql.startswith("INSERT INTO posts (user_id)")]


def test_the_sql_has_the_effect_of_a_run(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """Executed manually, it gives the same schema and rows."""
    urls = {kind: [database(kind), database(kind)] for kind in ("sqlite", "postgresql", "mariadb")}
    for run_url, sql_url in urls.values():
        project = Project(run_url, directory=folder.path)
        project.upgrade()
        with opened(run_url) as first, opened(sql_url) as second:
            for migration in project.graph().migrations.values():
                second.execute(*project.sql(migration))
            schema, rows, _ = first.state()
            assert second.state()[:2] == (schema, rows)
            assert rows["posts"]  # type: ignore[index]


def test_no_database_is_needed(folder: Folder, tmp_path: Path) -> None:
    """The URL only selects the dialect; nothing connects to it."""
    graph = Project("sqlite://", directory=folder.path).graph()
    for url in ("postgresql://nobody:x@127.0.0.1:1/no", "mysql://nobody@127.0.0.1:1/no"):
        statements = Project(url, directory=folder.path).sql(graph["aaaa"])
        assert statements[0].startswith("CREATE TABLE users")
    file = tmp_path / "missing.db"
    Project(f"sqlite:///{file}", directory=folder.path).sql(graph["cccc"])
    assert not file.exists()


def test_rows_are_written_into_the_sql(folder: Folder) -> None:
    """bulk_insert becomes INSERT statements with literal values."""
    project = Project("sqlite://", directory=folder.path)
    statements = project.sql(project.graph()["cccc"])
    assert statements[-2:] == ["INSERT INTO posts (user_id) VALUES (1)"] * 2
    assert "INSERT INTO people (full_name, age) VALUES ('50% :a', 3)" in statements


def test_a_migration_that_needs_a_connection_is_refused(tmp_path: Path) -> None:
    """The error gives the reason, and the hint an alternative."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.get_bind().execute(sa.text("SELECT 1"))')
    project = Project("sqlite://", directory=folder.path)
    with pytest.raises(MigrationFailedError) as caught:
        project.sql(project.graph()["aaaa"])
    assert caught.value.message == (
        "0001_step_aaaa.py:10: this migration uses the connection (op.get_bind), so it has "
        "no SQL script"
    )
    assert (
        caught.value.hint == "apply the migration to a database, or write that part with op.execute"
    )


def test_an_unknown_table_is_refused(tmp_path: Path) -> None:
    """SQLite needs its columns for a rebuild, and no migration creates it."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.alter_column("users", "name", nullable=False)')
    project = Project("sqlite://", directory=folder.path)
    with pytest.raises(Exception, match="table users is unknown here") as caught:
        project.sql(project.graph()["aaaa"])
    assert getattr(caught.value, "hint", None) == "apply the migration to a database"


def test_the_kind_of_database_must_be_known(folder: Folder) -> None:
    """There is neither a URL nor a lock file."""
    project = Project(directory=folder.path)
    with pytest.raises(HistoryError) as caught:
        project.sql(project.graph()["aaaa"])
    assert caught.value.message == (
        "cannot determine the kind of database: there is no URL and no lock file"
    )
    assert caught.value.hint == "pass --url, or set DATABASE_URL"


def test_unrelated_branches_are_not_replayed(folder: Folder) -> None:
    """Only the ancestors of the migration are replayed."""
    folder.write("dddd", 'op.get_bind().execute("never")', parents=["aaaa"])
    folder.write("eeee", 'op.alter_column("users", "age", nullable=False)', parents=["aaaa"])
    project = Project("sqlite://", directory=folder.path)
    assert project.sql(project.graph()["eeee"])[0].startswith("CREATE TABLE _autodiff_users")
