"""Write SQL for columns of MySQL and MariaDB.

MODIFY COLUMN replaces the whole definition, so the statements repeat attributes that do not change.
An attribute that is left out, such as a comment, would be lost.

https://dev.mysql.com/doc/refman/en/alter-table.html and
https://mariadb.com/kb/en/alter-table/
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.ddl.columns import ColumnDDL
from autodiff.dialects.mysql.catalog.implicit_indexes import (
    AUTO_INCREMENT_INDEX,
    auto_increment_index,
    renamed_index,
    starts_index,
)
from autodiff.dialects.mysql.column_checks import column_check
from autodiff.dialects.mysql.conversions import needs_text
from autodiff.dialects.mysql.ddl.column_users import (
    User,
    changes_to_drop_users,
    renamed_users_of,
    users_of,
)
from autodiff.dialects.mysql.expressions import (
    canonical_now,
    is_literal,
    mentions,
    quote_string,
    rename_in,
    split_on_update,
)
from autodiff.errors import PlanError
from autodiff.schema.apply import columns_of
from autodiff.schema.objects import Column, ColumnType, Table
from autodiff.schema.operations import (
    AddColumn,
    AlterColumn,
    DropColumn,
    RenameColumn,
    SwapColumns,
)
from autodiff.schema.sqltext import bare_expression, rename_in_default

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff.dialects.mysql import MySQL
    from autodiff.dialects.mysql.ddl.statements import MySQLDDL

__all__ = ["MySQLColumnDDL", "differs_by_row"]

_UNKNOWN = ColumnType(sql="", python="")
_TEXT = ColumnType(sql="varchar(70)", python="")
"""A text that holds every number, time, UUID and address, and that an index can hold."""
_NONDETERMINISTIC = re.compile(
    r"\b(?:uuid|uuid_short|rand|random_bytes|sysdate|(?:current_|session_|system_)?user)\b", re.I
)
"""Functions that MySQL does not accept in the default of a column that is added.

It replicates ALTER TABLE as a statement, so replicas would calculate other values.
https://dev.mysql.com/doc/refman/en/replication-rbr-safe-unsafe.html
"""
_EXPRESSION_DEFAULTS = (
    *("tinytext", "text", "mediumtext", "longtext", "json", "vector"),
    *("tinyblob", "blob", "mediumblob", "longblob"),
    *("geometry", "point", "linestring", "polygon", "geometrycollection"),
    *("multipoint", "multilinestring", "multipolygon"),
)
"""Types whose default must be an expression, so that even a literal needs parentheses.

