"""Test indexes that PostgreSQL builds concurrently: outside the transaction, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import autodiff
from autodiff import Project
from autodiff.errors import MigrationFailedError
from tests.support import Database, Folder, opened

USERS = """
op.create_table(
    "users", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("name", sa.String(50))
)
op.execute("INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'bob')")
"""
CREATE = 'op.create_index("ix_name", "users", ["name"], postgresql_concurrently=True)'
HINT = "put it into a separate block: with op.autocommit():"


@pytest.fixture
def postgresql(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("postgresql")) as db:
        yield db


def two_migrations(tmp_path: Path, up: str, down: str = "pass") -> Folder:
    """Write a migration that creates a table, and a second one with this code."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", up, down)
    return folder


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (CREATE, 10),
        (f"if True:\n    {CREATE}", 11),
        (f"for _ in range(2):\n    pass\nelse:\n    {CREATE}", 13),
        ('op.drop_index("ix_name", postgresql_concurrently=True)', 10),
        (
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.create_index("ix_name", ["name"], postgresql_concurrently=True)',
            11,
        ),
    ],
)
def test_a_concurrent_build_in_the_file_is_refused_before_the_run(
    postgresql: Database, tmp_path: Path, code: str, line: int
) -> None:
    """Earlier migrations are not applied either. The message names the file and the line."""
    folder = two_migrations(tmp_path, code)
    with pytest.raises(MigrationFailedError) as caught:
        postgresql.runner(folder).upgrade()
    assert caught.value.message.startswith(f"0002_step_bbbb.py:{line}: ")
    assert caught.value.message.endswith(
        "_index: postgresql_concurrently=True is not possible in the transaction of a migration"
    )
    assert caught.value.hint == HINT
    assert postgresql.tables() == []


def test_a_concurrent_build_found_during_the_run_is_refused(
    postgresql: Database, tmp_path: Path
) -> None:
    """The migration is rolled back."""
    folder = two_migrations(
        tmp_path, 'op.execute("DELETE FROM users")\n[op][0].get_context()\nhelp_me()'
    )
    path = next(folder.path.glob("0002*"))
    path.write_text(path.read_text() + f"\n\ndef help_me():\n    {CREATE}\n")
    with pytest.raises(MigrationFailedError) as caught:
        postgresql.runner(folder).upgrade()
    assert caught.value.message.startswith(
        "upgrade of 0002_step_bbbb.py failed: + index ix_name on users: "
        "postgresql_concurrently=True is not possible in the transaction of a migration"
    )
    assert caught.value.hint == HINT
    assert postgresql.rows("SELECT count(*) FROM users") == [(2,)]


