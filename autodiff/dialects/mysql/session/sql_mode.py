"""Set the sql_mode that autodiff's statements require."""

from __future__ import annotations

__all__ = ["NO_BACKSLASH_ESCAPES", "with_backslash_escapes"]

NO_BACKSLASH_ESCAPES = "NO_BACKSLASH_ESCAPES"


def with_backslash_escapes(sql_mode: str) -> str:
    """Return a sql_mode without NO_BACKSLASH_ESCAPES, because autodiff escapes backslashes.

    https://dev.mysql.com/doc/refman/en/sql-mode.html#sqlmode_no_backslash_escapes
    """
    return ",".join(mode for mode in sql_mode.split(",") if mode and mode != NO_BACKSLASH_ESCAPES)
