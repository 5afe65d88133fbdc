"""Test that the runner applies, reverts and records migrations, and rolls back failures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import (
    EditedMigrationError,
    HistoryError,
    MigrationFailedError,
    MigrationFileError,
    RevisionNotFoundError,
)
from autodiff.runner.events import Event, MigrationFinished, MigrationStarted, StatementRun
from tests.support import Database, Folder, opened

CREATE_USERS = """
op.create_table(
    "users",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("name", sa.String(50), nullable=False),
    sa.PrimaryKeyConstraint("id"),
)
"""
ADD_EMAIL = 'op.add_column("users", sa.Column("email", sa.String(200)))'
CREATE_POSTS = """
op.create_table(
    "posts",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id"), nullable=False),
)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return three migrations: users, their email, posts."""
    folder = Folder(tmp_path / "migrations")
    folder.write("aaaa", CREATE_USERS, 'op.drop_table("users")')
    folder.write("bbbb", ADD_EMAIL, 'op.drop_column("users", "email")')
    folder.write("cccc", CREATE_POSTS, 'op.drop_table("posts")')
    return folder


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as db:
        yield db


@pytest.fixture
def sqlite(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("sqlite")) as db:
        yield db


def test_all_migrations_are_applied_and_reverted(db: Database, folder: Folder) -> None:
    """Upgrading to head and downgrading to base restores the schema, twice in a row."""
    start = db.schema()
    for _ in range(2):
        assert [m.revision for m in db.runner(folder).upgrade()] == ["aaaa", "bbbb", "cccc"]
        assert db.tables() == ["posts", "users"]
        assert [c.name for c in db.table("users").columns] == ["id", "name", "email"]
        assert db.history() == ["aaaa", "bbbb", "cccc"]
        assert [m.revision for m in db.runner(folder).downgrade("base")] == ["cccc", "bbbb", "aaaa"]
        assert db.schema() == start
        assert db.history() == []


def test_a_second_run_does_nothing(db: Database, folder: Folder) -> None:
    """Nothing is applied again, and no event is emitted."""
    db.runner(folder).upgrade()
    before, events = db.state(), list[Event]()
    assert db.runner(folder, on_event=events.append).upgrade() == []
    assert (db.state(), events) == (before, [])


@pytest.mark.parametrize(
    ("target", "applied"),
    [
        ("+1", ["aaaa"]),
        ("+2", ["aaaa", "bbbb"]),
        ("bbbb", ["aaaa", "bbbb"]),
        ("0002", ["aaaa", "bbbb"]),
        ("2", ["aaaa", "bbbb"]),
        ("0003_step_cccc", ["aaaa", "bbbb", "cccc"]),
        ("step_aaaa", ["aaaa"]),
        ("head", ["aaaa", "bbbb", "cccc"]),
    ],
)
def test_an_upgrade_stops_at_its_target(
    sqlite: Database, folder: Folder, target: str, applied: list[str]
) -> None:
    """A target is a number of steps, or any name of a migration."""
    assert [m.revision for m in sqlite.runner(folder).upgrade(target)] == applied
    assert sqlite.history() == applied


@pytest.mark.parametrize(
    ("target", "remaining"),
    [
        ("-1", ["aaaa", "bbbb"]),
        ("-2", ["aaaa"]),
        ("-7", []),
        ("aaaa", ["aaaa"]),
        ("1", ["aaaa"]),
        ("0002_step_bbbb", ["aaaa", "bbbb"]),
        ("head", ["aaaa", "bbbb", "cccc"]),
        ("base", []),
    ],
)
def test_a_downgrade_stops_at_its_target(
    sqlite: Database, folder: Folder, target: str, remaining: list[str]
) -> None:
    """The target itself stays applied."""
    sqlite.runner(folder).upgrade()
    sqlite.runner(folder).downgrade(target)
    assert sqlite.history() == remaining


def test_an_unknown_target_changes_nothing(sqlite: Database, folder: Folder) -> None:
    """The target is resolved before anything runs, in both directions."""
    sqlite.runner(folder).upgrade("+1")
    before = sqlite.state()
    for run in (sqlite.runner(folder).upgrade, sqlite.runner(folder).downgrade):
        with pytest.raises(RevisionNotFoundError, match="unknown migration 'nowhere'"):
            run("nowhere")
    with pytest.raises(HistoryError, match="cannot downgrade to 0003_step_cccc: it is not applied"):
        sqlite.runner(folder).downgrade("cccc")
    assert sqlite.state() == before


def test_an_applied_migration_is_recorded(db: Database, folder: Folder) -> None:
    """The record contains revision, name, checksum and the time of the given clock, in UTC."""
    at = dt.datetime(2024, 2, 29, 23, 59, 58, 999, tzinfo=dt.UTC)
    runner = db.runner(folder, clock=lambda: at)
    runner.upgrade("+1")
    row = db.runner(folder).applied()["aaaa"]
    assert (row.revision, row.name) == ("aaaa", "0001_step_aaaa")
    assert row.checksum == runner.graph["aaaa"].checksum
    assert row.applied_at == at.replace(microsecond=0)


def test_reading_the_history_does_not_create_its_table(db: Database, tmp_path: Path) -> None:
    """A run with nothing to do does not create it either."""
    folder = Folder(tmp_path / "none")
    assert db.runner(folder).applied() == {}
    assert db.runner(folder).upgrade() == db.runner(folder).downgrade("base") == []
    assert not sa.inspect(db.connection).has_table("autodiff_history")


def test_an_unreadable_history_is_refused(sqlite: Database, folder: Folder) -> None:
    """The error names the table and the reason."""
    sqlite.runner(folder).upgrade("+1")
    sqlite.execute("UPDATE autodiff_history SET applied_at = 'yesterday'")
    with pytest.raises(HistoryError) as caught:
        sqlite.runner(folder).upgrade()
    assert caught.value.message == (
        "cannot read the table autodiff_history: Invalid isoformat string: 'yesterday'"
    )
    assert caught.value.hint == "another program or another version of autodiff may have written it"


FAILURES = {
    "a statement": 'op.execute("INSERT INTO nowhere VALUES (1)")',
    "a clause": 'op.bulk_insert(sa.table("nowhere", sa.column("a")), [{"a": 1}])',
    "an operation": 'op.drop_column("users", "nowhere")',
    "the connection": 'op.get_bind().execute(sa.text("INSERT INTO nowhere VALUES (1)"))',
    "Python": "1 / 0",
}
CHANGES = """
op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))
op.add_column("users", sa.Column("age", sa.Integer(), nullable=False, server_default="7"))
op.alter_column("users", "name", type_=sa.Text(), existing_type=sa.String(50))
op.execute("UPDATE users SET name = 'changed'")
op.execute("DELETE FROM users WHERE id = 2")
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_a_failed_migration_leaves_nothing_behind(
    database: Callable[[str], sa.URL], folder: Folder, kind: str, failure: str
) -> None:
    """Schema, rows and history are as before it. Earlier migrations stay applied."""
    folder.write("dddd", CHANGES + failure)
    with opened(database(kind)) as db:
        db.runner(folder).upgrade("bbbb")
        db.execute("INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob')")
        before = db.state()
        with pytest.raises(MigrationFailedError) as caught:
            db.runner(folder).upgrade()
        assert caught.value.message.startswith("upgrade of 0004_step_dddd.py failed")
        assert caught.value.message.endswith("\napplied before it, and kept: 0003_step_cccc.py")
        assert caught.value.revision == "dddd"
        assert db.history() == ["aaaa", "bbbb", "cccc"]
        db.runner(folder).downgrade()
        assert db.state() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_failed_downgrade_leaves_nothing_behind(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """The migration and those before it stay applied."""
    folder.write("dddd", "pass", CHANGES + 'op.execute("DROP TABLE nowhere")')
    with opened(database(kind)) as db:
        db.runner(folder).upgrade()
        db.execute("INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob')")
        before = db.state()
        with pytest.raises(MigrationFailedError, match=r"downgrade of 0004_step_dddd\.py failed"):
            db.runner(folder).downgrade("base")
        assert db.state() == before


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ('raise NotImplementedError("no way back")', "no way back"),
        ("raise NotImplementedError", "downgrade() raises NotImplementedError"),
    ],
)
def test_an_irreversible_migration_says_so(
    db: Database, folder: Folder, code: str, reason: str
) -> None:
    """The migrations after it are reverted."""
    folder.write("dddd", down=code)
    folder.write("eeee")
    db.runner(folder).upgrade()
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).downgrade("base")
    assert caught.value.message == (
        f"0004_step_dddd.py cannot be reverted: {reason}\n"
        "reverted before it, and kept: 0005_step_eeee.py"
    )
    assert "restore a backup" in str(caught.value.hint)
    assert db.history() == ["aaaa", "bbbb", "cccc", "dddd"]


