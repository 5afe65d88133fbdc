"""Find the columns that are dropped and added, because their expression cannot be altered."""

from __future__ import annotations

from collections.abc import Iterable

from autodiff.dialects.base import Dialect
from autodiff.schema.changes import Change, ColumnAdded, ColumnAltered, ColumnRemoved

__all__ = ["columns_to_replace", "loses_expression", "must_be_replaced", "sets_expressions"]
__all__ += ["split_replaced_columns"]


def must_be_replaced(change: ColumnAltered, dialect: Dialect) -> bool:
    """Return whether a column must be dropped and added, because its expression cannot be altered.

    A column that is no longer computed can keep its stored values.
    """
    if "computed" not in change.fields:
        return False
    before, after = change.before.computed, change.after.computed
    kept = sets_expressions(dialect) or (before is not None and before.persisted)
    return after is not None or not kept


def loses_expression(change: ColumnAltered, dialect: Dialect) -> bool:
    """Return whether a column becomes a plain one in place, which only a replacement reverses."""
    if "computed" not in change.fields or must_be_replaced(change, dialect):
        return False
    return not sets_expressions(dialect)


def columns_to_replace(
    changes: Iterable[Change], dialect: Dialect, *, downgrade: bool = False
) -> list[ColumnAltered]:
    """Return the altered columns that are dropped and added by the changes or their downgrade."""
    return [
        change
        for change in changes
        if isinstance(change, ColumnAltered)
        and (must_be_replaced(change, dialect) or (downgrade and loses_expression(change, dialect)))
    ]


def sets_expressions(dialect: Dialect) -> bool:
    """Return whether a plain column can become a computed one.

    SQLite does that by a rebuild, and MySQL by restating the column.
    """
    return dialect.features.rebuilds_tables or dialect.features.alter_repeats_definition


def split_replaced_columns(changes: Iterable[Change], dialect: Dialect) -> list[Change]:
    """Return the changes with each replaced column as a removed and an added one."""
    split: list[Change] = []
    for change in changes:
        if isinstance(change, ColumnAltered) and must_be_replaced(change, dialect):
            split.append(ColumnRemoved(table=change.table, column=change.before))
            split.append(ColumnAdded(table=change.table, column=change.after))
        else:
            split.append(change)
    return split
