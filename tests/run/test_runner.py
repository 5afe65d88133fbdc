"""The runner: applies and takes back, records what it did, and leaves nothing half done."""

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
    """Three migrations: users, their email, posts."""
    folder = Folder(tmp_path / "migrations")
    folder.write("aaaa", CREATE_USERS, 'op.drop_table("users")')
    folder.write("bbbb", ADD_EMAIL, 'op.drop_column("users", "email")')
    folder.write("cccc", CREATE_POSTS, 'op.drop_table("posts")')
    return folder


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as found:
        yield found


@pytest.fixture
def sqlite(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("sqlite")) as found:
        yield found


def test_all_is_applied_and_taken_back(db: Database, folder: Folder) -> None:
    """Up to the head and down to the base leaves the database as it was, twice."""
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
    """What was applied is not applied again, and no event is sent."""
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
def test_an_upgrade_goes_to_its_target(
    sqlite: Database, folder: Folder, target: str, applied: list[str]
) -> None:
    """A number of steps, or a migration by any of its names."""
    assert [m.revision for m in sqlite.runner(folder).upgrade(target)] == applied
    assert sqlite.history() == applied


@pytest.mark.parametrize(
    ("target", "left"),
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
def test_a_downgrade_goes_to_its_target(
    sqlite: Database, folder: Folder, target: str, left: list[str]
) -> None:
    """The target itself stays applied."""
    sqlite.runner(folder).upgrade()
    sqlite.runner(folder).downgrade(target)
    assert sqlite.history() == left


def test_an_unknown_target_changes_nothing(sqlite: Database, folder: Folder) -> None:
    """Neither direction starts before its target is known."""
    sqlite.runner(folder).upgrade("+1")
    before = sqlite.state()
    for act in (sqlite.runner(folder).upgrade, sqlite.runner(folder).downgrade):
        with pytest.raises(RevisionNotFoundError, match="unknown migration 'nowhere'"):
            act("nowhere")
    with pytest.raises(HistoryError, match="cannot downgrade to 0003_step_cccc: it is not applied"):
        sqlite.runner(folder).downgrade("cccc")
    assert sqlite.state() == before


def test_what_was_applied_is_recorded(db: Database, folder: Folder) -> None:
    """Revision, name, checksum and the time of the clock that was passed in, in UTC."""
    at = dt.datetime(2024, 2, 29, 23, 59, 58, 999, tzinfo=dt.UTC)
    runner = db.runner(folder, clock=lambda: at)
    runner.upgrade("+1")
    row = db.runner(folder).applied()["aaaa"]
    assert (row.revision, row.name) == ("aaaa", "0001_step_aaaa")
    assert row.checksum == runner.graph["aaaa"].checksum
    assert row.applied_at == at.replace(microsecond=0)


def test_nothing_is_recorded_where_nothing_ran(db: Database, tmp_path: Path) -> None:
    """Looking does not create the history table."""
    folder = Folder(tmp_path / "none")
    assert db.runner(folder).applied() == {}
    assert db.runner(folder).upgrade() == db.runner(folder).downgrade("base") == []
    assert not sa.inspect(db.connection).has_table("autodiff_history")


def test_a_history_of_another_program_is_refused(sqlite: Database, folder: Folder) -> None:
    """A row that can't be read ends in an error of ours."""
    sqlite.runner(folder).upgrade("+1")
    sqlite.execute("UPDATE autodiff_history SET applied_at = 'yesterday'")
    with pytest.raises(HistoryError) as caught:
        sqlite.runner(folder).upgrade()
    assert caught.value.message == (
        "cannot read the table autodiff_history: Invalid isoformat string: 'yesterday'"
    )
    assert caught.value.hint == "another program or another version of autodiff may have written it"


BREAKS = {
    "a statement": 'op.execute("INSERT INTO nowhere VALUES (1)")',
    "a clause": 'op.bulk_insert(sa.table("nowhere", sa.column("a")), [{"a": 1}])',
    "an operation": 'op.drop_column("users", "nowhere")',
    "the connection": 'op.get_bind().execute(sa.text("INSERT INTO nowhere VALUES (1)"))',
    "Python": "1 / 0",
}
WORK = """
op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))
op.add_column("users", sa.Column("age", sa.Integer(), nullable=False, server_default="7"))
op.alter_column("users", "name", type_=sa.Text(), existing_type=sa.String(50))
op.execute("UPDATE users SET name = 'changed'")
op.execute("DELETE FROM users WHERE id = 2")
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("breaks", BREAKS.values(), ids=BREAKS.keys())
def test_a_failed_migration_leaves_nothing_behind(
    database: Callable[[str], sa.URL], folder: Folder, kind: str, breaks: str
) -> None:
    """Schema, rows and history are as before it; the migrations before it stay applied."""
    folder.write("dddd", WORK + breaks)
    with opened(database(kind)) as db:
        db.runner(folder).upgrade("bbbb")
        db.execute("INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob')")
        before = db.state()
        with pytest.raises(MigrationFailedError) as caught:
            db.runner(folder).upgrade()
        assert caught.value.message.startswith("upgrade of 0004_step_dddd.py failed: ")
        assert caught.value.message.endswith("\ndone before it, and kept: 0003_step_cccc.py")
        assert caught.value.revision == "dddd"
        assert db.history() == ["aaaa", "bbbb", "cccc"]
        db.runner(folder).downgrade()
        assert db.state() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_failed_downgrade_leaves_nothing_behind(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """It counts as applied still, and so do those before it."""
    folder.write("dddd", "pass", WORK + 'op.execute("DROP TABLE nowhere")')
    with opened(database(kind)) as db:
        db.runner(folder).upgrade()
        db.execute("INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob')")
        before = db.state()
        with pytest.raises(MigrationFailedError, match=r"downgrade of 0004_step_dddd\.py failed"):
            db.runner(folder).downgrade("base")
        assert db.state() == before


def test_a_failure_says_what_failed_and_why(sqlite: Database, folder: Folder) -> None:
    """Operation, reason of the database, statement, what was kept, and what to do."""
    folder.write("dddd", 'op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(MigrationFailedError) as caught:
        sqlite.runner(folder).upgrade()
    assert caught.value.message == (
        "upgrade of 0004_step_dddd.py failed: cannot apply ~ execute INSERT INTO nowhere VALUES (1): "
        "no such table: nowhere\n"
        "statement: INSERT INTO nowhere VALUES (1)\n"
        "done before it, and kept: 0001_step_aaaa.py, 0002_step_bbbb.py, 0003_step_cccc.py"
    )
    assert caught.value.statement == "INSERT INTO nowhere VALUES (1)"
    assert (
        caught.value.hint
        == "the failed migration left nothing behind: fix it and run the same command again"
    )


def test_a_failure_of_the_first_migration_keeps_nothing(sqlite: Database, tmp_path: Path) -> None:
    """The message says so."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", "raise ValueError('no such thing')")
    with pytest.raises(MigrationFailedError) as caught:
        sqlite.runner(folder).upgrade()
    assert caught.value.message == (
        "upgrade of 0001_step_aaaa.py failed: ValueError: no such thing\n"
        "done before it, and kept: nothing"
    )
    assert caught.value.statement is None
    assert sqlite.history() == []


