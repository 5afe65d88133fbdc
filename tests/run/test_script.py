"""A script for the database's own client does what a run does, and no more where it can't."""

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
ROWS_BACK = """
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
"""With semicolons, and colons that psql would take for its variables."""
DROP_TRIGGERS = {
    "sqlite": ["DROP TRIGGER log_it"],
    "mysql": ["DROP TRIGGER log_it"],
    "postgresql": ["DROP TRIGGER log_it ON users", "DROP FUNCTION log_it()"],
}
REBUILD = """
op.alter_column("users", "label", nullable=True, existing_type=sa.Text())
op.execute("INSERT INTO users (id, label) VALUES (9, 'nine')")
"""
REBUILD_BACK = """
op.execute("DELETE FROM users WHERE id = 9")
op.alter_column("users", "label", nullable=False, existing_type=sa.Text())
"""


@pytest.fixture
def folder(any_database: sa.URL, tmp_path: Path) -> Folder:
    """Four migrations with all that a client could take amiss."""
    kind = any_database.get_backend_name()
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", ROWS, ROWS_BACK)
    folder.write("cccc", *(_executed(texts[kind]) for texts in (TRIGGERS, DROP_TRIGGERS)))
    folder.write("dddd", REBUILD, REBUILD_BACK)
    return folder


def _executed(statements: list[str]) -> str:
    return "\n".join(f"op.execute({sql!r})" for sql in statements)


@pytest.fixture
def run_well(run_script: RunScript) -> Callable[[sa.URL, str], None]:
    """Runs a script, which must end well."""

    def run(url: sa.URL, text: str) -> None:
        done = run_script(url, text)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""

    return run


@pytest.fixture
def another(any_database: sa.URL, database: Callable[[str], sa.URL]) -> sa.URL:
    """A second database of the same kind."""
    kind = any_database.get_backend_name()
    return database("mariadb" if kind == "mysql" else kind)


def kept(db: Database) -> tuple[object, ...]:
    """Schema, rows, history with checksums, and the journal as far as two runs have it alike."""
    journal = db.rows("SELECT revision, name, kind, checksum, outcome FROM autodiff_journal")
    history = db.rows("SELECT revision, name, checksum FROM autodiff_history ORDER BY 1")
    return *db.state(), history, journal


def test_a_script_ends_as_a_run_does(
    any_database: sa.URL,
    another: sa.URL,
    folder: Folder,
    run_well: Callable[[sa.URL, str], None],
) -> None:
    """Up, in two scripts, down and up again: schema, rows, history; status and check are quiet."""
    live, scripted = (Project(url, directory=folder.path) for url in (any_database, another))
    live.upgrade()
    run_well(another, scripted.script("2").text)
    run_well(another, scripted.script("2:head").text)
    same(any_database, another)
    assert scripted.status().pending == ()
    assert [entry.outcome for entry in scripted.log()] == ["done"] * 4
    assert scripted.upgrade() == []
    live.downgrade("1")
    run_well(another, scripted.script("head:1", "downgrade").text)
    same(any_database, another)
    live.downgrade("base")
    run_well(another, scripted.script("1:base", "downgrade").text)
    same(any_database, another)
    live.upgrade()
    run_well(another, scripted.script("base:head").text)
    same(any_database, another)
    scripted.downgrade("base")


def same(one: sa.URL, other: sa.URL) -> None:
    with opened(one) as first, opened(other) as second:
        assert kept(first) == kept(second)


@pytest.mark.parametrize(
    ("standing", "script", "message"),
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
def test_a_database_that_is_elsewhere_is_left_as_it_was(
    any_database: sa.URL,
    folder: Folder,
    run_script: RunScript,
    standing: str,
    script: str,
    message: str,
) -> None:
    """A script stops, with the reason, before it changes anything."""
    project = Project(any_database, directory=folder.path)
    if standing != "base":
        project.upgrade(standing)
    with opened(any_database) as db:
        before = db.state()
    down = script in ("3:2",)
    text = project.script(script, "downgrade" if down else "upgrade").text
    done = run_script(any_database, text)
    assert done.returncode != 0
    assert message in done.stderr
    with opened(any_database) as db:
        assert db.state() == before


def test_a_migration_that_stopped_half_way_is_not_run_over(
    database: Callable[[str], sa.URL], tmp_path: Path, run_script: RunScript
) -> None:
    """The journal knows how to go on; a script does not."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write("bbbb", 'op.drop_column("users", "born")\nop.execute("nonsense")')
    url = database("mariadb")
    project = Project(url, directory=folder.path)
    with pytest.raises(MigrationFailedError):
        project.upgrade()
    done = run_script(url, project.script("1:head").text)
    assert done.returncode != 0
    assert "a migration stopped half-way on this database: autodiff status" in done.stderr
    with pytest.raises(HistoryError) as caught:
        project.script("current:head")
    assert caught.value.message.startswith("the upgrade of 0002_step_bbbb failed at step 2")
    assert "take back what is done: autodiff downgrade" in str(caught.value.hint)


