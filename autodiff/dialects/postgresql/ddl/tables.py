"""SQL for tables of PostgreSQL: the clauses after the column list, and ALTER TABLE for them.

https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

from autodiff.dialects.ddl.tables import TableDDL
from autodiff.dialects.postgresql.ddl.privileges import let_use_as
from autodiff.schema.objects import INHERITS, Name, Option, Table
from autodiff.schema.operations import RenameTable, SetTableOptions
from autodiff.schema.sqltext import quote_literal

__all__ = ["PostgreSQLTableDDL"]


class PostgreSQLTableDDL(TableDDL):
    """Creates tables with parents, partitions and storage parameters, and changes these options."""

    def suffix(self, table: Table) -> str:
        text = ""
        if table.inherits:
            text += f" INHERITS ({', '.join(map(self.quote_name, table.inherits))})"
        if partition := table.options.get("postgresql_partition_by"):
            text += f" PARTITION BY {partition}"
        if method := table.options.get("postgresql_using"):
            text += f" USING {self.quote(str(method))}"
        if storage := table.options.get("postgresql_with"):
            text += f" WITH ({storage})"
        if tablespace := table.options.get("postgresql_tablespace"):
            text += f" TABLESPACE {self.quote(str(tablespace))}"
        return text

    def rename(self, operation: RenameTable) -> list[str]:
        """Return SET SCHEMA, RENAME TO, or both; indexes and owned sequences move along."""
        before, after = operation.before, operation.after
        statements = []
        if before.schema != after.schema:
            schema = self.quote(after.schema or self.dialect.default_schema or "public")
            statements.append(self.alter_table(before, f"SET SCHEMA {schema}"))
        if before.name != after.name:
            moved = before._replace(schema=after.schema)
            statements.append(self.alter_table(moved, f"RENAME TO {self.quote(after.name)}"))
        if operation.replaces_view:
            statements.insert(0, f"DROP VIEW {self.quote_name(after)}")
        if operation.leaves_view:
            old, new = self.quote_name(before), self.quote_name(after)
            statements.append(f"CREATE VIEW {old} AS SELECT * FROM {new}")
            statements.append(let_use_as(old, new))
        return statements

    def used_by(self, name: Name) -> str:
        relation = quote_literal(self.quote_name(name))
        return (
            f"SELECT pid FROM pg_locks WHERE relation = {relation}::regclass "
            "AND pid <> pg_backend_pid()"
        )

    def set_options(self, operation: SetTableOptions, current: Table | None = None) -> list[str]:
        """Return the statements for each option.

        The old value is that of `current`, or that of the operation if the table is unknown. Raises
        PlanError for an option that cannot change, such as a partition key.
        """
        return [
            self.alter_table(operation.table, change)
            for name, before, after in operation.options
            for change in self._changes(
                operation, name, current.options.get(name) if current else before, after
            )
        ]

    def _changes(
        self, operation: SetTableOptions, name: str, before: Option | None, after: Option | None
    ) -> list[str]:
        match name:
            case "postgresql_with":
                return _storage_parameters(str(before or ""), str(after or ""))
            case "postgresql_inherits":
                return self._parents(operation.table, before, after)
            case "postgresql_tablespace":
                return [f"SET TABLESPACE {self.quote(str(after or 'pg_default'))}"]
            case "postgresql_using":
                return [f"SET ACCESS METHOD {self.quote(str(after or 'heap'))}"]
            case "prefix" if {before, after} == {"UNLOGGED", None}:
                return ["SET UNLOGGED" if after else "SET LOGGED"]
            case _:
                return super().set_options(operation)

    def _parents(self, name: Name, before: Option | None, after: Option | None) -> list[str]:
        old, new = (
            Table(name=name, options={INHERITS: text or ""}).inherits for text in (before, after)
        )
        removed = [f"NO INHERIT {self.quote_name(parent)}" for parent in old if parent not in new]
        return removed + [
            f"INHERIT {self.quote_name(parent)}" for parent in new if parent not in old
        ]


def _storage_parameters(before: str, after: str) -> list[str]:
    """Return RESET for the storage parameters that are removed, and SET for the new ones."""
    old, new = (
        {part.split("=")[0].strip() for part in text.split(",")} for text in (before, after)
    )
    removed = sorted(old - new - {""})
    reset = [f"RESET ({', '.join(removed)})"] if removed else []
    return [*reset, f"SET ({after})"] if after else reset
