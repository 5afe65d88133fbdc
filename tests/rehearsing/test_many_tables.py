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
MANY = 60
"""So many tables that SQLite copies rows back instead of renaming a rebuilt table."""
ORDER = {"order_name": "a", "state": 0, "amount": 1, "is_open": True}


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


def test_sqlite_alters_none_of_many_tables(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Each ALTER TABLE reads the definitions of all tables, so that tables are copied."""
    found = rehearsed(database("sqlite"), tmp_path / "m", models(MANY), models(MANY, changed=MANY))
    assert found["ALTER TABLE"] == 0


def test_sqlite_alters_all_of_few_tables(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A rehearsal of few tables sends what an upgrade sends."""
    found = rehearsed(
        database("sqlite"), tmp_path / "m", models(TABLES), models(TABLES, changed=TABLES)
    )
    assert found["ALTER TABLE"] == 2 * TABLES + 2 * TABLES  # rebuilt twice; a column each way


def upgraded(url: sa.URL, folder: Path, before: sa.MetaData, after: sa.MetaData) -> Counter[str]:
    """Return the statements of an upgrade that leaves nothing to compare."""
    engine = sa.create_engine(url)
    before.create_all(engine)
    with engine.begin() as connection:
        table = before.tables["order_00000"]
        connection.execute(table.insert(), [ORDER | {"order_code": f"{n}"} for n in range(3)])
    project = Project(url=url, metadata=after, directory=folder)
    folder.mkdir()
    write_lock(folder, LockFile(database=url.get_backend_name()))
    project.generate("change", assume="drop-and-add")
    with statements() as found:
        project.upgrade()
    assert not project.check()
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT order_code FROM order_00000 ORDER BY id").all()
    engine.dispose()
    assert [row[0] for row in rows] == ["0", "1", "2"]
    return found


def test_an_upgrade_alters_few_tables(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """With few tables, a rebuilt table is renamed: that copies its rows once."""
    found = upgraded(
        database("sqlite"), tmp_path / "m", models(TABLES), models(TABLES, changed=TABLES)
    )
    own_tables = 2
    assert found["ALTER TABLE"] == TABLES
    assert found["CREATE TABLE"] == TABLES + own_tables


def test_an_upgrade_copies_small_tables_among_many(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Renaming a table takes longer than to copy its few rows once more."""
    found = upgraded(database("sqlite"), tmp_path / "m", models(MANY), models(MANY, changed=MANY))
    own_tables = 2
    assert found["ALTER TABLE"] == 0
    assert found["CREATE TABLE"] == 2 * MANY + own_tables


def test_an_upgrade_renames_a_large_table_and_one_with_a_trigger(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The rows of a large table are not copied twice, and a trigger can name its table."""
    url, before, after = database("sqlite"), models(MANY), models(MANY, changed=MANY)
    engine = sa.create_engine(url)
    before.create_all(engine)
    with engine.begin() as connection:
        large = [ORDER | {"order_code": f"{n}"} for n in range(200 * MANY)]
        connection.execute(before.tables["order_00000"].insert(), large)
        connection.exec_driver_sql(
            "CREATE TRIGGER noted AFTER INSERT ON item_00001 BEGIN SELECT 1; END"
        )
    folder = tmp_path / "m"
    folder.mkdir()
    write_lock(folder, LockFile(database="sqlite"))
    project = Project(url=url, metadata=after, directory=folder)
    project.generate("change", assume="drop-and-add")
    with statements() as found:
        project.upgrade()
    assert found["ALTER TABLE"] == 2
    with engine.connect() as connection:
        triggers = "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'"
        assert connection.exec_driver_sql(triggers).scalars().all() == ["item_00001"]
        count = connection.exec_driver_sql("SELECT count(*) FROM order_00000").scalar_one()
    engine.dispose()
    assert count == len(large)


def test_a_copied_table_keeps_its_counter(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """AUTOINCREMENT never reuses a number, also after the last row was deleted."""

    def counted(length: int) -> sa.MetaData:
        metadata = models(MANY)
        key = sa.Column("id", sa.Integer, primary_key=True)
        name = sa.Column("name", sa.String(length))
        sa.Table("tickets", metadata, key, name, sqlite_autoincrement=True)
        return metadata

    url, folder = database("sqlite"), tmp_path / "m"
    engine = sa.create_engine(url)
    counted(20).create_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO tickets (name) VALUES ('a'), ('b'), ('c')")
        connection.exec_driver_sql("DELETE FROM tickets WHERE name = 'c'")
    folder.mkdir()
    write_lock(folder, LockFile(database="sqlite"))
    project = Project(url=url, metadata=counted(40), directory=folder)
    project.generate("change")
    with statements() as found:
        project.upgrade()
    assert found["ALTER TABLE"] == 0
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO tickets (name) VALUES ('d')")
        rows = connection.exec_driver_sql("SELECT id, name FROM tickets ORDER BY id").all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [(1, "a"), (2, "b"), (4, "d")]


def test_a_copy_shows_what_sqlite_refuses_to_alter() -> None:
    """A table is altered if SQLite refuses the statement, or another object depends on it."""
    with sa.create_engine("sqlite://").connect() as connection:
        for sql in (
            "CREATE TABLE free (id INTEGER PRIMARY KEY, plain TEXT, indexed TEXT)",
            "CREATE INDEX ix ON free (indexed)",
            "CREATE TABLE seen (id INTEGER PRIMARY KEY, plain TEXT)",
            "CREATE VIEW v AS SELECT id FROM seen",
            *(f"CREATE TABLE other_{number} (id INTEGER)" for number in range(MANY)),
        ):
            connection.exec_driver_sql(sql)
        copies = dialect_of(connection).catalog.table_copies(connection)
        assert copies is not None

        def is_copied(table: str, column: str) -> bool:
            sql = f"ALTER TABLE {table} DROP COLUMN {column}"
            return copies.replaces(Name(table), [sql])

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


def test_new_tables_of_sqlite_are_not_read_for_the_indexes_of_their_keys(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """An index whose first column has a foreign key replaces no other index there."""
    tables = sa.MetaData()
    for number in range(TABLES):
        key = [sa.ForeignKey(f"t{number - 1}.id")] if number else []
        columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("p", sa.Integer, *key)
        sa.Table(f"t{number}", tables, *columns, sa.Index(f"ix{number}", "p"))
    project = Project(url=database("sqlite"), metadata=tables, directory=tmp_path / "m")
    project.generate("create", rehearse=False)
    with statements() as found:
        project.upgrade()
    assert found["CREATE TABLE"] >= TABLES
    assert sum(found.values()) < 4 * TABLES
