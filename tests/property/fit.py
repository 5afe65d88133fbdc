"""A drawn schema made into one that a database can express: what can't be is left out."""

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
    """The nearest schema that `kind` (sqlite, postgresql, mariadb) can have."""
    tables = tuple(_table(schema, table, kind) for table in schema.tables)
    schema = replace(schema, tables=tables)
    for _ in range(3):
        schema = _same_types(schema)
        schema = replace(schema, tables=tuple(_table(schema, t, kind) for t in schema.tables))
    schema = replace(schema, tables=tuple(_with_keys(schema, t, kind) for t in schema.tables))
    extra = any(table.schema for table in schema.tables)  # models tell a schema by a table in it
    used = {c.enum for table in schema.tables for c in table.columns if c.type == "enum"}
    enums = tuple(
        replace(enum, schema=enum.schema if extra else None)
        for enum in schema.enums
        if enum.key in used
    )
    return replace(
        schema,
        enums=enums,
        sequences=schema.sequences if kind != "sqlite" else (),
        views=_views(schema),
    )


def _views(schema: SchemaSpec) -> tuple:
    found = []
    for view in schema.views if _VIEWS else ():
        table = schema.table(view.table)
        if table is None:
            continue
        known = {column.key for column in table.columns}
        columns = tuple(key for key in view.columns if key in known)
        where = view.where if view.where in known else None
        if columns:
            found.append(replace(view, columns=columns, where=where))
    return tuple(found)


def _table(schema: SchemaSpec, table: TableSpec, kind: str) -> TableSpec:
    """The table without what is amiss in itself; foreign keys wait."""
    strict = kind == "sqlite" and ("sqlite_strict", True) in table.options
    columns = [_typed(schema, column, kind, strict=strict) for column in table.columns]
    columns = [_computed(column, columns, strict=strict) for column in columns]
    table = replace(table, columns=tuple(columns))
    primary = _key(table, table.primary, kind) if table.primary else None
    table = replace(table, primary=primary)
    columns = [_numbered(column, table, kind) for column in table.columns]
    if primary is not None:
        columns = [replace(c, nullable=False) if c.key in primary.columns else c for c in columns]
    table = replace(table, columns=tuple(columns))
    known = set([primary.columns] if primary else [])
    uniques = []
    for unique in table.uniques:
        fitted = _key(table, unique, kind)
        if fitted is not None and fitted.columns not in known:
            known.add(fitted.columns)
            uniques.append(fitted)
    table = replace(table, uniques=tuple(uniques), checks=tuple(_checks(table, kind)))
    table = replace(table, indexes=tuple(_indexes(table, known, kind)))
    return _with_options(table, kind)


def _typed(schema: SchemaSpec, column: ColumnSpec, kind: str, *, strict: bool) -> ColumnSpec:
    if column.type == "enum":
        if schema.enum(column.enum) is None or strict:
            column = replace(column, type="string20", enum=None)
    elif kind not in TYPES[column.type].kinds:
        column = replace(column, type=TYPES[column.type].instead)
    if strict and family_of(column.type) != "number":
        column = replace(column, type="text")
    elif strict:
        column = replace(column, type="integer")
    if column.type == "text" and kind == "mariadb" and column.default is not None:
        column = replace(column, default=1)
    if kind == "sqlite":
        column = replace(column, comment=None)
    known = () if column.type == "enum" else TYPES[column.type].defaults
    if not known and column.type != "enum":
        column = replace(column, default=None)
    return column


def _computed(column: ColumnSpec, columns: Iterable[ColumnSpec], *, strict: bool) -> ColumnSpec:
    if column.computed is None:
        return column
    base = next((c for c in columns if c.key == column.computed), None)
    family = family_of(base.type) if base is not None else ""
    plain = base is not None and base.computed is None and not base.auto
    if not plain or family not in ("number", "text") or base.type in ("char", "unsigned"):
        return replace(column, computed=None)
    kind_of = "big" if family == "number" else "string50"
    if strict:
        kind_of = {"big": "integer", "string50": "text"}[kind_of]
    return replace(column, type=kind_of, enum=None, default=None, auto="", nullable=True)


