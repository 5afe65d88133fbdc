"""Test scripts for the database's own client: they do what a run does, or refuse."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import HistoryError, MigrationFailedError
from tests.support import Database, Folder, opened

RunScript = Callable[[sa.URL, str], subprocess.CompletedProcess[str]]

USERS = """
op.create_table(
    "users",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, server_default="it's 5% \\\\ :x ; -- no"),
    sa.Column("data", sa.LargeBinary()),
    sa.Column("extra", sa.JSON()),
    sa.Column("born", sa.DateTime()),
)
op.create_index("ix_name", "users", ["name"])
"""
ROWS = r"""
users = sa.table(
    "users", sa.column("id"), sa.column("name"), sa.column("data", sa.LargeBinary()),
    sa.column("extra", sa.JSON()), sa.column("born", sa.DateTime()),
)
op.bulk_insert(users, [
    {
        "id": 1,
        "name": "a;b -- c 50% :name :'x' \\ \\n ' \" ` /* # $$ {} \t ü 🙂",
        "data": b"\x00\xff'\\;",
        "extra": {"k": "it's; 50% :a \\ \"q\""},
        "born": __import__("datetime").datetime(2020, 1, 2, 3, 4, 5),
    },
    {"id": 2, "name": "two\r\nlines\n.help\n\\q\ndelimiter //\ngo", "data": None, "extra": [1],
     "born": None},
])
op.bulk_insert(users, [
    {"id": 4, "name": "four"}, {"id": 5, "name": "five", "data": b"\x00%", "extra": None},
])
op.execute(sa.insert(users).values(id=6, name="six", extra=None))
op.backfill("users", {"data": b"a\\101\x00\xff%"}, where="id = 4")
op.backfill("users", {"extra": {"k": [1, "it's 5% :x"]}}, where=sa.column("id") == 4)
op.execute(sa.update(users).where(users.c.id == 2).values(data=b"x%"))
op.execute("INSERT INTO users (id, name) VALUES (3, 'plain') -- it's over")
op.execute("UPDATE users SET name = 'p;' WHERE id = 3;")
op.drop_index("ix_name", "users")
op.backfill("users", {"born": sa.func.coalesce(sa.column("born"), sa.literal("2021-01-01"))})
op.require("SELECT id FROM users WHERE name = 'bad;%:x' -- none", "users with a bad; name: 5%")
op.alter_column("users", "name", type_=sa.Text(), existing_type=sa.String(200),
                server_default=None, existing_nullable=False)
op.rename_column("users", "name", "label")
"""
REVERT_ROWS = """
op.rename_column("users", "label", "name")
op.execute("DELETE FROM users WHERE id = 2")
op.alter_column("users", "name", type_=sa.String(200), existing_type=sa.Text(),
                server_default="it's 5% \\\\ :x ; -- no", existing_nullable=False)
op.create_index("ix_name", "users", ["name"])
"""
TRIGGERS = {
    "sqlite": [
        """CREATE TRIGGER log_it AFTER INSERT ON users BEGIN
  UPDATE users SET label = label || ';' WHERE id = NEW.id; -- it's
  SELECT CASE WHEN 1 THEN 2 END;
END"""
    ],
    "mysql": [
        """CREATE TRIGGER log_it BEFORE INSERT ON users FOR EACH ROW BEGIN
  IF NEW.id > 0 THEN SET NEW.label = concat(NEW.label, ';'); END IF;
  SET @x = CASE WHEN 1 THEN '//' ELSE ':b' END;
END"""
    ],
    "postgresql": [
        """CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE n integer := 1; a integer[] := ARRAY[1, 2];
BEGIN
  NEW.label := NEW.label || ';' || a[1:n]::text;
  RETURN NEW;