def test_an_error_of_a_library_is_no_refusal(sqlite: Database, folder: Folder) -> None:
    """SQLAlchemy raises NotImplementedError for what a database does not have."""
    folder.write("dddd", down="sa.inspect(op.get_bind()).get_sequence_names()")
    sqlite.runner(folder).upgrade()
    with pytest.raises(MigrationFailedError) as caught:
        sqlite.runner(folder).downgrade()
    assert caught.value.message.startswith("downgrade of 0004_step_dddd.py failed at line ")


def test_an_up_file_cannot_be_irreversible(folder: Folder, sqlite: Database) -> None:
    folder.write_sql("dddd", "-- irreversible: no way back\nCREATE TABLE v (a INTEGER)", "")
    with pytest.raises(MigrationFileError, match="it says irreversible") as caught:
        sqlite.runner(folder)
    assert caught.value.hint == "move that line to the .down.sql file"


def test_a_down_file_says_irreversible_at_its_top(folder: Folder, sqlite: Database) -> None:
    """Below a statement the line would be ignored, and the statements run."""
    path = folder.write_sql("dddd", "CREATE TABLE v (a INTEGER)", "DROP TABLE v;\n")
    down = path.with_name("0004_step_dddd.down.sql")
    down.write_text(f"{down.read_text()}\n  -- irreversible: no way back\n")
    with pytest.raises(MigrationFileError, match="irreversible below its first") as caught:
        sqlite.runner(folder)
    assert caught.value.path == f"{down}:3"
    assert caught.value.hint == "move that line to the top of the file"
    path.write_text(f"{path.read_text()}\n-- irreversible: no way back\n")
    with pytest.raises(MigrationFileError, match="it says irreversible, which is about"):
        sqlite.runner(folder)


