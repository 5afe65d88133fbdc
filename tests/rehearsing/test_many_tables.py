"""Test that a rehearsal of many tables sends few statements; they are counted, as times vary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.migrations import LockFile, write_lock
from autodiff.schema.objects import Name
from tests.benchmarks.shop import models

TABLES = 20


@contextmanager
def statements() -> Iterator[Counter[str]]:
    """Count the statements of all connections by their first two words."""
    found: Counter[str] = Counter()

    def count(connection: object, cursor: object, statement: str, *_: object) -> None:
        found[" ".join(statement.split()[:2])] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


def rehearsed(url: sa.URL, folder: Path, before: sa.MetaData, after: sa.MetaData) -> Counter[str]:
    """Return the statements of a draft whose rehearsal passes."""
    engine = sa.create_engine(url)
    before.create_all(engine)
    engine.dispose()
    folder.mkdir()
    write_lock(folder, LockFile(database=url.get_backend_name()))
    project = Project(url=url, metadata=after, directory=folder)
    with statements() as found:
        draft = project.draft("change", assume="drop-and-add")
    assert draft is not None
    assert draft.proof is not None
    assert draft.proof.skipped is None
    assert draft.proof.passed
    return found


def test_sqlite_alters_few_of_many_tables(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Each ALTER TABLE reads the definitions of all tables, so that others are copied."""
    found = rehearsed(
        database("sqlite"), tmp_path / "m", models(TABLES), models(TABLES, changed=TABLES)
    )
    altered = 8
    assert found["ALTER TABLE"] == 2 * altered + 2 * altered  # rebuilt twice; a column each way


def test_an_upgrade_alters_all_tables(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Only the rehearsal copies tables: an upgrade changes no more of a database than it must."""
    url = database("sqlite")
    rehearsed(url, tmp_path / "m", models(TABLES), models(TABLES, changed=TABLES))
    project = Project(url=url, metadata=models(TABLES, changed=TABLES), directory=tmp_path / "m")
    project.generate("change", assume="drop-and-add")
    with statements() as found:
        project.upgrade()
    own_tables = 2
    assert found["ALTER TABLE"] == TABLES
    assert found["CREATE TABLE"] == TABLES + own_tables  # a copy back creates each table twice


def test_a_copy_shows_what_sqlite_refuses_to_alter() -> None:
    """A table is altered if SQLite refuses the statement, or another object depends on it."""
    with sa.create_engine("sqlite://").connect() as connection:
        for sql in (
            "CREATE TABLE free (id INTEGER PRIMARY KEY, plain TEXT, indexed TEXT)",
            "CREATE INDEX ix ON free (indexed)",
            "CREATE TABLE seen (id INTEGER PRIMARY KEY, plain TEXT)",
            "CREATE VIEW v AS SELECT id FROM seen",
        ):
            connection.exec_driver_sql(sql)
        catalog = dialect_of(connection).catalog

        def is_copied(table: str, column: str) -> bool:
            sql = f"ALTER TABLE {table} DROP COLUMN {column}"
            return catalog.is_copied_in_scratch(connection, Name(table), [sql])

        assert is_copied("free", "plain")
        assert not is_copied("free", "indexed")
        assert not is_copied("seen", "plain")


def test_a_table_is_read_from_the_catalog_once(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """MariaDB needs the table for most operations, and eight queries to read one."""
    found = rehearsed(
        database("mariadb"), tmp_path / "m", models(TABLES), models(TABLES, changed=TABLES)
    )
    assert found["SET STATEMENT"] < 8 * 4 * TABLES


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_row_checks_run_for_their_own_tables(
    kind: str, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A sample row is only checked by the queries that name its table."""

    def tables(*, nullable: bool) -> sa.MetaData:
        metadata = sa.MetaData()
        for number in range(TABLES):
            key = sa.Column("id", sa.Integer, primary_key=True)
            name = sa.Column(f"name_{number}", sa.String(20), nullable=nullable)
            checked = sa.CheckConstraint(f"name_{number} <> ''", name=f"ck_{number}")
            parts = [] if nullable else [checked]
            sa.Table(f"things_{number}", metadata, key, name, *parts)
        return metadata

    url = database(kind)
    found = rehearsed(url, tmp_path / "m", tables(nullable=True), tables(nullable=False))
    assert sum(found.values()) < 45 * TABLES  # all queries for each row: 100
