"""Columns of tables that exist: MySQL and MariaDB state a column anew to change any of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.dialects.mysql.catalog.implicit_indexes import is_implied
from autodiff.dialects.mysql.ddl.clauses import MySQLSpecs, is_in_column
from autodiff.dialects.mysql.ddl.constraints import (
    AUTO_INCREMENT_INDEX,
    auto_increment_index,
    drop_primary_changes,
    leads_some,
)
from autodiff.dialects.mysql.expressions import mentions, rename_in, split_on_update
from autodiff.errors import PlanError
from autodiff.schema.apply import columns_of
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    ForeignKey,
    Index,
    IndexElement,
    PrimaryKey,
    Table,
    Unique,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff.schema.operations import AddColumn, AlterColumn, DropColumn, RenameColumn

__all__ = ["add_column", "alter_column", "differs_by_row", "drop_column", "rename_column"]

_NOT_KNOWN = ColumnType(sql="", python="")
_UNSAFE = re.compile(
    r"\b(?:uuid|uuid_short|rand|random_bytes|sysdate|(?:current_|session_|system_)?user)\b", re.I
)


def add_column(ddl: MySQLSpecs, operation: AddColumn, current: Table | None) -> list[str]:
    """ADD COLUMN; an AUTO_INCREMENT column with an index, until there is a primary key."""
    column = operation.column
    if not ddl.dialect.is_mariadb and differs_by_row(column):
        return _add_and_fill(ddl, operation, current)
    changes = [f"ADD COLUMN {ddl.column_spec(column)}"]
    if column.autoincrement:
        changes.append(f"ADD {ddl.index_spec(auto_increment_index((column.name,)))}")
    return [ddl.alter(operation.table, changes)]


def differs_by_row(column: Column) -> bool:
    """Whether MySQL refuses to add the column, as replicas would fill it with other values.

    https://dev.mysql.com/doc/refman/en/data-type-defaults.html
    """
    return column.default is not None and _UNSAFE.search(column.default) is not None


def _add_and_fill(ddl: MySQLSpecs, operation: AddColumn, current: Table | None) -> list[str]:
    """The column without its default, an UPDATE of the rows, and then the default."""
    column, table = operation.column, operation.table
    bare = replace(column, nullable=True, default=None)
    value, _ = split_on_update(column.default or "")
    return [
        ddl.alter(table, [f"ADD COLUMN {ddl.column_spec(bare)}"]),
        ddl.update(table, [(column.name, value or "NULL")], current),
        ddl.alter(table, [f"MODIFY COLUMN {ddl.column_spec(column)}"]),
    ]


# Altering


def alter_column(ddl: MySQLSpecs, operation: AlterColumn, current: Table | None) -> list[str]:
    """MODIFY COLUMN with the whole definition; a new column where that can't change it."""
    column = _altered(operation, current)
    before = current.column(operation.name) if current else None
    if current is not None and before is not None and not _can_be_modified(before, column):
        return _regenerate(ddl, before, column, current)
    changes = [f"MODIFY COLUMN {ddl.column_spec(column, current)}"]
    if current is not None and before is not None:
        changes += _counter_index(ddl, before, column, current)
    altered = [ddl.alter(operation.table, changes)]
    counts = "autoincrement" in operation.after.fields and not ddl.dialect.is_mariadb
    return _unchecked(altered) if counts else altered


def _unchecked(statements: list[str]) -> list[str]:
    """MySQL refuses to change AUTO_INCREMENT of what foreign keys point at."""
    return ["SET foreign_key_checks = 0", *statements, "SET foreign_key_checks = 1"]


def _altered(operation: AlterColumn, current: Table | None) -> Column:
    """The column as it shall be, from the table or, without it, from the operation alone."""
    place = f"{operation.table}.{operation.name}"
    if current is not None:
        before = current.column(operation.name)
        if before is None:
            raise PlanError(
                f"cannot alter column {place}: the table has no such column",
                hint="compare the migration with the database: autodiff check",
            )
        return operation.after.apply(before)
    if not {"type", "nullable"} <= {*operation.before.fields, *operation.after.fields}:
        raise PlanError(
            f"cannot alter column {place} without knowing its type and whether it is nullable",
            hint="run it against a database, or say existing_type=... and existing_nullable=...",
        )
    blank = Column(name=operation.name, type=_NOT_KNOWN)
    return operation.after.apply(operation.before.apply(blank))


