"""Adjust a random schema to a database by removing what the database does not support."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from tests.property.kinds import CHECKS, FAMILIES, TYPES, can_be_key, family_of
from tests.property.specs import (
    CheckSpec,
    ColumnSpec,
    ForeignKeySpec,
    IndexSpec,
    KeySpec,
    SchemaSpec,
    TableSpec,
)

__all__ = ["fit"]

_OPTIONS = {
    "sqlite": ("sqlite_", "prefixes"),
    "postgresql": ("postgresql_",),
    "mariadb": ("mysql_", "mariadb_"),
}
_VIEWS = hasattr(sa, "CreateView")


def fit(schema: SchemaSpec, kind: str) -> SchemaSpec:
    """Return the nearest schema that a kind of database (sqlite, postgresql, mariadb) supports."""
    tables = tuple(_table(schema, table, kind) for table in schema.tables)
    schema = replace(schema, tables=tables)
    for _ in range(3):
        schema = _adopt_referenced_types(schema)
        schema = replace(schema, tables=tuple(_table(schema, t, kind) for t in schema.tables))
    schema = replace(
        schema, tables=tuple(_with_foreign_keys(schema, t, kind) for t in schema.tables)
    )
    # A schema exists only if it contains a table.
    has_extra_schema = any(table.schema for table in schema.tables)
    used_enums = {c.enum for table in schema.tables for c in table.columns if c.type == "enum"}
    enums = tuple(
        replace(enum, schema=enum.schema if has_extra_schema else None)
        for enum in schema.enums
        if enum.key in used_enums
    )
    return replace(
        schema,
        enums=enums,
        sequences=schema.sequences if kind != "sqlite" else (),
        views=_views(schema),
    )


def _views(schema: SchemaSpec) -> tuple:
    views = []
    for view in schema.views if _VIEWS else ():
        table = schema.table(view.table)
        if table is None:
            continue
        column_keys = {column.key for column in table.columns}
        columns = tuple(key for key in view.columns if key in column_keys)
        where = view.where if view.where in column_keys else None
        if columns:
            views.append(replace(view, columns=columns, where=where))
    return tuple(views)


def _table(schema: SchemaSpec, table: TableSpec, kind: str) -> TableSpec:
    """Return the table without unsupported parts; foreign keys are handled later."""
    strict = kind == "sqlite" and ("sqlite_strict", True) in table.options
    columns = [_typed(schema, column, kind, strict=strict) for column in table.columns]
    columns = [_computed(column, columns, strict=strict) for column in columns]
    table = replace(table, columns=tuple(columns))
    primary = _key(table, table.primary, kind) if table.primary else None
    table = replace(table, primary=primary)
    columns = [_with_auto(column, table, kind) for column in table.columns]
    if primary is not None:
        columns = [replace(c, nullable=False) if c.key in primary.columns else c for c in columns]
    table = replace(table, columns=tuple(columns))
    unique_columns = set([primary.columns] if primary else [])
    uniques = []
    for unique in table.uniques:
        fitted = _key(table, unique, kind)
        if fitted is not None and fitted.columns not in unique_columns:
            unique_columns.add(fitted.columns)
            uniques.append(fitted)
    table = replace(table, uniques=tuple(uniques), checks=tuple(_checks(table, kind)))
    table = replace(table, indexes=tuple(_indexes(table, unique_columns, kind)))
    return _with_options(table, kind)


def _typed(schema: SchemaSpec, column: ColumnSpec, kind: str, *, strict: bool) -> ColumnSpec:
    if column.type == "enum":
        if schema.enum(column.enum) is None or strict:
            column = replace(column, type="string20", enum=None)
    elif kind not in TYPES[column.type].kinds:
        column = replace(column, type=TYPES[column.type].fallback)
    if strict and family_of(column.type) != "number":
        column = replace(column, type="text")
    elif strict:
        column = replace(column, type="integer")
    if column.type == "text" and kind == "mariadb" and column.default is not None:
        column = replace(column, default=1)
    if kind == "sqlite":
        column = replace(column, comment=None)
    defaults = () if column.type == "enum" else TYPES[column.type].defaults
    if not defaults and column.type != "enum":
        column = replace(column, default=None)
    return column


def _computed(column: ColumnSpec, columns: Iterable[ColumnSpec], *, strict: bool) -> ColumnSpec:
    if column.computed is None:
        return column
    base = next((c for c in columns if c.key == column.computed), None)
    family = family_of(base.type) if base is not None else ""
    is_plain = base is not None and base.computed is None and not base.auto
    if not is_plain or family not in ("number", "text") or base.type in ("char", "unsigned"):
        return replace(column, computed=None)
    result_type = "big" if family == "number" else "string50"
    if strict:
        result_type = {"big": "integer", "string50": "text"}[result_type]
    return replace(column, type=result_type, enum=None, default=None, auto="", nullable=True)


def _with_auto(column: ColumnSpec, table: TableSpec, kind: str) -> ColumnSpec:
    """Return the column with a serial or identity only if the database supports it."""
    if not column.auto:
        return column
    is_only_key = table.primary is not None and table.primary.columns == (column.key,)
    is_integer = column.type in ("integer", "small", "big")
    if not is_integer or column.computed is not None:
        return replace(column, auto="")
    if column.auto == "serial" and not is_only_key:
        return replace(column, auto="")
    if column.auto != "serial" and kind != "postgresql":
        return replace(column, auto="serial" if is_only_key else "", default=None)
    if kind == "sqlite":
        return replace(column, type="integer", default=None, nullable=False)
    return replace(column, default=None, nullable=False)


def _key(table: TableSpec, key: KeySpec, kind: str) -> KeySpec | None:
    columns = tuple(
        dict.fromkeys(
            k
            for k in key.columns
            if (c := table.column(k)) and can_be_key(c.type) and c.computed is None
        )
    )
    options = tuple(o for o in key.options if _allowed(o, kind))
    return replace(key, columns=columns, options=options) if columns else None


def _allowed(option: tuple[str, object], kind: str) -> bool:
    name = option[0]
    if name in ("deferrable", "initially"):
        return kind == "postgresql"
    return name.startswith(_OPTIONS[kind])


def _checks(table: TableSpec, kind: str) -> Iterable[CheckSpec]:
    used_checks = set()
    for check in table.checks:
        column = table.column(check.column)
        texts = CHECKS.get(family_of(column.type), ()) if column else ()
        identity = (check.column, check.form % len(texts)) if texts else None
        if kind == "mariadb" and column is not None and column.auto:
            continue
        if identity is not None and identity not in used_checks:
            used_checks.add(identity)
            yield check


def _indexes(table: TableSpec, uniques: set[tuple[int, ...]], kind: str) -> Iterable[IndexSpec]:
    names = set()
    for index in table.indexes:
        columns = tuple(
            dict.fromkeys(k for k in index.columns if (c := table.column(k)) and can_be_key(c.type))
        )
        if not columns:
            continue
        not_indexable = [c for k in columns if (c := table.column(k)) and not _indexable(c, kind)]
        if not_indexable:
            continue
        last = table.column(columns[-1])
        assert last is not None
        family, form = family_of(last.type), index.form
        if form == "expression" and (kind == "mariadb" or family not in ("number", "text")):
            form = ""
        if form == "prefix" and (kind != "mariadb" or not last.type.startswith("string")):
            form = ""
        method = index.method if kind == "postgresql" and len(columns) == 1 and not form else None
        unique = index.unique and method is None and form != "prefix"
        where_column = table.column(index.where or 0) if kind != "mariadb" else None
        where = (
            where_column.key
            if where_column is not None and _indexable(where_column, kind)
            else None
        )
        included = tuple(
            k
            for k in index.include
            if (c := table.column(k)) and k not in columns and _indexable(c, kind)
        )
        include = included if kind == "postgresql" and method is None else ()
        name = index.name or (None if form != "expression" else f"ix_expression_{table.key}")
        if unique and (columns in uniques or any(table.column(k).computed for k in columns)):
            unique = False
        label = ("", columns[0]) if name is None else name
        if label in names:
            continue
        names.add(label)
        yield replace(
            index,
            columns=columns,
            name=name,
            form=form,
            method=method,
            unique=unique,
            where=where,
            include=include,
        )


def _indexable(column: ColumnSpec, kind: str) -> bool:
    return column.computed is None or column.persisted or kind != "postgresql"


def _with_options(table: TableSpec, kind: str) -> TableSpec:
    options = tuple(option for option in table.options if _allowed(option, kind))
    numbered = any(column.auto for column in table.columns)
    if not numbered:
        options = tuple(o for o in options if o[0] != "sqlite_autoincrement")
    if table.primary is None or numbered:
        options = tuple(o for o in options if o[0] != "sqlite_with_rowid")
    return replace(
        table,
        options=options,
        comment=table.comment if kind != "sqlite" else None,
        schema=table.schema if kind == "postgresql" else None,
    )


# Foreign keys


def _adopt_referenced_types(schema: SchemaSpec) -> SchemaSpec:
    """Give referencing columns the types of the referenced columns."""
    tables = {table.key: table for table in schema.tables}
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = tables.get(key.table)
            if parent is None:
                continue
            for child_key, target_key in zip(key.columns, key.referred, strict=False):
                target, child = parent.column(target_key), tables[table.key].column(child_key)
                if target is None or child is None or child.computed is not None:
                    continue
                if _can_adopt_type(child, target):
                    retyped = replace(child, type=target.type, enum=None, default=None, auto="")
                    columns = tables[table.key].columns
                    columns = tuple(retyped if c.key == child_key else c for c in columns)
                    tables[table.key] = replace(tables[table.key], columns=columns)
                    parent = tables[key.table]
    return replace(schema, tables=tuple(tables.values()))


def _can_adopt_type(child: ColumnSpec, target: ColumnSpec) -> bool:
    """Return whether the child has another type and can take the target's."""
    if not can_be_key(target.type) or child.type in (target.type, "enum"):
        return False
    return target.type in FAMILIES[family_of(child.type)]


