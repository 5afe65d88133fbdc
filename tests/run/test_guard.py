"""Test that op.get_bind() and op.run() give access to the connection, not its transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from autodiff.runner.hooks import HookedMigration, Hooks
from tests.support import Database, Folder, opened

USERS = """
op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(50)))
"""
ORM = """
from sqlalchemy.orm import Session, declarative_base

Base = declarative_base()


class User(Base):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50))


def work(connection):
    with Session(connection) as session:
        session.add(User(id=1, name="ann"))
        session.commit()
        session.scalars(sa.select(User)).one().name = "bob"
        session.commit()
"""
ACCESS = {"bind": "work(op.get_bind())", "run": "op.run(work)"}


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as db:
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    return folder


def write_next(folder: Folder, access: str, code: str, after: str = "") -> None:
    """Write the next migration: it calls `work` in one of the two ways, then runs `after`."""
    path = folder.write("bbbb", f"{ACCESS[access]}\n{after}")
    path.write_text(path.read_text() + code)


def upgrade_error(db: Database, folder: Folder) -> MigrationFailedError:
    db.runner(folder).upgrade("aaaa")
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).upgrade()
    return caught.value


def names(db: Database) -> list[str]:
    return [row[0] for row in db.rows("SELECT name FROM users ORDER BY id")]


@pytest.mark.parametrize("access", ACCESS)
def test_an_orm_session_works_on_the_connection(db: Database, folder: Folder, access: str) -> None:
    """Its commit() flushes, but does not end the transaction."""
    write_next(folder, access, ORM, 'op.add_column("users", sa.Column("age", sa.Integer()))')
    db.runner(folder).upgrade()
    assert names(db) == ["bob"]
    assert db.history() == ["aaaa", "bbbb"]
    assert db.table("users").column("age") is not None


@pytest.mark.parametrize("access", ACCESS)
def test_a_failed_migration_rolls_back_a_session_commit(
    db: Database, folder: Folder, access: str
) -> None:
    """On MariaDB the work of the session is a finished step, and stays."""
    write_next(folder, access, ORM, 'op.execute("SELECT nonsense")')
    assert "nonsense" in upgrade_error(db, folder).message
    assert names(db) == (["bob"] if db.connection.dialect.name == "mysql" else [])


COMMIT = """

def work(connection):
    connection.execute(sa.text("INSERT INTO users VALUES (1, 'ann')"))
    connection.commit()
    connection.execute(sa.text("INSERT INTO users VALUES (2, 'bob')"))
"""
CAUGHT = """

def work(connection):
    connection.execute(sa.text("INSERT INTO users VALUES (1, 'ann')"))
    try:
        connection.commit()
    except Exception:
        pass
