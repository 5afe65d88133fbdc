"""Test that settings of the database session do not leak from one migration to the next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.errors import MigrationFailedError
from autodiff.runner.hooks import HookedMigration, Hooks
from tests.support import Database, Folder, opened

CREATE = 'op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))'
CASES = [
    ("postgresql", "SELECT set_config('search_path', '', false)"),
    ("postgresql", "SET search_path = pg_temp"),
    ("postgresql", "SET default_transaction_read_only = on"),
    ("postgresql", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
    ("postgresql", "SET lock_timeout = 1"),
    ("postgresql", "SET TIME ZONE 'Asia/Tokyo'"),
    ("postgresql", "INSERT INTO first VALUES (7); SET check_function_bodies = off"),
    ("postgresql", "SET ROLE pg_monitor"),
    ("postgresql", "CREATE TEMP TABLE autodiff_history (LIKE autodiff_history)"),
    ("postgresql", "CREATE TEMP TABLE autodiff_journal AS SELECT 1"),
    ("postgresql", "CREATE TEMP TABLE second (id int)"),
    ("postgresql", "CREATE TEMP TABLE pg_settings (name text, setting text, source text)"),
    ("mariadb", "SET SESSION sql_mode = 'ANSI_QUOTES'"),
    ("mariadb", "SET foreign_key_checks = 0, unique_checks = 0"),
    ("mariadb", "SET time_zone = '+09:00'"),
    ("mariadb", "SET autocommit = 1"),
    ("mariadb", "SET SESSION TRANSACTION READ ONLY"),
    ("mariadb", "USE information_schema"),
    ("mariadb", "SET NAMES latin1"),
    ("mariadb", "CREATE TEMPORARY TABLE autodiff_history (revision VARCHAR(64))"),
    ("sqlite", "PRAGMA recursive_triggers = ON"),
    ("sqlite", "PRAGMA query_only = ON"),
    ("sqlite", "PRAGMA case_sensitive_like = ON"),
    ("sqlite", "PRAGMA ignore_check_constraints = ON"),
    ("sqlite", "PRAGMA legacy_alter_table = ON"),
    ("sqlite", "CREATE TEMP TABLE autodiff_history (x)"),
    ("sqlite", "CREATE TEMPORARY TABLE second (x)"),
    ("sqlite", "CREATE TEMP VIEW autodiff_journal AS SELECT 1"),
]
WAYS = {
    "statement": "op.execute({sql!r})",
    "connection": "op.get_bind().exec_driver_sql({sql!r})",
    "function": "op.run(lambda connection: connection.exec_driver_sql({sql!r}))",
}


def settings(db: Database) -> dict[str, str]:
    """Return the settings, without the name by which the lock is known while it is held."""
    found = dialect_of(db.connection).session.read_settings(db.connection)
    db.connection.rollback()
    return {name: value for name, value in found.items() if name != "application_name"}


@pytest.mark.parametrize(("kind", "sql"), CASES)
@pytest.mark.parametrize("way", WAYS)
def test_settings_are_restored_after_each_migration(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str, sql: str, way: str
) -> None:
    """The records go to their table, and the next migration runs as if it came first."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", CREATE.format(name="first"))
    folder.write("bbbb", WAYS[way].format(sql=sql))
    folder.write("cccc", CREATE.format(name="second"))
    with opened(database(kind)) as db:
        db.runner(folder).upgrade("aaaa")
        before = settings(db)
        assert [m.revision for m in db.runner(folder).upgrade()] == ["bbbb", "cccc"]
        assert settings(db) == before
        db.connection.rollback()
        assert db.history() == ["aaaa", "bbbb", "cccc"]
        assert db.tables() == ["first", "second"]
        assert [entry.outcome for entry in db.runner(folder).log()] == ["done"] * 3


SETTING = {
    "postgresql": "SET TIME ZONE 'Asia/Tokyo'",
    "mariadb": "SET time_zone = '+09:00'",
    "sqlite": "PRAGMA recursive_triggers = ON",
}


@pytest.mark.parametrize("kind", SETTING)
def test_settings_of_the_application_are_kept(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """What was set on the connection before the run is restored, not the server's default."""
    folder = Folder(tmp_path / "m")
    other = SETTING[kind].replace("Asia/Tokyo", "UTC").replace("09", "05").replace("= ON", "= OFF")
    folder.write("aaaa", f"op.execute({other!r})")
    folder.write("bbbb", f"op.execute({other!r})\nop.execute('SELECT bogus FROM nowhere')")
    with opened(database(kind)) as db:
        db.execute(SETTING[kind])
        before = settings(db)
        with pytest.raises(MigrationFailedError):
            db.runner(folder).upgrade()
        assert settings(db) == before
        db.connection.rollback()
        assert db.history() == ["aaaa"]


@pytest.mark.parametrize("kind", SETTING)
def test_settings_of_a_hook_apply_to_its_migration_only(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", CREATE.format(name="first"))

    def change(run: HookedMigration) -> None:
        run.connection.exec_driver_sql(SETTING[kind])

    with opened(database(kind)) as db:
        before = settings(db)
        db.runner(folder, hooks=Hooks(before_migration=change, after_migration=change)).upgrade()
        assert settings(db) == before


@pytest.mark.parametrize("kind", SETTING)
def test_a_migration_of_operations_costs_no_statement_more(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """The settings are read only before code that can change them."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", f'{CREATE.format(name="t")}\nop.execute("INSERT INTO t VALUES (1)")')
    statements: list[str] = []
    with opened(database(kind)) as db:
        sa.event.listen(
            db.connection.engine,
            "before_cursor_execute",
            lambda connection, cursor, statement, *_: statements.append(statement),
        )
        db.runner(folder).upgrade()
    words = ("pg_settings", "SHOW SESSION", "recursive_triggers", "TEMP")
    assert not [sql for sql in statements if any(word in sql for word in words)]
