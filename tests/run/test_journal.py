"""Test the journal: without transactional DDL, a failed migration is resumed or reverted."""

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
REVERT_STEPS = """
op.drop_index("ix_name", table_name="users")
op.drop_constraint("uq_email", "users", type_="unique")
op.execute("UPDATE users SET name = coalesce(name, email)")
op.drop_column("users", "email")
"""
REVERT_PLAIN_STEPS = REVERT_STEPS.replace(
    'op.execute("UPDATE users SET name = coalesce(name, email)")', ""
)
INSERT_DUPLICATES = "INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'ann')"


@pytest.fixture
def mariadb(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("mariadb")) as db:
        yield db


@pytest.fixture
def postgresql(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("postgresql")) as db:
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return two migrations; the second fails at its third step if two rows have the same name."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", STEPS, REVERT_STEPS)
    return folder


def fail_second(
    db: Database, folder: Folder, rows: str = INSERT_DUPLICATES
) -> MigrationFailedError:
    """Apply the first migration, insert rows that make the second fail, and return its error."""
    db.runner(folder).upgrade("aaaa")
    db.execute(rows)
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).upgrade()
    return caught.value


def test_a_failure_reports_finished_steps_and_both_solutions(
    mariadb: Database, folder: Folder
) -> None:
    """The message lists the steps that stay.

    The hint names the commands that resume or revert them.
    """
    error = fail_second(mariadb, folder)
    assert "Duplicate entry 'ann' for key 'uq_email'" in error.message
    assert "and kept: nothing" not in error.message
    assert error.message.endswith(
        "\nfinished steps, which stay: + column users.email; "
        "~ execute UPDATE users SET email = name"
    )
    assert error.hint == (
        "fix the cause and run autodiff upgrade to resume; the file may be edited after the "
        "finished steps. Or run autodiff downgrade --yes to undo those steps"
    )
    entry = mariadb.runner(folder).unfinished()
    assert entry is not None
    assert (entry.revision, entry.outcome, entry.progress.steps) == ("bbbb", "failed", 2)
    assert entry.progress.step == "+ unique constraint users.uq_email"
    assert "Duplicate entry" in str(entry.error)


def test_the_hint_about_a_sql_file_names_only_what_is_possible(
    mariadb: Database, tmp_path: Path
) -> None:
    """Its statements have no reverse, so they are not undone one by one."""
    folder = Folder(tmp_path / "sql")
    path = folder.write_sql("aaaa", "CREATE TABLE a (x INT);\nSELECT nothing;", "DROP TABLE a;")
    with pytest.raises(MigrationFailedError) as caught:
        mariadb.runner(folder).upgrade()
    assert "finished steps, which stay: ~ execute CREATE TABLE a (x INT)" in caught.value.message
    assert f"{caught.value.hint}".startswith(
        "fix the cause and run autodiff upgrade to resume; the file may be edited after the "
        "finished steps. Or complete or undo it by hand"
    )
    path.write_text(path.read_text().replace("SELECT nothing", "SELECT 1"))
    mariadb.runner(folder).upgrade()
    assert mariadb.history() == ["aaaa"]


def test_the_hint_about_a_hand_written_part_names_only_what_is_possible(
    mariadb: Database, tmp_path: Path
) -> None:
    """Its steps are not known before it runs, so an edit of the file is refused."""
    folder = Folder(tmp_path / "code")
    part = 'op.get_bind().exec_driver_sql("SELECT 1")'
    folder.write("aaaa", f'{part}\nop.execute("SELECT nothing")')
    with pytest.raises(MigrationFailedError) as caught:
        mariadb.runner(folder).upgrade()
    assert "finished steps, which stay: a hand-written part" in caught.value.message
    assert f"{caught.value.hint}".startswith(
        "fix the cause and run autodiff upgrade to resume, without an edit of the file; or "
        "complete or undo it by hand"
    )


def test_a_failure_quotes_the_server(mariadb: Database, tmp_path: Path) -> None:
    """The error number comes last, and additions of the driver are removed."""
    folder = Folder(tmp_path / "n")
    folder.write("aaaa", 'op.execute("SELECT * FROM nowhere")')
    with pytest.raises(MigrationFailedError) as caught:
        mariadb.runner(folder).upgrade()
    name = mariadb.connection.engine.url.database
    assert f": Table '{name}.nowhere' doesn't exist (1146)\n" in caught.value.message


