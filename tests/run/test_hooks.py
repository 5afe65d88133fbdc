"""Hooks: called around a run and around each migration, and nowhere else."""

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
NOTE = sa.text("INSERT INTO notes VALUES (:text)")


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    """A database with a table that hooks write into."""
    with opened(any_database) as found:
        found.execute("CREATE TABLE notes (text VARCHAR(50))")
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", POSTS, 'op.drop_table("posts")')
    return folder


@dataclass
class Recorder:
    """Hooks that write down when they are called, in a list and in the database."""

    fails: str = ""
    calls: list[str] = field(default_factory=list)

    def hooks(self) -> Hooks:
        named = {name: self._hook(name) for name in HOOK_NAMES}
        return Hooks(**named)  # type: ignore[arg-type]

    def _hook(self, name: str) -> Callable[[HookedRun | HookedMigration], None]:
        def hook(given: HookedRun | HookedMigration) -> None:
            about = [given.migration] if isinstance(given, HookedMigration) else given.migrations
            listed = " ".join(migration.revision for migration in about)
            self.calls.append(f"{name} {given.direction} {listed}")
            given.connection.execute(NOTE, {"text": f"{name} {listed}"})
            if name == self.fails:
                raise ValueError("not today")

        return hook


def notes(db: Database) -> list[str]:
    return sorted(row[0] for row in db.rows("SELECT text FROM notes"))


def test_the_configuration_knows_each_hook() -> None:
    """By the same names, in the same order."""
    assert [field.name for field in fields(Hooks)] == list(HOOK_NAMES)


def test_hooks_are_called_in_order(db: Database, folder: Folder) -> None:
    """Around the run and each migration, up and down; what they write stays."""
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


def test_nothing_is_called_where_nothing_is_to_be_done(db: Database, folder: Folder) -> None:
    """Nor by stamp, nor for what is only asked."""
    recorder = Recorder()
    runner = db.runner(folder, hooks=recorder.hooks())
    runner.downgrade("base")
    runner.stamp()
    runner.upgrade()
    assert recorder.calls == []


def test_a_hook_before_all_that_fails_stops_before_anything(db: Database, folder: Folder) -> None:
    """The message says which, where it is and why."""
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


def test_a_hook_after_all_that_fails_says_that_all_is_applied(db: Database, folder: Folder) -> None:
    """And it is: the next run has nothing to do."""
    recorder = Recorder(fails="after_upgrade")
    with pytest.raises(HookFailedError) as caught:
        db.runner(folder, hooks=recorder.hooks()).upgrade()
    assert caught.value.message.endswith(
        "failed: ValueError: not today\n"
        "applied before it, all of them: 0001_step_aaaa.py, 0002_step_bbbb.py"
    )
    assert db.history() == ["aaaa", "bbbb"]
    assert db.runner(folder, hooks=recorder.hooks()).upgrade() == []


@pytest.mark.parametrize("name", ["before_migration", "after_migration"])
def test_a_hook_of_a_migration_that_fails_rolls_it_back(
    db: Database, folder: Folder, name: str
) -> None:
    """With what the hook itself wrote; on MariaDB finished steps stay, and the run goes on."""
    recorder = Recorder(fails=name)
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder, hooks=recorder.hooks()).upgrade("aaaa")
    assert f"upgrade of 0001_step_aaaa.py failed: the hook {name} (" in caught.value.message
    assert db.history() == []
    assert [text for text in notes(db) if text.startswith(name)] == []
    kept = db.connection.dialect.name == "mysql" and name == "after_migration"
    assert db.tables() == (["notes", "users"] if kept else ["notes"])
    recorder.fails = ""
    db.runner(folder, hooks=recorder.hooks()).upgrade("aaaa")
    assert db.history() == ["aaaa"]
    assert [text for text in notes(db) if text.startswith(name)] == [f"{name} aaaa"]


def test_a_hook_shares_the_transaction(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """What it wrote before a migration that fails is gone with it."""
    folder.write("cccc", 'op.execute("SELECT nonsense")')
    for kind in ("sqlite", "postgresql"):
        with opened(database(kind)) as db:
            db.execute("CREATE TABLE notes (text VARCHAR(50))")
            with pytest.raises(MigrationFailedError):
                db.runner(folder, hooks=Recorder().hooks()).upgrade()
            assert "before_migration bbbb" in notes(db)
            assert "before_migration cccc" not in notes(db)


def test_a_hook_of_a_migration_may_not_end_its_transaction(db: Database, folder: Folder) -> None:
    """It says so, and nothing of the migration is left."""
    hooks = Hooks(before_migration=lambda given: given.connection.commit())
    with pytest.raises(MigrationFailedError, match=r"commit\(\) was called") as caught:
        db.runner(folder, hooks=hooks).upgrade()
    assert "leave it out" in str(caught.value.hint)
    assert db.tables() == ["notes"]


def test_a_hook_of_a_run_may_do_what_no_transaction_can(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """VACUUM, and a commit of its own."""

    def vacuum(given: HookedRun) -> None:
        given.connection.exec_driver_sql("VACUUM")
        given.connection.commit()

    for kind in ("sqlite", "postgresql"):
        with opened(database(kind)) as db:
            hooks = Hooks(before_upgrade=vacuum, after_upgrade=vacuum)
            assert len(db.runner(folder, hooks=hooks).upgrade()) == 2


def test_who_listens_is_told(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """Before each call."""
    events: list[Event] = []
    with opened(database("sqlite")) as db:
        hooks = Hooks(before_upgrade=print)
        db.runner(folder, hooks=hooks, on_event=events.append).upgrade()
    called = [event for event in events if isinstance(event, HookCalled)]
    assert called == [HookCalled(hook="before_upgrade", function="builtins:print")]


def test_a_run_that_goes_on_tells_its_hooks_of_both(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """What stopped half-way comes first; a downgrade that takes it back counts it too."""
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


def test_a_rehearsal_calls_none(
    database: Callable[[str], sa.URL], folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are for the database that is really upgraded."""
    recorder = Recorder()
    project = Project(database("sqlite"), sa.MetaData(), folder.path, hooks=recorder.hooks())
    project.rehearse()
    assert recorder.calls == []
