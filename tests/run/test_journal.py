"""The journal: where DDL commits by itself, a migration that fails goes on or is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import EditedMigrationError, HistoryError, MigrationFailedError
from autodiff.runner.events import MigrationResumed
from tests.support import Database, Folder, opened

USERS = """
op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(50)))
"""
STEPS = """
op.add_column("users", sa.Column("email", sa.String(50)))
op.execute("UPDATE users SET email = name")
op.create_unique_constraint("uq_email", "users", ["email"])
op.create_index("ix_name", "users", ["name"])
"""
BACK = """
op.drop_index("ix_name", table_name="users")
op.drop_constraint("uq_email", "users", type_="unique")
op.execute("UPDATE users SET name = coalesce(name, email)")
op.drop_column("users", "email")
"""
PLAIN = STEPS.replace('op.execute("UPDATE users SET email = name")', "")
PLAIN_BACK = BACK.replace('op.execute("UPDATE users SET name = coalesce(name, email)")', "")
CLASH = "INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'ann')"


@pytest.fixture
def mariadb(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("mariadb")) as found:
        yield found


@pytest.fixture
def postgresql(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("postgresql")) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """The second migration fails at its third step where two rows have one name."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", STEPS, BACK)
    return folder


def fail(db: Database, folder: Folder, rows: str = CLASH) -> MigrationFailedError:
    """Runs the first migration, inserts rows that the second can't bear, and runs that."""
    db.runner(folder).upgrade("aaaa")
    db.execute(rows)
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).upgrade()
    return caught.value


def test_a_failure_says_what_stays_and_both_ways_on(mariadb: Database, folder: Folder) -> None:
    """Which steps are done for good, and which commands go on or take them back."""
    error = fail(mariadb, folder)
    assert "Duplicate entry 'ann' for key 'uq_email'" in error.message
    assert error.message.endswith(
        "\nfinished steps, which stay: + column users.email; "
        "~ execute UPDATE users SET email = name"
    )
    assert error.hint == (
        "fix the cause and run autodiff upgrade to resume; or run autodiff downgrade to undo "
        "those steps, and edit the file then"
    )
    found = mariadb.runner(folder).unfinished()
    assert found is not None
    assert (found.revision, found.outcome, found.progress.steps) == ("bbbb", "failed", 2)
    assert found.progress.step == "+ unique constraint users.uq_email"
    assert "Duplicate entry" in str(found.error)


def test_a_failure_is_told_in_the_servers_words(mariadb: Database, tmp_path: Path) -> None:
    """Its number comes last; what the driver makes of them is left out."""
    folder = Folder(tmp_path / "n")
    folder.write("aaaa", 'op.execute("SELECT * FROM nowhere")')
    with pytest.raises(MigrationFailedError) as caught:
        mariadb.runner(folder).upgrade()
    name = mariadb.connection.engine.url.database
    assert f": Table '{name}.nowhere' doesn't exist (1146)\n" in caught.value.message


def test_upgrade_goes_on_where_it_stopped(mariadb: Database, folder: Folder) -> None:
    """Once the rows are mended; what is done is not done again."""
    fail(mariadb, folder)
    mariadb.execute("UPDATE users SET email = 'bob' WHERE id = 2")
    events: list[object] = []
    done = mariadb.runner(folder, on_event=events.append).upgrade()
    assert [m.revision for m in done] == ["bbbb"]
    assert (
        MigrationResumed(revision="bbbb", name="0002_step_bbbb", direction="upgrade", steps=2)
        in events
    )
    assert mariadb.rows("SELECT email FROM users ORDER BY id") == [("ann",), ("bob",)]
    assert mariadb.history() == ["aaaa", "bbbb"]
    assert mariadb.runner(folder).unfinished() is None