def test_upgrade_resumes_where_it_stopped(mariadb: Database, folder: Folder) -> None:
    """The rows are fixed first. Finished steps are not repeated."""
    fail_second(mariadb, folder)
    mariadb.execute("UPDATE users SET email = 'bob' WHERE id = 2")
    events: list[object] = []
    applied = mariadb.runner(folder, on_event=events.append).upgrade()
    assert [m.revision for m in applied] == ["bbbb"]
    assert (
        MigrationResumed(revision="bbbb", name="0002_step_bbbb", direction="upgrade", steps=2)
        in events
    )
    assert mariadb.rows("SELECT email FROM users ORDER BY id") == [("ann",), ("bob",)]
    assert mariadb.history() == ["aaaa", "bbbb"]
    assert mariadb.runner(folder).unfinished() is None


def test_downgrade_reverts_only_the_finished_steps(mariadb: Database, tmp_path: Path) -> None:
    """The schema is as before, and the migration counts as one step of -1."""
    folder = Folder(tmp_path / "plain")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write(
        "bbbb",
        'op.add_column("users", sa.Column("email", sa.String(50), server_default="x"))\n'
        'op.create_unique_constraint("uq_email", "users", ["email"])\n'
        'op.create_index("ix_name", "users", ["name"])',
        REVERT_PLAIN_STEPS,
    )
    mariadb.runner(folder).upgrade("aaaa")
    before = mariadb.schema()
    mariadb.execute(INSERT_DUPLICATES)
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).upgrade()
    reverted = mariadb.runner(folder).downgrade()
    assert [m.revision for m in reverted] == ["bbbb"]
    assert mariadb.schema() == before
    assert mariadb.history() == ["aaaa"]
    assert [e.outcome for e in mariadb.runner(folder).log()] == ["done", "undone"]
    assert mariadb.runner(folder).unfinished() is None


def test_manual_steps_are_not_reverted_automatically(mariadb: Database, tmp_path: Path) -> None:
    """Steps that only a person can revert are listed, and nothing is changed."""
    folder = Folder(tmp_path / "plain")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write(
        "bbbb",
        'op.add_column("users", sa.Column("email", sa.String(50), server_default="x"))\n'
        'op.create_unique_constraint("uq_email", "users", ["email"])\n'
        'op.execute("UPDATE users SET name = NULL")',
        REVERT_STEPS,
    )
    fail_second(mariadb, folder)
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


def test_a_failed_downgrade_is_resumed_or_reverted(mariadb: Database, tmp_path: Path) -> None:
    """Upgrade restores what the failed downgrade had removed."""
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
    full_schema = mariadb.schema()
    mariadb.execute("INSERT INTO users (id) VALUES (1)")
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).downgrade()
    assert mariadb.table("users").index("ix_name") is None
    assert mariadb.runner(folder).upgrade() == []
    assert mariadb.schema() == full_schema
    assert mariadb.history() == ["aaaa", "bbbb"]
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).downgrade()
    mariadb.execute("UPDATE users SET name = 'ann'")
    assert [m.revision for m in mariadb.runner(folder).downgrade()] == ["bbbb"]
    assert mariadb.table("users").column("age") is None
    assert mariadb.history() == ["aaaa"]


def test_a_file_with_other_finished_steps_is_not_resumed(mariadb: Database, folder: Folder) -> None:
    """The finished steps came from the old file, so nothing is run. The hint lists solutions."""
    fail_second(mariadb, folder)
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("sa.String(50)", "sa.String(60)"))
    before = mariadb.state()
    for run in (mariadb.runner(folder).upgrade, mariadb.runner(folder).downgrade):
        with pytest.raises(
            EditedMigrationError, match="edited after its upgrade stopped"
        ) as caught:
            run()
        assert "autodiff repair --half-way applied" in str(caught.value.hint)
    assert mariadb.state() == before


TWO_STEPS = """
op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("x", sa.Integer()))
op.add_column("t", sa.Column("y", sa.Integer()))
"""
OUTSIDE = """
with op.autocommit():
    op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True))
    op.add_column("t", sa.Column("y", sa.Integer()))
"""
MISTAKES = {
    "a misspelt function": (
        'op.add_colum("t", sa.Column("z", sa.Integer()))',
        'op.add_column("t", sa.Column("z", sa.Integer()))',
    ),
    "a wrong argument": ('op.create_index("i", "t", "y")', 'op.create_index("i", "t", ["y"])'),
    "an exception": ("raise ValueError(1)", "op.rename_column('t', 'y', 'z')"),
    "a refused statement": (
        'op.add_column("nowhere", sa.Column("z", sa.Integer()))',
        'op.add_column("t", sa.Column("z", sa.Integer()))',
    ),
}


