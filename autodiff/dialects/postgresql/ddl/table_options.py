"""ALTER TABLE for what stands behind the brackets of CREATE TABLE.

https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.dialects.ddl import DDL
from autodiff.schema.objects import Name, Option, Table
from autodiff.schema.operations import SetTableOptions

if TYPE_CHECKING:
    from autodiff.dialects.postgresql.ddl.statements import PostgreSQLDDL

__all__ = ["set_table_options"]


def set_table_options(
    ddl: PostgreSQLDDL, operation: SetTableOptions, current: Table | None
) -> list[str]:
    """The statements; what an option was is asked of `current`, where the table is known.

    Raises PlanError for an option that stays for a table's life, such as how it is partitioned.
    """
    table = ddl.quote_name(operation.table)
    return [
        f"ALTER TABLE {table} {change}"
        for name, before, after in operation.options
        for change in _changes(
            ddl, operation, name, current.options.get(name) if current else before, after
        )
    ]


def _changes(
    ddl: PostgreSQLDDL,
    operation: SetTableOptions,
    name: str,
    before: Option | None,
    after: Option | None,
) -> list[str]:
    match name:
        case "postgresql_with":
            return _parameters(str(before or ""), str(after or ""))
        case "postgresql_inherits":
            return _parents(ddl, operation.table, before, after)
        case "postgresql_tablespace":
            return [f"SET TABLESPACE {ddl.quote(str(after or 'pg_default'))}"]
        case "postgresql_using":
            return [f"SET ACCESS METHOD {ddl.quote(str(after or 'heap'))}"]
        case "prefix" if {before, after} == {"UNLOGGED", None}:
            return ["SET UNLOGGED" if after else "SET LOGGED"]
        case _:
            return DDL.set_table_options(ddl, operation)


def _parameters(before: str, after: str) -> list[str]:
    """SET for the storage parameters that are there, RESET for those that no longer are."""
    old, new = (
        {part.split("=")[0].strip() for part in text.split(",")} for text in (before, after)
    )
    gone = sorted(old - new - {""})
    reset = [f"RESET ({', '.join(gone)})"] if gone else []
    return [*reset, f"SET ({after})"] if after else reset


def _parents(
    ddl: PostgreSQLDDL, name: Name, before: Option | None, after: Option | None
) -> list[str]:
    old, new = (
        Table(name=name, options={"postgresql_inherits": text or ""}).inherits
        for text in (before, after)
    )
    gone = [f"NO INHERIT {ddl.quote_name(parent)}" for parent in old if parent not in new]
    return gone + [f"INHERIT {ddl.quote_name(parent)}" for parent in new if parent not in old]