END $$""",
        "CREATE TRIGGER log_it BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION log_it()",
        "SELECT (ARRAY[1, 2])[1:DBNAME] FROM (SELECT 2 AS dbname) AS x",
    ],
}
"""Statements with semicolons, and with colons that psql could take for variables."""
DROP_TRIGGERS = {
    "sqlite": ["DROP TRIGGER log_it"],
    "mysql": ["DROP TRIGGER log_it"],
    "postgresql": ["DROP TRIGGER log_it ON users", "DROP FUNCTION log_it()"],
}
REBUILD = """
op.alter_column("users", "label", nullable=True, existing_type=sa.Text())
op.execute("INSERT INTO users (id, label) VALUES (9, 'nine')")
"""
REVERT_REBUILD = """
op.execute("DELETE FROM users WHERE id = 9")
op.alter_column("users", "label", nullable=False, existing_type=sa.Text())
"""


@pytest.fixture
def folder(any_database: sa.URL, tmp_path: Path) -> Folder:
    """Return four migrations with everything that a client could misread."""
    kind = any_database.get_backend_name()
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", ROWS, REVERT_ROWS)
    folder.write("cccc", *(_execute_calls(texts[kind]) for texts in (TRIGGERS, DROP_TRIGGERS)))
    folder.write("dddd", REBUILD, REVERT_REBUILD)
    return folder


def _execute_calls(statements: list[str]) -> str:
    return "\n".join(f"op.execute({sql!r})" for sql in statements)


@pytest.fixture
def run_successfully(run_script: RunScript) -> Callable[[sa.URL, str], None]:
    """Return a function that runs a script and requires success."""

    def run(url: sa.URL, script: str) -> None:
        result = run_script(url, script)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""

    return run


@pytest.fixture
def second_database(any_database: sa.URL, database: Callable[[str], sa.URL]) -> sa.URL:
    """Return the URL of a second database of the same kind."""
    kind = any_database.get_backend_name()
    return database("mariadb" if kind == "mysql" else kind)


def recorded_state(db: Database) -> tuple[object, ...]:
    """Return schema, rows, history with checksums, and the comparable columns of the journal."""
    journal = db.rows("SELECT revision, name, kind, checksum, outcome FROM autodiff_journal")
    history = db.rows("SELECT revision, name, checksum FROM autodiff_history ORDER BY 1")
    return *db.state(), history, journal


def test_a_script_has_the_result_of_a_run(
    any_database: sa.URL,
    second_database: sa.URL,
    folder: Folder,
    run_successfully: Callable[[sa.URL, str], None],
) -> None:
    """Two scripts up, two down and one up again give the same schema, rows, history and journal."""
    live, scripted = (
        Project(url, directory=folder.path) for url in (any_database, second_database)
    )
    live.upgrade()
    run_successfully(second_database, scripted.script("2").text)
    run_successfully(second_database, scripted.script("2:head").text)
    assert_same_state(any_database, second_database)
    assert scripted.status().pending == ()
    assert [entry.outcome for entry in scripted.log()] == ["done"] * 4
    assert scripted.upgrade() == []
    live.downgrade("1")
    run_successfully(second_database, scripted.script("head:1", "downgrade").text)
    assert_same_state(any_database, second_database)
    live.downgrade("base")
    run_successfully(second_database, scripted.script("1:base", "downgrade").text)
    assert_same_state(any_database, second_database)
    live.upgrade()
    run_successfully(second_database, scripted.script("base:head").text)
    assert_same_state(any_database, second_database)
    scripted.downgrade("base")


def test_a_script_ignores_the_case_of_names(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    run_successfully: Callable[[sa.URL, str], None],
) -> None:
    """On SQLite, an operation may name a table and a column in another case than they have."""
    folder = Folder(tmp_path / "m")
    folder.write(
        "aaaa",
        'op.create_table("Books", sa.Column("ID", sa.Integer, primary_key=True), '
        'sa.Column("Title", sa.Text))',
        'op.drop_table("Books")',
    )
    folder.write(
        "bbbb",
        'op.alter_column("books", "title", nullable=False)\nop.drop_column("BOOKS", "title")',
        'op.add_column("books", sa.Column("Title", sa.Text))',
    )
    live, scripted = database("sqlite"), database("sqlite")
    Project(live, directory=folder.path).upgrade()
    run_successfully(scripted, Project(scripted, directory=folder.path).script("head").text)
    assert_same_state(live, scripted)


def test_a_script_knows_the_indexes_of_foreign_keys(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    run_successfully: Callable[[sa.URL, str], None],
) -> None:
    """MariaDB creates, renames and drops them itself, also when a migration is applied again."""
    folder = Folder(tmp_path / "m")
    folder.write(
        "aaaa",
        'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True))\n'
        'op.create_table("posts", sa.Column("id", sa.Integer, primary_key=True), '
        'sa.Column("a", sa.Integer), sa.Column("b", sa.Integer), sa.Column("c", sa.Integer), '
        'sa.ForeignKeyConstraint(["a"], ["users.id"], name="fk_a"), '
        'sa.ForeignKeyConstraint(["b"], ["users.id"], name="posts_ibfk_1"), '
        'sa.ForeignKeyConstraint(["c"], ["users.id"], name="fk_c"))\n'
        'op.create_index("ix_a", "posts", ["a", "c"])\n'
        'op.create_index("ix_b", "posts", ["b"])',
        'op.drop_table("posts")\nop.drop_table("users")',
    )
    folder.write(
        "bbbb",
        'op.drop_index("ix_a", "posts")\nop.rename_table("posts", "texts")\n'
        'op.create_foreign_key("fk_d", "texts", "users", ["c"], ["id"])\n'
        'op.drop_constraint("texts_ibfk_1", "texts", type_="foreignkey")',
        'op.create_foreign_key("texts_ibfk_1", "texts", "users", ["b"], ["id"])\n'
        'op.drop_constraint("fk_d", "texts", type_="foreignkey")\n'
        'op.rename_table("texts", "posts")\nop.create_index("ix_a", "posts", ["a", "c"])',
    )
    one, other = database("mariadb"), database("mariadb")
    live, scripted = (
        Project(url.set(drivername="mariadb+pymysql"), directory=folder.path)
        for url in (one, other)
    )
    live.upgrade("1")
    run_successfully(other, scripted.script("1").text)
    assert_same_state(one, other)
    for _ in range(2):
        live.upgrade()
        run_successfully(other, scripted.script("1:head").text)
        assert_same_state(one, other)
        live.downgrade()
        run_successfully(other, scripted.script("head:1", "downgrade").text)
        assert_same_state(one, other)


def assert_same_state(first_url: sa.URL, second_url: sa.URL) -> None:
    with opened(first_url) as first, opened(second_url) as second:
        assert recorded_state(first) == recorded_state(second)


@pytest.mark.parametrize(
    ("current", "script", "message"),
    [
        ("base", "1:head", "autodiff_"),
        ("1", "2:head", "not applied to this database, or edited since: 0002_step_bbbb"),
        ("3", "2:head", "applied to this database already: 0003_step_cccc, 0004_step_dddd"),
        ("4", "2:3", "applied to this database already: 0003_step_cccc"),
        ("2", "base:head", "applied to this database already: 0001_step_aaaa, 0002_step_bbbb"),
        ("2", "3:2", "not applied to this database, or edited since: 0003_step_cccc"),
        ("4", "3:2", "applied to this database already: 0004_step_dddd"),
    ],
)
def test_a_script_refuses_a_database_at_another_revision(
    any_database: sa.URL,
    folder: Folder,
    run_script: RunScript,
    current: str,
    script: str,
    message: str,
) -> None:
    """The script stops with the reason before it changes anything."""
    project = Project(any_database, directory=folder.path)
    if current != "base":
        project.upgrade(current)
    with opened(any_database) as db:
        before = db.state()
    down = script in ("3:2",)
    text = project.script(script, "downgrade" if down else "upgrade").text
    result = run_script(any_database, text)
    assert result.returncode != 0
    assert message in result.stderr
    with opened(any_database) as db:
        assert db.state() == before


def test_a_script_refuses_an_unfinished_migration(
    database: Callable[[str], sa.URL], tmp_path: Path, run_script: RunScript
) -> None:
    """Only a run can resume it, from the journal."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write("bbbb", 'op.drop_column("users", "born")\nop.execute("nonsense")')
    url = database("mariadb")
    project = Project(url, directory=folder.path)
    with pytest.raises(MigrationFailedError):
        project.upgrade()
    result = run_script(url, project.script("1:head").text)
    assert result.returncode != 0
    assert "a migration stopped half-way on this database; see autodiff status" in result.stderr
    with pytest.raises(HistoryError) as caught:
        project.script("current:head")
    assert caught.value.message.startswith("the upgrade of 0002_step_bbbb failed at step 2")
    assert "undo its finished steps: autodiff downgrade" in str(caught.value.hint)


