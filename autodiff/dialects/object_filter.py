"""Leave out objects that a function of the project does not want to be managed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from autodiff.schema.apply import names_column
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)

__all__ = ["IncludeObject", "ObjectFilter"]

IncludeObject: TypeAlias = Callable[[str, str, str | None, bool], object]
"""Takes the kind, the name and the schema of an object, and whether only the database has it."""

_KINDS: dict[type[object], str] = {
    Index: "index",
    Unique: "unique_constraint",
    ForeignKey: "foreign_key_constraint",
    Check: "check_constraint",
    Exclusion: "exclusion_constraint",
}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFilter:
    """Asks a function which objects are managed.

    The function is asked once for an object of the models, with `reflected` False, and that counts
    for both sides. For an object that only the database has, `reflected` is True. Primary keys are
    never asked for: they belong to their table.
    """

    include: IncludeObject

    def declared(self, schema: Schema) -> Schema:
        """Return what the models declare, without the objects that are left out."""
        return self._filtered(schema, None)

    def reflected(self, schema: Schema, desired: Schema) -> Schema:
        """Return what a database has, without the objects that are left out.

        desired: what `declared` returned.
        """
        return self._filtered(schema, desired)

    def _filtered(self, schema: Schema, desired: Schema | None) -> Schema:
        def kept(kind: str, items: Mapping[Name, _T], wanted: Mapping[Name, _T]) -> dict[Name, _T]:
            return {
                name: item
                for name, item in items.items()
                if self._includes(kind, name.name, name.schema, desired is not None, name in wanted)
            }

        known = desired or Schema()
        tables = {
            name: self._table(table, desired)
            for name, table in kept("table", schema.tables, known.tables).items()
        }
        views = kept("view", schema.views, known.views)
        enums = kept("enum", schema.enums, known.enums)
        sequences = kept("sequence", schema.sequences, known.sequences)
        namespaces = schema.namespaces
        if desired is None:
            names = [*tables, *views, *enums, *sequences]
            namespaces &= {name.schema for name in names if name.schema}
        return replace(
            schema,
            tables=tables,
            views=views,
            enums=enums,
            sequences=sequences,
            namespaces=namespaces,
            renamed=tuple(item for item in schema.renamed if item.table in tables),
        )

    def _table(self, table: Table, desired: Schema | None) -> Table:
        """Return a table without the parts that are left out, and without what uses them."""
        reflected = desired is not None
        other = desired.tables.get(table.name) if desired is not None else None

        def includes(kind: str, part: str, is_wanted: bool) -> bool:
            name = f"{table.name.name}.{part}"
            return self._includes(kind, name, table.name.schema, reflected, is_wanted)

        left_out = {
            column.name
            for column in table.columns
            if not includes("column", column.name, other is not None and _has(other, column))
        }

        def stays(part: Index | Constraint) -> bool:
            if isinstance(part, PrimaryKey):
                return True
            if any(names_column(part, column) for column in left_out):
                return False
            name = part.name or "_".join(_columns(part))
            return includes(_KINDS[type(part)], name, other is not None and _has(other, part))

        columns = tuple(column for column in table.columns if column.name not in left_out)
        indexes = tuple(filter(stays, table.indexes))
        constraints = tuple(filter(stays, table.constraints))
        if (columns, indexes, constraints) == (table.columns, table.indexes, table.constraints):
            return table
        return replace(table, columns=columns, indexes=indexes, constraints=constraints)

    def _includes(
        self, kind: str, name: str, schema: str | None, reflected: bool, is_wanted: bool
    ) -> bool:
        """Ask the function; an object that the models have and keep is not asked for again."""
        if is_wanted:
            return True
        if not self.include(kind, name, schema, False):
            return False
        return not reflected or bool(self.include(kind, name, schema, True))


def _has(table: Table, part: Column | Index | Constraint) -> bool:
    """Return whether a table of the models has a part that a database has.

    A database gives names to parts that the models do not name, and MySQL shows a unique constraint
    as an index, so parts with the same columns match too.
    """
    if isinstance(part, Column):
        return table.column(part.name) is not None
    return any(
        other.name == part.name
        or (_columns(other) == _columns(part) and bool(_columns(part)))
        or (other.name is None and isinstance(other, Check) and isinstance(part, Check))
        for other in (*table.indexes, *table.constraints)
    )


def _columns(part: Index | Constraint) -> tuple[str, ...]:
    return tuple(getattr(part, "columns", ()))
