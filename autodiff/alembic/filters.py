"""Leave alone what the filters of env.py exclude: include_object, include_name, include_schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from autodiff.compare import schema_as_desired
from autodiff.dialects import Dialect
from autodiff.models.tables import name_of
from autodiff.schema.objects import (
    Check,
    Column,
    ForeignKey,
    Index,
    Name,
    Schema,
    Table,
    Unique,
)

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.autogenerate.api import AutogenContext

__all__ = ["Filters"]

Kind: TypeAlias = Literal[
    "column", "index", "unique_constraint", "foreign_key_constraint", "check_constraint"
]
_PARTS: Mapping[type[Any], Kind] = {
    Column: "column",
    Index: "index",
    Unique: "unique_constraint",
    ForeignKey: "foreign_key_constraint",
    Check: "check_constraint",
}
"""What Alembic calls the parts of tables that it filters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters of Alembic's context, as one function over two schemas."""

    context: AutogenContext
    metadata: Sequence[sa.MetaData]
    connection: sa.Connection

    def __call__(self, current: Schema, desired: Schema, dialect: Dialect) -> tuple[Schema, Schema]:
        """Return the schemas with everything equal that the filters exclude.

        What is left alone stays in both schemas, because tables with it may have to be rebuilt.
        """
        opts = self.context.opts
        if opts.get("include_object") is None and opts.get("include_name") is None:
            return current, self._without_other_schemas(current, desired, dialect)
        tables = {
            name_of(table, dialect): table for item in self.metadata for table in item.sorted_tables
        }
        selection = _Selection(
            context=self.context,
            models=tables,
            reflected=self._reflect(current, dialect),
            kept=schema_as_desired(current, dialect),
        )
        desired = self._without_other_schemas(current, desired, dialect)
        return current, selection.apply(current, desired)

    def _without_other_schemas(self, current: Schema, desired: Schema, dialect: Dialect) -> Schema:
        """Return the desired schema with the tables that only other schemas have.

        Without `include_schemas`, Alembic drops tables of the default schema only.
        """
        if self.context.opts.get("include_schemas"):
            return desired
        other = [name for name in current.tables if name.schema and name not in desired.tables]
        return with_current_tables(schema_as_desired(current, dialect), desired, other)

    def _reflect(self, current: Schema, dialect: Dialect) -> dict[Name, sa.Table]:
        """Return the tables of the database as SQLAlchemy reflects them, for `include_object`."""
        import sqlalchemy as sa

        if self.context.opts.get("include_object") is None:
            return {}
        metadata = sa.MetaData()
        for schema in sorted({name.schema or "" for name in current.tables}):
            names = [name.name for name in current.tables if (name.schema or "") == schema]
            metadata.reflect(self.connection, schema or None, only=names, resolve_fks=False)
        return {name_of(table, dialect): table for table in metadata.tables.values()}


def with_current_tables(kept: Schema, desired: Schema, names: Iterable[Name]) -> Schema:
    """Return the desired schema with tables as the database has them, and their enum types."""
    chosen = {name: kept.tables[name] for name in names}
    types = {column.type.enum for table in chosen.values() for column in table.columns}
    enums = {name: enum for name, enum in kept.enums.items() if name in types}
    return replace(desired, tables={**desired.tables, **chosen}, enums={**enums, **desired.enums})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    """Asks the filters about each object; `kept` is the current schema to keep objects from."""

    context: AutogenContext
    models: Mapping[Name, sa.Table]
    reflected: Mapping[Name, sa.Table]
    kept: Schema

    def apply(self, current: Schema, desired: Schema) -> Schema:
        """Return the desired schema with excluded objects in their current form."""
        left = [name for name in current.tables if not self._wants_table(name, reflected=True)]
        new = [name for name in desired.tables if name not in current.tables]
        unwanted = {name for name in new if not self._wants_table(name, reflected=False)}
        desired = with_current_tables(self.kept, desired, left)
        tables = {
            name: self._selected(table) if name in current.tables and name not in left else table
            for name, table in desired.tables.items()
            if name not in unwanted
        }
        return replace(desired, tables=tables)

    def _wants_table(self, name: Name, *, reflected: bool) -> bool:
        schema = name.schema
        if reflected and not (
            self.context.run_name_filters(schema, "schema", {})
            and self.context.run_name_filters(name.name, "table", {"schema_name": schema})
        ):
            return False
        return self._wants(self.models.get(name), self.reflected.get(name), name.name, "table")

    def _wants(self, model: Any, reflected: Any, name: str | None, kind: Any) -> bool:
        """Ask include_object with the arguments that Alembic passes to it."""
        if model is not None:
            return self.context.run_object_filters(model, name, kind, False, reflected)
        if reflected is not None:
            return self.context.run_object_filters(reflected, name, kind, True, None)
        return True

    def _selected(self, table: Table) -> Table:
        """Return a desired table with its excluded parts in their current form."""
        now = self.kept.tables.get(table.name)
        if now is None or now == table:
            return table

        def select(old: Sequence[Any], new: Sequence[Any]) -> tuple[Any, ...]:
            return self._select(table.name, old, new)

        return replace(
            table,
            columns=select(now.columns, table.columns),
            indexes=select(now.indexes, table.indexes),
            constraints=select(now.constraints, table.constraints),
        )

    def _select(
        self, table: Name, current: Sequence[Any], desired: Sequence[Any]
    ) -> tuple[Any, ...]:
        old = {part.name: part for part in current if part.name is not None}
        parts: list[Any] = []
        for part in desired:
            now = old.pop(part.name, None) if part.name is not None else None
            if self._wants_part(table, part, is_current=now is not None):
                parts.append(part)
            elif now is not None:
                parts.append(now)
        return (
            *parts,
            *(part for part in old.values() if not self._wants_part(table, part, is_current=True)),
        )

    def _wants_part(self, table: Name, part: Any, *, is_current: bool) -> bool:
        kind = _PARTS.get(type(part))
        if kind is None:
            return True
        parents: dict[str, Any] = {"schema_name": table.schema, "table_name": table.name}
        if is_current and not self.context.run_name_filters(part.name, kind, parents):  # type: ignore[arg-type]
            return False
        model, reflected = (
            _part_of(tables.get(table), kind, part.name) for tables in (self.models, self.reflected)
        )
        return self._wants(model, reflected, part.name, kind)


def _part_of(table: sa.Table | None, kind: Kind, name: str | None) -> Any:
    """Return SQLAlchemy's object for a part of a table."""
    if table is None or name is None:
        return None
    if kind == "column":
        return next((column for column in table.columns if column.name == name), None)
    candidates: Iterable[Any] = table.indexes if kind == "index" else table.constraints
    return next((item for item in candidates if item.name == name), None)
