"""Test that a migration for some kinds of databases is recorded on others, but not run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import EditedMigrationError
from autodiff.runner.events import Event, MigrationSkipped
from tests.support import Folder, opened

USERS = 'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))'
DROP_USERS = 'op.drop_table("users")'


def limit_to(path: Path, *dialects: str) -> None:
    """Limit a migration file to these kinds of databases."""
    path.write_text(path.read_text().replace("parents =", f"dialects = {dialects}\nparents ="))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return migrations for PostgreSQL, for MySQL and MariaDB, for MariaDB only, and for all."""
    folder = Folder(tmp_path / "m")
    for revision, *dialects in (("pppp", "postgresql"), ("mmmm", "mysql"), ("rrrr", "mariadb")):
        path = folder.write(
            revision,
            f'op.create_table("{revision}", sa.Column("id", sa.Integer(), primary_key=True))',
            f'op.drop_table("{revision}")',
        )
        limit_to(path, *dialects)
    folder.write("aaaa", USERS, DROP_USERS)
    return folder


TABLES_BY_KIND = {"sqlite": [], "postgresql": ["pppp"], "mariadb": ["mmmm", "rrrr"]}


@pytest.mark.parametrize("kind", TABLES_BY_KIND)
def test_a_migration_for_another_database_is_only_recorded(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """It is skipped up and down. A migration for MySQL is not skipped on MariaDB.

    Events and the log report the skip.
    """
    events: list[Event] = []
    with opened(database(kind)) as db:
        applied = db.runner(folder, on_event=events.append).upgrade()
        assert [m.revision for m in applied] == ["pppp", "mmmm", "rrrr", "aaaa"]
        assert db.tables() == sorted([*TABLES_BY_KIND[kind], "users"])
        assert db.history() == ["aaaa", "mmmm", "pppp", "rrrr"]
        outcomes = {entry.revision: entry.outcome for entry in db.runner(folder).log()}
        db.runner(folder).downgrade("base")
        assert db.tables() == []
        assert db.history() == []
    skipped = [event for event in events if isinstance(event, MigrationSkipped)]
    assert {event.revision for event in skipped} == {"pppp", "mmmm", "rrrr"} - set(
        TABLES_BY_KIND[kind]
    )
    assert {event.database for event in skipped} == {kind}
    assert {r for r, o in outcomes.items() if o == "skipped"} == {e.revision for e in skipped}


def test_a_skipped_file_is_not_imported(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """It may import a driver that is not installed. SQL files are skipped too."""
    folder = Folder(tmp_path / "m")
    path = folder.write("pppp")
    path.write_text(
        path.read_text().replace("import sqlalchemy", "import not_installed\nimport sa")
    )
    limit_to(path, "postgresql")
    sql_path = folder.write_sql("qqqq", "CREATE EXTENSION citext", "DROP EXTENSION citext")
    sql_path.write_text(f"-- dialects: postgresql\n{sql_path.read_text()}")
    folder.write("aaaa", USERS, DROP_USERS)
    url = database("sqlite")
    project = Project(url, sa.MetaData(), folder.path)
    first, second, last = project.graph().migrations.values()
    assert [project.sql(first), project.sql(second)] == [["-- not for sqlite"]] * 2
    assert len(project.sql(last)) == 1
    project.upgrade()
    status = project.status()
    assert (status.database, status.elsewhere) == ("sqlite", {"pppp", "qqqq"})
    assert [row.revision for row in status.applied] == ["pppp", "qqqq", "aaaa"]


def test_a_rehearsal_skips_migrations_for_other_databases(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    report = Project(database("sqlite"), metadata, folder.path).rehearse()
    assert report.passed, report.lines()
    assert [step.status for step in report.steps] == ["passed"] * 4
    assert [step.notes for step in report.steps] == [
        ("not for sqlite: it was only recorded",)
    ] * 3 + [()]


@pytest.mark.parametrize("sql", [False, True])
def test_new_dialects_of_an_applied_file_are_an_edit(
    database: Callable[[str], sa.URL], tmp_path: Path, sql: bool
) -> None:
    """The dialects are part of the checksum."""
    folder = Folder(tmp_path / "m")
    path = folder.write_sql("aaaa", "CREATE TABLE t (id INT)") if sql else folder.write("aaaa")
    with opened(database("sqlite")) as db:
        db.runner(folder).upgrade()
        if sql:
            path.write_text(f"-- dialects: mysql, postgresql\n{path.read_text()}")
        else:
            limit_to(path, "mysql", "postgresql")
        with pytest.raises(EditedMigrationError, match="edited after they were applied"):
            db.runner(folder).upgrade()