def _with_foreign_keys(schema: SchemaSpec, table: TableSpec, kind: str) -> TableSpec:
    kept: list[ForeignKeySpec] = []
    positions = {other.key: position for position, other in enumerate(schema.tables)}
    for key in table.foreign_keys:
        parent = schema.table(key.table)
        if parent is None or not _is_valid(table, parent, key):
            continue
        if any(key.columns == other.columns for other in kept):
            continue
        if kind == "mariadb" and _collations_may_differ(table, parent, key):
            continue
        is_forward = key.table != table.key and positions[key.table] > positions[table.key]
        options = _key_options(table, key, kind)
        name = key.name
        if kind == "mariadb" and len(table.name) > 50:  # the generated name would be too long
            name = name or f"fk_long_{table.key}_{len(kept)}"
        if is_forward:
            options["use_alter"] = True
            name = name or f"fk_late_{table.key}_{len(kept)}"
        kept.append(replace(key, name=name, options=tuple(options.items())))
    return replace(table, foreign_keys=tuple(kept))


def _collations_may_differ(table: TableSpec, parent: TableSpec, key: ForeignKeySpec) -> bool:
    has_text = any((c := table.column(k)) and family_of(c.type) == "text" for k in key.columns)
    return has_text and table.key != parent.key and bool(table.options or parent.options)


