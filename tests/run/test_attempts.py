"""Migrations that are for some kinds of databases alone: recorded elsewhere, and not run."""

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
GONE = 'op.drop_table("users")'


def only_for(path: Path, *dialects: str) -> None:
    """Says in a migration file for which databases it is."""
    path.write_text(path.read_text().replace("parents =", f"dialects = {dialects}\nparents ="))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Tables on PostgreSQL, on MySQL and MariaDB, on MariaDB alone, and one for all."""
    folder = Folder(tmp_path / "m")
    for revision, *dialects in (("pppp", "postgresql"), ("mmmm", "mysql"), ("rrrr", "mariadb")):
        path = folder.write(
            revision,
            f'op.create_table("{revision}", sa.Column("id", sa.Integer(), primary_key=True))',
            f'op.drop_table("{revision}")',
        )
        only_for(path, *dialects)
    folder.write("aaaa", USERS, GONE)
    return folder


OWN = {"sqlite": [], "postgresql": ["pppp"], "mariadb": ["mmmm", "rrrr"]}


@pytest.mark.parametrize("kind", OWN)
def test_a_migration_for_another_database_is_recorded_alone(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """Up and down; MariaDB is a MySQL too. Who listens is told, and so is the log."""
    events: list[Event] = []
    with opened(database(kind)) as db:
        done = db.runner(folder, on_event=events.append).upgrade()
        assert [m.revision for m in done] == ["pppp", "mmmm", "rrrr", "aaaa"]
        assert db.tables() == sorted([*OWN[kind], "users"])
        assert db.history() == ["aaaa", "mmmm", "pppp", "rrrr"]
        outcomes = {entry.revision: entry.outcome for entry in db.runner(folder).log()}
        db.runner(folder).downgrade("base")
        assert db.tables() == []
        assert db.history() == []
    skipped = [event for event in events if isinstance(event, MigrationSkipped)]
    assert {event.revision for event in skipped} == {"pppp", "mmmm", "rrrr"} - set(OWN[kind])
    assert {event.database for event in skipped} == {kind}
    assert {r for r, o in outcomes.items() if o == "skipped"} == {e.revision for e in skipped}


def test_its_code_is_not_run_at_all(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Not even its imports, which may need another driver; the same holds for its SQL."""
    folder = Folder(tmp_path / "m")
    path = folder.write("pppp")
    path.write_text(
        path.read_text().replace("import sqlalchemy", "import not_installed\nimport sa")
    )
    only_for(path, "postgresql")
    sql = folder.write_sql("qqqq", "CREATE EXTENSION citext", "DROP EXTENSION citext")
    sql.write_text(f"-- dialects: postgresql\n{sql.read_text()}")
    folder.write("aaaa", USERS, GONE)
    url = database("sqlite")
    project = Project(url, sa.MetaData(), folder.path)
    first, second, last = project.graph().migrations.values()
    assert [project.sql(first), project.sql(second)] == [["-- not for sqlite"]] * 2
    assert len(project.sql(last)) == 1
    project.upgrade()
    found = project.status()
    assert (found.database, found.elsewhere) == ("sqlite", {"pppp", "qqqq"})
    assert [row.revision for row in found.applied] == ["pppp", "qqqq", "aaaa"]


def test_its_rehearsal_passes_it_by(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """As an upgrade would."""
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    found = Project(database("sqlite"), metadata, folder.path).rehearse()
    assert found.passed, found.lines()
    assert [step.status for step in found.steps] == ["passed"] * 4
    assert [step.notes for step in found.steps] == [
        ("not for sqlite: it was only recorded",)
    ] * 3 + [()]


@pytest.mark.parametrize("sql", [False, True])
def test_for_whom_it_is_is_part_of_the_file(
    database: Callable[[str], sa.URL], tmp_path: Path, sql: bool
) -> None:
    """Whoever changes it after it was applied changed what was applied."""
    folder = Folder(tmp_path / "m")
    path = folder.write_sql("aaaa", "CREATE TABLE t (id INT)") if sql else folder.write("aaaa")
    with opened(database("sqlite")) as db:
        db.runner(folder).upgrade()
        if sql:
            path.write_text(f"-- dialects: mysql, postgresql\n{path.read_text()}")
        else:
            only_for(path, "mysql", "postgresql")
        with pytest.raises(EditedMigrationError, match="edited after they were applied"):
            db.runner(folder).upgrade()
