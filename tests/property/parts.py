"""Random parts of schemas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.property.kinds import TYPES
from tests.property.specs import (
    CheckSpec,
    ColumnSpec,
    EnumSpec,
    ForeignKeySpec,
    IndexSpec,
    KeySpec,
    SchemaSpec,
    SequenceSpec,
    TableSpec,
    ViewSpec,
)

__all__ = ["COMMENTS", "IDENTITIES", "SEQUENCES", "TABLE_OPTIONS", "VALUES", "Draw"]

_STEMS = (
    *("alpha", "beta", "name", "status"),
    *("order", "select", "Mixed", "user", "check", "KEY", "group", "default"),
    *("two words", "größe", "名前", "semi;colon", "per%cent", "co:lon", 'quo"te', "apo'strophe"),
    "a_rather_long_name_that_goes_on_and_on_until_it_nearly_fills",
    "other_rather_long_name_that_goes_on_and_on_until_it_nearly",
)
_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
COMMENTS = (None, None, "a note", 'it\'s 5% of "all"', "back\\slash: a", "zwei\nZeilen")
IDENTITIES = (
    "serial",
    "serial",
    "always=True",
    "always=False",
    "always=False, start=10, increment=5",
)
VALUES = ("red", "green", "it's", "50%", "Blau", "a b")
_ACTIONS = ("CASCADE", "SET NULL", "RESTRICT", "NO ACTION")
TABLE_OPTIONS: tuple[tuple[tuple[str, object], ...], ...] = (
    (),
    (),
    (("sqlite_autoincrement", True), ("mysql_engine", "InnoDB")),
    (("sqlite_with_rowid", False), ("mysql_charset", "utf8mb4")),
    (("sqlite_strict", True), ("mysql_collate", "utf8mb4_bin")),
    (("mysql_row_format", "COMPRESSED"), ("mysql_default_charset", "latin1")),
)
SEQUENCES: tuple[tuple[tuple[str, object], ...], ...] = (
    (),
    (("start", 100), ("increment", 10)),
    (("minvalue", 1), ("maxvalue", 999), ("cycle", True)),
)


class Draw:
    """Draws parts of schemas, each with a unique key."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self._key = 0
        self._names: dict[str, int] = {}

    def key(self) -> int:
        self._key += 1
        return self._key

    def one(self, items: Any) -> Any:
        return self.draw(st.sampled_from(list(items)))

    def chance(self, n: int) -> bool:
        """Return True with a probability of 1 in `n`; shrinks to False."""
        return bool(self.draw(st.integers(0, n - 1)) == n - 1)

    def some(self, items: Any, limit: int) -> tuple[Any, ...]:
        items = list(items)
        chosen = st.lists(st.sampled_from(items), min_size=1, max_size=limit, unique=True)
        return tuple(self.draw(chosen))

    def name(self) -> str:
        """Return a name that was not used before, even in another case."""
        stem = self.one(_STEMS)
        number = self._names.get(stem.lower(), 0)
        self._names[stem.lower()] = number + 1
        return f"{stem}{number}" if number else str(stem)

    # parts

    def column(self, enums: tuple[EnumSpec, ...], columns: tuple[ColumnSpec, ...]) -> ColumnSpec:
        label = self.one([*TYPES, "integer", "string20"])
        column = ColumnSpec(key=self.key(), name=self.name(), type=label)
        if enums and self.chance(6):
            column = replace(column, type="enum", enum=self.one(enums).key)
        column = replace(
            column,
            nullable=not self.chance(3),
            comment=self.one(COMMENTS) if self.chance(4) else None,
        )
        if self.chance(3):
            column = replace(column, default=self.draw(st.integers(0, 8)))
        if columns and self.chance(8):
            persisted = not self.chance(3)
            column = replace(column, computed=self.one(columns).key, persisted=persisted)
        return column

    def table(self, enums: tuple[EnumSpec, ...]) -> TableSpec:
        columns: tuple[ColumnSpec, ...] = ()
        for _ in range(self.draw(st.integers(1, 5))):
            columns = (*columns, self.column(enums, columns))
        table = TableSpec(key=self.key(), name=self.name(), columns=columns)
        table = replace(
            table,
            comment=self.one(COMMENTS) if self.chance(4) else None,
            options=self.one(TABLE_OPTIONS) if self.chance(3) else (),
            schema="extra" if self.chance(6) else None,
        )
        if not self.chance(6):
            table = self.with_primary(table)
        for _ in range(self.draw(st.integers(0, 3))):
            table = self.with_part(table)
        return table

    def with_primary(self, table: TableSpec) -> TableSpec:
        name = self.name() if self.chance(5) else None
        if self.chance(3):
            keys = self.some([column.key for column in table.columns], 2)
            return replace(table, primary=KeySpec(columns=keys, name=name))
        number = ColumnSpec(
            key=self.key(),
            name=self.name(),
            type=self.one(("integer", "integer", "big", "small")),
            nullable=False,
            auto=self.one(IDENTITIES) if not self.chance(3) else "",
        )
        key = KeySpec(columns=(number.key,), name=name)
        return replace(table, columns=(number, *table.columns), primary=key)

    def with_part(self, table: TableSpec) -> TableSpec:
        keys = [column.key for column in table.columns]
        part_kind = self.one(("index", "unique", "check"))
        name = self.name() if self.chance(2) else None
        if part_kind == "unique":
            options = (("deferrable", True), ("initially", "DEFERRED")) if self.chance(6) else ()
            unique = KeySpec(columns=self.some(keys, 2), name=name, options=options)
            return replace(table, uniques=(*table.uniques, unique))
        if part_kind == "check":
            check = CheckSpec(column=self.one(keys), form=self.draw(st.integers(0, 4)), name=name)
            return replace(table, checks=(*table.checks, check))
        return replace(table, indexes=(*table.indexes, self.index(keys)))

    def index(self, keys: list[int]) -> IndexSpec:
        index = IndexSpec(
            columns=self.some(keys, 2),
            name=self.name() if self.chance(2) else None,
            unique=self.chance(4),
            form=self.one(("", "", "desc", "expression", "prefix")),
        )
        if self.chance(4):
            index = replace(index, where=self.one(keys))
        if self.chance(5):
            index = replace(index, include=self.some(keys, 1))
        if self.chance(6):
            index = replace(index, method="hash")
        return index

    def enum(self) -> EnumSpec:
        values = ("one", *self.some(VALUES, 3))
        schema = "extra" if self.chance(6) else None
        name = self.name()
        name = "kind_of_name" if name == "name" else name  # PostgreSQL has a type of that name
        return EnumSpec(key=self.key(), name=name, values=values, schema=schema)

    def foreign_key(self, schema: SchemaSpec, table: TableSpec) -> TableSpec:
        """Return the table with a foreign key to any table, over new or existing columns."""
        parent = self.one(schema.tables)
        keys = ([parent.primary] if parent.primary else []) + list(parent.uniques)
        if not keys:
            return table
        target = self.one(keys).columns
        if self.chance(3) and len(table.columns) >= len(target):
            local_columns = tuple(column.key for column in table.columns[-len(target) :])
        else:
            nullable = not self.chance(3)
            new = tuple(
                ColumnSpec(key=self.key(), name=self.name(), nullable=nullable) for _ in target
            )
            table = replace(table, columns=(*table.columns, *new))
            local_columns = tuple(column.key for column in new)
        name = self.name() if self.chance(2) else None
        key = ForeignKeySpec(
            columns=local_columns,
            table=parent.key,
            referred=target,
            name=name,
            options=self.actions(),
        )
        return replace(table, foreign_keys=(*table.foreign_keys, key))

    def actions(self) -> tuple[tuple[str, object], ...]:
        options: dict[str, object] = {}
        if self.chance(3):
            options["ondelete"] = self.one(_ACTIONS)
        if self.chance(4):
            options["onupdate"] = self.one(_ACTIONS)
        if self.chance(5):
            options |= {"deferrable": True, "initially": self.one(("DEFERRED", "IMMEDIATE"))}
        return tuple(options.items())

    def sequence(self) -> SequenceSpec:
        return SequenceSpec(key=self.key(), name=self.name(), options=self.one(SEQUENCES))

    def view(self, schema: SchemaSpec) -> ViewSpec:
        table = self.one(schema.tables)
        keys = [column.key for column in table.columns]
        where = self.one(keys) if self.chance(2) else None
        columns = self.some(keys, 2)
        return ViewSpec(
            key=self.key(), name=self.name(), table=table.key, columns=columns, where=where
        )

    def schema(self) -> SchemaSpec:
        enums = tuple(self.enum() for _ in range(self.draw(st.integers(0, 1))))
        schema = SchemaSpec(enums=enums)
        for _ in range(self.draw(st.integers(1, 3))):
            schema = replace(schema, tables=(*schema.tables, self.table(enums)))
        for _ in range(self.draw(st.integers(0, 2))):
            schema = self.altered(schema, self.foreign_key(schema, self.one(schema.tables)))
        if self.chance(6):
            schema = replace(schema, sequences=(self.sequence(),))
        if self.chance(6):
            schema = replace(schema, views=(self.view(schema),))
        if self.chance(6):
            schema = replace(schema, convention=tuple(_CONVENTION.items()))
        return schema

    @staticmethod
    def altered(schema: SchemaSpec, table: TableSpec) -> SchemaSpec:
        tables = tuple(table if t.key == table.key else t for t in schema.tables)
        return replace(schema, tables=tables)
