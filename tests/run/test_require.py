"""Test that op.require refuses a migration if rows violate its condition, and lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_for, dialect_of
from autodiff.errors import MigrationFailedError, RowsInTheWayError
from autodiff.migrations import load_graph
from autodiff.runner.preview import preview_statements
from autodiff.runner.replay import migration_sql
from autodiff.runner.row_checks import find_rows
from autodiff.schema.operations import Require
from tests.support import Database, Folder, opened

TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(80))"
REQUIRE = 'op.require("SELECT id FROM users WHERE name IS NULL", "users.name is NULL in some rows")'
ADD_NICK = 'op.add_column("users", sa.Column("nick", sa.String(20)))'


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as db:
        db.execute(TABLE, "INSERT INTO users VALUES (1, 'Ann'), (4, NULL), (9, NULL)")
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "m")


def refusal(db: Database, folder: Folder) -> RowsInTheWayError:
    """Run an upgrade that is refused without any change; return the error."""
    before = db.state()
    with pytest.raises(RowsInTheWayError) as caught:
        db.runner(folder).upgrade()
    assert db.state() == before
    return caught.value


def test_violating_rows_refuse_the_migration(db: Database, folder: Folder) -> None:
    """The message contains the count, the rows and the query; the hint suggests a fix."""
    folder.write("aaaa", f"{REQUIRE}\n{ADD_NICK}")
    error = refusal(db, folder)
    assert error.message == (
        "upgrade of 0001_step_aaaa.py refused: "
        "users.name is NULL in some rows (2 found: id 4, 9)\n"
        "query: SELECT id FROM users WHERE name IS NULL\n"
        "nothing was changed"
    )
    assert error.hint == (
        "fix these rows and run it again, or fix them in the migration before op.require()"
    )
    assert (error.revision, error.exit_code) == ("aaaa", 2)
    db.execute("UPDATE users SET name = 'x' WHERE name IS NULL")
    db.runner(folder).upgrade()
    assert db.table("users").column("nick") is not None


def test_earlier_migrations_are_kept(db: Database, folder: Folder) -> None:
    """The message names them."""
    folder.write("aaaa", 'op.add_column("users", sa.Column("city", sa.String(20)))')
    folder.write("bbbb", f"{REQUIRE}\n{ADD_NICK}")
    with pytest.raises(RowsInTheWayError) as caught:
        db.runner(folder).upgrade()
    assert caught.value.message.endswith(
        "nothing was changed; applied before it, and kept: 0001_step_aaaa.py"
    )
    assert db.history() == ["aaaa"]


def test_a_downgrade_may_be_refused(db: Database, folder: Folder) -> None:
    """downgrade() may have its own checks."""
    folder.write("aaaa", ADD_NICK, f'{REQUIRE}\nop.drop_column("users", "nick")')
    db.runner(folder).upgrade()
    before = db.state()
    with pytest.raises(RowsInTheWayError, match=r"downgrade of 0001_step_aaaa\.py refused: "):
        db.runner(folder).downgrade()
    assert db.state() == before


def test_rows_are_counted_up_to_a_limit(db: Database, folder: Folder) -> None:
    """At most a thousand rows are counted, and five are shown."""
    values = ", ".join(f"({number}, NULL)" for number in range(10, 1200))
    db.execute(f"INSERT INTO users VALUES {values}")
    folder.write("aaaa", REQUIRE.replace("name IS NULL", "name IS NULL ORDER BY id"))
    assert "(1000 or more found: id 4, 9, 10, 11, 12, ...)" in refusal(db, folder).message


def test_a_query_may_have_a_limit_and_several_columns(db: Database, folder: Folder) -> None:
    """The message shows the columns of each row, shortens long values and prints NULL."""
    db.execute(f"UPDATE users SET name = '{'long ' * 16}' WHERE id = 1")
    query = "SELECT id, name FROM users ORDER BY id LIMIT 2;"
    folder.write("aaaa", f'op.require("{query}", "no rows")')
    shown = f"{('long ' * 16)[:37]}..."
    assert f"no rows (2 found: id 1, name {shown}; id 4, name NULL)" in refusal(db, folder).message


def test_a_query_may_be_a_clause_or_contain_special_characters(
    db: Database, folder: Folder
) -> None:
    """Percent signs, colons and quotes reach the database unchanged."""
    db.execute("UPDATE users SET name = '50% :off' WHERE id = 1")
    clause = 'sa.select(sa.column("id")).select_from(sa.table("users")).where(sa.text("1 = 0"))'
    folder.write("aaaa", f'op.require({clause}, "none")')
    folder.write("bbbb", """op.require("SELECT id FROM users WHERE name LIKE '50%% :o%'", "off")""")
    with pytest.raises(RowsInTheWayError, match=r"off \(1 found: id 1\)"):
        db.runner(folder).upgrade()
    assert db.history() == ["aaaa"]


@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_a_query_may_have_a_comment_of_mysql(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """A word after # is no statement, and a statement after it is one."""
    folder.write("aaaa", 'op.require("# insert note\\nSELECT id FROM users", "nobody")')
    folder.write("bbbb", 'op.require("# select\\nDELETE FROM users", "nobody")')
    with opened(database(kind)) as db:
        db.execute(TABLE)
        with pytest.raises(MigrationFailedError, match="query must be a SELECT, not '# select"):
            db.runner(folder).upgrade()
        assert db.history() == ["aaaa"]