def test_downgrade_takes_the_finished_steps_back(mariadb: Database, tmp_path: Path) -> None:
    """And no others: the schema is what it was, and the migration counts as one of -1."""
    folder = Folder(tmp_path / "plain")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write(
        "bbbb",
        'op.add_column("users", sa.Column("email", sa.String(50), server_default="x"))\n'
        'op.create_unique_constraint("uq_email", "users", ["email"])\n'
        'op.create_index("ix_name", "users", ["name"])',
        PLAIN_BACK,
    )
    mariadb.runner(folder).upgrade("aaaa")
    before = mariadb.schema()
    mariadb.execute(CLASH)
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).upgrade()
    done = mariadb.runner(folder).downgrade()
    assert [m.revision for m in done] == ["bbbb"]
    assert mariadb.schema() == before
    assert mariadb.history() == ["aaaa"]
    assert [e.outcome for e in mariadb.runner(folder).log()] == ["done", "undone"]
    assert mariadb.runner(folder).unfinished() is None


def test_what_is_written_by_hand_is_not_guessed_at(mariadb: Database, tmp_path: Path) -> None:
    """Steps that only a person can take back are named, and nothing is touched."""
    folder = Folder(tmp_path / "plain")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write(
        "bbbb",
        'op.add_column("users", sa.Column("email", sa.String(50), server_default="x"))\n'
        'op.create_unique_constraint("uq_email", "users", ["email"])\n'
        'op.execute("UPDATE users SET name = NULL")',
        BACK,
    )
    fail(mariadb, folder)
    before = mariadb.state()
    with pytest.raises(MigrationFailedError, match="hand-written part") as caught:
        mariadb.runner(folder).downgrade()
    assert caught.value.hint == (
        "fix the cause and run the same command again to resume, or complete or undo it by hand, "
        "and run: autodiff repair --half-way applied (if the schema has all of it), or --half-way "
        "reverted (if it has nothing of it). A part that names its reverse can be undone: "
        "op.run(function, reverse=...), op.execute(sql, reverse=...)"
    )
    assert mariadb.state() == before


def test_a_failed_downgrade_goes_on_or_is_taken_back(mariadb: Database, tmp_path: Path) -> None:
    """The same holds for the way down: upgrade takes back what a downgrade had done."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write(
        "bbbb",
        'op.add_column("users", sa.Column("age", sa.Integer()))\n'
        'op.alter_column("users", "name", existing_type=sa.String(50), nullable=True)\n'
        'op.create_index("ix_name", "users", ["name"])',
        'op.drop_index("ix_name", table_name="users")\n'
        'op.alter_column("users", "name", existing_type=sa.String(50), nullable=False)\n'
        'op.drop_column("users", "age")',
    )
    mariadb.runner(folder).upgrade()
    whole = mariadb.schema()
    mariadb.execute("INSERT INTO users (id) VALUES (1)")
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).downgrade()
    assert mariadb.table("users").index("ix_name") is None
    assert mariadb.runner(folder).upgrade() == []
    assert mariadb.schema() == whole
    assert mariadb.history() == ["aaaa", "bbbb"]
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).downgrade()
    mariadb.execute("UPDATE users SET name = 'ann'")
    assert [m.revision for m in mariadb.runner(folder).downgrade()] == ["bbbb"]
    assert mariadb.table("users").column("age") is None
    assert mariadb.history() == ["aaaa"]


def test_an_edited_file_does_not_go_on(mariadb: Database, folder: Folder) -> None:
    """The steps that are done came from another file: nothing is run, and the ways out are told."""
    fail(mariadb, folder)
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("ix_name", "ix_other"))
    before = mariadb.state()
    for run in (mariadb.runner(folder).upgrade, mariadb.runner(folder).downgrade):
        with pytest.raises(
            EditedMigrationError, match="edited since its upgrade stopped"
        ) as caught:
            run()
        assert "autodiff repair --half-way applied" in str(caught.value.hint)
    assert mariadb.state() == before


def test_a_target_that_does_not_reach_it_is_refused(mariadb: Database, folder: Folder) -> None:
    """A migration that is half done comes first."""
    fail(mariadb, folder)
    with pytest.raises(HistoryError, match="stopped half-way, and aaaa does not reach it"):
        mariadb.runner(folder).upgrade("aaaa")


def test_stamp_settles_it(mariadb: Database, folder: Folder) -> None:
    """Who put the schema right by hand says so."""
    fail(mariadb, folder)
    mariadb.runner(folder).stamp("bbbb")
    assert mariadb.runner(folder).unfinished() is None
    assert mariadb.history() == ["aaaa", "bbbb"]


CONCURRENTLY = """
op.add_column("users", sa.Column("email", sa.String(50), server_default="x"))
with op.autocommit():
    op.create_index("ix_name", "users", ["name"], unique=True, postgresql_concurrently=True)