def test_a_script_does_not_revert_an_edited_migration(
    any_database: sa.URL, folder: Folder, run_script: RunScript
) -> None:
    """The file differs from what was applied."""
    project = Project(any_database, directory=folder.path)
    project.upgrade("1")
    text = project.script("1:base", "downgrade").text
    with opened(any_database) as db:
        db.execute("UPDATE autodiff_history SET checksum = 'other'")
    result = run_script(any_database, text)
    assert result.returncode != 0
    assert "not applied to this database, or edited since: 0001_step_aaaa" in result.stderr


def test_a_script_does_not_wait_for_a_lock(
    any_database: sa.URL, folder: Folder, run_script: RunScript
) -> None:
    """While a runner holds the lock, or writes on SQLite, the script changes nothing."""
    project = Project(any_database, lock_timeout=0.2, directory=folder.path)
    text = project.script("1").text
    with opened(any_database) as db:
        lock = db.runner(folder).dialect.session.migration_lock(db.connection, None)
        assert lock.take("ann")
        with db.runner(folder).dialect.session.transaction(db.connection):
            result = run_script(any_database, text)
        lock.release()
    assert result.returncode != 0
    messages = ("another run holds the lock of this database's migrations", "database is locked")
    assert any(message in result.stderr.replace("''", "'") for message in messages)
    with opened(any_database) as db:
        assert db.history() == []