def test_a_later_check_reports_the_finished_steps(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """Without transactional DDL the steps before the check stay, as after any failure."""
    folder.write("aaaa", f"{ADD_NICK}\n{REQUIRE}")
    with opened(database("mariadb")) as db:
        db.execute(TABLE, "INSERT INTO users VALUES (4, NULL)")
        with pytest.raises(MigrationFailedError) as caught:
            db.runner(folder).upgrade()
        assert "(1 found: id 4)" in caught.value.message
        stays = "finished steps, which stay: + column users.nick"
        assert caught.value.message.endswith(stays)


def test_a_check_sees_earlier_operations(db: Database, folder: Folder) -> None:
    """SQLite postpones operations to share a rebuild, but runs them before the check."""
    folder.write(
        "aaaa",
        """
        op.add_column("users", sa.Column("city", sa.String(20), server_default="Rome"))
        op.alter_column("users", "city", existing_type=sa.String(20), nullable=False)
        op.require("SELECT id FROM users WHERE city <> 'Rome'", "not in Rome")
        """,
    )
    db.runner(folder).upgrade()
    assert db.history() == ["aaaa"]


def test_a_failed_query_fails_the_migration(db: Database, folder: Folder) -> None:
    """The message names the check and the query."""
    folder.write("aaaa", 'op.require("SELECT id FROM nothing_there", "nobody")')
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).upgrade()
    assert "cannot apply ? nobody: " in caught.value.message
    assert "statement: SELECT id FROM nothing_there" in caught.value.message


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_printed_sql_has_the_query_as_a_comment(kind: str, folder: Folder) -> None:
    """A statement cannot refuse to run, so the comment shows what to check."""
    dialect = dialect_for(kind)
    check = Require(query="SELECT 1\nFROM a", message="a has rows")
    expected = ["-- this query must return no rows: a has rows\n-- SELECT 1\n-- FROM a"]
    assert preview_statements(dialect, [check], {}) == expected
    folder.write("aaaa", 'op.require("SELECT 1\\nFROM a", "a has rows")')
    graph = load_graph(folder.path)
    assert migration_sql(graph, graph["aaaa"], "upgrade", dialect) == expected


def test_no_more_rows_are_read_than_counted(db: Database) -> None:
    """The query has a LIMIT, so that a large table is not fetched."""
    values = ", ".join(f"({number}, NULL)" for number in range(10, 1200))
    db.execute(f"INSERT INTO users VALUES {values}")
    queries: list[str] = []
    sa.event.listen(
        db.connection.engine,
        "before_cursor_execute",
        lambda conn, cursor, statement, *rest: queries.append(statement),
    )
    rows = find_rows(db.connection, dialect_of(db.connection), "SELECT id FROM users")
    db.connection.rollback()
    assert rows.count == 1000
    assert queries[-1] == "SELECT id FROM users\nLIMIT 1000"


def test_groups_are_sorted_unless_an_index_has_them(
    database: Callable[[str], sa.URL],
) -> None:
    """Without an index, MariaDB would look each row up in a temporary table."""
    with opened(database("mariadb")) as db:
        db.execute(TABLE, "INSERT INTO users VALUES (1, '%s'), (2, 'Bob'), (3, '%s')")
        sent: list[str] = []
        sa.event.listen(
            db.connection, "before_cursor_execute", lambda *arguments: sent.append(arguments[2])
        )
        dialect = dialect_of(db.connection)
        query = "SELECT name FROM users WHERE name IS NOT NULL GROUP BY name HAVING count(*) > 1"
        assert find_rows(db.connection, dialect, query).rows == (("%s",),)
        assert sent[-1] == query.replace("SELECT", "SELECT SQL_BIG_RESULT", 1) + "\nLIMIT 1000"
        db.execute("CREATE INDEX ix ON users (name)")
        assert find_rows(db.connection, dialect, query).rows == (("%s",),)
        assert sent[-1] == f"{query}\nLIMIT 1000"
        with pytest.raises(sa.exc.DBAPIError, match="nothing"):
            find_rows(db.connection, dialect, "SELECT nothing FROM users GROUP BY nothing")


def test_all_checks_at_the_start_are_reported_together(db: Database, folder: Folder) -> None:
    """A check after the first change is not: the rows it finds depend on that change."""
    second = 'op.require("SELECT id FROM users WHERE id = 9", "id 9 is taken")'
    passing = 'op.require("SELECT id FROM users WHERE id = 5", "id 5 is taken")'
    later = 'op.require("SELECT id FROM users WHERE id = 1", "id 1 is taken")'
    folder.write("aaaa", f"{REQUIRE}\n{passing}\n{second}\n{ADD_NICK}\n{later}")
    error = refusal(db, folder)
    assert error.message == (
        "upgrade of 0001_step_aaaa.py refused: "
        "users.name is NULL in some rows (2 found: id 4, 9)\n"
        "query: SELECT id FROM users WHERE name IS NULL\n"
        "id 9 is taken (1 found: id 9)\n"
        "query: SELECT id FROM users WHERE id = 9\n"
        "nothing was changed"
    )


def test_a_migration_can_handle_the_error_of_a_check(db: Database, folder: Folder) -> None:
    """The error is raised immediately, not at the next operation."""
    folder.write(
        "aaaa",
        f"try:\n    {REQUIRE}\nexcept Exception:\n"
        "    op.execute(\"UPDATE users SET name = 'x' WHERE name IS NULL\")\n"
        f"{REQUIRE}\n{ADD_NICK}",
    )
    db.runner(folder).upgrade()
    assert db.rows("SELECT name FROM users WHERE id = 4") == [("x",)]