def test_an_edited_file_is_refused(db: Database, folder: Folder) -> None:
    """Neither direction runs while an applied file is not what was applied."""
    db.runner(folder).upgrade("bbbb")
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("200", "100"))
    before = db.state()
    for act in (db.runner(folder).upgrade, db.runner(folder).downgrade):
        with pytest.raises(EditedMigrationError) as caught:
            act()
        assert caught.value.message == (
            "migrations were edited after they were applied: 0002_step_bbbb.py"
        )
        assert caught.value.hint == (
            "restore them from version control and write the change as a new migration; or make "
            "sure that the database is as they say now, and: autodiff repair --edited"
        )
        assert caught.value.revisions == ("bbbb",)
    assert db.state() == before


def test_a_file_that_was_laid_out_anew_is_not_edited(sqlite: Database, folder: Folder) -> None:
    """A formatter or a comment does not stop anybody."""
    sqlite.runner(folder).upgrade("bbbb")
    path = folder.path / "0002_step_bbbb.py"
    path.write_text("# seen\n" + path.read_text().replace('"', "'").replace("'''", '"""'))
    assert [m.revision for m in sqlite.runner(folder).upgrade()] == ["cccc"]


def test_a_file_that_was_not_applied_may_be_edited(sqlite: Database, folder: Folder) -> None:
    """Only what was applied is held fast."""
    sqlite.runner(folder).upgrade("+1")
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("200", "100"))
    sqlite.runner(folder).upgrade()
    assert sqlite.table("users").columns[-1].type.sql.upper() == "VARCHAR(100)"


