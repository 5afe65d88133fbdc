"""SQL for columns of SQLite, and the limits of ALTER TABLE ADD and DROP COLUMN."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.ddl.columns import ColumnDDL
from autodiff.dialects.sqlite.expressions import plain_default
from autodiff.schema.apply import columns_of
from autodiff.schema.objects import Column, Option, Table
from autodiff.schema.operations import AlterColumn
from autodiff.schema.sqltext import mentions

if TYPE_CHECKING:
    from autodiff.dialects.sqlite.ddl.statements import SQLiteDDL

__all__ = ["SQLiteColumnDDL", "can_be_added", "can_be_dropped", "on_conflict"]

_PLAIN_DEFAULT = re.compile(
    r"[+-]?(0x[0-9a-f]+|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)|x?'(?:[^']|'')*'|null|true|false"
    r"|current_(?:time|date|timestamp)|\(.*\)",
    re.IGNORECASE | re.DOTALL,
)
"""A default that needs no parentheses: https://www.sqlite.org/lang_createtable.html#dfltval"""


class SQLiteColumnDDL(ColumnDDL):
    """Defines columns; ALTER TABLE only adds, drops and renames them."""

    ddl: SQLiteDDL

    def definition(self, column: Column, table: Table | None = None) -> str:
        text = super().definition(replace(column, identity=None))
        if not column.type.sql:  # an empty type leaves two spaces
            text = text.replace("  ", " ", 1)
        if not column.nullable:
            text += on_conflict(column.options.get("sqlite_on_conflict_not_null"))
        key = table.primary_key if table is not None else None
        if table is not None and key is not None and _is_autoincrement(table, column):
            name = self.ddl.constraints.name_clause(key)
            conflict = on_conflict(key.options.get("sqlite_on_conflict"))
            text += f" {name}PRIMARY KEY{conflict} AUTOINCREMENT"
        return text

    def default(self, default: str) -> str:
        default = plain_default(default)
        return default if _is_plain(default) else f"({default})"

    def alter(self, operation: AlterColumn, current: Table | None = None) -> list[str]:
        if operation.after.fields == ("comment",):
            return []
        raise self.ddl.unknown_table_error(operation.table)


def on_conflict(action: Option | None) -> str:
    """Return the clause that follows NOT NULL and a key; an empty string without an action."""
    return f" ON CONFLICT {action}" if action else ""


def can_be_added(column: Column) -> bool:
    """Return whether ALTER TABLE can add the column to a table that has rows.

    SQLite refuses a default that is not constant, NOT NULL without a default, and stored columns.

    https://www.sqlite.org/lang_altertable.html#alter_table_add_column
    """
    default = (column.default or "null").lower()
    constant = not default.startswith(("(", "current_")) and _is_plain(default)
    stored = column.computed is not None and column.computed.persisted
    filled = column.nullable or default != "null" or column.computed is not None
    return constant and filled and not stored


def can_be_dropped(name: str, table: Table) -> bool:
    """Return whether ALTER TABLE can drop the column.

    SQLite refuses it if a constraint, an index, a trigger or a generated column uses the column.

    https://www.sqlite.org/lang_altertable.html#alter_table_drop_column
    """
    texts = [column.computed.sql for column in table.columns if column.computed]
    texts += [c.sql for c in table.constraints if hasattr(c, "sql")]
    texts += [e.text for index in table.indexes for e in index.elements]
    texts += [index.where or "" for index in table.indexes]
    texts += list(table.triggers)
    is_named = any(name in columns_of(constraint) for constraint in table.constraints)
    return not is_named and not any(mentions(text, name) for text in texts)


def _is_plain(default: str) -> bool:
    return _PLAIN_DEFAULT.fullmatch(default) is not None


def _is_autoincrement(table: Table, column: Column) -> bool:
    key = table.primary_key
    return bool(table.options.get("sqlite_autoincrement") and key and key.columns == (column.name,))
