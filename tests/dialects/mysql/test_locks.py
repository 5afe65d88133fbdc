"""The session of a migration has the sql_mode that its statements are written for."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.dialects.mysql.session.sql_mode import with_backslash_escapes


def test_backslashes_are_escapes_while_a_migration_runs(database: Callable[[str], sa.URL]) -> None:
    """A string with a backslash means the same whatever the server's sql_mode, which comes back."""
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


def test_only_the_escapes_are_changed() -> None:
    """The other modes stay, in their order."""
    assert with_backslash_escapes("A,NO_BACKSLASH_ESCAPES,B") == "A,B"
    assert with_backslash_escapes("") == ""