https://dev.mysql.com/doc/refman/en/data-type-defaults.html
"""


class MySQLColumnDDL(ColumnDDL):
    """Defines columns, and adds, drops, renames and alters them."""

    ddl: MySQLDDL
    dialect: MySQL

    # Definitions

    def definition(self, column: Column, table: Table | None = None) -> str:
        """Return the definition of a column; on MariaDB with the check that `table` has in it."""
        parts = [self.quote(column.name), column.type.sql, *self._value(column)]
        if column.autoincrement:
            parts.append("AUTO_INCREMENT")
        if column.options.get("mysql_invisible"):
            parts.append("INVISIBLE")
        if column.comment is not None:
            parts.append(f"COMMENT {quote_string(column.comment)}")
        check = table and column_check(table, column.name)
        if check:
            parts.append(f"CHECK ({check.sql})")
        return " ".join(parts)

    def _value(self, column: Column) -> list[str]:
        """Return the generation expression, or NULL or NOT NULL and the default.

        NULL is explicit for a TIMESTAMP, which would otherwise be NOT NULL if
        explicit_defaults_for_timestamp is off. MariaDB does not accept NOT NULL on generated
        columns.
        https://dev.mysql.com/doc/refman/en/server-system-variables.html
        https://mariadb.com/kb/en/generated-columns/
        """
        if column.computed is not None:
            kind = "STORED" if column.computed.persisted else "VIRTUAL"
            generated = f"GENERATED ALWAYS AS ({column.computed.sql}) {kind}"
            required = not column.nullable and not self.dialect.is_mariadb
            return [generated, "NOT NULL"] if required else [generated]
        parts = [] if column.nullable else ["NOT NULL"]
        if column.nullable and column.type.sql.startswith("timestamp"):
            parts = ["NULL"]
        if column.default is not None:
            parts += _default_clauses(column.default, column.type.sql)
        return parts

    # Adding

    def add(self, operation: AddColumn, current: Table | None = None) -> list[str]:
        """Return ADD COLUMN, with an index if the column has AUTO_INCREMENT.

        The index is dropped when a primary key is added.
        """
        column = operation.column
        if not self.dialect.is_mariadb and differs_by_row(column):
            return self._add_and_fill(operation, current)
        changes = [f"ADD COLUMN {self.definition(column)}"]
        if column.autoincrement:
            index = auto_increment_index((column.name,))
            changes.append(f"ADD {self.ddl.indexes.definition(index)}")
        return [self.alter_table(operation.table, *changes)]

    def _add_and_fill(self, operation: AddColumn, current: Table | None) -> list[str]:
        """Return ADD COLUMN without the default, UPDATE for the rows, and MODIFY COLUMN."""
        column, table = operation.column, operation.table
        without_default = replace(column, nullable=True, default=None)
        value, _ = split_on_update(column.default or "")
        return [
            self.alter_table(table, f"ADD COLUMN {self.definition(without_default)}"),
            self.ddl.rows.update(table, [(column.name, value or "NULL")], current),
            self.alter_table(table, f"MODIFY COLUMN {self.definition(column)}"),
        ]

    # Altering

    def alter(self, operation: AlterColumn, current: Table | None = None) -> list[str]:
        """Return MODIFY COLUMN, or statements that replace the column if it cannot be modified.

        A generated column can be modified only if it stays VIRTUAL or STORED.
        https://dev.mysql.com/doc/refman/en/alter-table-generated-columns.html

        Types between which the server has no conversion are converted through a text: the statement
        fails if a value does not fit, and succeeds on an empty table.
        """
        column = _altered(operation, current)
        before = current.column(operation.name) if current else None
        if current is not None and before is not None and not _can_be_modified(before, column):
            return self._regenerate(before, column, current)
        changes = [f"MODIFY COLUMN {self.definition(column, current)}"]
        if current is not None and before is not None:
            changes += self._auto_increment_index(before, column, current)
        statement = self.alter_table(operation.table, *changes)
        old_type = operation.before.type if before is None else before.type
        if isinstance(old_type, ColumnType) and needs_text(old_type.sql, column.type.sql):
            text = Column(name=column.name, type=_TEXT, nullable=column.nullable)
            modify = f"MODIFY COLUMN {self.definition(text)}"
            return [self.alter_table(operation.table, modify), statement]
        if "autoincrement" in operation.after.fields and not self.dialect.is_mariadb:
            # MySQL refuses to change AUTO_INCREMENT of a column that foreign keys refer to (1833)
            return ["SET foreign_key_checks = 0", statement, "SET foreign_key_checks = 1"]
        return [statement]

    def _auto_increment_index(self, before: Column, column: Column, current: Table) -> list[str]:
        """Return the change that adds or drops the index that AUTO_INCREMENT needs."""
        spare = current.index(AUTO_INCREMENT_INDEX)
        if before.autoincrement and not column.autoincrement and spare is not None:
            return [f"DROP INDEX {AUTO_INCREMENT_INDEX}"]
        if column.autoincrement and not starts_index(current, column.name):
            index = auto_increment_index((column.name,), unique=False)
            return [f"ADD {self.ddl.indexes.definition(index)}"]
        return []

    def _regenerate(self, before: Column, column: Column, current: Table) -> list[str]:
        """Return statements that replace a column by a new one.

        If a generated column becomes an ordinary one, it becomes STORED first: MODIFY COLUMN then
        keeps its values.
        """
        if column.computed is not None or before.computed is None:
            return [self._replace(column, current)]
        stored = replace(before, computed=replace(before.computed, persisted=True))
        modify = f"MODIFY COLUMN {self.definition(column, current)}"
        return [self._replace(stored, current), self.alter_table(current.name, modify)]

    def _replace(self, column: Column, current: Table) -> str:
        """Return ALTER TABLE that drops the column and adds it again at the same position."""
        users = users_of(self.ddl, column.name, current)
        names = [other.name for other in current.columns]
        index = names.index(column.name)
        position = f"AFTER {self.quote(names[index - 1])}" if index else "FIRST"
        return self.alter_table(
            current.name,
            *(user.drop for user in users),
            f"DROP COLUMN {self.quote(column.name)}",
            f"ADD COLUMN {self.definition(column, current)} {position}",
            *(user.add for user in users),
        )

    # Dropping

    def drop(self, operation: DropColumn, current: Table | None = None) -> list[str]:
        """Return DROP COLUMN, and DROP for each constraint and index that uses the column.

        The server would only remove the column from an index over several columns. autodiff drops
        such an index, as other databases do.
        https://dev.mysql.com/doc/refman/en/alter-table.html
        """
        changes = changes_to_drop_users(self.ddl, operation.name, current) if current else []
        drop = f"DROP COLUMN {self.quote(operation.name)}"
        return [self.alter_table(operation.table, *changes, drop)]

    # Renaming

    def rename(self, operation: RenameColumn, current: Table | None = None) -> list[str]:
        """Return RENAME COLUMN, and RENAME INDEX for an index that is named after the column.

        MariaDB also renames the column in checks, generated columns and defaults. MySQL refuses to
        rename a column that they use, so they are dropped and added with the new name. This happens
        in the same statement, unless a foreign key could use the column (see `_may_be_key`).
        """
        old, new = operation.before, operation.after
        changes = [f"RENAME COLUMN {self.quote(old)} TO {self.quote(new)}"]
        users: list[User] = []
        if current is not None and (names := renamed_index(old, new, current)) is not None:
            changes.append(f"RENAME INDEX {self.quote(names[0])} TO {self.quote(names[1])}")
        if current is not None and not self.dialect.is_mariadb:
            changes += self._rename_in_columns(old, new, current)
            users = renamed_users_of(self.ddl, old, new, current)
        drops, adds = [user.drop for user in users], [user.add for user in users]
        if not users or current is None or not _may_be_key(old, current):
            return [self.alter_table(operation.table, *drops, *changes, *adds)]
        return [self.alter_table(operation.table, *part) for part in (drops, changes, adds)]

    def swap(self, operation: SwapColumns) -> list[str]:
        """Return one statement: other sessions see both names change in one step."""
        one, other = self.quote(operation.one), self.quote(operation.other)
        names = (f"RENAME COLUMN {one} TO {other}", f"RENAME COLUMN {other} TO {one}")
        return [self.alter_table(operation.table, *names)]

    def _rename_in_columns(self, old: str, new: str, table: Table) -> Iterator[str]:
        for column in table.columns:
            if column.computed is not None and mentions(column.computed.sql, old):
                computed = replace(column.computed, sql=rename_in(column.computed.sql, old, new))
                yield f"MODIFY COLUMN {self.definition(replace(column, computed=computed))}"
            elif column.default is not None and column.name != old:
                default = rename_in_default(column.default, old, new)
                if default != column.default:
                    yield f"MODIFY COLUMN {self.definition(replace(column, default=default))}"


def differs_by_row(column: Column) -> bool:
    """Return whether MySQL refuses to add the column, because its default differs by row.

    https://dev.mysql.com/doc/refman/en/data-type-defaults.html
    """
    return column.default is not None and _NONDETERMINISTIC.search(column.default) is not None


def _default_clauses(default: str, type_sql: str) -> list[str]:
    """Return the DEFAULT and ON UPDATE clauses, if the default has them."""
    value, on_update = split_on_update(default)
    parts = []
    if value is not None:
        parts.append(f"DEFAULT {_default_value(value, type_sql)}")
    if on_update is not None:
        parts.append(f"ON UPDATE {on_update}")
    return parts


def _default_value(value: str, type_sql: str) -> str:
    """Return the value of a DEFAULT clause; an expression needs parentheses."""
    default = bare_expression(value, backslashes=True)
    base = type_sql.split("(")[0].split(" ")[0]
    needs_expression = base in _EXPRESSION_DEFAULTS and default.lower() != "null"
    if (is_literal(default) and not needs_expression) or canonical_now(default, type_sql):
        return default
    return f"({default})"


def _altered(operation: AlterColumn, current: Table | None) -> Column:
    """Return the column after the operation.

    If the table is not known, the operation must contain its type and nullability. Raises PlanError
    if they are missing, or if the table does not have the column.
    """
    label = f"{operation.table}.{operation.name}"
    if current is not None:
        before = current.column(operation.name)
        if before is None:
            raise PlanError(
                f"cannot alter column {label}: the table has no such column",
                hint="compare the migration with the database: autodiff check",
            )
        return operation.after.apply(before)
    if not {"type", "nullable"} <= {*operation.before.fields, *operation.after.fields}:
        raise PlanError(
            f"cannot alter column {label} without knowing its type and whether it is nullable",
            hint="run the migration against a database, "
            "or pass existing_type=... and existing_nullable=...",
        )
    blank = Column(name=operation.name, type=_UNKNOWN)
    return operation.after.apply(operation.before.apply(blank))


def _can_be_modified(before: Column, after: Column) -> bool:
    """Return whether MODIFY COLUMN accepts the change of the generation expression."""
    old, new = before.computed, after.computed
    if old is None or new is None:
        return all(computed is None or computed.persisted for computed in (old, new))
    return old.persisted == new.persisted


def _may_be_key(column: str, table: Table) -> bool:
    """Return whether a foreign key of any table could use the column.

    The server renames such a column only in place, and accepts no other change in the same ALTER
    TABLE. A foreign key of another table needs a key or index that has the column.
    """
    keys = [columns_of(constraint) for constraint in table.constraints]
    return any(column in columns for columns in (*keys, *(i.columns for i in table.indexes)))