def test_a_script_with_a_concurrent_build_is_refused(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The statement would fail in the client."""
    folder = two_migrations(tmp_path, CREATE)
    with pytest.raises(MigrationFailedError, match=r"^0002_step_bbbb.py:10: \+ index ix_name") as e:
        Project(database("postgresql"), directory=folder.path).script()
    assert e.value.hint == HINT


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_other_databases_ignore_the_option(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """They build the index as usual."""
    folder = two_migrations(tmp_path, CREATE)
    with opened(database(kind)) as db:
        assert len(db.runner(folder).upgrade()) == 2
        assert len(db.table("users").indexes) == 1


def test_the_autocommit_block_of_alembic_works(postgresql: Database, tmp_path: Path) -> None:
    folder = two_migrations(tmp_path, f"with op.get_context().autocommit_block():\n    {CREATE}")
    postgresql.runner(folder).upgrade()
    assert [index.name for index in postgresql.table("users").indexes] == ["ix_name"]


def test_other_sessions_can_write_when_the_build_starts(
    postgresql: Database, tmp_path: Path
) -> None:
    """Another session inserts a row just before the statement is sent."""
    folder = two_migrations(tmp_path, f"with op.autocommit():\n    {CREATE}")
    postgresql.runner(folder).upgrade("1")
    statements: list[str] = []

    def insert_row(event: object) -> None:
        sql = getattr(event, "sql", "")
        if "CONCURRENTLY" in sql:
            with opened(postgresql.connection.engine.url) as other:
                other.execute("INSERT INTO users (id, name) VALUES (3, 'cy')")
            statements.append(sql)

    postgresql.runner(folder, on_event=insert_row).upgrade()
    assert statements == ["CREATE INDEX CONCURRENTLY ix_name ON users (name)"]
    assert postgresql.rows("SELECT count(*) FROM users") == [(3,)]


def test_finished_builds_are_reverted_concurrently(postgresql: Database, tmp_path: Path) -> None:
    """The second of two builds fails. Downgrade drops the first index concurrently."""
    folder = two_migrations(
        tmp_path,
        f"""
with op.autocommit():
    {CREATE}
    op.create_index("ix_one", "users", [sa.text("(1)")], unique=True, postgresql_concurrently=True)
""",
        """
with op.autocommit():
    op.drop_index("ix_one", "users", postgresql_concurrently=True)
    op.drop_index("ix_name", "users", postgresql_concurrently=True)
""",
    )
    with pytest.raises(MigrationFailedError, match="could not create unique index"):
        postgresql.runner(folder).upgrade()
    assert [index.name for index in postgresql.table("users").indexes] == ["ix_name"]
    statements: list[str] = []
    runner = postgresql.runner(
        folder, on_event=lambda event: statements.append(getattr(event, "sql", ""))
    )
    assert [m.revision for m in runner.downgrade()] == ["bbbb"]
    assert "DROP INDEX CONCURRENTLY ix_name" in statements
    assert postgresql.table("users").indexes == ()
    assert postgresql.rows("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def models(*, concurrently: bool) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Index("ix_name", "name", unique=True, postgresql_concurrently=concurrently),
    )
    return metadata


def test_a_failed_unique_build_resumes_after_the_rows_are_fixed(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Generate, fail on rows that were inserted later, fix the rows, upgrade and check."""
    url = database("postgresql")
    metadata = models(concurrently=True)
    project = Project(url, metadata, directory=tmp_path / "m")
    with opened(url) as db:
        db.execute("CREATE TABLE users (id serial PRIMARY KEY, name varchar(50))")
    assert project.generate("index") is not None
    path = next((tmp_path / "m").glob("0001*"))
    text = path.read_text()
    assert "    with op.autocommit():\n        op.create_index(" in text
    start = text.index("    op.require(")
    path.write_text(text[:start] + text[text.index("    with op.auto") :])
    project.relock()
    with opened(url) as db:
        db.execute("INSERT INTO users (name) VALUES ('ann'), ('ann')")
    with pytest.raises(MigrationFailedError, match="could not create unique index") as caught:
        project.upgrade()
    assert "autodiff upgrade to resume" in f"{caught.value.hint}"
    unfinished = project.status().unfinished
    assert unfinished is not None
    assert "(name)=(ann) is duplicated" in f"{unfinished.error}"
    with opened(url) as db:
        db.execute("UPDATE users SET name = 'bob' WHERE id = 2")
    assert len(project.upgrade()) == 1
    assert not project.check()
    with opened(url) as db:
        assert db.rows("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_the_option_is_not_a_difference(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """How an index is built is not part of the schema."""
    url = database("postgresql")
    without = models(concurrently=False)
    with opened(url) as db:
        without.create_all(db.connection)
        db.connection.commit()
        assert not autodiff.diff(db.connection, models(concurrently=True)).changes


def test_a_plan_that_is_run_directly_is_one_transaction(database: Callable[[str], sa.URL]) -> None:
    """`autodiff.run` builds the index inside it. The SQL that it prints has CONCURRENTLY."""
    with opened(database("postgresql")) as db:
        db.execute("CREATE TABLE users (id serial PRIMARY KEY, name varchar(50))")
        plan = autodiff.diff(db.connection, models(concurrently=True))
        assert plan.sql()[-1] == "CREATE UNIQUE INDEX CONCURRENTLY ix_name ON users (name)"
        db.connection.rollback()
        autodiff.run(db.connection, plan)
        assert len(db.table("users").indexes) == 1


def test_a_pair_of_sql_files_is_one_transaction(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The index is built inside it, without CONCURRENTLY."""
    url = database("postgresql")
    project = Project(url, models(concurrently=True), directory=tmp_path / "m")
    with opened(url) as db:
        db.execute("CREATE TABLE users (id serial PRIMARY KEY, name varchar(50))")
    migration = project.generate("index", format="sql")
    assert migration is not None
    assert "CONCURRENTLY" not in migration.path.read_text()
    assert "CONCURRENTLY" not in migration.down_path.read_text()
    assert len(project.upgrade()) == 1