def test_an_edited_migration_is_not_taken_back(
    any_database: sa.URL, folder: Folder, run_script: RunScript
) -> None:
    """What its file says now is not what was applied."""
    project = Project(any_database, directory=folder.path)
    project.upgrade("1")
    text = project.script("1:base", "downgrade").text
    with opened(any_database) as db:
        db.execute("UPDATE autodiff_history SET checksum = 'other'")
    done = run_script(any_database, text)
    assert done.returncode != 0
    assert "not applied to this database, or edited since: 0001_step_aaaa" in done.stderr


def test_a_script_waits_for_nobody(
    any_database: sa.URL, folder: Folder, run_script: RunScript
) -> None:
    """While a runner holds the lock (on SQLite: writes), a script changes nothing."""
    project = Project(any_database, lock_timeout=0.2, directory=folder.path)
    text = project.script("1").text
    with opened(any_database) as db:
        lock = db.runner(folder).dialect.session.migration_lock(db.connection, None)
        assert lock.take("ann")
        with db.runner(folder).dialect.session.transaction(db.connection):
            done = run_script(any_database, text)
        lock.release()
    assert done.returncode != 0
    told = ("another run holds the lock of this database's migrations", "database is locked")
    assert any(words in done.stderr.replace("''", "'") for words in told)
    with opened(any_database) as db:
        assert db.history() == []


def test_a_check_of_rows_stops_a_script(
    any_database: sa.URL, folder: Folder, run_script: RunScript
) -> None:
    """op.require is a guard; what the migration did before it is taken back where it can be."""
    project = Project(any_database, directory=folder.path)
    project.upgrade("1")
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id, name) VALUES (7, 'bad;%:x')")
    done = run_script(any_database, project.script("1:2").text)
    assert done.returncode != 0
    assert "users with a bad; name: 5%" in done.stderr
    with opened(any_database) as db:
        assert db.history() == ["aaaa"]
        left = db.rows("SELECT count(*) FROM users")
        assert left == [(4 if any_database.get_backend_name() == "mysql" else 1,)]


def test_a_script_stops_at_the_first_error(
    any_database: sa.URL, tmp_path: Path, run_script: RunScript
) -> None:
    """What comes behind is not run, and the failed migration is not recorded."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write(
        "bbbb", 'op.execute("INSERT INTO users (id) VALUES (1)")\nop.execute("SELECT x y z")'
    )
    folder.write("cccc", 'op.drop_table("users")')
    done = run_script(any_database, Project(any_database, directory=folder.path).script().text)
    assert done.returncode != 0
    with opened(any_database) as db:
        assert db.history() == ["aaaa"]
        assert db.tables() == ["users"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            'op.add_column("users", sa.Column("a", sa.Integer()))\nop.get_bind()',
            "0002_step_bbbb.py:11: this migration asks for a connection (op.get_bind), so its SQL "
            "can't be written down",
        ),
        ("op.run(print)", "0002_step_bbbb.py:10: this migration calls builtins.print (op.run), "),
        ("1 / 0", "0002_step_bbbb.py:10: ZeroDivisionError: division by zero"),
        (
            'op.bulk_insert(sa.table("users", sa.column("a", sa.PickleType())), [{"a": object}])',
            "0002_step_bbbb.py:10: a value can't be written down as SQL",
        ),
    ],
)
def test_what_is_no_sql_is_refused_with_its_line(
    any_database: sa.URL, tmp_path: Path, code: str, message: str
) -> None:
    """Before anything is written."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write("bbbb", code)
    with pytest.raises(MigrationFailedError) as caught:
        Project(any_database, directory=folder.path).script()
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_what_comes_before_a_script_may_be_more_than_sql(
    database: Callable[[str], sa.URL], tmp_path: Path, run_well: Callable[[sa.URL, str], None]
) -> None:
    """SQLite's tables are known all the same: the migrations before are done in memory."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    folder.write("bbbb", 'op.get_bind().execute(sa.text("ALTER TABLE users ADD more INTEGER"))')
    folder.write("cccc", "op.run(print)")
    folder.write("dddd", 'op.alter_column("users", "more", nullable=False)')
    url = database("sqlite")
    project = Project(url, directory=folder.path)
    project.upgrade("3")
    run_well(url, project.script("3:head").text)
    with opened(url) as db:
        more = db.table("users").column("more")
        assert more is not None
        assert not more.nullable


def test_autocommit_leaves_the_transaction(
    database: Callable[[str], sa.URL], tmp_path: Path, run_well: Callable[[sa.URL, str], None]
) -> None:
    """An index is built concurrently by a script too."""
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
    run_well(url, Project(url, directory=folder.path).script().text)
    with opened(url) as db:
        assert db.history() == ["aaaa", "bbbb"]
        assert [index.name for index in db.table("users").indexes] == ["ix_email", "ix_name"]


def test_the_history_may_have_a_schema_of_its_own(
    database: Callable[[str], sa.URL], tmp_path: Path, run_well: Callable[[sa.URL, str], None]
) -> None:
    """The setting holds for scripts."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS)
    url = database("postgresql")
    with opened(url) as db:
        db.execute('CREATE SCHEMA "own one"')
    project = Project(url, directory=folder.path, history_schema="own one")
    run_well(url, project.script().text)
    assert project.status().current == "aaaa"


