"""Write SQL for tables of MySQL and MariaDB.

https://dev.mysql.com/doc/refman/en/alter-table.html and
https://mariadb.com/kb/en/alter-table/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from autodiff.dialects.ddl.tables import TableDDL
from autodiff.dialects.mysql.column_checks import is_in_column
from autodiff.dialects.mysql.ddl.indexes import indexes_of_keys
from autodiff.dialects.mysql.ddl.table_options import (
    DEFAULTS,
    follows_charset,
    option_clauses,
)
from autodiff.dialects.mysql.partitions import PARTITION_OPTIONS, partition_clause
from autodiff.schema.apply import CHARSET_OPTIONS
from autodiff.schema.objects import Check, Constraint, Name, Option, Table
from autodiff.schema.operations import RenameTable, SetTableOptions
from autodiff.utils.object_names import temporary_name

if TYPE_CHECKING:
    from autodiff.dialects.mysql.ddl.statements import MySQLDDL

__all__ = ["MySQLTableDDL"]


class MySQLTableDDL(TableDDL):
    """Creates and renames tables, and sets their options."""

    ddl: MySQLDDL

    def create(self, table: Table) -> list[str]:
        """Return CREATE TABLE with all indexes: an AUTO_INCREMENT column is refused without one."""
        parts = [self.ddl.columns.definition(column, table) for column in table.columns]
        parts += map(self.ddl.constraints.definition, self.inline_constraints(table))
        parts += map(self.ddl.indexes.definition, (*table.indexes, *indexes_of_keys(table)))
        return [self.create_statement(table, parts)]

    def inline_constraints(self, table: Table) -> Iterable[Constraint]:
        constraints = super().inline_constraints(table)
        return [c for c in constraints if not (isinstance(c, Check) and is_in_column(c))]

    def suffix(self, table: Table) -> str:
        options = dict(table.options)
        if table.comment is not None:
            options["mysql_comment"] = table.comment
        text = option_clauses(options)
        if table.options.get("mysql_with_system_versioning"):
            text += " WITH SYSTEM VERSIONING"
        partitions = partition_clause(options)
        return f"{text} {partitions}" if partitions else text

    def rename(self, operation: RenameTable) -> list[str]:
        """Return RENAME TABLE: other sessions see all names of tables and views change in one step.

        A view cannot be created for a name that does not exist yet. For `leaves_view`, the new name
        is therefore a view of the table first, and another view of that view gets the old name.
        """
        before, after = self.quote_name(operation.before), self.quote_name(operation.after)
        spare = self._spare(operation.before, "old")
        if operation.replaces_view:
            return [
                f"RENAME TABLE {after} TO {spare}, {before} TO {after}",
                f"DROP VIEW {spare}",
            ]
        if operation.leaves_view:
            view = self._spare(operation.before, "view")
            return [
                f"CREATE VIEW {after} AS SELECT * FROM {before}",
                f"CREATE VIEW {view} AS SELECT * FROM {after}",
                f"RENAME TABLE {after} TO {spare}, {before} TO {after}, {view} TO {before}",
                f"DROP VIEW {spare}",
            ]
        return [f"RENAME TABLE {before} TO {after}"]

    def _spare(self, name: Name, suffix: str) -> str:
        limit = self.features.max_name_length
        return self.quote_name(Name(temporary_name(name.name, suffix, limit=limit), name.schema))

    def set_options(self, operation: SetTableOptions, current: Table | None = None) -> list[str]:
        """Return ALTER TABLE for all options, and another one for the partitions."""
        options: dict[str, Option] = {}
        for name, _, after in operation.options:
            if name in PARTITION_OPTIONS:
                continue
            value = DEFAULTS.get(name) if after is None else after
            if value is None or not name.startswith("mysql_"):
                super().set_options(operation)
            else:
                options[name] = value
        statements = self._set_partitions(operation, current)
        if any(name in options for name in CHARSET_OPTIONS):
            changes = self._set_charset(options, current)
            return [self.alter_table(operation.table, *changes), *statements]
        if options:
            clauses = option_clauses(options).strip()
            statements.insert(0, self.alter_table(operation.table, clauses))
        return statements

    def _set_partitions(self, operation: SetTableOptions, current: Table | None) -> list[str]:
        """Return ALTER TABLE with all partitions, which copies all rows.

        Partition options that the operation does not name keep their current values.
        https://dev.mysql.com/doc/refman/en/partitioning-management.html
        """
        changed = {name: after for name, _, after in operation.options if name in PARTITION_OPTIONS}
        if not changed:
            return []
        current_options = current.options if current is not None else {}
        before = {
            name: value for name, value in current_options.items() if name in PARTITION_OPTIONS
        }
        after = {name: value for name, value in (before | changed).items() if value is not None}
        clause = partition_clause(after) or "REMOVE PARTITIONING"
        return [self.alter_table(operation.table, clause)]

    def _set_charset(self, options: dict[str, Option], current: Table | None) -> list[str]:
        """Return the new default charset, and MODIFY COLUMN for the columns that follow it.

        CONVERT TO is used only if the table is not known: it can change TEXT into MEDIUMTEXT, and
        converts even columns with another collation.
        https://dev.mysql.com/doc/refman/en/alter-table.html#alter-table-character-set
        """
        if current is None:
            others = {k: v for k, v in options.items() if k not in CHARSET_OPTIONS}
            clauses = [option_clauses(others).strip()] if others else []
            return [*clauses, _convert_to(options)]
        columns = [
            f"MODIFY COLUMN {self.ddl.columns.definition(column, current)}"
            for column in current.columns
            if follows_charset(column)
        ]
        return [option_clauses(options).strip(), *columns]


def _convert_to(options: dict[str, Option]) -> str:
    """Return CONVERT TO; the name of a collation starts with the name of its charset."""
    charset_options = [(name, value) for name, value in options.items() if name in CHARSET_OPTIONS]
    collation = next((value for name, value in charset_options if name.endswith("collate")), None)
    charset = next((value for name, value in charset_options if not name.endswith("collate")), None)
    text = f"CONVERT TO CHARACTER SET {charset or str(collation).split('_')[0]}"
    return text + (f" COLLATE {collation}" if collation else "")
