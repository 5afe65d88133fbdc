"""SQLite finds names whatever their case; here they are spelled as their owner spells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from autodiff.schema import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    Table,
)

__all__ = ["spell_columns", "spell_targets"]


def spell_columns(table: Table) -> Table:
    """The table whose constraints and indexes name its columns as the columns name themselves."""

    def constraint(item: Constraint) -> Constraint:
        if isinstance(item, Check | Exclusion):
            return item
        return replace(item, columns=_spelled(item.columns, table))

    def element(part: IndexElement) -> IndexElement:
        return part if part.is_expression else replace(part, text=_spelled((part.text,), table)[0])

    def index(item: Index) -> Index:
        return replace(item, elements=tuple(element(part) for part in item.elements))

    return replace(
        table,
        constraints=tuple(constraint(item) for item in table.constraints),
        indexes=tuple(index(item) for item in table.indexes),
    )


def spell_targets(tables: Mapping[Name, Table]) -> dict[Name, Table]:
    """The tables whose foreign keys name their targets as these name themselves.

    `REFERENCES parent` without columns means the parent's primary key.
    """
    spelled = {(name.schema, name.name.lower()): name for name in tables}

    def target(key: ForeignKey) -> ForeignKey:
        name = spelled.get((key.referred.schema, key.referred.name.lower()), key.referred)
        parent = tables.get(name)
        if parent is None:
            return key
        columns = _spelled(key.referred_columns, parent)
        if not columns and parent.primary_key is not None:
            columns = parent.primary_key.columns
        return replace(key, referred=name, referred_columns=columns)

    def constraint(item: Constraint) -> Constraint:
        return target(item) if isinstance(item, ForeignKey) else item

    return {
        name: replace(table, constraints=tuple(constraint(item) for item in table.constraints))
        for name, table in tables.items()
    }


def _spelled(names: tuple[str, ...], table: Table) -> tuple[str, ...]:
    known = {column.name.lower(): column.name for column in table.columns}
    return tuple(known.get(name.lower(), name) for name in names)