def test_violating_rows_stop_a_script(
    any_database: sa.URL, folder: Folder, run_script: RunScript
) -> None:
    """Earlier steps of the migration are rolled back if the database can."""
    project = Project(any_database, directory=folder.path)
    project.upgrade("1")
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id, name) VALUES (7, 'bad;%:x')")
    result = run_script(any_database, project.script("1:2").text)
    assert result.returncode != 0
    assert "users with a bad; name: 5%" in result.stderr
    with opened(any_database) as db:
        assert db.history() == ["aaaa"]
        count = db.rows("SELECT count(*) FROM users")
        assert count == [(7 if any_database.get_backend_name() == "mysql" else 1,)]


def test_a_script_stops_at_the_first_error(
    any_database: sa.URL, tmp_path: Path, run_script: RunScript
) -> None:
    """Later statements are not run, and the failed migration is not recorded."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write(
        "bbbb", 'op.execute("INSERT INTO users (id) VALUES (1)")\nop.execute("SELECT x y z")'
    )
    folder.write("cccc", 'op.drop_table("users")')
    result = run_script(any_database, Project(any_database, directory=folder.path).script().text)
    assert result.returncode != 0
    with opened(any_database) as db:
        assert db.history() == ["aaaa"]
        assert db.tables() == ["users"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            'op.add_column("users", sa.Column("a", sa.Integer()))\nop.get_bind()',
            "0002_step_bbbb.py:11: this migration uses the connection (op.get_bind), so it has "
            "no SQL script",
        ),
        ("op.run(print)", "0002_step_bbbb.py:10: this migration calls builtins.print (op.run), "),
        ("1 / 0", "0002_step_bbbb.py:10: ZeroDivisionError: division by zero"),
        (
            'op.bulk_insert(sa.table("users", sa.column("a", sa.PickleType())), [{"a": object}])',
            "0002_step_bbbb.py:10: a value has no SQL literal",
        ),
    ],
)
def test_code_without_sql_is_refused_with_its_line(
    any_database: sa.URL, tmp_path: Path, code: str, message: str
) -> None:
    """The error comes before any SQL is written."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write("bbbb", code)
    with pytest.raises(MigrationFailedError) as caught:
        Project(any_database, directory=folder.path).script()
    assert caught.value.message.startswith(message)
    assert caught.value.hint


