"""Convert a schema to Python models, which are executed and shown for a failing example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from tests.property.kinds import CHECKS, TYPES, family_of
from tests.property.specs import (
    ColumnSpec,
    ForeignKeySpec,
    IndexSpec,
    KeySpec,
    SchemaSpec,
    TableSpec,
)

__all__ = ["metadata_of", "source"]

_HEAD = """import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

"""


def metadata_of(schema: SchemaSpec) -> sa.MetaData:
    """Return the models, by executing their source."""
    namespace: dict[str, object] = {}
    exec(compile(source(schema), "<models>", "exec"), namespace)
    metadata = namespace["metadata"]
    assert isinstance(metadata, sa.MetaData)
    return metadata


def source(schema: SchemaSpec) -> str:
    """Return the source of a module that defines `metadata`."""
    convention = f"naming_convention={dict(schema.convention)!r}" if schema.convention else ""
    lines = [_HEAD + f"metadata = sa.MetaData({convention})"]
    for enum in schema.enums:
        options = {"name": enum.name, "metadata": "@metadata"}
        options |= {"schema": enum.schema} if enum.schema else {}
        values = ", ".join(map(repr, enum.values))
        lines.append(f"enum_{enum.key} = sa.Enum({values}, {_keywords(options)})")
    for sequence in schema.sequences:
        options = {**dict(sequence.options), "metadata": "@metadata"}
        lines.append(f"sa.Sequence({sequence.name!r}, {_keywords(options)})")
    for table in schema.tables:
        lines.append(_table(schema, table))
        lines += [_index(table, index) for index in table.indexes]
    for view in schema.views:
        parent = schema.table(view.table)
        assert parent is not None
        columns = ", ".join(_column_reference(parent, key) for key in view.columns)
        where = (
            f".where({_column_reference(parent, view.where)}.is_not(None))" if view.where else ""
        )
        lines.append(
            f"sa.CreateView(sa.select({columns}){where}, {view.name!r}, metadata=metadata)"
        )
    return "\n".join(lines) + "\n"


def _keywords(options: Mapping[str, object] | Iterable[tuple[str, object]]) -> str:
    def value(item: object) -> str:
        code = isinstance(item, str) and item.startswith("@")
        return str(item)[1:] if code else repr(item)

    return ", ".join(f"{name}={value(item)}" for name, item in dict(options).items())


def _table(schema: SchemaSpec, table: TableSpec) -> str:
    items = [repr(table.name), "metadata"]
    items += [_column(table, column) for column in table.columns]
    if table.primary is not None:
        items.append(_key("PrimaryKeyConstraint", table, table.primary))
    items += [_key("UniqueConstraint", table, unique) for unique in table.uniques]
    for check in table.checks:
        column = table.column(check.column)
        assert column is not None
        forms = CHECKS[family_of(column.type)]
        text = forms[check.form % len(forms)].format(f"sa.column({column.name!r})")
        items.append(f"sa.CheckConstraint({text}{_name(check.name)})")
    items += [_foreign_key(schema, table, key) for key in table.foreign_keys]
    options = dict(table.options)
    options |= {"comment": table.comment} if table.comment is not None else {}
    options |= {"schema": table.schema} if table.schema else {}
    items += [_keywords(options)] if options else []
    body = "".join(f"    {item},\n" for item in items)
    return f"table_{table.key} = sa.Table(\n{body})"


def _name(name: str | None) -> str:
    return f", name={name!r}" if name is not None else ""


def _column(table: TableSpec, column: ColumnSpec) -> str:
    parts = [repr(column.name), _type(column)]
    options: dict[str, object] = {"nullable": column.nullable}
    if column.auto == "serial":
        options["autoincrement"] = True
    elif column.auto:
        parts.append(f"sa.Identity({column.auto})")
    elif table.primary is not None and column.key in table.primary.columns:
        options["autoincrement"] = False
    if column.computed is not None:
        base = table.column(column.computed)
        assert base is not None
        text = f"sa.column({base.name!r})"
        text = f"{text} * 2" if family_of(base.type) == "number" else f"sa.func.upper({text})"
        parts.append(f"sa.Computed({text}, persisted={column.persisted})")
    defaults = () if column.type == "enum" else TYPES[column.type].defaults
    if column.type == "enum" and column.default is not None:
        options["server_default"] = f"@enum_{column.enum}.enums[0]"
    elif column.default is not None and defaults:
        options["server_default"] = f"@{defaults[column.default % len(defaults)]}"
    if column.comment is not None:
        options["comment"] = column.comment
    return f"sa.Column({', '.join(parts)}, {_keywords(options)})"


def _type(column: ColumnSpec) -> str:
    return f"enum_{column.enum}" if column.type == "enum" else TYPES[column.type].code


def _names(table: TableSpec, keys: Iterable[int]) -> list[str]:
    return [column.name for key in keys if (column := table.column(key)) is not None]


def _key(function: str, table: TableSpec, key: KeySpec) -> str:
    columns = ", ".join(map(repr, _names(table, key.columns)))
    options = f", {_keywords(key.options)}" if key.options else ""
    return f"sa.{function}({columns}{_name(key.name)}{options})"


def _foreign_key(schema: SchemaSpec, table: TableSpec, key: ForeignKeySpec) -> str:
    parent = schema.table(key.table)
    assert parent is not None
    columns = repr(_names(table, key.columns))
    prefix = f"{parent.schema}." if parent.schema else ""
    targets = repr([f"{prefix}{parent.name}.{name}" for name in _names(parent, key.referred)])
    options = f", {_keywords(key.options)}" if key.options else ""
    return f"sa.ForeignKeyConstraint({columns}, {targets}{_name(key.name)}{options})"


def _column_reference(table: TableSpec, key: int) -> str:
    column = table.column(key)
    assert column is not None
    return f"table_{table.key}.c[{column.name!r}]"


def _index(table: TableSpec, index: IndexSpec) -> str:
    items = [_column_reference(table, key) for key in index.columns]
    options: dict[str, object] = {"unique": True} if index.unique else {}
    if index.form == "desc":
        items[-1] += ".desc()"
    elif index.form == "expression":
        column = table.column(index.columns[-1])
        assert column is not None
        number = family_of(column.type) == "number"
        items[-1] = f"({items[-1]} + 1)" if number else f"sa.func.lower({items[-1]})"
    elif index.form == "prefix":
        column = table.column(index.columns[-1])
        assert column is not None
        options["mysql_length"] = {column.name: 8}
    if index.where is not None:
        where = f"@{_column_reference(table, index.where)}.is_not(None)"
        options |= {"postgresql_where": where, "sqlite_where": where}
    if index.include:
        options["postgresql_include"] = _names(table, index.include)
    if index.method:
        options["postgresql_using"] = index.method
    arguments = ", ".join([repr(index.name), *items] + ([_keywords(options)] if options else []))
    return f"sa.Index({arguments})"