def _counter_index(ddl: MySQLSpecs, before: Column, column: Column, current: Table) -> list[str]:
    """An AUTO_INCREMENT column must have an index; one that stood in for it goes away."""
    spare = current.index(AUTO_INCREMENT_INDEX)
    if before.autoincrement and not column.autoincrement and spare is not None:
        return [f"DROP INDEX {AUTO_INCREMENT_INDEX}"]
    if column.autoincrement and not leads_some(current, column.name):
        return [f"ADD {ddl.index_spec(auto_increment_index((column.name,), unique=False))}"]
    return []


def _can_be_modified(before: Column, after: Column) -> bool:
    """Whether MODIFY can get from one way of being generated to the other."""
    old, new = before.computed, after.computed
    if old is None or new is None:
        return all(computed is None or computed.persisted for computed in (old, new))
    return old.persisted == new.persisted


def _regenerate(ddl: MySQLSpecs, before: Column, column: Column, current: Table) -> list[str]:
    """A new column in the place of the old one; what was generated stays as plain values."""
    if column.computed is not None or before.computed is None:
        return [_replace_column(ddl, column, current)]
    stored = replace(before, computed=replace(before.computed, persisted=True))
    spec = ddl.column_spec(column, current)
    return [
        _replace_column(ddl, stored, current),
        ddl.alter(current.name, [f"MODIFY COLUMN {spec}"]),
    ]


def _replace_column(ddl: MySQLSpecs, column: Column, current: Table) -> str:
    used = list(_uses(ddl, column.name, current))
    names = [other.name for other in current.columns]
    place = names.index(column.name)
    where = f"AFTER {ddl.quote(names[place - 1])}" if place else "FIRST"
    return ddl.alter(
        current.name,
        [
            *(use.drop for use in used),
            f"DROP COLUMN {ddl.quote(column.name)}",
            f"ADD COLUMN {ddl.column_spec(column, current)} {where}",
            *(use.add for use in used),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Use:
    """How to drop and to add what uses a column."""

    drop: str
    add: str


def _uses(ddl: MySQLSpecs, column: str, table: Table) -> Iterator[_Use]:
    for index in table.indexes:
        if column in index.columns or _in_expressions(index, column):
            yield _Use(_drop_index(ddl, index), f"ADD {ddl.index_spec(index)}")
    for constraint in table.constraints:
        if isinstance(constraint, Unique) and column in constraint.columns:
            drop = f"DROP INDEX {ddl.quote(constraint.name or '')}"
            yield _Use(drop, f"ADD {ddl.constraint_spec(constraint)}")
        if isinstance(constraint, Check) and _is_over(constraint, column):
            yield _Use(_drop_check(ddl, constraint), f"ADD {ddl.constraint_spec(constraint)}")


def _in_expressions(index: Index, column: str) -> bool:
    return any(e.is_expression and mentions(e.text, column) for e in index.elements)


def _is_over(check: Check, column: str) -> bool:
    return not is_in_column(check) and mentions(check.sql, column)


def _drop_index(ddl: MySQLSpecs, index: Index) -> str:
    return f"DROP INDEX {ddl.quote(index.name or '')}"


def _drop_check(ddl: MySQLSpecs, check: Check) -> str:
    word = "CONSTRAINT" if ddl.dialect.is_mariadb else "CHECK"
    return f"DROP {word} {ddl.quote(check.name or '')}"


# Dropping


def drop_column(ddl: MySQLSpecs, operation: DropColumn, current: Table | None) -> list[str]:
    """DROP COLUMN, and the constraints and indexes that it has a part in.

    The server would leave an index over two columns as an index over the other one.
    """
    drop = f"DROP COLUMN {ddl.quote(operation.name)}"
    used = list(_drops(ddl, operation.name, current)) if current else []
    return [ddl.alter(operation.table, [*used, drop])]


def _drops(ddl: MySQLSpecs, column: str, table: Table) -> Iterator[str]:
    for constraint in table.constraints:
        match constraint:
            case ForeignKey(columns=columns) if column in columns:
                yield f"DROP FOREIGN KEY {ddl.quote(constraint.name or '')}"
            case PrimaryKey(columns=columns) if column in columns and len(columns) > 1:
                yield from drop_primary_changes(ddl, _without(table, column))
            case Unique(columns=columns) if column in columns:
                yield f"DROP INDEX {ddl.quote(constraint.name or '')}"
            case Check() if _is_over(constraint, column):
                yield _drop_check(ddl, constraint)
    for index in table.indexes:
        if column in index.columns or _in_expressions(index, column):
            yield _drop_index(ddl, index)


def _without(table: Table, column: str) -> Table:
    """The table without the column, its indexes and foreign keys; the primary key stays."""
    keys = [key for key in table.foreign_keys if column in key.columns]
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name != column),
        constraints=tuple(c for c in table.constraints if c not in keys),
        indexes=tuple(i for i in table.indexes if column not in i.columns),
    )


