"""Hypothesis strategies for schemas and alterations of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.property.fit import fit
from tests.property.kinds import FAMILIES, family_of
from tests.property.parts import COMMENTS, IDENTITIES, SEQUENCES, TABLE_OPTIONS, VALUES, Draw
from tests.property.specs import (
    CheckSpec,
    ForeignKeySpec,
    IndexSpec,
    KeySpec,
    Pair,
    SchemaSpec,
    TableSpec,
)

__all__ = ["pairs"]


class _Alter(Draw):
    """Draws alterations of schemas."""

    def mutation(self, schema: SchemaSpec) -> SchemaSpec:
        """Return the schema with one alteration."""
        if not schema.tables or self.chance(8):
            return self.alter_schema(schema)
        table = self.one(schema.tables)
        alter = self.one(
            (
                *(self.alter_column,) * 4,
                *(self.add_or_drop_column,) * 3,
                *(self.alter_parts,) * 3,
                *(self.alter_table,) * 2,
            )
        )
        if alter == self.alter_parts and self.chance(3):
            return self.altered(schema, self.foreign_key(schema, table))
        return self.altered(schema, alter(schema, table))

    def alter_schema(self, schema: SchemaSpec) -> SchemaSpec:
        action = self.one(("add", "drop", "enum", "sequence", "view", "order"))
        if action == "add" or not schema.tables:
            return replace(schema, tables=(*schema.tables, self.table(schema.enums)))
        if action == "drop":
            removed_key = self.one(schema.tables).key
            return replace(schema, tables=tuple(t for t in schema.tables if t.key != removed_key))
        if action == "enum" and schema.enums:
            enum = self.one(schema.enums)
            values = ("one", *self.some(VALUES, 4))
            values = values[::-1] if self.chance(3) else values
            altered_enum = replace(enum, values=values)
            return replace(
                schema, enums=tuple(altered_enum if e.key == enum.key else e for e in schema.enums)
            )
        if action == "sequence":
            if not schema.sequences or self.chance(3):
                return replace(schema, sequences=(*schema.sequences, self.sequence()))
            if self.chance(2):
                return replace(schema, sequences=schema.sequences[:-1])
            last = replace(schema.sequences[-1], options=self.one(SEQUENCES))
            return replace(schema, sequences=(*schema.sequences[:-1], last))
        if action == "view":
            views = schema.views[:-1] if schema.views and self.chance(2) else schema.views
            return replace(schema, views=(*views, self.view(schema)))
        return schema

    def alter_column(self, schema: SchemaSpec, table: TableSpec) -> TableSpec:
        if not table.columns:
            return table
        column = self.one(table.columns)
        action = self.one(("type", "type", "nullable", "default", "comment", "computed", "auto"))
        if action == "type" and column.type == "enum":
            column = replace(column, type=self.one(("string20", "text")))
        elif (
            action == "type"
            and family_of(column.type) == "text"
            and schema.enums
            and self.chance(4)
        ):
            column = replace(column, type="enum", enum=self.one(schema.enums).key)
        elif action == "type":
            column = replace(column, type=self.one(FAMILIES[family_of(column.type)]))
        elif action == "nullable":
            column = replace(column, nullable=not column.nullable)
        elif action == "default":
            new = None if self.chance(3) else self.draw(st.integers(0, 8))
            column = replace(column, default=new)
        elif action == "comment":
            column = replace(column, comment=self.one(COMMENTS))
        elif action == "computed":
            others = [c.key for c in table.columns if c.key != column.key]
            new_base = self.one(others) if others and column.computed is None else None
            column = replace(column, computed=new_base, persisted=not self.chance(3))
        else:
            column = replace(column, auto="" if column.auto else self.one(IDENTITIES))
        return replace(
            table, columns=tuple(column if c.key == column.key else c for c in table.columns)
        )

    def add_or_drop_column(self, schema: SchemaSpec, table: TableSpec) -> TableSpec:
        if self.chance(2) and len(table.columns) > 1:
            removed_key = self.one(table.columns).key
            return replace(table, columns=tuple(c for c in table.columns if c.key != removed_key))
        new = self.column(schema.enums, table.columns)
        return replace(table, columns=(*table.columns, new))

    def alter_parts(self, schema: SchemaSpec, table: TableSpec) -> TableSpec:
        parts = [
            (field, position)
            for field in ("uniques", "checks", "indexes", "foreign_keys")
            for position in range(len(getattr(table, field)))
        ]
        if not parts or self.chance(3):
            return self.with_part(table)
        field, position = self.one(parts)
        items = list(getattr(table, field))
        part = items.pop(position)
        if self.chance(2):
            keys = [column.key for column in table.columns]
            if isinstance(part, ForeignKeySpec):
                items.insert(position, replace(part, options=self.actions()))
            elif isinstance(part, CheckSpec):
                items.insert(position, replace(part, form=part.form + 1))
            elif isinstance(part, IndexSpec):
                items.insert(position, replace(self.index(keys), name=part.name))
            else:
                items.insert(position, replace(part, columns=self.some(keys, 2)))
        return replace(table, **{field: tuple(items)})

    def alter_table(self, schema: SchemaSpec, table: TableSpec) -> TableSpec:
        action = self.one(("primary", "comment", "options"))
        if action == "comment":
            return replace(table, comment=self.one(COMMENTS))
        if action == "options":
            # Options that models omit are not compared, so none is removed.
            options = dict(table.options) | dict(self.one(TABLE_OPTIONS))
            return replace(table, options=tuple(options.items()))
        if table.primary is not None and self.chance(2):
            return replace(table, primary=None)
        if table.columns and self.chance(2):
            keys = self.some([column.key for column in table.columns], 2)
            return replace(table, primary=KeySpec(columns=keys))
        return self.with_primary(table)

    def renaming(self, schema: SchemaSpec) -> SchemaSpec:
        """Return the schema with one name changed or two names swapped."""
        table = self.one(schema.tables)
        if self.chance(3):
            other = self.one(schema.tables)
            if self.chance(2) and other.schema == table.schema:
                schema = self.altered(schema, replace(other, name=table.name))
                if other.key == table.key:
                    return schema
                return self.altered(schema, replace(table, name=other.name))
            return self.altered(schema, replace(table, name=self.name()))
        first, second = self.one(table.columns), self.one(table.columns)
        names = {first.key: self.name()}
        if self.chance(2) and first.key != second.key:
            names = {first.key: second.name, second.key: first.name}
        columns = tuple(replace(c, name=names.get(c.key, c.name)) for c in table.columns)
        return self.altered(schema, replace(table, columns=columns))


@st.composite
def pairs(draw: Any, kind: str) -> Pair:
    """Draw a schema of the database, a schema derived from it, and a number of rows."""
    alterations = _Alter(draw)
    random_schema = alterations.schema()
    before = fit(random_schema, kind)
    altered_schema = before
    renamed = alterations.chance(3)
    for _ in range(draw(st.integers(1, 2)) if renamed else 0):
        altered_schema = alterations.renaming(altered_schema)
    for _ in range(draw(st.integers(0 if renamed else 1, 5))):
        altered_schema = alterations.mutation(altered_schema)
    after = _without_takeovers(before, fit(altered_schema, kind))
    if before.views and not after.views:  # if models have no views, views are ignored
        before = replace(before, views=())
    return Pair(
        before=before,
        after=after,
        rows=draw(st.integers(0, 3)),
        filled=alterations.chance(2),
        renamed=renamed,
    )


def _without_takeovers(before: SchemaSpec, after: SchemaSpec) -> SchemaSpec:
    """Undo renames to the name of a removed object, which a single migration cannot do."""
    removed_tables = {(t.schema, t.name) for t in before.tables if after.table(t.key) is None}
    tables = []
    for table in after.tables:
        old_table = before.table(table.key)
        if (
            old_table is not None
            and old_table.name != table.name
            and (table.schema, table.name) in removed_tables
        ):
            table = replace(table, name=old_table.name)
        removed_columns = (
            {c.name for c in old_table.columns if table.column(c.key) is None}
            if old_table
            else set()
        )
        columns = []
        for column in table.columns:
            old_column = old_table.column(column.key) if old_table else None
            is_taken = (
                old_column is not None
                and old_column.name != column.name
                and column.name in removed_columns
            )
            columns.append(
                replace(column, name=old_column.name) if is_taken and old_column else column
            )
        tables.append(replace(table, columns=tuple(columns)))
    return replace(after, tables=tuple(tables))