def test_rows_that_point_at_nothing_stop_a_script(
    database: Callable[[str], sa.URL], tmp_path: Path, run_script: RunScript
) -> None:
    """On SQLite, where foreign keys are off meanwhile; those that were there before do not."""
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
    done = run_script(url, project.script("1:head").text)
    assert done.returncode == 1
    assert "the migration leaves rows that point at nothing" in done.stderr
    with opened(url) as db:
        assert db.history() == ["aaaa", "bbbb"]


def test_a_script_is_the_same_bytes_each_time(any_database: sa.URL, folder: Folder) -> None:
    """No clock and no database have a part in it."""
    first = Project(any_database, directory=folder.path).script()
    again = Project(any_database, directory=folder.path)
    again.upgrade()
    assert again.script() == first
    assert list(first.statements) == [m.name for m in first.migrations]


@pytest.fixture
def offline(tmp_path: Path) -> Project:
    """A project of three migrations without a database."""
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
def test_ranges(offline: Project, text: str | None, direction: str, revisions: str) -> None:
    """Either end may be left out; nothing is connected to."""
    script = offline.script(text, direction)  # type: ignore[arg-type]
    assert [m.revision for m in script.migrations] == revisions.split()
    assert bool(script.text) == bool(revisions)


@pytest.mark.parametrize(
    ("text", "direction", "message", "hint"),
    [
        (
            "base",
            "downgrade",
            "a script that downgrades to base must say from where",
            "autodiff downgrade head:base --sql, or current:base from where the database stands",
        ),
        (
            "3:1",
            "upgrade",
            "upgrade does not lead from 3 to 1",
            "the other way round: autodiff downgrade 3:1 --sql",
        ),
        (
            "1:3",
            "downgrade",
            "downgrade does not lead from 1 to 3",
            "the other way round: autodiff upgrade 1:3 --sql",
        ),
    ],
)
def test_ranges_that_lead_nowhere(
    offline: Project, text: str, direction: str, message: str, hint: str
) -> None:
    """The hint says what to type."""
    with pytest.raises(HistoryError) as caught:
        offline.script(text, direction)  # type: ignore[arg-type]
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_script_from_where_the_database_stands(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """`current` asks it, and that alone connects."""
    folder = Folder(tmp_path / "m")
    for revision in ("aaaa", "bbbb", "cccc"):
        folder.write(revision)
    project = Project(database("sqlite"), directory=folder.path)
    assert [m.revision for m in project.script("current:2").migrations] == ["aaaa", "bbbb"]
    project.upgrade("2")
    assert [m.revision for m in project.script("current:").migrations] == ["cccc"]
    down = project.script("current:-1", "downgrade")
    assert [m.revision for m in down.migrations] == ["bbbb"]