def _numbered(column: ColumnSpec, table: TableSpec, kind: str) -> ColumnSpec:
    """A column with numbers of its own, where it may have them."""
    if not column.auto:
        return column
    alone = table.primary is not None and table.primary.columns == (column.key,)
    number = column.type in ("integer", "small", "big")
    if not number or column.computed is not None:
        return replace(column, auto="")
    if column.auto == "serial" and not alone:
        return replace(column, auto="")
    if column.auto != "serial" and kind != "postgresql":
        return replace(column, auto="serial" if alone else "", default=None)
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
    seen = set()
    for check in table.checks:
        column = table.column(check.column)
        forms = CHECKS.get(family_of(column.type), ()) if column else ()
        same = (check.column, check.form % len(forms)) if forms else None
        if kind == "mariadb" and column is not None and column.auto:
            continue
        if same is not None and same not in seen:
            seen.add(same)
            yield check


def _indexes(table: TableSpec, uniques: set[tuple[int, ...]], kind: str) -> Iterable[IndexSpec]:
    names = set()
    for index in table.indexes:
        columns = tuple(
            dict.fromkeys(k for k in index.columns if (c := table.column(k)) and can_be_key(c.type))
        )
        if not columns:
            continue
        virtual = [c for k in columns if (c := table.column(k)) and not _indexable(c, kind)]
        if virtual:
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
        over = table.column(index.where or 0) if kind != "mariadb" else None
        where = over.key if over is not None and _indexable(over, kind) else None
        bare = tuple(
            k
            for k in index.include
            if (c := table.column(k)) and k not in columns and _indexable(c, kind)
        )
        include = bare if kind == "postgresql" and method is None else ()
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


def _same_types(schema: SchemaSpec) -> SchemaSpec:
    """Columns that point at others get their types."""
    tables = {table.key: table for table in schema.tables}
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = tables.get(key.table)
            if parent is None:
                continue
            for mine, theirs in zip(key.columns, key.referred, strict=False):
                target, child = parent.column(theirs), tables[table.key].column(mine)
                if target is None or child is None or child.computed is not None:
                    continue
                if _alike(child, target):
                    plain = replace(child, type=target.type, enum=None, default=None, auto="")
                    columns = tables[table.key].columns
                    columns = tuple(plain if c.key == mine else c for c in columns)
                    tables[table.key] = replace(tables[table.key], columns=columns)
                    parent = tables[key.table]
    return replace(schema, tables=tuple(tables.values()))


def _alike(child: ColumnSpec, target: ColumnSpec) -> bool:
    """Whether the child's values can be of the target's type, which they are not yet."""
    if not can_be_key(target.type) or child.type in (target.type, "enum"):
        return False
    return target.type in FAMILIES[family_of(child.type)]


def _with_keys(schema: SchemaSpec, table: TableSpec, kind: str) -> TableSpec:
    kept: list[ForeignKeySpec] = []
    places = {other.key: place for place, other in enumerate(schema.tables)}
    for key in table.foreign_keys:
        parent = schema.table(key.table)
        if parent is None or not _stands(table, parent, key):
            continue
        if any(key.columns == other.columns for other in kept):
            continue
        if kind == "mariadb" and _collations_may_differ(table, parent, key):
            continue
        late = key.table != table.key and places[key.table] > places[table.key]
        options = _key_options(table, key, kind)
        name = key.name
        if kind == "mariadb" and len(table.name) > 50:  # the name that it chooses is too long
            name = name or f"fk_long_{table.key}_{len(kept)}"
        if late:
            options["use_alter"] = True
            name = name or f"fk_late_{table.key}_{len(kept)}"
        kept.append(replace(key, name=name, options=tuple(options.items())))
    return replace(table, foreign_keys=tuple(kept))


def _collations_may_differ(table: TableSpec, parent: TableSpec, key: ForeignKeySpec) -> bool:
    texts = any((c := table.column(k)) and family_of(c.type) == "text" for k in key.columns)
    return texts and table.key != parent.key and bool(table.options or parent.options)


def _stands(table: TableSpec, parent: TableSpec, key: ForeignKeySpec) -> bool:
    """Whether the parent has such a key, and the columns are alike."""
    plain = [u.columns for u in parent.uniques if not u.options]
    targets = [parent.primary.columns, *plain] if parent.primary else plain
    if parent.primary is not None and parent.primary.options:
        targets = plain
    if key.referred not in targets or len(key.columns) != len(key.referred):
        return False
    if len(set(key.columns)) != len(key.columns):
        return False
    if table.key == parent.key and set(key.columns) & set(key.referred):
        return False
    for mine, theirs in zip(key.columns, key.referred, strict=True):
        child, target = table.column(mine), parent.column(theirs)
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
        based = {column.computed for column in table.columns}
        if based & set(key.columns):
            return {}
    columns = [table.column(k) for k in key.columns]
    if any(not column.nullable for column in columns if column is not None):
        options = {k: v for k, v in options.items() if v != "SET NULL"}
    return options