def test_a_missing_file_is_refused(db: Database, folder: Folder) -> None:
    """A database that another branch migrated is left alone."""
    db.runner(folder).upgrade()
    (folder.path / "0003_step_cccc.py").unlink()
    before = db.state()
    for act in (db.runner(folder).upgrade, db.runner(folder).downgrade):
        with pytest.raises(EditedMigrationError) as caught:
            act()
        assert caught.value.message == (
            "the database has migrations whose files are missing: cccc (0003_step_cccc)"
        )
        assert caught.value.hint == (
            "restore the files, or check out the branch that has them; or let the database forget "
            "them, if nothing of them is there any more: autodiff repair --missing"
        )
        assert caught.value.revisions == ("cccc",)
    assert db.state() == before


def test_a_file_that_does_not_import_stops_before_anything_runs(
    sqlite: Database, folder: Folder
) -> None:
    """The files of a run are loaded before the first of them starts."""
    path = folder.write("dddd", "pass")
    path.write_text("import no_such_module\n" + path.read_text())
    with pytest.raises(MigrationFileError) as caught:
        sqlite.runner(folder).upgrade()
    assert caught.value.message == (
        f"cannot read migration {path}: ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert (sqlite.tables(), sqlite.history()) == ([], [])


def test_stamp_records_and_runs_nothing(db: Database, folder: Folder) -> None:
    """What comes up to the target counts as applied, and nothing else does; +1 and -2 count from
    where the database stands."""
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


def test_stamp_keeps_when_a_migration_was_applied(sqlite: Database, folder: Folder) -> None:
    """What was applied before counts from then on, and the journal has no new word of it."""
    sqlite.runner(folder, clock=lambda: dt.datetime(2025, 1, 1, tzinfo=dt.UTC)).upgrade("aaaa")
    sqlite.runner(folder, clock=lambda: dt.datetime(2026, 2, 2, tzinfo=dt.UTC)).stamp("bbbb")
    applied = sqlite.runner(folder).applied()
    assert [applied[revision].applied_at.year for revision in ("aaaa", "bbbb")] == [2025, 2026]
    assert [(e.revision, e.kind) for e in sqlite.runner(folder).log()] == [
        ("aaaa", "upgrade"),
        ("bbbb", "stamp"),
    ]


def test_stamp_leaves_what_was_applied_as_it_is(sqlite: Database, folder: Folder) -> None:
    """When it was applied is not forgotten; the journal says what no longer counts."""
    sqlite.runner(folder).upgrade()
    before = sqlite.runner(folder).applied()
    later = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    sqlite.runner(folder, clock=lambda: later).stamp("bbbb")
    after = sqlite.runner(folder).applied()
    assert after == {revision: before[revision] for revision in ("aaaa", "bbbb")}
    last = sqlite.runner(folder).log()[-1]
    assert (last.kind, last.outcome, last.revision) == ("stamp", "forgotten", "cccc")


def test_stamp_settles_an_edited_file(sqlite: Database, folder: Folder) -> None:
    """The checksums of today's files are recorded, files that are gone are forgotten."""
    sqlite.runner(folder).upgrade()
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("200", "100"))
    (folder.path / "0003_step_cccc.py").unlink()
    sqlite.runner(folder).stamp()
    assert sorted(sqlite.runner(folder).verify()) == ["aaaa", "bbbb"]


def test_events_come_in_order(db: Database, folder: Folder) -> None:
    """Each migration starts, sends its statements and finishes, with its place in the run."""
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
    sent = [event.sql for event in events if isinstance(event, StatementRun)]
    assert sent[0].startswith("ALTER TABLE users ADD COLUMN email")
    assert any(sql.startswith("CREATE TABLE posts") for sql in sent)


def test_a_migration_that_fails_does_not_finish(sqlite: Database, folder: Folder) -> None:
    """The last event is the statement that failed."""
    events: list[Event] = []
    folder.write("dddd", 'op.execute("DROP TABLE nowhere")')
    with pytest.raises(MigrationFailedError):
        sqlite.runner(folder, on_event=events.append).upgrade()
    assert events[-1] == StatementRun(sql="DROP TABLE nowhere")


def test_sql_files_run_in_both_directions(db: Database, folder: Folder) -> None:
    """A pair of SQL files is a migration like the others."""
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


