"""Test the hooks that are called around a run and around each migration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import HookedMigration, HookedRun, Hooks, Project
from autodiff.config import HOOK_NAMES
from autodiff.errors import HookFailedError, MigrationFailedError
from autodiff.runner.events import Event, HookCalled
from tests.support import Database, Folder, opened

USERS = 'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))'
POSTS = USERS.replace("users", "posts")
INSERT_NOTE = sa.text("INSERT INTO notes VALUES (:text)")


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    """Provide a database with a table that hooks write to."""
    with opened(any_database) as db:
        db.execute("CREATE TABLE notes (text VARCHAR(50))")
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", POSTS, 'op.drop_table("posts")')
    return folder


@dataclass
class Recorder:
    """Hooks that record their calls, in a list and in the database."""

    fails: str = ""
    calls: list[str] = field(default_factory=list)

    def hooks(self) -> Hooks:
        functions = {name: self._hook(name) for name in HOOK_NAMES}
        return Hooks(**functions)  # type: ignore[arg-type]

    def _hook(self, name: str) -> Callable[[HookedRun | HookedMigration], None]:
        def hook(context: HookedRun | HookedMigration) -> None:
            migrations = (
                [context.migration] if isinstance(context, HookedMigration) else context.migrations
            )
            revisions = " ".join(migration.revision for migration in migrations)
            self.calls.append(f"{name} {context.direction} {revisions}")
            context.connection.execute(INSERT_NOTE, {"text": f"{name} {revisions}"})
            if name == self.fails:
                raise ValueError("not today")

        return hook


def notes(db: Database) -> list[str]:
    return sorted(row[0] for row in db.rows("SELECT text FROM notes"))


def test_the_configuration_knows_each_hook() -> None:
    """The names and their order are the same."""
    assert [field.name for field in fields(Hooks)] == list(HOOK_NAMES)


def test_hooks_are_called_in_order(db: Database, folder: Folder) -> None:
    """They run around the run and around each migration, up and down. Their writes are kept."""
    recorder = Recorder()
    db.runner(folder, hooks=recorder.hooks()).upgrade()
    up = [
        "before_upgrade upgrade aaaa bbbb",
        "before_migration upgrade aaaa",
        "after_migration upgrade aaaa",
        "before_migration upgrade bbbb",
        "after_migration upgrade bbbb",
        "after_upgrade upgrade aaaa bbbb",
    ]
    assert recorder.calls == up
    assert notes(db) == sorted(call.replace(" upgrade ", " ", 1) for call in up)
    recorder.calls.clear()
    db.runner(folder, hooks=recorder.hooks()).downgrade()
    assert recorder.calls == [
        "before_downgrade downgrade bbbb",
        "before_migration downgrade bbbb",
        "after_migration downgrade bbbb",
        "after_downgrade downgrade bbbb",
    ]


def test_no_hook_is_called_if_nothing_runs(db: Database, folder: Folder) -> None:
    """Stamping a database calls none either."""
    recorder = Recorder()
    runner = db.runner(folder, hooks=recorder.hooks())
    runner.downgrade("base")
    runner.stamp()
    runner.upgrade()
    assert recorder.calls == []


def test_a_failed_before_upgrade_hook_stops_the_run(db: Database, folder: Folder) -> None:
    """The message names the hook, its location and the reason."""
    recorder = Recorder(fails="before_upgrade")
    with pytest.raises(HookFailedError) as caught:
        db.runner(folder, hooks=recorder.hooks()).upgrade()
    assert caught.value.message.startswith(
        "the hook before_upgrade (tests.run.test_hooks:Recorder._hook.<locals>.hook, "
    )
    assert "test_hooks.py:" in caught.value.place
    assert caught.value.message.endswith(") failed: ValueError: not today\nnothing was run")
    assert caught.value.hint == "fix it and run the same command again"
    assert db.history() == []
    assert db.tables() == ["notes"]


def test_a_failed_after_upgrade_hook_reports_applied_migrations(
    db: Database, folder: Folder
) -> None:
    """The migrations stay applied: the next run has nothing to do."""
    recorder = Recorder(fails="after_upgrade")
    with pytest.raises(HookFailedError) as caught:
        db.runner(folder, hooks=recorder.hooks()).upgrade()
    assert caught.value.message.endswith(
        "failed: ValueError: not today\n"
        "all migrations were applied before it: 0001_step_aaaa.py, 0002_step_bbbb.py"
    )
    assert db.history() == ["aaaa", "bbbb"]
    assert db.runner(folder, hooks=recorder.hooks()).upgrade() == []


@pytest.mark.parametrize("name", ["before_migration", "after_migration"])
def test_a_failed_migration_hook_rolls_back_its_migration(
    db: Database, folder: Folder, name: str
) -> None:
    """Its own writes are rolled back too.

    On MariaDB finished steps stay, and the next run resumes.
    """
    recorder = Recorder(fails=name)
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder, hooks=recorder.hooks()).upgrade("aaaa")
    assert f"upgrade of 0001_step_aaaa.py failed: the hook {name} (" in caught.value.message
    assert db.history() == []
    assert [text for text in notes(db) if text.startswith(name)] == []
    table_kept = db.connection.dialect.name == "mysql" and name == "after_migration"
    assert db.tables() == (["notes", "users"] if table_kept else ["notes"])
    recorder.fails = ""
    db.runner(folder, hooks=recorder.hooks()).upgrade("aaaa")
    assert db.history() == ["aaaa"]
    assert [text for text in notes(db) if text.startswith(name)] == [f"{name} aaaa"]


def test_a_migration_hook_shares_the_transaction(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """Its writes are rolled back when the migration fails."""
    folder.write("cccc", 'op.execute("SELECT nonsense")')
    for kind in ("sqlite", "postgresql"):
        with opened(database(kind)) as db:
            db.execute("CREATE TABLE notes (text VARCHAR(50))")
            with pytest.raises(MigrationFailedError):
                db.runner(folder, hooks=Recorder().hooks()).upgrade()
            assert "before_migration bbbb" in notes(db)
            assert "before_migration cccc" not in notes(db)


def test_a_migration_hook_cannot_end_the_transaction(db: Database, folder: Folder) -> None:
    """The error explains it, and nothing of the migration is kept."""
    hooks = Hooks(before_migration=lambda context: context.connection.commit())
    with pytest.raises(MigrationFailedError, match=r"commit\(\) was called") as caught:
        db.runner(folder, hooks=hooks).upgrade()
    assert "remove the call" in str(caught.value.hint)
    assert db.tables() == ["notes"]


@pytest.mark.parametrize("name", ["before_upgrade", "before_migration", "after_upgrade"])
def test_a_hook_that_closes_the_connection_has_failed(
    any_database: sa.URL, folder: Folder, name: str
) -> None:
    """The run still needs it."""

    def close(context: HookedRun | HookedMigration) -> None:
        context.connection.close()

    hooks = Hooks(**{name: close})  # type: ignore[arg-type]
    project = Project(any_database, directory=folder.path, hooks=hooks)
    with pytest.raises(MigrationFailedError, match=f"{name} .* it closed the connection"):
        project.upgrade()
    remaining = 0 if name == "after_upgrade" else 2
    assert len(Project(any_database, directory=folder.path).upgrade()) == remaining


def test_a_run_hook_may_work_outside_transactions(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """It may run VACUUM, and commit."""

    def vacuum(context: HookedRun) -> None:
        context.connection.exec_driver_sql("VACUUM")
        context.connection.commit()

    for kind in ("sqlite", "postgresql"):
        with opened(database(kind)) as db:
            hooks = Hooks(before_upgrade=vacuum, after_upgrade=vacuum)
            assert len(db.runner(folder, hooks=hooks).upgrade()) == 2


def test_each_hook_call_emits_an_event(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """The event comes before the call."""
    events: list[Event] = []
    with opened(database("sqlite")) as db:
        hooks = Hooks(before_upgrade=print)
        db.runner(folder, hooks=hooks, on_event=events.append).upgrade()
    calls = [event for event in events if isinstance(event, HookCalled)]
    assert calls == [HookCalled(hook="before_upgrade", function="builtins:print")]


def test_hooks_of_a_resumed_run_see_the_unfinished_migration(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The unfinished migration comes first."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", f'{USERS}\nop.execute("SELECT * FROM not_yet")', 'op.drop_table("users")')
    folder.write("bbbb", POSTS, 'op.drop_table("posts")')
    with opened(database("mariadb")) as db:
        db.execute("CREATE TABLE notes (text VARCHAR(50))")
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        db.execute("CREATE TABLE not_yet (id INT)")
        recorder = Recorder()
        db.runner(folder, hooks=recorder.hooks()).upgrade()
    assert recorder.calls[0] == "before_upgrade upgrade aaaa bbbb"
    assert recorder.calls[-1] == "after_upgrade upgrade aaaa bbbb"


def test_a_rehearsal_calls_no_hooks(
    database: Callable[[str], sa.URL], folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hooks are for the database that is really upgraded."""
    recorder = Recorder()
    project = Project(database("sqlite"), sa.MetaData(), folder.path, hooks=recorder.hooks())
    project.rehearse()
    assert recorder.calls == []