@pytest.mark.parametrize(
    "drop",
    [
        'op.drop_table("unknown", if_exists=True)',
        'op.drop_column("unknown", "a", if_exists=True)',
        'op.drop_constraint("uq", "unknown", type_="unique", if_exists=True)',
    ],
)
def test_a_script_does_not_skip_what_may_exist(
    any_database: sa.URL, tmp_path: Path, drop: str
) -> None:
    """The run would drop a table that no migration has created."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write("bbbb", drop)
    with pytest.raises(MigrationFailedError, match="asks whether the table unknown exists"):
        Project(any_database, directory=folder.path).script()


def test_a_script_knows_what_earlier_migrations_created(
    any_database: sa.URL, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write(
        "bbbb",
        """
        op.drop_column("users", "missing", if_exists=True)
        op.drop_column("users", "extra", if_exists=True)
        op.create_index("ix_name", "users", ["name"], if_not_exists=True)
        """,
    )
    text = Project(any_database, directory=folder.path).script().text
    assert "missing" not in text
    assert "DROP COLUMN extra" in text or any_database.get_backend_name() == "sqlite"


def test_a_missing_index_is_dropped_if_it_exists(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", f'{USERS}\nop.drop_index("missing", "users", if_exists=True)')
    project = Project(database("postgresql"), directory=folder.path)
    assert "DROP INDEX IF EXISTS missing;" in project.script().text


def test_the_lock_file_says_that_mysql_is_mariadb(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.create_table("t", sa.Column("u", sa.Uuid()))')
    project = Project(database("mariadb"), sa.MetaData(), folder.path)
    assert project.url.get_backend_name() == "mysql"
    project.relock()
    assert "u uuid" in project.script().text


def test_migrations_before_a_script_may_use_python(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    run_successfully: Callable[[sa.URL, str], None],
) -> None:
    """For SQLite they are replayed in memory, so that the tables are known."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write("bbbb", 'op.get_bind().execute(sa.text("ALTER TABLE users ADD more INTEGER"))')
    folder.write("cccc", "op.run(print)")
    folder.write("dddd", 'op.alter_column("users", "more", nullable=False)')
    url = database("sqlite")
    project = Project(url, directory=folder.path)
    project.upgrade("3")
    run_successfully(url, project.script("3:head").text)
    with opened(url) as db:
        more = db.table("users").column("more")
        assert more is not None
        assert not more.nullable


def test_autocommit_ends_the_transaction(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    run_successfully: Callable[[sa.URL, str], None],
) -> None:
    """A script can build an index concurrently."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write(
        "bbbb",
        """
        op.add_column("users", sa.Column("email", sa.Text()))
        with op.autocommit():
            op.create_index("ix_email", "users", ["email"], postgresql_concurrently=True)
        op.execute("UPDATE users SET email = 'x'")
        """,
    )
    url = database("postgresql")
    run_successfully(url, Project(url, directory=folder.path).script().text)
    with opened(url) as db:
        assert db.history() == ["aaaa", "bbbb"]
        assert [index.name for index in db.table("users").indexes] == ["ix_email", "ix_name"]


def test_a_rebuild_outside_the_transaction_has_its_own(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    run_successfully: Callable[[sa.URL, str], None],
) -> None:
    """A rebuild drops the table before the new one has its name; a stopped script undoes that."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write(
        "bbbb",
        """
        op.execute("INSERT INTO users (id, name) VALUES (1, 'ann')")
        with op.autocommit():
            op.alter_column("users", "name", type_=sa.String(9))
            op.execute("VACUUM")
        """,
    )
    url = database("sqlite")
    text = Project(url, directory=folder.path).script().text
    run_successfully(url, text)
    with opened(url) as db:
        assert db.history() == ["aaaa", "bbbb"]
        assert db.rows("SELECT name FROM users") == [("ann",)]
    segments = [part.split("COMMIT;")[0] for part in text.split("BEGIN IMMEDIATE;")]
    [rebuild] = [part for part in segments if "DROP TABLE users;" in part]
    assert "RENAME TO users;" in rebuild
    assert "VACUUM;" not in "".join(segments)


