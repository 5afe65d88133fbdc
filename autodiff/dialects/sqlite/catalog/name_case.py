"""Spell names of columns and tables as their definitions do: SQLite ignores their case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from autodiff.schema.objects import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    Table,
)
from autodiff.utils.sharing import altered, kept, mapped

__all__ = ["spell_columns", "spell_targets"]


def spell_columns(table: Table) -> Table:
    """Return the table with the columns' own spelling in constraints and indexes."""
    known = _Spelling(table)
    if known.has(_used(table)):
        return table

    def constraint(item: Constraint) -> Constraint:
        if isinstance(item, Check | Exclusion):
            return item
        return altered(item, columns=known.spelled(item.columns))

    def element(part: IndexElement) -> IndexElement:
        return part if part.is_expression else altered(part, text=known.spelled((part.text,))[0])

    def index(item: Index) -> Index:
        return altered(item, elements=mapped(item.elements, element))

    return altered(
        table,
        constraints=mapped(table.constraints, constraint),
        indexes=mapped(table.indexes, index),
    )


def _used(table: Table) -> Iterator[str]:
    """Yield the names of columns in constraints and indexes."""
    for item in table.constraints:
        if not isinstance(item, Check | Exclusion):
            yield from item.columns
    for index in table.indexes:
        yield from index.columns


def spell_targets(tables: Mapping[Name, Table]) -> dict[Name, Table]:
    """Return the tables with the targets' own spelling in foreign keys.

    `REFERENCES parent` without columns means the parent's primary key.
    """
    spelled = {(name.schema, name.name.lower()): name for name in tables}
    columns_of: dict[Name, _Spelling] = {}

    def target(key: ForeignKey) -> ForeignKey:
        name = spelled.get((key.referred.schema, key.referred.name.lower()), key.referred)
        parent = tables.get(name)
        if parent is None:
            return key
        if name not in columns_of:
            columns_of[name] = _Spelling(parent)
        columns = columns_of[name].spelled(key.referred_columns)
        if not columns and parent.primary_key is not None:
            columns = parent.primary_key.columns
        return altered(
            key,
            referred=kept(key.referred, name),
            referred_columns=kept(key.referred_columns, columns),
        )

    def constraint(item: Constraint) -> Constraint:
        return target(item) if isinstance(item, ForeignKey) else item

    return {
        name: altered(table, constraints=mapped(table.constraints, constraint))
        for name, table in tables.items()
    }


class _Spelling:
    """The spelling of the columns of a table."""

    def __init__(self, table: Table) -> None:
        self._names = {column.name for column in table.columns}
        self._by_lower: dict[str, str] | None = None

    def has(self, names: Iterable[str]) -> bool:
        """Return whether all names are spelled like columns."""
        return self._names.issuperset(names)

    def spelled(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names as the columns spell them; a name of no column is kept."""
        if self.has(names):
            return names
        if self._by_lower is None:
            self._by_lower = {name.lower(): name for name in self._names}
        known = self._by_lower
        return tuple(known.get(name.lower(), name) for name in names)