@pytest.mark.parametrize(
    ("comment", "reason"),
    [(" no way back", "no way back"), ("", "0004_step_dddd.down.sql says so")],
)
def test_an_irreversible_sql_file_says_so(
    db: Database, folder: Folder, comment: str, reason: str
) -> None:
    """None of its statements is run."""
    folder.write_sql(
        "dddd",
        "CREATE TABLE v (a INTEGER)",
        f"-- revision: dddd\n-- irreversible:{comment}\nDROP TABLE v;",
    )
    db.runner(folder).upgrade()
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).downgrade()
    assert caught.value.message.startswith(f"0004_step_dddd.up.sql cannot be reverted: {reason}\n")
    assert db.history()[-1] == "dddd"
    assert "v" in db.tables()


def test_a_failure_reports_what_failed_and_why(sqlite: Database, folder: Folder) -> None:
    """The message contains the operation, the reason, the statement and what was kept."""
    folder.write("dddd", 'op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(MigrationFailedError) as caught:
        sqlite.runner(folder).upgrade()
    assert caught.value.message == (
        "upgrade of 0004_step_dddd.py failed: cannot apply ~ execute INSERT INTO nowhere "
        "VALUES (1): no such table: nowhere\n"
        "statement: INSERT INTO nowhere VALUES (1)\n"
        "applied before it, and kept: 0001_step_aaaa.py, 0002_step_bbbb.py, 0003_step_cccc.py"
    )
    assert caught.value.statement == "INSERT INTO nowhere VALUES (1)"
    assert (
        caught.value.hint
        == "the failed migration left nothing behind: fix it and run the same command again"
    )


def test_a_failure_of_the_first_migration_keeps_nothing(sqlite: Database, tmp_path: Path) -> None:
    """The message reports it."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", "raise ValueError('no such thing')")
    with pytest.raises(MigrationFailedError) as caught:
        sqlite.runner(folder).upgrade()
    assert caught.value.message == (
        "upgrade of 0001_step_aaaa.py failed at line 10: ValueError: no such thing\n"
        "applied before it, and kept: nothing"
    )
    assert caught.value.statement is None
    assert sqlite.history() == []


def test_an_edited_file_is_refused(db: Database, folder: Folder) -> None:
    """Neither direction runs while an applied file differs from its record."""
    db.runner(folder).upgrade("bbbb")
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("200", "100"))
    before = db.state()
    for run in (db.runner(folder).upgrade, db.runner(folder).downgrade):
        with pytest.raises(EditedMigrationError) as caught:
            run()
        assert caught.value.message == (
            "migrations were edited after they were applied: 0002_step_bbbb.py"
        )
        assert caught.value.hint == (
            "restore them from version control and write the change as a new migration; or accept "
            "them, if the database already matches them: autodiff repair --edited"
        )
        assert caught.value.revisions == ("bbbb",)
    assert db.state() == before


def test_a_reformatted_file_is_not_an_edit(sqlite: Database, folder: Folder) -> None:
    """Quotes and comments do not change the checksum."""
    sqlite.runner(folder).upgrade("bbbb")
    path = folder.path / "0002_step_bbbb.py"
    path.write_text("# seen\n" + path.read_text().replace('"', "'").replace("'''", '"""'))
    assert [m.revision for m in sqlite.runner(folder).upgrade()] == ["cccc"]


def test_a_pending_file_may_be_edited(sqlite: Database, folder: Folder) -> None:
    """Only applied files are checked."""
    sqlite.runner(folder).upgrade("+1")
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("200", "100"))
    sqlite.runner(folder).upgrade()
    assert sqlite.table("users").columns[-1].type.sql.upper() == "VARCHAR(100)"