op.create_index("ix_email", "users", ["email"])
"""
CONCURRENTLY_BACK = """
op.drop_index("ix_email", table_name="users")
with op.autocommit():
    op.drop_index("ix_name", table_name="users", postgresql_concurrently=True)
op.drop_column("users", "email")
"""


def test_an_index_is_built_concurrently(postgresql: Database, tmp_path: Path) -> None:
    """op.autocommit() leaves the transaction and enters another; up, down and up again."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", CONCURRENTLY, CONCURRENTLY_BACK)
    for _ in range(2):
        postgresql.runner(folder).upgrade()
        assert postgresql.history() == ["aaaa", "bbbb"]
        assert len(postgresql.table("users").indexes) == 2
        postgresql.runner(folder).downgrade()
        assert postgresql.history() == ["aaaa"]
        assert postgresql.table("users").indexes == ()
    assert {e.outcome for e in postgresql.runner(folder).log()} == {"done"}


DEFERRED = """
op.execute("CREATE TABLE pets (owner_id integer REFERENCES users DEFERRABLE INITIALLY DEFERRED)")
"""
ORPHAN = """
op.add_column("users", sa.Column("email", sa.String(50)))
op.execute("INSERT INTO pets (owner_id) VALUES (9)")
with op.autocommit():
    op.create_index("ix_email", "users", ["email"])
"""


def test_what_a_refused_commit_took_back_is_not_done(postgresql: Database, tmp_path: Path) -> None:
    """At op.autocommit() the database may refuse what came before: the next run does it again."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS + DEFERRED)
    folder.write("bbbb", ORPHAN)
    error = fail(postgresql, folder)
    assert 'violates foreign key constraint "pets_owner_id_fkey"' in error.message
    assert error.message.endswith("\napplied before it, and kept: nothing")
    assert (
        error.hint
        == "the failed migration left nothing behind: fix it and run the same command again"
    )
    assert [e.outcome for e in postgresql.runner(folder).log()] == ["done", "failed"]
    assert postgresql.runner(folder).unfinished() is None
    postgresql.execute("INSERT INTO users (id, name) VALUES (9, 'zoe')")
    assert [m.revision for m in postgresql.runner(folder).upgrade()] == ["bbbb"]
    assert postgresql.table("users").column("email") is not None
    assert postgresql.rows("SELECT owner_id FROM pets") == [(9,)]


def test_the_session_is_as_it_was_after_a_failure(postgresql: Database, tmp_path: Path) -> None:
    """Its limits and its level, where a hand-written part fails outside of the transaction."""
    folder = Folder(tmp_path / "m")
    by_hand = 'op.get_bind().execute(sa.text("SELECT nonsense"))'
    folder.write("aaaa", f"with op.autocommit():\n    {by_hand}")
    level = postgresql.connection.get_isolation_level()
    postgresql.connection.rollback()
    with pytest.raises(MigrationFailedError, match="nonsense"):
        postgresql.runner(folder).upgrade()
    assert postgresql.connection.get_isolation_level() == level
    assert postgresql.rows("SHOW lock_timeout") == [("0",)]


def test_an_invalid_index_is_cleaned_away(postgresql: Database, tmp_path: Path) -> None:
    """What a failed concurrent build leaves is found, and dropped before the next attempt."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", CONCURRENTLY, CONCURRENTLY_BACK)
    error = fail(postgresql, folder)
    assert "could not create unique index" in error.message
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert postgresql.rows(invalid) == [(1,)]
    assert postgresql.table("users").column("email") is not None
    assert postgresql.table("users").indexes == ()
    postgresql.execute("DELETE FROM users WHERE id = 2")
    assert [m.revision for m in postgresql.runner(folder).upgrade()] == ["bbbb"]
    assert postgresql.rows(invalid) == [(0,)]
    assert len(postgresql.table("users").indexes) == 2