def test_sql_files_know_the_strings_of_mariadb(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    r"""Backslashes in strings, comments behind # and bodies of triggers end no statement."""
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


HAND_WRITTEN = """
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


def test_a_hand_written_migration_may_mix_everything(db: Database, tmp_path: Path) -> None:
    """Operations, SQL, rows and the connection see what was done before them."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", HAND_WRITTEN, 'op.drop_table("users")')
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
    """Two branches and the migration that joins them are all applied, and undone."""
    folder.write("dddd", 'op.execute("CREATE TABLE d (a)")', 'op.drop_table("d")', parents=["bbbb"])
    folder.write("eeee", parents=["cccc", "dddd"])
    assert [m.revision for m in sqlite.runner(folder).upgrade("dddd")] == ["aaaa", "bbbb", "dddd"]
    assert [m.revision for m in sqlite.runner(folder).upgrade()] == ["cccc", "eeee"]
    assert [m.revision for m in sqlite.runner(folder).downgrade("bbbb")] == ["eeee", "dddd", "cccc"]
    assert sqlite.tables() == ["users"]


# SQLite's foreign keys


@pytest.fixture
def family(sqlite: Database, folder: Folder) -> Database:
    """Users with posts, on a connection that enforces foreign keys."""
    sqlite.runner(folder).upgrade()
    sqlite.execute(
        "INSERT INTO users (id, name) VALUES (1, 'Ann')",
        "INSERT INTO posts (id, user_id) VALUES (10, 1)",
    )
    sqlite.connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    sqlite.connection.commit()
    return sqlite


def test_foreign_keys_stay_on(family: Database, folder: Folder) -> None:
    """A rebuild of the parent deletes no child, and afterwards keys are enforced again."""
    folder.write("dddd", 'op.alter_column("users", "name", type_=sa.Text())')
    family.runner(folder).upgrade()
    assert family.rows("PRAGMA foreign_keys") == [(1,)]
    assert family.rows("SELECT * FROM posts") == [(10, 1)]
    assert family.table("users").column("name").type.sql.upper() == "TEXT"  # type: ignore[union-attr]
    with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY constraint failed"):
        family.execute("INSERT INTO posts (id, user_id) VALUES (11, 99)")
    family.connection.rollback()


def test_foreign_keys_stay_off(sqlite: Database, folder: Folder) -> None:
    """A connection that did not enforce them does not afterwards."""
    sqlite.runner(folder).upgrade()
    assert sqlite.rows("PRAGMA foreign_keys") == [(0,)]


def test_rows_that_point_at_nothing_are_refused(family: Database, folder: Folder) -> None:
    """The migration is rolled back, the message names both tables, keys are on again."""
    folder.write("dddd", 'op.execute("DELETE FROM users")\nop.execute("CREATE TABLE x (a)")')
    before = family.state()
    with pytest.raises(MigrationFailedError) as caught:
        family.runner(folder).upgrade()
    assert caught.value.message == (
        "upgrade of 0004_step_dddd.py failed: "
        "the migration leaves rows that point at nothing: posts -> users\n"
        "done before it, and kept: nothing"
    )
    assert caught.value.hint == (
        "PRAGMA foreign_key_check lists them; repair the rows in the migration"
    )
    assert family.state() == before
    assert family.rows("PRAGMA foreign_keys") == [(1,)]


def test_rows_that_pointed_at_nothing_before_are_left_alone(
    family: Database, folder: Folder
) -> None:
    """An old fault of the data stops no migration that has nothing to do with it."""
    family.connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    family.execute("INSERT INTO posts (id, user_id) VALUES (11, 99)")
    folder.write("dddd", 'op.alter_column("users", "name", type_=sa.Text())')
    family.runner(folder).upgrade()
    assert family.history() == ["aaaa", "bbbb", "cccc", "dddd"]


def test_more_rows_that_point_at_nothing_are_refused(family: Database, folder: Folder) -> None:
    """A table with an old fault gets no second one."""
    family.connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    family.execute("INSERT INTO posts (id, user_id) VALUES (11, 99)")
    folder.write("dddd", 'op.execute("DELETE FROM users")')
    with pytest.raises(MigrationFailedError, match="point at nothing: posts -> users"):
        family.runner(folder).upgrade()
    assert family.rows("SELECT count(*) FROM users") == [(1,)]


def test_the_history_can_stand_in_a_schema(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """Where the configuration names one."""
    with opened(database("postgresql")) as db:
        db.execute("CREATE SCHEMA ops")
        db.runner(folder, schema="ops").upgrade()
        assert db.rows("SELECT count(*) FROM ops.autodiff_history") == [(3,)]
        assert db.history() == []
        assert db.runner(folder, schema="ops").upgrade() == []
