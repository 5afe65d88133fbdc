"""Leave partitions out: SQLAlchemy cannot declare which rows they hold."""

from __future__ import annotations

from dataclasses import replace

from autodiff.schema.objects import Schema, Table

__all__ = ["without_declared_partitions", "without_partitions"]

_PARTITIONED = "postgresql_partition_by"


def without_partitions(current: Schema, desired: Schema) -> Schema:
    """Return the desired schema without tables that are partitions of others.

    A partition in the database changes with its table, even if the models declare it. A partition
    that does not exist cannot be created without its bounds, which models do not declare: the job
    or script that creates the other partitions must create it.
    """
    present = {name for table in current.tables.values() for name in table.partitions}
    partitioned = {
        name
        for schema in (current, desired)
        for name, table in schema.tables.items()
        if _PARTITIONED in table.options
    }

    def left_alone(table: Table) -> bool:
        return table.name in present or not partitioned.isdisjoint(table.inherits)

    kept = {name: table for name, table in desired.tables.items() if not left_alone(table)}
    return replace(desired, tables=kept) if len(kept) < len(desired.tables) else desired


def without_declared_partitions(declared: Schema, described: Schema, desired: Schema) -> Schema:
    """Return the desired schema without the partitions that the models declared before.

    Partitions are not described with their tables, so a table that was declared only is one. The
    case of a name can differ between both.
    """
    known = {str(name).lower() for name in described.tables}
    partitions = {name for name in declared.tables if str(name).lower() not in known}
    kept = {name: table for name, table in desired.tables.items() if name not in partitions}
    return replace(desired, tables=kept)