def test_a_missing_file_is_refused(db: Database, folder: Folder) -> None:
    """A database that was migrated from another branch stays unchanged."""
    db.runner(folder).upgrade()
    (folder.path / "0003_step_cccc.py").unlink()
    before = db.state()
    for run in (db.runner(folder).upgrade, db.runner(folder).downgrade):
        with pytest.raises(EditedMigrationError) as caught:
            run()
        assert caught.value.message == (
            "the database has migrations whose files are missing: cccc (0003_step_cccc)"
        )
        assert caught.value.hint == (
            "restore the files, or check out the branch that has them; or remove their records, if "
            "the schema has nothing of them any more: autodiff repair --missing"
        )
        assert caught.value.revisions == ("cccc",)
    assert db.state() == before


def test_a_file_that_cannot_be_imported_stops_the_whole_run(
    sqlite: Database, folder: Folder
) -> None:
    """All files of a run are loaded before the first one starts."""
    path = folder.write("dddd", "pass")
    path.write_text("import no_such_module\n" + path.read_text())
    with pytest.raises(MigrationFileError) as caught:
        sqlite.runner(folder).upgrade()
    assert caught.value.message == (
        f"cannot read migration {path}: ModuleNotFoundError: No module named 'no_such_module' "
        "(line 1)"
    )
    assert (sqlite.tables(), sqlite.history()) == ([], [])


def test_stamp_records_and_runs_nothing(db: Database, folder: Folder) -> None:
    """Exactly the migrations up to the target are recorded.

    Targets such as +1 and -2 count from the current revision of the database.
    """
    assert [m.revision for m in db.runner(folder).stamp("bbbb")] == ["aaaa", "bbbb"]
    assert (db.tables(), db.history()) == ([], ["aaaa", "bbbb"])
    db.runner(folder).stamp("head")
    assert db.history() == ["aaaa", "bbbb", "cccc"]
    db.runner(folder).stamp("-2")
    assert db.history() == ["aaaa"]
    db.runner(folder).stamp("+1")
    assert db.history() == ["aaaa", "bbbb"]
    assert db.runner(folder).stamp("base") == []
    assert db.history() == []
    with pytest.raises(RevisionNotFoundError, match="unknown migration 'nowhere'"):
        db.runner(folder).stamp("nowhere")


