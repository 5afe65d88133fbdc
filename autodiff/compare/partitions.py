"""Partitions, which follow their table: SQLAlchemy has no way to say which rows they hold."""

from __future__ import annotations

from dataclasses import replace

from autodiff.schema.objects import Schema, Table

__all__ = ["partitions_left_alone"]

_PARTITIONED = "postgresql_partition_by"


def partitions_left_alone(current: Schema, desired: Schema) -> Schema:
    """The desired schema without tables that are partitions of others.

    Those that are there follow their table, also where models describe them. One that is not
    there can't be made without its bounds, which models don't say: who makes partitions (a job, a
    script) makes this one too.
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