def _stop_at(db: Database, root: Path, mistake: str) -> tuple[Folder, Path]:
    """Run a migration whose third step fails because of the file; two steps are permanent."""
    folder = Folder(root / "mistake")
    is_permanent = db.connection.dialect.name == "mysql"
    up = TWO_STEPS + mistake if is_permanent else f"{OUTSIDE}    {mistake}"
    path = folder.write("aaaa", up, 'op.drop_table("t")')
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).upgrade()
    assert "the file may be edited after the finished steps" in str(caught.value.hint)
    return folder, path


@pytest.mark.parametrize("mistake, correct", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_file_is_corrected_or_undone(
    any_database: sa.URL, tmp_path: Path, mistake: str, correct: str
) -> None:
    """The finished steps are undone with the mistake in the file, or the corrected file goes on."""
    with opened(any_database) as db:
        folder, path = _stop_at(db, tmp_path, mistake)
        assert [m.revision for m in db.runner(folder).downgrade()] == ["aaaa"]
        assert "t" not in {name.name for name in db.schema().tables}
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        path.write_text(path.read_text().replace(mistake, correct))
        assert [m.revision for m in db.runner(folder).upgrade()] == ["aaaa"]
        assert db.history() == ["aaaa"]
        assert db.table("t").column("y") or db.table("t").column("z")
        entries = db.runner(folder).log()
        assert [entry.outcome for entry in entries] == ["undone", "done"]


def test_a_target_before_the_unfinished_migration_is_refused(
    mariadb: Database, folder: Folder
) -> None:
    """The unfinished migration must be resolved first."""
    fail_second(mariadb, folder)
    with pytest.raises(HistoryError, match="stopped half-way, and aaaa does not reach it"):
        mariadb.runner(folder).upgrade("aaaa")


def test_stamp_resolves_an_unfinished_migration(mariadb: Database, folder: Folder) -> None:
    """The user has corrected the schema manually."""
    fail_second(mariadb, folder)
    mariadb.runner(folder).stamp("bbbb")
    assert mariadb.runner(folder).unfinished() is None
    assert mariadb.history() == ["aaaa", "bbbb"]


CREATE_CONCURRENTLY = """
op.add_column("users", sa.Column("email", sa.String(50), server_default="x"))
with op.autocommit():
    op.create_index("ix_name", "users", ["name"], unique=True, postgresql_concurrently=True)
op.create_index("ix_email", "users", ["email"])
"""
DROP_CONCURRENTLY = """
op.drop_index("ix_email", table_name="users")
with op.autocommit():
    op.drop_index("ix_name", table_name="users", postgresql_concurrently=True)
op.drop_column("users", "email")
"""


def test_an_index_is_built_concurrently(postgresql: Database, tmp_path: Path) -> None:
    """op.autocommit() ends the transaction and starts another: up, down and up again."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", CREATE_CONCURRENTLY, DROP_CONCURRENTLY)
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


def test_steps_of_a_refused_commit_are_repeated(postgresql: Database, tmp_path: Path) -> None:
    """The database may refuse the commit at op.autocommit().

    The next run repeats the steps before it.
    """
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS + DEFERRED)
    folder.write("bbbb", ORPHAN)
    error = fail_second(postgresql, folder)
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


def test_session_settings_are_restored_after_a_failure(
    postgresql: Database, tmp_path: Path
) -> None:
    """Manual code outside the transaction fails; timeouts and the isolation level are restored."""
    folder = Folder(tmp_path / "m")
    manual_code = 'op.get_bind().execute(sa.text("SELECT nonsense"))'
    folder.write("aaaa", f"with op.autocommit():\n    {manual_code}")
    level = postgresql.connection.get_isolation_level()
    postgresql.connection.rollback()
    with pytest.raises(MigrationFailedError, match="nonsense"):
        postgresql.runner(folder).upgrade()
    assert postgresql.connection.get_isolation_level() == level
    assert postgresql.rows("SHOW lock_timeout") == [("0",)]


def test_an_invalid_index_is_dropped_before_the_next_attempt(
    postgresql: Database, tmp_path: Path
) -> None:
    """A failed concurrent build leaves an invalid index."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", CREATE_CONCURRENTLY, DROP_CONCURRENTLY)
    error = fail_second(postgresql, folder)
    assert "could not create unique index" in error.message
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert postgresql.rows(invalid) == [(1,)]
    assert postgresql.table("users").column("email") is not None
    assert postgresql.table("users").indexes == ()
    postgresql.execute("DELETE FROM users WHERE id = 2")
    assert [m.revision for m in postgresql.runner(folder).upgrade()] == ["bbbb"]
    assert postgresql.rows(invalid) == [(0,)]
    assert len(postgresql.table("users").indexes) == 2