def test_stamp_keeps_the_time_of_an_applied_migration(sqlite: Database, folder: Folder) -> None:
    """The journal gets no new entry for it."""
    sqlite.runner(folder, clock=lambda: dt.datetime(2025, 1, 1, tzinfo=dt.UTC)).upgrade("aaaa")
    sqlite.runner(folder, clock=lambda: dt.datetime(2026, 2, 2, tzinfo=dt.UTC)).stamp("bbbb")
    applied = sqlite.runner(folder).applied()
    assert [applied[revision].applied_at.year for revision in ("aaaa", "bbbb")] == [2025, 2026]
    assert [(e.revision, e.kind) for e in sqlite.runner(folder).log()] == [
        ("aaaa", "upgrade"),
        ("bbbb", "stamp"),
    ]


def test_stamp_keeps_the_records_up_to_its_target(sqlite: Database, folder: Folder) -> None:
    """The journal lists the migrations that are no longer recorded."""
    sqlite.runner(folder).upgrade()
    before = sqlite.runner(folder).applied()
    later = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    sqlite.runner(folder, clock=lambda: later).stamp("bbbb")
    after = sqlite.runner(folder).applied()
    assert after == {revision: before[revision] for revision in ("aaaa", "bbbb")}
    last = sqlite.runner(folder).log()[-1]
    assert (last.kind, last.outcome, last.revision) == ("stamp", "forgotten", "cccc")


def test_stamp_resolves_edited_and_missing_files(sqlite: Database, folder: Folder) -> None:
    """The current checksums are recorded, and records of missing files are removed."""
    sqlite.runner(folder).upgrade()
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("200", "100"))
    (folder.path / "0003_step_cccc.py").unlink()
    sqlite.runner(folder).stamp()
    assert sorted(sqlite.runner(folder).verify()) == ["aaaa", "bbbb"]


def test_events_come_in_order(db: Database, folder: Folder) -> None:
    """Each migration starts, sends its statements and finishes.

    Events have its position in the run.
    """
    events: list[Event] = []
    db.runner(folder).upgrade("+1")
    db.runner(folder, on_event=events.append).upgrade()
    kinds = [type(event) for event in events]
    step = [MigrationStarted, StatementRun, MigrationFinished]
    assert [kind for kind in kinds if kind is not StatementRun] == [step[0], step[2]] * 2
    assert kinds.index(StatementRun) == 1 and kinds[-1] is MigrationFinished
    started = [event for event in events if isinstance(event, MigrationStarted)]
    assert started == [
        MigrationStarted(
            revision="bbbb", name="0002_step_bbbb", direction="upgrade", position=1, total=2
        ),
        MigrationStarted(
            revision="cccc", name="0003_step_cccc", direction="upgrade", position=2, total=2
        ),
    ]
    finished = [event for event in events if isinstance(event, MigrationFinished)]
    assert [event.revision for event in finished] == ["bbbb", "cccc"]
    assert all(event.seconds >= 0 for event in finished)
    statements = [event.sql for event in events if isinstance(event, StatementRun)]
    assert statements[0].startswith("ALTER TABLE users ADD COLUMN email")
    assert any(sql.startswith("CREATE TABLE posts") for sql in statements)


def test_a_failed_migration_emits_no_finished_event(sqlite: Database, folder: Folder) -> None:
    """The last event is the failed statement."""
    events: list[Event] = []
    folder.write("dddd", 'op.execute("DROP TABLE nowhere")')
    with pytest.raises(MigrationFailedError):
        sqlite.runner(folder, on_event=events.append).upgrade()
    assert events[-1] == StatementRun(sql="DROP TABLE nowhere")


