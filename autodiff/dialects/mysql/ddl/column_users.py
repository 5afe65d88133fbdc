"""Find indexes and constraints that use a column, to drop them and add them again.

Some changes of a column are refused while an index or check uses it. The changes in this module are
put into the same ALTER TABLE, so that the table is never without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.dialects.mysql.column_checks import is_in_column
from autodiff.dialects.mysql.expressions import mentions, rename_in
from autodiff.schema.objects import (
    Check,
    Constraint,
    ForeignKey,
    Index,
    IndexElement,
    PrimaryKey,
    Table,
    Unique,
)
from autodiff.schema.sqltext import reads_column

if TYPE_CHECKING:
    from autodiff.dialects.mysql.ddl.statements import MySQLDDL

__all__ = ["User", "changes_to_drop_users", "renamed_users_of", "users_of"]


@dataclass(frozen=True, slots=True)
class User:
    """An index or constraint that uses a column: the changes that drop it and add it again."""

    drop: str
    add: str


def users_of(ddl: MySQLDDL, column: str, table: Table) -> list[User]:
    """Return the indexes, unique constraints and checks that use the column."""
    users = [
        _index_user(ddl, index, index) for index in table.indexes if _uses_index(index, column)
    ]
    for constraint in table.constraints:
        if isinstance(constraint, Unique) and column in constraint.columns:
            users.append(_constraint_user(ddl, constraint, constraint))
        if isinstance(constraint, Check) and _uses_check(constraint, column):
            users.append(_constraint_user(ddl, constraint, constraint))
    return users


def renamed_users_of(ddl: MySQLDDL, old: str, new: str, table: Table) -> list[User]:
    """Return the checks and indexes with expressions on the column; `add` has its new name."""
    users = []
    for constraint in table.constraints:
        if isinstance(constraint, Check) and mentions(constraint.sql, old):
            renamed = replace(constraint, sql=rename_in(constraint.sql, old, new))
            users.append(_constraint_user(ddl, constraint, renamed))
    for index in table.indexes:
        if _uses_expression(index, old):
            elements = tuple(_renamed_element(e, old, new) for e in index.elements)
            users.append(_index_user(ddl, index, replace(index, elements=elements)))
    return users


def changes_to_drop_users(ddl: MySQLDDL, column: str, table: Table) -> list[str]:
    """Return the changes that drop each constraint and index that uses a column."""
    return [*_drop_constraints(ddl, column, table), *_drop_indexes(ddl, column, table)]


def _drop_constraints(ddl: MySQLDDL, column: str, table: Table) -> Iterator[str]:
    for constraint in table.constraints:
        match constraint:
            case ForeignKey(columns=columns) if column in columns:
                yield f"DROP FOREIGN KEY {ddl.dialect.quote(constraint.name or '')}"
            case PrimaryKey(columns=columns) if column in columns and len(columns) > 1:
                yield from ddl.constraints.drop_primary_key(_without(table, column))
            case Unique(columns=columns) if column in columns:
                yield ddl.indexes.drop_change(constraint.name)
            case Check() if _uses_check(constraint, column):
                yield ddl.constraints.drop_check_by_name(constraint.name)


def _drop_indexes(ddl: MySQLDDL, column: str, table: Table) -> Iterator[str]:
    for index in table.indexes:
        if _uses_index(index, column):
            yield ddl.indexes.drop_change(index.name)


def _without(table: Table, column: str) -> Table:
    """Return the table without the column, its indexes and its foreign keys.

    The primary key is kept, because the caller needs it to find replacements.
    """
    keys = [key for key in table.foreign_keys if column in key.columns]
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name != column),
        constraints=tuple(c for c in table.constraints if c not in keys),
        indexes=tuple(i for i in table.indexes if column not in i.columns),
    )


def _index_user(ddl: MySQLDDL, before: Index, after: Index) -> User:
    return User(ddl.indexes.drop_change(before.name), f"ADD {ddl.indexes.definition(after)}")


def _constraint_user(ddl: MySQLDDL, before: Constraint, after: Constraint) -> User:
    if isinstance(before, Check):
        drop = ddl.constraints.drop_check_by_name(before.name)
    else:
        drop = ddl.indexes.drop_change(before.name)
    return User(drop, f"ADD {ddl.constraints.definition(after)}")


def _uses_index(index: Index, column: str) -> bool:
    return column in index.columns or _uses_expression(index, column)


def _uses_expression(index: Index, column: str) -> bool:
    return any(
        e.is_expression and reads_column(e.text, column, backslashes=True) for e in index.elements
    )


def _uses_check(check: Check, column: str) -> bool:
    return not is_in_column(check) and reads_column(check.sql, column, backslashes=True)


def _renamed_element(element: IndexElement, old: str, new: str) -> IndexElement:
    if element.is_expression:
        return replace(element, text=rename_in(element.text, old, new))
    return replace(element, text=new) if element.text == old else element
