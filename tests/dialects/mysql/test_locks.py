"""Tests for the sql_mode of the session that runs a migration."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.dialects.mysql.session.sql_mode import with_backslash_escapes


def test_backslash_escapes_are_enabled_during_a_migration(
    database: Callable[[str], sa.URL],
) -> None:
    """The server's sql_mode is restored afterwards."""
    engine = sa.create_engine(database("mariadb"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
        connection.rollback()
        dialect = dialect_of(connection)
        connection.rollback()
        with dialect.session.transaction(connection):
            literal = dialect.literal("a\\b'c")
            assert connection.exec_driver_sql(f"SELECT {literal}").scalar_one() == "a\\b'c"
        mode = connection.exec_driver_sql("SELECT @@sql_mode").scalar_one()
        assert mode == "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"
    engine.dispose()


def test_only_the_escape_mode_is_removed() -> None:
    assert with_backslash_escapes("A,NO_BACKSLASH_ESCAPES,B") == "A,B"
    assert with_backslash_escapes("") == ""
