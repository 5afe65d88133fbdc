"""Rename enum types and values in the current schema, and find renames that need no decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autodiff.compare.enum_values import Value, find_value, is_text, owner_values
from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
from autodiff.schema.changes import (
    Change,
    ColumnAltered,
    ColumnValueRenamed,
    EnumAdded,
    EnumRemoved,
    EnumRenamed,
    EnumValueRenamed,
)
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    Index,
    Name,
    Schema,
    Table,
)

__all__ = ["EnumRename", "ValueRename", "apply_enum_renames", "unambiguous_enum_renames"]
__all__ += ["map_texts", "parse_enum_rename", "require_free_values", "with_enum_changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumRename:
    """An enum type of the current schema, and its new name."""

    before: Name
    after: Name

    def __str__(self) -> str:
        return f"{self.before}:{self.after}"

    @property
    def what(self) -> str:
        """The renamed thing, with its kind."""
        return f"enum {self.before}"

    @property
    def becomes(self) -> str:
        """The new name."""
        return str(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRename:
    """A value of an enum type, or of a column that lists its values, and its new name."""

    value: Value
    to: str

    def __str__(self) -> str:
        return f"{self.value}:{self.to}"

    @property
    def what(self) -> str:
        """The renamed thing, with its kind."""
        return f"value {self.value}"

    @property
    def becomes(self) -> str:
        """The new name."""
        return self.to

    @property
    def new_value(self) -> Value:
        """The value under its new name."""
        return replace(self.value, value=self.to)


def parse_enum_rename(old: str, new: str, current: Schema) -> EnumRename | ValueRename | None:
    """Return the rename of an enum type or value that `old:new` means, None if it means neither.

    Raises PlanError if the type or column exists but the value does not.
    """
    enum = next((name for name in current.enums if str(name) == old), None)
    if enum is not None:
        schema, _, name = new.rpartition(".")
        return EnumRename(before=enum, after=Name(name, schema or enum.schema))
    value = find_value(old, current)
    if value is None:
        return None
    values = owner_values(value, current)
    if values is None and not _holds_text(value, current):
        raise PlanError(
            f"cannot rename {old}: the column {value.owner}.{value.column} has no named values",
            hint="only values of enum types and of text columns can be renamed",
        )
    if values is not None and value.value not in values:
        raise PlanError(
            f"cannot rename {old}: the database has no such value",
            hint=f"its values: {', '.join(values)}",
        )
    return ValueRename(value=value, to=new)


def _holds_text(value: Value, schema: Schema) -> bool:
    table = schema.tables[value.owner]
    column = table.column(value.column or "")
    return column is not None and is_text(column.type.sql)


def apply_enum_renames(
    current: Schema,
    desired: Schema,
    renames: Sequence[EnumRename | ValueRename],
    dialect: Dialect,
) -> tuple[Schema, list[Change]]:
    """Return the current schema after the renames of types and values, and the renames as changes.

    `renames` use the new names of tables and columns.

    Raises PlanError if the models lack a new name, or the database has it already.
    """
    enums = {item.before: item.after for item in renames if isinstance(item, EnumRename)}
    names = NameMap(enums=enums)
    changes: list[Change] = []
    for before, after in enums.items():
        _require_type(before, after, current, desired)
        changes.append(EnumRenamed(before=before, after=after))
    for item in (item for item in renames if isinstance(item, ValueRename)):
        changes.append(_value_renamed(item, names, desired))
    return with_enum_changes(current, changes, dialect), changes


def _require_type(before: Name, after: Name, current: Schema, desired: Schema) -> None:
    if after not in desired.enums:
        raise PlanError(
            f"cannot rename enum {before} to {after}: the models have no such enum",
            hint="write --rename OLD:NEW, with the new name from the models",
        )
    if after in current.enums:
        raise PlanError(
            f"cannot rename enum {before} to {after}: the database already has {after}",
            hint="rename or drop it in an earlier migration",
        )


def _value_renamed(
    item: ValueRename, names: NameMap, desired: Schema
) -> EnumValueRenamed | ColumnValueRenamed:
    value = item.value
    owner = names.enum_after(value.owner) if value.column is None else value.owner
    wanted = owner_values(replace(value, owner=owner), desired)
    if (wanted is not None and item.to not in wanted) or (value.column is None and not wanted):
        raise PlanError(
            f"cannot rename {value} to {item.to}: the models have no such value",
            hint=f"values in the models: {', '.join(wanted or ()) or 'none'}",
        )
    if value.column is not None:
        return ColumnValueRenamed(
            table=owner, column=value.column, before=value.value, after=item.to
        )
    return EnumValueRenamed(enum=owner, before=value.value, after=item.to)


def require_free_values(renames: Sequence[ValueRename], current: Schema) -> None:
    """Raise PlanError for a value whose new name another value keeps or gets.

    Their rows would be merged, and the downgrade could not tell them apart.
    """
    leaving = {item.value for item in renames}
    for item in renames:
        value, new = item.value, item.new_value
        if item.to in (owner_values(value, current) or ()) and new not in leaving:
            _refuse_merge(item, f"{value.place} already has that value")
        for other in renames:
            if other != item and other.new_value == new:
                _refuse_merge(item, f"{other.value} gets that name")


def _refuse_merge(item: ValueRename, why: str) -> None:
    raise PlanError(
        f"cannot rename {item.value} to {item.to}: {why}",
        hint=f"to change its rows to that value, pass --map {item.value}={item.to}",
    )


def unambiguous_enum_renames(changes: Iterable[Change]) -> list[EnumRename]:
    """Return removed types for which a type with the same values is added, and takes its columns.

    Such a rename can lose nothing. A type that could become more than one other is left out.
    """
    changes = list(changes)
    removed = {c.enum.name: c.enum for c in changes if isinstance(c, EnumRemoved)}
    new = {c.enum.name: c.enum for c in changes if isinstance(c, EnumAdded)}
    pairs = {
        (c.before.type.enum, c.after.type.enum) for c in changes if isinstance(c, ColumnAltered)
    }
    return [
        EnumRename(before=before, after=after)
        for before in sorted(removed)
        for after in sorted(new)
        if removed[before].values == new[after].values
        and [pair for pair in pairs if before == pair[0] or after == pair[1]] == [(before, after)]
    ]


def with_enum_changes(schema: Schema, changes: Iterable[Change], dialect: Dialect) -> Schema:
    """Return the schema after the renames of types and values, in SQL texts too."""
    changes = list(changes)
    for change in changes:
        if isinstance(change, EnumRenamed) and change.before in schema.enums:
            schema = _with_type_renamed(schema, change.before, change.after, dialect)
    values: dict[Name, dict[str, str]] = {}
    for change in changes:
        if isinstance(change, EnumValueRenamed):
            values.setdefault(change.enum, {})[change.before] = change.after
    for name, renamed in values.items():
        schema = _with_values_renamed(schema, name, renamed, dialect)
    return schema


def _with_type_renamed(schema: Schema, before: Name, after: Name, dialect: Dialect) -> Schema:
    spelled, enum = dialect.quote_name(after), replace(schema.enums[before], name=after)

    def column(item: Column) -> Column:
        if item.type.enum != before:
            return item
        sql = item.type.sql.replace(dialect.quote_name(before), spelled, 1)
        python = dialect.enum_python(sql, enum)
        return replace(item, type=replace(item.type, sql=sql, python=python, enum=after))

    enums = {name: item for name, item in schema.enums.items() if name != before}
    enums[after] = enum
    schema = replace(schema, enums={name: enums[name] for name in sorted(enums)})
    return _respelled(schema, column, lambda text: dialect.rename_enum_casts(text, before, after))


def _with_values_renamed(
    schema: Schema, name: Name, renamed: Mapping[str, str], dialect: Dialect
) -> Schema:
    def column(item: Column) -> Column:
        if item.type.enum != name or item.default is None:
            return item
        return replace(item, default=dialect.rename_enum_literals(item.default, None, renamed))

    enum = schema.enums[name]
    values = tuple(renamed.get(value, value) for value in enum.values)
    schema = replace(schema, enums={**schema.enums, name: replace(enum, values=values)})
    return _respelled(
        schema, column, lambda text: dialect.rename_enum_literals(text, name, renamed)
    )


def _respelled(
    schema: Schema, column: Callable[[Column], Column], text: Callable[[str], str]
) -> Schema:
    """Return the schema with a function applied to each column and each SQL text."""
    tables = {
        name: map_texts(_with_columns(table, column), text) for name, table in schema.tables.items()
    }
    views = {
        name: replace(
            view, sql=text(view.sql), indexes=tuple(_index(item, text) for item in view.indexes)
        )
        for name, view in schema.views.items()
    }
    return replace(schema, tables=tables, views=views)


def _with_columns(table: Table, column: Callable[[Column], Column]) -> Table:
    return replace(table, columns=tuple(column(item) for item in table.columns))


def map_texts(table: Table, text: Callable[[str], str]) -> Table:
    """Return the table with a function applied to each of its SQL texts."""
    return replace(
        table,
        columns=tuple(_column(item, text) for item in table.columns),
        constraints=tuple(_constraint(item, text) for item in table.constraints),
        indexes=tuple(_index(item, text) for item in table.indexes),
    )


def _column(column: Column, text: Callable[[str], str]) -> Column:
    computed = column.computed and replace(column.computed, sql=text(column.computed.sql))
    return replace(column, default=column.default and text(column.default), computed=computed)


def _constraint(item: Constraint, text: Callable[[str], str]) -> Constraint:
    match item:
        case Check(sql=sql):
            return replace(item, sql=text(sql))
        case Exclusion(elements=elements, where=where):
            found = tuple((text(element), operator) for element, operator in elements)
            return replace(item, elements=found, where=where and text(where))
        case _:
            return item


def _index(index: Index, text: Callable[[str], str]) -> Index:
    elements = tuple(
        replace(part, text=text(part.text)) if part.is_expression else part
        for part in index.elements
    )
    return replace(index, elements=elements, where=index.where and text(index.where))