"""
ROLLBACK = COMMIT.replace("commit", "rollback")
LAST_ROLLBACK = CAUGHT.replace("commit", "rollback")


@pytest.mark.parametrize("access", ACCESS)
def test_a_commit_is_refused(db: Database, folder: Folder, access: str) -> None:
    """The error comes before the commit is sent: nothing is kept, and the next run starts over."""
    write_next(folder, access, COMMIT)
    error = upgrade_error(db, folder)
    assert error.message.startswith(
        "upgrade of 0002_step_bbbb.py failed: commit() was called on the migration's connection: "
        "only the runner ends its transaction\n"
    )
    assert error.hint == (
        "remove the call: the runner commits the migration together with its record, or rolls all "
        "of it back; for a part of it, use connection.begin_nested()"
    )
    assert names(db) == []
    assert db.history() == ["aaaa"]
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("    connection.commit()\n", ""))
    db.runner(folder).upgrade()
    assert names(db) == ["ann", "bob"]


@pytest.mark.parametrize("access", ACCESS)
@pytest.mark.parametrize(
    "code", [CAUGHT, ROLLBACK, LAST_ROLLBACK], ids=["caught", "rollback", "last rollback"]
)
def test_ending_the_transaction_fails_the_migration(
    db: Database, folder: Folder, access: str, code: str
) -> None:
    """Catching the error does not help, and rollback() is refused too.

    Nothing is kept or recorded.
    """
    write_next(folder, access, code)
    message = upgrade_error(db, folder).message
    method = "commit" if code == CAUGHT else "rollback"
    assert f"{method}() was called on the migration's connection" in message
    assert names(db) == []
    assert db.history() == ["aaaa"]


def test_a_later_commit_is_refused(db: Database, folder: Folder) -> None:
    """The migration keeps the connection, and commits after other operations."""
    folder.write(
        "bbbb",
        'connection = op.get_bind()\nop.add_column("users", sa.Column("age", sa.Integer()))\n'
        "connection.commit()",
    )
    assert "commit() was called" in upgrade_error(db, folder).message
    assert db.history() == ["aaaa"]


def test_an_error_of_a_session_is_reported_unchanged(db: Database, folder: Folder) -> None:
    """The session rolls back before it raises; this does not hide the error."""
    write_next(folder, "run", ORM.replace("session.commit()", "session.add(User(id=1))", 1))
    message = upgrade_error(db, folder).message
    assert "rollback() was called" not in message
    assert any(word in message.lower() for word in ("duplicate", "unique", "conflict"))
    assert names(db) == []


def test_a_savepoint_can_be_rolled_back(db: Database, folder: Folder) -> None:
    code = COMMIT.replace("connection.commit()", "part = connection.begin_nested()")
    write_next(folder, "run", f"{code}    part.rollback()\n")
    db.runner(folder).upgrade()
    assert names(db) == ["ann"]


TEXTS = (
    "COMMIT",
    "commit;",
    "/* done */ COMMIT WORK",
    "-- done\nEND",
    "ROLLBACK",
    "ABORT",
    "BEGIN",
)
TEXTS += (
    "START TRANSACTION",
    "UPDATE users SET id = 1; COMMIT; SELECT 1",
    "PREPARE TRANSACTION 'x'",
)
TEXTS += ("COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "BEGIN IMMEDIATE", "END TRANSACTION")


@pytest.mark.parametrize("text", TEXTS)
def test_transaction_control_in_a_statement_is_refused(
    db: Database, folder: Folder, text: str
) -> None:
    """Nothing is sent, so nothing is left behind."""
    folder.write("bbbb", f"op.execute({text!r})")
    error = upgrade_error(db, folder)
    assert "only the runner begins and ends its transaction" in error.message
    assert "op.autocommit()" in f"{error.hint}"
    assert db.history() == ["aaaa"]


def test_transaction_control_in_a_sql_file_is_refused(db: Database, folder: Folder) -> None:
    folder.write_sql("bbbb", "BEGIN;\nINSERT INTO users VALUES (1, 'ann');\nCOMMIT;")
    error = upgrade_error(db, folder)
    assert "BEGIN is not possible in a migration" in error.message
    assert f"{error.hint}".endswith("write a migration in Python and use: with op.autocommit():")
    assert names(db) == []


def test_comments_that_mariadb_executes_are_read(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    folder.write("bbbb", "op.execute('/*!40101 COMMIT */')")
    with opened(database("mariadb")) as db:
        assert "COMMIT is not possible in a migration" in upgrade_error(db, folder).message


def test_savepoints_and_bodies_are_allowed(db: Database, folder: Folder) -> None:
    """They do not end the transaction."""
    folder.write(
        "bbbb",
        "op.execute('SAVEPOINT one')\n"
        "op.execute(\"INSERT INTO users VALUES (1, 'COMMIT')\")\n"
        "op.execute('ROLLBACK TO SAVEPOINT one')\n"
        "op.execute(\"INSERT INTO users VALUES (2, 'BEGIN; END') -- COMMIT\")",
    )
    if db.connection.dialect.name == "mysql":  # each statement is its own transaction
        return
    db.runner(folder).upgrade()
    assert names(db) == ["BEGIN; END"]


INSERT = "connection.execute(sa.text(\"INSERT INTO users VALUES (1, 'ann')\"))"
DRIVER = "connection.connection.driver_connection"
HIDDEN = {
    "the driver commits": f"{INSERT}; {DRIVER}.commit()",
    "the driver commits and begins": f"{INSERT}; {DRIVER}.commit(); {DRIVER}.execute('BEGIN')",
    "the driver rolls back": f"{INSERT}; {DRIVER}.rollback()",
    "a statement commits": f"{INSERT}; connection.exec_driver_sql('COMMIT')",
    "a statement of SQLAlchemy": f"{INSERT}; connection.execute(sa.text('ROLLBACK'))",
    "a cursor commits": f"{INSERT}; {DRIVER}.cursor().execute('COMMIT')",
    "a new transaction": f"{INSERT}; {DRIVER}.execute('COMMIT'); {DRIVER}.execute('BEGIN')",
}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("fails", [False, True], ids=["returns", "raises"])
@pytest.mark.parametrize("access", ACCESS)
@pytest.mark.parametrize("code", HIDDEN.values(), ids=HIDDEN)
def test_a_transaction_that_ended_unseen_is_noticed(
    database: Callable[[str], sa.URL],
    folder: Folder,
    kind: str,
    code: str,
    access: str,
    fails: bool,
) -> None:
    """The server is asked. Nothing is recorded, and the message does not promise a rollback."""
    end = "    raise ValueError('later')\n" if fails else ""
    write_next(folder, access, f"\n\ndef work(connection):\n    {code}\n{end}")
    with opened(database(kind)) as db:
        error = upgrade_error(db, folder)
        assert "ended its own transaction" in f"{error.message} {error.hint}"
        assert "left nothing behind" not in f"{error.hint}"
        assert "what it did until then may be in the database" in f"{error.hint}"
        assert db.history() == ["aaaa"]
        assert db.runner(folder).unfinished() is None


IGNORING = """

def work(connection):
    connection.execute(sa.text("INSERT INTO users (id, name) VALUES (1, 'ann')"))
    try:
        connection.execute(sa.text("DROP TABLE missing"))
    except sa.exc.DBAPIError:
        pass