# Renaming


def rename_column(ddl: MySQLSpecs, operation: RenameColumn, current: Table | None) -> list[str]:
    """RENAME COLUMN, and an index that the server named as the column for a foreign key.

    MariaDB carries the name into checks and generated columns; MySQL refuses, so that what
    uses the column is stated anew: at once, but for a column that a foreign key may point at.
    """
    old, new = operation.before, operation.after
    changes = [f"RENAME COLUMN {ddl.quote(old)} TO {ddl.quote(new)}"]
    uses: list[_Use] = []
    if current is not None:
        changes += _renamed_index(ddl, old, new, current)
    if current is not None and not ddl.dialect.is_mariadb:
        changes += _restated(ddl, old, new, current)
        uses = list(_renamed_uses(ddl, old, new, current))
    drops, adds = [use.drop for use in uses], [use.add for use in uses]
    if not uses or current is None or not _may_be_key(old, current):
        return [ddl.alter(operation.table, [*drops, *changes, *adds])]
    return [ddl.alter(operation.table, part) for part in (drops, changes, adds)]


def _may_be_key(column: str, table: Table) -> bool:
    """Whether a foreign key may have the column on either side.

    Its rename is then done in place, which nothing else in the same ALTER TABLE allows.
    """
    keys = [columns_of(constraint) for constraint in table.constraints]
    return any(column in columns for columns in (*keys, *(i.columns for i in table.indexes)))


def _renamed_index(ddl: MySQLSpecs, old: str, new: str, current: Table) -> Iterator[str]:
    index = current.index(old)
    named = any(key.name == old for key in current.foreign_keys)
    if index is not None and not named and is_implied(index, current):
        yield f"RENAME INDEX {ddl.quote(old)} TO {ddl.quote(new)}"


def _restated(ddl: MySQLSpecs, old: str, new: str, table: Table) -> Iterator[str]:
    for column in table.columns:
        if column.computed is not None and mentions(column.computed.sql, old):
            computed = replace(column.computed, sql=rename_in(column.computed.sql, old, new))
            yield f"MODIFY COLUMN {ddl.column_spec(replace(column, computed=computed))}"


def _renamed_uses(ddl: MySQLSpecs, old: str, new: str, table: Table) -> Iterator[_Use]:
    for constraint in table.constraints:
        if isinstance(constraint, Check) and mentions(constraint.sql, old):
            renamed = replace(constraint, sql=rename_in(constraint.sql, old, new))
            yield _Use(_drop_check(ddl, constraint), f"ADD {ddl.constraint_spec(renamed)}")
    for index in table.indexes:
        if _in_expressions(index, old):
            elements = tuple(_renamed_element(e, old, new) for e in index.elements)
            spec = ddl.index_spec(replace(index, elements=elements))
            yield _Use(_drop_index(ddl, index), f"ADD {spec}")


def _renamed_element(element: IndexElement, old: str, new: str) -> IndexElement:
    if element.is_expression:
        return replace(element, text=rename_in(element.text, old, new))
    return replace(element, text=new) if element.text == old else element