def test_a_failed_concurrent_build_is_reverted(postgresql: Database, tmp_path: Path) -> None:
    """The transaction before the build was committed; downgrade reverts it too."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", CREATE_CONCURRENTLY, DROP_CONCURRENTLY)
    postgresql.runner(folder).upgrade("aaaa")
    before = postgresql.schema()
    postgresql.execute(INSERT_DUPLICATES)
    with pytest.raises(MigrationFailedError):
        postgresql.runner(folder).upgrade()
    assert [m.revision for m in postgresql.runner(folder).downgrade()] == ["bbbb"]
    assert postgresql.schema() == before
    assert postgresql.rows("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_every_run_is_in_the_log(any_database: sa.URL, tmp_path: Path) -> None:
    """The log contains the direction, the result and the reason of a failure."""
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


def test_texts_that_the_character_set_of_the_database_lacks(
    mariadb: Database, tmp_path: Path
) -> None:
    """The tables of autodiff store all characters."""
    mariadb.execute("SET NAMES utf8mb4", "ALTER DATABASE CHARACTER SET latin1")
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS).rename(folder.path / "0001_日本語.py")
    folder.write("bbbb", "op.execute(\"UPDATE nix SET a = '→'\")")
    with pytest.raises(MigrationFailedError, match="nix"):
        mariadb.runner(folder).upgrade()
    done, failed = mariadb.runner(folder).log()
    assert (done.name, done.outcome) == ("0001_日本語", "done")
    assert failed.error is not None and failed.error.endswith("SET a = '→'")


@pytest.mark.parametrize("text", ["→", "\\0"])
def test_a_failure_whose_text_cannot_be_stored(
    any_database: sa.URL, tmp_path: Path, text: str
) -> None:
    """It is journaled with escapes if the tables have another character set, or for NUL."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write("bbbb", f'{STEPS}raise ValueError("{text}")')
    with opened(any_database) as db:
        db.runner(folder).upgrade("aaaa")
        if any_database.get_backend_name() == "mysql":
            db.execute("ALTER TABLE autodiff_journal CONVERT TO CHARACTER SET latin1")
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        failed = db.runner(folder).log()[-1]
    assert failed.outcome == "failed"
    stored = (f"ValueError: {form}" for form in ("→", r"\u2192", "\0", r"\x00"))
    assert failed.error in stored


def test_manual_code_that_cannot_run_again_is_refused(mariadb: Database, folder: Folder) -> None:
    """The data that it reads no longer exists. Nothing is changed."""
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
    assert "it failed in a hand-written part" in caught.value.message
    hint = str(caught.value.hint)
    assert "complete the migration by hand and run: autodiff repair --half-way applied" in hint
    assert mariadb.state() == before


def test_a_file_may_be_edited_if_its_first_step_failed(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """No step is finished, so the hint suggests to fix the file."""
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


REFUSED = {
    "a syntax error": ("CREATE TABLE u (a INT", "syntax"),
    "a table that exists": ("CREATE TABLE users (id INT)", "already exists"),
    "a missing table": ("ALTER TABLE missing ADD a INT", "doesn't exist"),
    "rows": ("CREATE UNIQUE INDEX uq ON users (name)", "Duplicate entry"),
}


@pytest.mark.parametrize(("sql", "reason"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("solution", ["upgrade", "downgrade"])
def test_refused_ddl_leaves_the_steps_before_it_in_the_journal(
    mariadb: Database, tmp_path: Path, sql: str, reason: str, solution: str
) -> None:
    """DDL commits its own announcement, unless the server cannot even read it."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    steps = [
        'op.add_column("users", sa.Column("email", sa.String(50)))',
        f'op.execute("{sql}", reverse="DO 0")',
    ]
    folder.write("bbbb", "\n".join(steps), 'op.drop_column("users", "email")')
    mariadb.runner(folder).upgrade("aaaa")
    mariadb.execute(INSERT_DUPLICATES)
    before = mariadb.state()
    with pytest.raises(MigrationFailedError, match=reason) as caught:
        mariadb.runner(folder).upgrade()
    assert "finished steps, which stay: + column users.email" in caught.value.message
    entry = mariadb.runner(folder).log()[-1]
    assert (entry.outcome, entry.progress.steps) == ("failed", 1)
    if solution == "downgrade":
        mariadb.runner(folder).downgrade()
        assert mariadb.state() == before
        return
    with pytest.raises(MigrationFailedError, match=reason):
        mariadb.runner(folder).upgrade()
    columns = mariadb.table("users").columns
    assert [column.name for column in columns] == ["id", "name", "email"]