"""


def ignore_error(migration: HookedMigration) -> None:
    if migration.migration.revision == "bbbb":
        with suppress(sa.exc.DBAPIError):
            migration.connection.execute(sa.text("DROP TABLE missing"))


@pytest.mark.parametrize(
    ("code", "hooks"),
    [
        (IGNORING, Hooks()),
        ("\n\ndef work(connection):\n    pass\n", Hooks(before_migration=ignore_error)),
    ],
    ids=["migration", "hook"],
)
@pytest.mark.parametrize("access", ACCESS)
def test_an_ignored_error_is_not_taken_for_an_end_of_the_transaction(
    database: Callable[[str], sa.URL], folder: Folder, access: str, code: str, hooks: Hooks
) -> None:
    """PostgreSQL refuses all later statements of the transaction, and keeps nothing of it."""
    write_next(folder, access, code)
    with opened(database("postgresql")) as db:
        with pytest.raises(MigrationFailedError, match="ignored the error") as caught:
            db.runner(folder, hooks=hooks).upgrade()
        assert "nothing of the transaction was kept" in f"{caught.value.hint}"
        assert "ended its own transaction" not in f"{caught.value}"
        assert db.history() == ["aaaa"]
        assert names(db) == []


@pytest.mark.parametrize("access", ACCESS)
def test_an_ignored_error_outside_of_the_transaction_is_not_taken_for_a_rollback(
    database: Callable[[str], sa.URL], folder: Folder, access: str
) -> None:
    path = folder.write("bbbb", f"with op.autocommit():\n    {ACCESS[access]}")
    path.write_text(path.read_text() + IGNORING)
    with opened(database("postgresql")) as db:
        with pytest.raises(MigrationFailedError, match="ignored the error") as caught:
            db.runner(folder).upgrade()
        assert "nothing of the transaction was kept" in f"{caught.value.hint}"
        assert db.history() == ["aaaa"]
        assert names(db) == []
        assert db.runner(folder).unfinished() is None


def test_executescript_is_noticed(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """The sqlite3 module commits before it runs a script."""
    script = f"{DRIVER}.executescript('CREATE TABLE a (x); CREATE TABLE b (x);')"
    write_next(folder, "bind", f"\n\ndef work(connection):\n    {script}\n")
    with opened(database("sqlite")) as db:
        assert "ended its own transaction" in upgrade_error(db, folder).message
        assert db.history() == ["aaaa"]


def test_a_rollback_of_sqlite_after_an_error_is_noticed(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """INSERT OR ROLLBACK ends the transaction, and the migration ignores the error."""
    folder.write(
        "bbbb",
        "op.execute(\"INSERT INTO users VALUES (1, 'ann')\")\n"
        "try:\n"
        "    op.execute(\"INSERT OR ROLLBACK INTO users VALUES (1, 'bob')\")\n"
        "except Exception:\n"
        "    pass",
    )
    with opened(database("sqlite")) as db:
        assert "ended its own transaction" in upgrade_error(db, folder).message
        assert names(db) == []
        assert db.history() == ["aaaa"]


def test_the_server_is_asked_only_if_the_connection_was_handed_over(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """Other migrations cost no statement more."""
    statements: list[str] = []
    folder.write("bbbb", "op.execute(\"INSERT INTO users VALUES (1, 'ann')\")")
    with opened(database("postgresql")) as db:
        sa.event.listen(
            db.connection.engine,
            "before_cursor_execute",
            lambda connection, cursor, statement, *_: statements.append(statement),
        )
        db.runner(folder).upgrade()
        assert not [sql for sql in statements if "SAVEPOINT" in sql]


COPIES = [
    "COPY users TO STDOUT",
    "-- all\ncopy users (id) from stdin with (format csv)",
    "COPY (SELECT 1) TO STDOUT",
]
FORMS = {
    "op": "op.execute({!r})",
    "text": "op.execute(sa.text({!r}))",
    "DDL": "op.execute(sa.DDL({!r}))",
}


@pytest.mark.parametrize("sql", COPIES)
@pytest.mark.parametrize("form", [*FORMS, "file"])
def test_copying_rows_through_the_client_is_refused(
    database: Callable[[str], sa.URL], tmp_path: Path, sql: str, form: str
) -> None:
    """The server would wait for rows that nobody sends."""
    folder = Folder(tmp_path / "copies")
    folder.write("aaaa", 'op.create_table("users", sa.Column("id", sa.Integer()))')
    if form == "file":
        folder.write_sql("bbbb", f"{sql};\n5\n\\.\n")
    else:
        folder.write("bbbb", FORMS[form].format(sql))
    with opened(database("postgresql")) as db:
        error = upgrade_error(db, folder)
        assert "is not possible in a migration: it needs a client" in error.message
        assert "write the rows with INSERT or op.bulk_insert" in f"{error.hint}"
        assert db.history() == ["aaaa"]


def test_the_server_may_copy_rows(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    folder = Folder(tmp_path / "copies")
    folder.write_sql("aaaa", "CREATE TABLE stdin (id int);\nCOPY stdin FROM '/dev/null';")
    with opened(database("postgresql")) as db:
        db.runner(folder).upgrade()
        assert db.history() == ["aaaa"]
