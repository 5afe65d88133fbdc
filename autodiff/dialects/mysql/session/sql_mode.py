"""Set the sql_mode that autodiff's statements require, and refuse one in which they fail."""

from __future__ import annotations

from autodiff.errors import DatabaseError

__all__ = ["NO_BACKSLASH_ESCAPES", "refuse_oracle", "with_backslash_escapes"]

NO_BACKSLASH_ESCAPES = "NO_BACKSLASH_ESCAPES"


def with_backslash_escapes(sql_mode: str) -> str:
    """Return a sql_mode without NO_BACKSLASH_ESCAPES, because autodiff escapes backslashes.

    https://dev.mysql.com/doc/refman/en/sql-mode.html#sqlmode_no_backslash_escapes
    """
    return ",".join(mode for mode in sql_mode.split(",") if mode and mode != NO_BACKSLASH_ESCAPES)


def refuse_oracle(sql_mode: str) -> None:
    """Raise DatabaseError for MariaDB's mode ORACLE, which has another grammar.

    https://mariadb.com/kb/en/sql_modeoracle/
    """
    if "ORACLE" in sql_mode.split(","):
        raise DatabaseError(
            "the sql_mode of the connection has ORACLE, in which autodiff's statements are invalid",
            hint="remove ORACLE from the sql_mode in the URL (init_command) or of the server",
        )
