"""Give each reference to a column or table the case of its definition.

SQLite compares names without their case, but keeps the case that each statement used. autodiff
compares exact strings, so a foreign key to `Users` would differ from a model that names `users`.

Two passes: `spell_columns` runs on each table when it is read, before its constraints get names,
because an unnamed constraint is named after its columns. `spell_targets` runs when all tables are
read, because a foreign key can refer to any of them. Without these passes, or in another order,
the comparison finds changes in names only, and each migration rebuilds the table again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
from autodiff.utils.sharing import keep_equal, map_shared, replace_changed

__all__ = ["spell_columns", "spell_targets"]

_WITHOUT_COLUMNS = (Check, Exclusion)


def spell_columns(table: Table) -> Table:
    """Return the table, with its constraints and indexes in the case of its column definitions."""
    spelling = _Spelling(table)
    if spelling.has(_used(table)):
        return table

    def constraint(item: Constraint) -> Constraint:
        if isinstance(item, _WITHOUT_COLUMNS):
            return item
        return replace_changed(item, columns=spelling.spelled(item.columns))

    def element(part: IndexElement) -> IndexElement:
        if part.is_expression:
            return part
        return replace_changed(part, text=spelling.spelled((part.text,))[0])

    def index(item: Index) -> Index:
        return replace_changed(item, elements=map_shared(item.elements, element))

    return replace_changed(
        table,
        constraints=map_shared(table.constraints, constraint),
        indexes=map_shared(table.indexes, index),
    )


def _used(table: Table) -> list[str]:
    """Return the column names in the constraints and indexes of a table."""
    names: list[str] = []
    for item in table.constraints:
        if not isinstance(item, _WITHOUT_COLUMNS):
            names += item.columns
    for index in table.indexes:
        names += index.columns
    return names


def spell_targets(tables: Mapping[Name, Table]) -> dict[Name, Table]:
    """Return the tables, with their foreign keys in the case of the tables that they refer to.

    `REFERENCES parent` without columns gets the columns of the parent's primary key.
    https://www.sqlite.org/foreignkeys.html#fk_indexes

    A foreign key to a table that was not read is unchanged.
    """
    defined = {(name.schema, name.name.lower()): name for name in tables}
    spellings: dict[Name, _Spelling] = {}

    def target(key: ForeignKey) -> ForeignKey:
        name = defined.get((key.referred.schema, key.referred.name.lower()), key.referred)
        parent = tables.get(name)
        if parent is None:
            return key
        if name not in spellings:
            spellings[name] = _Spelling(parent)
        columns = spellings[name].spelled(key.referred_columns)
        if not columns and parent.primary_key is not None:
            columns = parent.primary_key.columns
        if name == key.referred and columns == key.referred_columns:
            return key
        return replace_changed(
            key,
            referred=keep_equal(key.referred, name),
            referred_columns=keep_equal(key.referred_columns, columns),
        )

    def constraint(item: Constraint) -> Constraint:
        return target(item) if isinstance(item, ForeignKey) else item

    return {
        name: replace_changed(table, constraints=map_shared(table.constraints, constraint))
        for name, table in tables.items()
    }


class _Spelling:
    """The names of a table's columns, in the case of their definitions."""

    def __init__(self, table: Table) -> None:
        self._names = {column.name for column in table.columns}
        self._by_lower: dict[str, str] | None = None

    def has(self, names: Iterable[str]) -> bool:
        """Return whether all names have the case of a definition."""
        return self._names.issuperset(names)

    def spelled(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names in the case of the definitions; unknown names are unchanged."""
        if self.has(names):
            return names
        if self._by_lower is None:
            self._by_lower = {name.lower(): name for name in self._names}
        by_lower = self._by_lower
        return tuple(by_lower.get(name.lower(), name) for name in names)