def _is_valid(table: TableSpec, parent: TableSpec, key: ForeignKeySpec) -> bool:
    """Return whether the parent has the referenced key and the columns have equal types."""
    unique_columns = [u.columns for u in parent.uniques if not u.options]
    targets = [parent.primary.columns, *unique_columns] if parent.primary else unique_columns
    if parent.primary is not None and parent.primary.options:
        targets = unique_columns
    if key.referred not in targets or len(key.columns) != len(key.referred):
        return False
    if len(set(key.columns)) != len(key.columns):
        return False
    if table.key == parent.key and set(key.columns) & set(key.referred):
        return False
    for child_key, target_key in zip(key.columns, key.referred, strict=True):
        child, target = table.column(child_key), parent.column(target_key)
        if child is None or target is None or child.type != target.type:
            return False
        if child.computed is not None or child.auto:
            return False
    return True


def _key_options(table: TableSpec, key: ForeignKeySpec, kind: str) -> dict[str, object]:
    options = {name: value for name, value in key.options if name != "use_alter"}
    if kind == "mariadb":
        for name in ("deferrable", "initially"):
            options.pop(name, None)
        computed_from = {column.computed for column in table.columns}
        if computed_from & set(key.columns):
            return {}
    columns = [table.column(k) for k in key.columns]
    if any(not column.nullable for column in columns if column is not None):
        options = {k: v for k, v in options.items() if v != "SET NULL"}
    return options