def test_sql_files_run_in_both_directions(db: Database, folder: Folder) -> None:
    """A pair of SQL files is a migration like any other."""
    folder.write_sql(
        "dddd",
        """
        -- A semicolon; in a comment
        CREATE TABLE notes (id INT PRIMARY KEY, body VARCHAR(40));
        INSERT INTO notes VALUES (1, 'one; two'), (2, '100%% :name %(x)s');
        """,
        "DROP TABLE notes;\n",
    )
    db.runner(folder).upgrade()
    assert db.rows("SELECT * FROM notes ORDER BY id") == [(1, "one; two"), (2, "100%% :name %(x)s")]
    db.runner(folder).downgrade()
    assert (db.tables(), db.history()) == (["posts", "users"], ["aaaa", "bbbb", "cccc"])


def test_sql_files_may_use_the_syntax_of_mariadb(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Semicolons in escaped strings, # comments and trigger bodies do not end a statement."""
    folder = Folder(tmp_path / "m")
    folder.write_sql(
        "aaaa",
        r"""
        CREATE TABLE t (a VARCHAR(40)); # a comment; with 'a quote
        INSERT INTO t VALUES ('it\'s; fine'), ("a \"quoted\"; b");
        CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = upper(NEW.a);
        CREATE TRIGGER tr2 BEFORE UPDATE ON t FOR EACH ROW BEGIN
            IF NEW.a IS NULL THEN SET NEW.a = 'x'; END IF;
            SET NEW.a = lower(NEW.a);
        END;
        INSERT INTO t VALUES ('new');
        /*!40101 SET @later = 1 */;
        """,
    )
    with opened(database("mariadb")) as db:
        db.runner(folder).upgrade()
        assert db.rows("SELECT a FROM t") == [("it's; fine",), ('a "quoted"; b',), ("NEW",)]
        db.execute("UPDATE t SET a = 'ABC'")
        assert {row[0] for row in db.rows("SELECT a FROM t")} == {"abc"}


MANUAL_MIGRATION = """
users = op.create_table(
    "users",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
)
op.bulk_insert(users, [{"id": 1, "name": "Ann Lee"}, {"id": 2, "name": "Bob"}])
op.execute("INSERT INTO users (id, name) VALUES (3, '50% :off')")
op.add_column("users", sa.Column("email", sa.String(80)))
op.backfill("users", {"email": sa.text("lower(name)")}, where="id <> 2")
op.backfill("users", {"email": "nobody's"}, where=sa.column("email").is_(None))
op.alter_column("users", "email", existing_type=sa.String(80), nullable=False)
connection = op.get_bind()
count = connection.execute(sa.text("SELECT count(*) FROM users WHERE email IS NULL")).scalar()
assert count == 0
connection.execute(sa.text("INSERT INTO users VALUES (:id, :name, :email)"),
                   [{"id": n, "name": f"n{n}", "email": f"e{n}"} for n in (4, 5)])
table = sa.table("users", sa.column("id"), sa.column("name"))
op.execute(table.update().where(table.c.id == 5).values(name="It's me"))
op.execute(sa.text("DELETE FROM users WHERE id = :id").bindparams(id=4))
op.create_index("ix_users_email", "users", ["email"], unique=True)
"""


def test_a_manual_migration_may_mix_everything(db: Database, tmp_path: Path) -> None:
    """Operations, SQL, rows and the connection see everything before them."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", MANUAL_MIGRATION, 'op.drop_table("users")')
    db.runner(folder).upgrade()
    assert db.rows("SELECT id, name, email FROM users ORDER BY id") == [
        (1, "Ann Lee", "ann lee"),
        (2, "Bob", "nobody's"),
        (3, "50% :off", "50% :off"),
        (5, "It's me", "e5"),
    ]
    email = db.table("users").column("email")
    assert email is not None and not email.nullable
    assert db.table("users").index("ix_users_email") or db.table("users").constraint(
        "ix_users_email"
    )
    db.runner(folder).downgrade()
    assert db.tables() == []


def test_branches_run_parents_first(sqlite: Database, folder: Folder) -> None:
    """Two branches and the migration that merges them are applied, and reverted."""
    folder.write("dddd", 'op.execute("CREATE TABLE d (a)")', 'op.drop_table("d")', parents=["bbbb"])
    folder.write("eeee", parents=["cccc", "dddd"])
    assert [m.revision for m in sqlite.runner(folder).upgrade("dddd")] == ["aaaa", "bbbb", "dddd"]
    assert [m.revision for m in sqlite.runner(folder).upgrade()] == ["cccc", "eeee"]
    assert [m.revision for m in sqlite.runner(folder).downgrade("bbbb")] == ["eeee", "dddd", "cccc"]
    assert sqlite.tables() == ["users"]


# SQLite's foreign keys


@pytest.fixture
def users_with_posts(sqlite: Database, folder: Folder) -> Database:
    """Return a database with users and posts, on a connection that enforces foreign keys."""
    sqlite.runner(folder).upgrade()
    sqlite.execute(
        "INSERT INTO users (id, name) VALUES (1, 'Ann')",
        "INSERT INTO posts (id, user_id) VALUES (10, 1)",
    )
    sqlite.connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    sqlite.connection.commit()
    return sqlite


def test_foreign_keys_stay_enforced(users_with_posts: Database, folder: Folder) -> None:
    """A rebuild of the parent table deletes no child row. Afterwards keys are enforced again."""
    folder.write("dddd", 'op.alter_column("users", "name", type_=sa.Text())')
    users_with_posts.runner(folder).upgrade()
    assert users_with_posts.rows("PRAGMA foreign_keys") == [(1,)]
    assert users_with_posts.rows("SELECT * FROM posts") == [(10, 1)]
    assert users_with_posts.table("users").column("name").type.sql.upper() == "TEXT"  # type: ignore[union-attr]
    with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY constraint failed"):
        users_with_posts.execute("INSERT INTO posts (id, user_id) VALUES (11, 99)")
    users_with_posts.connection.rollback()


def test_foreign_keys_stay_unenforced(sqlite: Database, folder: Folder) -> None:
    """The runner does not turn them on for the connection."""
    sqlite.runner(folder).upgrade()
    assert sqlite.rows("PRAGMA foreign_keys") == [(0,)]


def test_dangling_references_are_refused(users_with_posts: Database, folder: Folder) -> None:
    """The migration is rolled back, and keys are enforced again. The message names both tables."""
    folder.write("dddd", 'op.execute("DELETE FROM users")\nop.execute("CREATE TABLE x (a)")')
    before = users_with_posts.state()
    with pytest.raises(MigrationFailedError) as caught:
        users_with_posts.runner(folder).upgrade()
    assert caught.value.message == (
        "upgrade of 0004_step_dddd.py failed: "
        "the migration leaves rows that violate foreign keys: posts -> users\n"
        "applied before it, and kept: nothing"
    )
    assert caught.value.hint == (
        "fix the rows at the end of the migration: PRAGMA foreign_key_check lists them"
    )
    assert users_with_posts.state() == before
    assert users_with_posts.rows("PRAGMA foreign_keys") == [(1,)]


def test_existing_dangling_references_are_ignored(
    users_with_posts: Database, folder: Folder
) -> None:
    """They do not stop a migration that has nothing to do with them."""
    users_with_posts.connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    users_with_posts.execute("INSERT INTO posts (id, user_id) VALUES (11, 99)")
    folder.write("dddd", 'op.alter_column("users", "name", type_=sa.Text())')
    users_with_posts.runner(folder).upgrade()
    assert users_with_posts.history() == ["aaaa", "bbbb", "cccc", "dddd"]


def test_additional_dangling_references_are_refused(
    users_with_posts: Database, folder: Folder
) -> None:
    """Existing ones in the same table do not hide them."""
    users_with_posts.connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    users_with_posts.execute("INSERT INTO posts (id, user_id) VALUES (11, 99)")
    folder.write("dddd", 'op.execute("DELETE FROM users")')
    with pytest.raises(MigrationFailedError, match="violate foreign keys: posts -> users"):
        users_with_posts.runner(folder).upgrade()
    assert users_with_posts.rows("SELECT count(*) FROM users") == [(1,)]


def test_the_history_can_be_in_another_schema(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    with opened(database("postgresql")) as db:
        db.execute("CREATE SCHEMA ops")
        db.runner(folder, schema="ops").upgrade()
        assert db.rows("SELECT count(*) FROM ops.autodiff_history") == [(3,)]
        assert db.history() == []
        assert db.runner(folder, schema="ops").upgrade() == []
