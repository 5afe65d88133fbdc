"""Read the tables and views of a SQLite database.

The phases:

1. One query for each namespace (the main database and each attached one) reads sqlite_master.
2. A first pass over the rows collects the indexes and triggers of each table: the catalog need not
   list them after their table.
3. A second pass parses each table, gives its references the case of its columns (`spell_columns`),
   and then names its unnamed constraints after these columns.
4. When all namespaces are read, `spell_targets` resolves the targets of foreign keys.

The invariants:

- Unnamed constraints get the names that autodiff gives to those of a model, and are marked as
  implicit. Numbered names depend on the order of the constraints in the statement, so the sort by
  name, in which unnamed constraints are equal, must be stable.
- An index without SQL belongs to a UNIQUE or PRIMARY KEY constraint and is read with that.
- Columns, types and index elements are shared between tables through caches, and are immutable.

If names are not reproduced exactly, `check` reports drift that no migration removes, and each
migration rebuilds the table again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from autodiff.dialects.scope import Scope
from autodiff.dialects.sqlite.catalog.name_case import spell_columns, spell_targets
from autodiff.dialects.sqlite.catalog.parse import (
    ColumnDefinition,
    ParsedColumn,
    ParsedConstraint,
    ParsedTable,
    parse_index,
    parse_table,
)
from autodiff.dialects.sqlite.expressions import plain_default
from autodiff.dialects.sqlite.types import canonical_type, normal_columns, type_python
from autodiff.dialects.unmanaged import DependentObject, UnmanagedObject
from autodiff.schema.naming import name_constraints, without_repeated_names
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    Constraint,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Schema,
    Table,
    Unique,
    View,
    plain_element,
)
from autodiff.schema.view_reads import with_reads
from autodiff.utils.sharing import pause_garbage_collection, replace_changed

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["reflect_schema", "unmanaged_objects"]

_CATALOG = "SELECT type, name, tbl_name, sql FROM {schema}.sqlite_master{only} ORDER BY rowid"
_ONLY = " WHERE tbl_name COLLATE NOCASE IN ({places})"
_VIRTUAL_TABLES = "SELECT name FROM pragma_table_list WHERE type IN ('shadow', 'virtual')"


@pause_garbage_collection()
def reflect_schema(connection: Connection, scope: Scope) -> Schema:
    """Return the tables and views of the main database and of the namespaces in the scope."""
    tables: dict[Name, Table] = {}
    views: dict[Name, View] = {}
    left_out: set[Name] = set()
    for namespace in (None, *scope.namespaces):
        left_out |= _reflect_namespace(connection, scope, namespace, tables, views)
    return Schema(
        tables=spell_targets(tables),
        views=with_reads(views, {*tables, *left_out}),
        namespaces=frozenset(scope.namespaces),
    )


def _reflect_namespace(
    connection: Connection,
    scope: Scope,
    namespace: str | None,
    tables: dict[Name, Table],
    views: dict[Name, View],
) -> set[Name]:
    """Add the tables and views of a namespace, and return those that are not in the scope."""
    left_out: set[Name] = set()
    rows = _catalog_rows(connection, namespace, scope.only)
    # pragma_table_list is new in SQLite 3.37, so it is only used if there is a virtual table
    has_virtual = any(kind == "table" and _is_virtual(sql) for kind, _, _, sql in rows)
    skipped = _virtual_tables(connection) if has_virtual else set()
    indexes: dict[str, list[Index]] = {}
    triggers: dict[str, list[str]] = {}
    for kind, own_name, table_name, sql in rows:
        if kind == "index" and sql:
            indexes.setdefault(table_name, []).append(_index(own_name, sql))
        elif kind == "trigger":
            triggers.setdefault(table_name, []).append(sql)
    for kind, own_name, _, sql in rows:
        if kind not in ("table", "view") or own_name.startswith("sqlite_") or own_name in skipped:
            continue
        name = Name(own_name, namespace)
        if _is_out_of_scope(name, scope):
            left_out.add(name)
            continue
        if kind == "table":
            own_indexes = sorted(indexes.get(own_name, ()), key=_by_optional_name)
            table = _table(name, sql, tuple(own_indexes), tuple(triggers.get(own_name, ())))
            identified = without_repeated_names(spell_columns(table))
            tables[name] = name_constraints(identified, implicit=True)
        else:
            views[name] = View(name=name, sql=_view_select(sql))
    return left_out


def _catalog_rows(
    connection: Connection, namespace: str | None, only: tuple[Name, ...] | None
) -> Sequence[Any]:
    """Return the rows of sqlite_master: of the tables and views in `only`, all if it is None."""
    names = tuple(name.name for name in only or ())
    quote = connection.dialect.identifier_preparer.quote_identifier
    query = _CATALOG.format(
        schema=quote(namespace) if namespace else "main",
        only="" if only is None else _ONLY.format(places=", ".join("?" * len(names))),
    )
    return connection.exec_driver_sql(query, names or None).all()


def unmanaged_objects(connection: Connection, scope: Scope) -> list[UnmanagedObject]:
    """Return the triggers and virtual tables in the namespaces of the scope."""
    found = []
    for namespace in (None, *scope.namespaces):
        for row in _catalog_rows(connection, namespace, None):
            if row.type == "trigger":
                name, reason = f"{row.name} on {row.tbl_name}", "triggers are not compared"
                found.append(UnmanagedObject(kind="trigger", name=name, reason=reason))
            elif _is_virtual(row.sql):
                name, reason = str(Name(row.name, namespace)), "virtual tables are not compared"
                found.append(UnmanagedObject(kind="table", name=name, reason=reason))
    return found


def _is_virtual(sql: str | None) -> bool:
    return sql is not None and sql[:21].upper().startswith("CREATE VIRTUAL TABLE")


def _virtual_tables(connection: Connection) -> set[str]:
    return {row.name for row in connection.exec_driver_sql(_VIRTUAL_TABLES)}


def _is_out_of_scope(name: Name, scope: Scope) -> bool:
    if scope.only is not None and str(name).lower() not in (str(n).lower() for n in scope.only):
        return True
    return scope.leaves_out(name)


def _view_select(sql: str) -> str:
    """Return the SELECT of a CREATE VIEW statement, without the name of the main database."""
    from autodiff.schema.sqltext import tokens, without_schema

    position, depth = 0, 0
    for kind, token in tokens(sql):
        depth += (token == "(") - (token == ")")
        position += len(token)
        if kind == "word" and token.upper() == "AS" and depth == 0:
            break
    return without_schema(sql[position:].strip().rstrip(";").strip(), "main")


def find_dependent_objects(connection: Connection) -> list[DependentObject]:
    """Return the triggers of the main database, with their text."""
    return [
        DependentObject(
            kind="trigger",
            name=row.name,
            table=Name(row.tbl_name),
            text=row.sql,
            is_checked=True,
        )
        for row in _catalog_rows(connection, None, None)
        if row.type == "trigger"
    ]


def _table(name: Name, sql: str, indexes: tuple[Index, ...], triggers: tuple[str, ...]) -> Table:
    parsed = parse_table(sql)
    constraints = [_constraint(name, item) for item in parsed.constraints]
    table = Table(
        name=name,
        columns=tuple(map(_column, parsed.columns)),
        constraints=tuple(sorted(constraints, key=_by_optional_name)),
        indexes=indexes,
        options=_options(parsed),
        triggers=triggers,
    )
    return replace_changed(table, columns=normal_columns(table))


def _by_optional_name(part: Constraint | Index) -> str:
    return part.name or ""


def _options(parsed: ParsedTable) -> dict[str, Option]:
    options: dict[str, Option] = {}
    if parsed.strict:
        options["sqlite_strict"] = True
    if parsed.without_rowid:
        options["sqlite_with_rowid"] = False
    if True in [definition.autoincrement for _, definition in parsed.columns]:
        options["sqlite_autoincrement"] = True
    return options


@lru_cache(8192)
def _column(parsed: ParsedColumn) -> Column:
    name, definition = parsed
    return _nameless_column(definition).named(name)


@lru_cache(4096)
def _nameless_column(parsed: ColumnDefinition) -> Column:
    computed = Computed(sql=parsed.generated, persisted=parsed.stored) if parsed.generated else None
    conflict = parsed.not_null_conflict
    return Column(
        name="",
        type=_type(parsed.type, parsed.collation),
        nullable=not parsed.not_null,
        default=_default(parsed.default),
        computed=computed,
        options={"sqlite_on_conflict_not_null": conflict} if conflict else {},
    )


@lru_cache(4096)
def _type(text: str, collation: str | None) -> ColumnType:
    sql = canonical_type(text)
    if collation:
        sql = canonical_type(f"{sql} COLLATE {collation}")
    return ColumnType(sql=sql, python=type_python(sql))


@lru_cache(4096)
def _default(text: str | None) -> str | None:
    return None if text is None or text.strip("( )").upper() == "NULL" else plain_default(text)


def _constraint(table: Name, parsed: ParsedConstraint) -> Constraint:
    options: dict[str, Option] = (
        {"sqlite_on_conflict": parsed.on_conflict} if parsed.on_conflict else {}
    )
    match parsed.kind:
        case "PRIMARY":
            return PrimaryKey(name=parsed.name, columns=parsed.columns, options=options)
        case "UNIQUE":
            return Unique(name=parsed.name, columns=parsed.columns, options=options)
        case "CHECK":
            return Check(name=parsed.name, sql=parsed.sql)
        case _:
            return ForeignKey(
                name=parsed.name,
                columns=parsed.columns,
                referred=Name(parsed.referred, table.schema),
                referred_columns=parsed.referred_columns,
                on_update=_action(parsed.on_update),
                on_delete=_action(parsed.on_delete),
                match=parsed.match,
                deferrable=parsed.deferrable,
                initially_deferred=parsed.initially_deferred,
            )


def _action(action: str | None) -> str | None:
    return None if action == "NO ACTION" else action


def _index(name: str, sql: str) -> Index:
    parsed = parse_index(sql)
    elements = tuple([_element(*element) for element in parsed.elements])
    return Index(name=name, elements=elements, unique=parsed.unique, where=parsed.where)


@lru_cache(8192)
def _element(text: str, collation: str | None, descending: bool) -> IndexElement:
    is_expression = text.startswith("(")
    if not is_expression and collation is None and not descending:
        return plain_element(text)
    return IndexElement(
        text=text[1:-1] if is_expression else text,
        is_expression=is_expression,
        collation=collation,
        descending=descending,
    )
