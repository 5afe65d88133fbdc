"""SQL for tables of SQLite. https://www.sqlite.org/lang_createtable.html"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from autodiff.dialects.ddl.tables import TableDDL
from autodiff.schema.objects import Constraint, PrimaryKey, Table
from autodiff.schema.operations import RenameTable, SetTableOptions
from autodiff.utils.object_names import name_between

if TYPE_CHECKING:
    from autodiff.dialects.sqlite.ddl.statements import SQLiteDDL

__all__ = ["SQLiteTableDDL"]


class SQLiteTableDDL(TableDDL):
    """Creates and renames tables."""

    ddl: SQLiteDDL

    def inline_constraints(self, table: Table) -> Iterable[Constraint]:
        constraints = super().inline_constraints(table)
        in_column = bool(table.options.get("sqlite_autoincrement"))
        return [c for c in constraints if not (in_column and isinstance(c, PrimaryKey))]

    def suffix(self, table: Table) -> str:
        words = []
        if table.options.get("sqlite_with_rowid") is False:
            words.append("WITHOUT ROWID")
        if table.options.get("sqlite_strict"):
            words.append("STRICT")
        return f" {', '.join(words)}" if words else ""

    def rename(self, operation: RenameTable) -> list[str]:
        """Return the statement, or two with a temporary name if only the case of the name changes.

        SQLite compares names without their case, so it would refuse the new name as taken.
        """
        before, after = operation.before, operation.after
        if before.name.lower() != after.name.lower():
            return super().rename(operation)
        spare = after._replace(name=name_between(after.name))
        steps = (RenameTable(before=before, after=spare), RenameTable(before=spare, after=after))
        return [sql for step in steps for sql in super(SQLiteTableDDL, self).rename(step)]

    def set_options(self, operation: SetTableOptions, current: Table | None = None) -> list[str]:
        raise self.ddl.unknown_table_error(operation.table)
