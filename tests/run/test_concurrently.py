"""Indexes that PostgreSQL builds while others write: outside of the transaction, or refused."""

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


def two(tmp_path: Path, up: str, down: str = "pass") -> Folder:
    """A migration that makes a table, and another one."""
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
def test_what_the_file_shows_is_refused_before_anything_is_run(
    postgresql: Database, tmp_path: Path, code: str, line: int
) -> None:
    """The migrations before it are not applied either; the message has file and line."""
    folder = two(tmp_path, code)
    with pytest.raises(MigrationFailedError) as caught:
        postgresql.runner(folder).upgrade()
    assert caught.value.message.startswith(f"0002_step_bbbb.py:{line}: ")
    assert caught.value.message.endswith(
        "_index: postgresql_concurrently=True is not possible in the transaction of a migration"
    )
    assert caught.value.hint == HINT
    assert postgresql.tables() == []


def test_what_only_a_run_shows_is_refused_then(postgresql: Database, tmp_path: Path) -> None:
    """Nothing is left of the migration."""
    folder = two(tmp_path, 'op.execute("DELETE FROM users")\n[op][0].get_context()\nhelp_me()')
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


def test_a_script_is_refused_as_a_run_is(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """It would fail in the client."""
    folder = two(tmp_path, CREATE)
    with pytest.raises(MigrationFailedError, match=r"^0002_step_bbbb.py:10: \+ index ix_name") as e:
        Project(database("postgresql"), directory=folder.path).script()
    assert e.value.hint == HINT


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_other_databases_do_not_mind(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """The option is PostgreSQL's; there the index is built as always."""
    folder = two(tmp_path, CREATE)
    with opened(database(kind)) as db:
        assert len(db.runner(folder).upgrade()) == 2
        assert len(db.table("users").indexes) == 1


def test_the_block_has_alembics_name_too(postgresql: Database, tmp_path: Path) -> None:
    """`op.get_context().autocommit_block()`."""
    folder = two(tmp_path, f"with op.get_context().autocommit_block():\n    {CREATE}")
    postgresql.runner(folder).upgrade()
    assert [index.name for index in postgresql.table("users").indexes] == ["ix_name"]


def test_others_write_while_it_is_built(postgresql: Database, tmp_path: Path) -> None:
    """A session that has written, and has not committed, is waited for and not stopped."""
    folder = two(tmp_path, f"with op.autocommit():\n    {CREATE}")
    postgresql.runner(folder).upgrade("1")
    seen: list[str] = []

    def write(event: object) -> None:
        sql = getattr(event, "sql", "")
        if "CONCURRENTLY" in sql:
            with opened(postgresql.connection.engine.url) as other:
                other.execute("INSERT INTO users (id, name) VALUES (3, 'cy')")
            seen.append(sql)

    postgresql.runner(folder, on_event=write).upgrade()
    assert seen == ["CREATE INDEX CONCURRENTLY ix_name ON users (name)"]
    assert postgresql.rows("SELECT count(*) FROM users") == [(3,)]


def test_finished_builds_are_taken_back_concurrently(postgresql: Database, tmp_path: Path) -> None:
    """Of two the second fails; downgrade drops the first as it was built."""
    folder = two(
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
    sent: list[str] = []
    runner = postgresql.runner(
        folder, on_event=lambda event: sent.append(getattr(event, "sql", ""))
    )
    assert [m.revision for m in runner.downgrade()] == ["bbbb"]
    assert "DROP INDEX CONCURRENTLY ix_name" in sent
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


def test_a_unique_build_that_failed_goes_on_once_the_rows_are_mended(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """From the models on: generate, fail on rows that came meanwhile, mend, upgrade, check."""
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


def test_the_wish_is_no_difference(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """How an index is to be built is no part of what it is."""
    url = database("postgresql")
    without = models(concurrently=False)
    with opened(url) as db:
        without.create_all(db.connection)
        db.connection.commit()
        assert not autodiff.diff(db.connection, models(concurrently=True)).changes


def test_a_plan_without_a_file_is_one_transaction(database: Callable[[str], sa.URL]) -> None:
    """`autodiff.run` builds the index in it; the SQL to read says CONCURRENTLY."""
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
    """So its index is built in it."""
    url = database("postgresql")
    project = Project(url, models(concurrently=True), directory=tmp_path / "m")
    with opened(url) as db:
        db.execute("CREATE TABLE users (id serial PRIMARY KEY, name varchar(50))")
    migration = project.generate("index", format="sql")
    assert migration is not None
    assert "CONCURRENTLY" not in migration.path.read_text()
    assert "CONCURRENTLY" not in migration.down_path.read_text()
    assert len(project.upgrade()) == 1