def test_a_script_uses_the_schema_of_the_history(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    run_successfully: Callable[[sa.URL, str], None],
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    url = database("postgresql")
    with opened(url) as db:
        db.execute('CREATE SCHEMA "own one"')
    project = Project(url, directory=folder.path, history_schema="own one")
    run_successfully(url, project.script().text)
    assert project.status().current == "aaaa"


def test_dangling_references_stop_a_script(
    database: Callable[[str], sa.URL], tmp_path: Path, run_script: RunScript
) -> None:
    """A script turns foreign keys off on SQLite, and checks them.

    Existing references are ignored.
    """
    folder = Folder(tmp_path / "m")
    pets = 'op.create_table("pets", sa.Column("id", sa.Integer(), primary_key=True), '
    key = 'sa.Column("owner", sa.Integer(), sa.ForeignKey("users.id", name="fk")))'
    folder.write("aaaa", USERS + pets + key)
    folder.write("bbbb", 'op.add_column("pets", sa.Column("name", sa.Text()))')
    folder.write("cccc", 'op.execute("INSERT INTO pets (owner) VALUES (99)")')
    url = database("sqlite")
    project = Project(url, directory=folder.path)
    project.upgrade("1")
    with opened(url) as db:
        db.execute("INSERT INTO pets (owner) VALUES (5)")
    result = run_script(url, project.script("1:head").text)
    assert result.returncode == 1
    assert "the migration leaves rows that violate foreign keys" in result.stderr
    with opened(url) as db:
        assert db.history() == ["aaaa", "bbbb"]


def test_a_script_has_the_same_bytes_each_time(any_database: sa.URL, folder: Folder) -> None:
    """It depends on neither the clock nor the database."""
    first = Project(any_database, directory=folder.path).script()
    again = Project(any_database, directory=folder.path)
    again.upgrade()
    assert again.script() == first
    assert list(first.statements) == [m.name for m in first.migrations]


@pytest.fixture
def offline(tmp_path: Path) -> Project:
    """Return a project with three migrations and a database that does not exist."""
    folder = Folder(tmp_path / "m")
    for revision in ("aaaa", "bbbb", "cccc"):
        folder.write(revision, f"op.execute(\"SELECT '{revision}'\")")
    return Project("postgresql://nobody@127.0.0.1:1/no", directory=folder.path)


@pytest.mark.parametrize(
    ("text", "direction", "revisions"),
    [
        (None, "upgrade", "aaaa bbbb cccc"),
        ("head", "upgrade", "aaaa bbbb cccc"),
        ("2", "upgrade", "aaaa bbbb"),
        ("1:", "upgrade", "bbbb cccc"),
        (":2", "upgrade", "aaaa bbbb"),
        ("1:+1", "upgrade", "bbbb"),
        ("+1", "upgrade", "aaaa"),
        ("head:head", "upgrade", ""),
        ("head:base", "downgrade", "cccc bbbb aaaa"),
        ("head:", "downgrade", "cccc"),
        ("head:-2", "downgrade", "cccc bbbb"),
        ("2:step_aaaa", "downgrade", "bbbb"),
    ],
)
def test_a_range_selects_migrations(
    offline: Project, text: str | None, direction: str, revisions: str
) -> None:
    """Either end may be omitted. Nothing is connected to."""
    script = offline.script(text, direction)  # type: ignore[arg-type]
    assert [m.revision for m in script.migrations] == revisions.split()
    assert bool(script.text) == bool(revisions)


@pytest.mark.parametrize(
    ("text", "direction", "message", "hint"),
    [
        (
            "base",
            "downgrade",
            "a script that downgrades to base needs the revision to start from",
            "autodiff downgrade head:base --sql, or current:base to start from the database's "
            "current revision",
        ),
        (
            "3:1",
            "upgrade",
            "upgrade does not lead from 3 to 1",
            "swap the direction: autodiff downgrade 3:1 --sql",
        ),
        (
            "1:3",
            "downgrade",
            "downgrade does not lead from 1 to 3",
            "swap the direction: autodiff upgrade 1:3 --sql",
        ),
    ],
)
def test_an_impossible_range_is_refused(
    offline: Project, text: str, direction: str, message: str, hint: str
) -> None:
    """The hint is the command to use instead."""
    with pytest.raises(HistoryError) as caught:
        offline.script(text, direction)  # type: ignore[arg-type]
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_script_may_start_at_the_current_revision(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Only `current` connects to the database."""
    folder = Folder(tmp_path / "m")
    for revision in ("aaaa", "bbbb", "cccc"):
        folder.write(revision)
    project = Project(database("sqlite"), directory=folder.path)
    assert [m.revision for m in project.script("current:2").migrations] == ["aaaa", "bbbb"]
    project.upgrade("2")
    assert [m.revision for m in project.script("current:").migrations] == ["cccc"]
    down = project.script("current:-1", "downgrade")
    assert [m.revision for m in down.migrations] == ["bbbb"]
