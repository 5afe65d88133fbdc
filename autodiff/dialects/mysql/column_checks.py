"""Find MariaDB's checks in the definition of a column, which have the name of the column.

https://mariadb.com/kb/en/constraint/#check-constraints
"""

from __future__ import annotations

from autodiff.schema.objects import Check, Table

__all__ = ["column_check", "is_in_column"]


def is_in_column(check: Check) -> bool:
    """Return whether the check is part of the definition of a column."""
    return check.options.get("mysql_level") == "column"


def column_check(table: Table, column: str) -> Check | None:
    """Return the check in the definition of the column, None if there is none."""
    check = table.constraint(column)
    return check if isinstance(check, Check) and is_in_column(check) else None