def test_a_concurrent_build_that_failed_is_taken_back(postgresql: Database, tmp_path: Path) -> None:
    """The transaction before it was committed: downgrade takes that back too."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", CONCURRENTLY, CONCURRENTLY_BACK)
    postgresql.runner(folder).upgrade("aaaa")
    before = postgresql.schema()
    postgresql.execute(CLASH)
    with pytest.raises(MigrationFailedError):
        postgresql.runner(folder).upgrade()
    assert [m.revision for m in postgresql.runner(folder).downgrade()] == ["bbbb"]
    assert postgresql.schema() == before
    assert postgresql.rows("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_every_run_is_in_the_log(any_database: sa.URL, tmp_path: Path) -> None:
    """What, in which direction, how it ended; a failure with its reason."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", "1 / 0")
    with opened(any_database) as db:
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        db.runner(folder).downgrade("base")
        db.runner(folder).stamp("aaaa")
        log = db.runner(folder).log()
    assert (log[0].revision, log[0].kind, log[0].outcome) == ("aaaa", "upgrade", "done")
    failed = next(e for e in log if e.revision == "bbbb")
    assert (failed.kind, failed.error) == ("upgrade", "ZeroDivisionError: division by zero")
    assert [(e.kind, e.outcome) for e in log[2:]] == [("downgrade", "done"), ("stamp", "done")]
    assert all(e.seconds is not None and e.seconds >= 0 for e in log)
    assert all(e.actor.pid > 0 and e.actor.user and e.actor.host for e in log)


def test_a_part_by_hand_that_cant_be_run_again_says_so(mariadb: Database, folder: Folder) -> None:
    """What it read is gone since; it is not guessed at, and nothing is changed."""
    folder.write(
        "cccc",
        'op.get_bind().execute(sa.text("UPDATE users SET name = upper(name)"))\n'
        'op.drop_column("users", "name")\n'
        'op.create_unique_constraint("uq_email_again", "users", ["email"])\n'
        'op.execute("INSERT INTO nowhere VALUES (1)")',
        parents=["bbbb"],
    )
    mariadb.runner(folder).upgrade("bbbb")
    with pytest.raises(MigrationFailedError, match="nowhere"):
        mariadb.runner(folder).upgrade()
    before = mariadb.state()
    with pytest.raises(MigrationFailedError, match="Unknown column 'name'") as caught:
        mariadb.runner(folder).upgrade()
    assert "that was in a hand-written part" in caught.value.message
    assert (
        "autodiff repair --half-way applied. What is called with op.run(function) is not run again"
    ) in str(caught.value.hint)
    assert mariadb.state() == before


def test_a_first_step_that_failed_leaves_the_file_free(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """Nothing is half done: the file may be mended at once, as the hint says."""
    folder = Folder(tmp_path / "m")
    path = folder.write("aaaa", 'op.add_column("nowhere", sa.Column("x", sa.Integer()))')
    with opened(any_database) as db:
        with pytest.raises(MigrationFailedError) as caught:
            db.runner(folder).upgrade()
        hint = "the failed migration left nothing behind: fix it and run the same command again"
        if db.connection.dialect.name != "sqlite":
            assert caught.value.hint == hint
        assert db.runner(folder).unfinished() is None
        assert [entry.outcome for entry in db.runner(folder).log()] == ["failed"]
        path.write_text(path.read_text().replace("op.add_column", "op.create_table"))
        assert len(db.runner(folder).upgrade()) == 1
        assert [entry.outcome for entry in db.runner(folder).log()] == ["failed", "done"]
