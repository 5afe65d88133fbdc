"""Read a database with SQLAlchemy's Inspector."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.catalog import Catalog
from autodiff.dialects.generic.types import type_python, type_sql
from autodiff.dialects.scope import is_excluded
from autodiff.dialects.unmanaged import UnmanagedObject
from autodiff.schema.naming import name_constraints
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    Constraint,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
    View,
)
from autodiff.schema.objects import Sequence as SequenceNoun
from autodiff.schema.sqltext import strip_parentheses
from autodiff.schema.view_reads import with_reads
from autodiff.utils.sharing import map_shared, pause_garbage_collection, replace_changed

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Inspector

    from autodiff.dialects.generic import Generic
    from autodiff.dialects.scope import Scope

__all__ = ["GenericCatalog", "optional"]

_NOT_READ = (
    ("triggers", "routines"),
    "SQLAlchemy's Inspector does not read them",
)
_VIEW_HEAD = re.compile(r"\s*CREATE\b.*?\bAS\b(?=[\s(])", re.IGNORECASE | re.DOTALL)
_NEXT_VALUE = re.compile(r"\s*nextval\s*\(\s*'(.*)'\s*\)\s*", re.IGNORECASE)


class GenericCatalog(Catalog):
    """Reads what the Inspector returns, with a fixed number of calls for each schema."""

    dialect: Generic

    @pause_garbage_collection()
    def read(self, connection: Connection, scope: Scope) -> Schema:
        inspector = sa.inspect(connection)
        tables: dict[Name, Table] = {}
        views: dict[Name, View] = {}
        for namespace in (None, *scope.namespaces):
            reader = _NamespaceReader(self.dialect, inspector, namespace)
            tables.update(reader.tables(scope))
            views.update(reader.views(scope))
        return Schema(
            tables=tables,
            views=with_reads(views, tables),
            sequences=self._sequences(inspector, scope, tables.values()),
            namespaces=frozenset(scope.namespaces),
        )

    def _sequences(
        self, inspector: Inspector, scope: Scope, tables: Iterable[Table]
    ) -> dict[Name, SequenceNoun]:
        """Return the sequences that number no rows, with the options that the models declare.

        An Inspector reads only the names.
        """
        template = self.dialect.abilities.counting_sequence or ""
        if not self.dialect.features.sequences:
            return {}
        declared = scope.declared.sequences if scope.declared is not None else {}
        counting = {
            Name(template.format(table=table.name.name, column=column.name), table.name.schema)
            for table in tables
            for column in table.columns
            if column.autoincrement
        }
        left_out = [template.format(table=pattern, column="*") for pattern in scope.exclude]
        found = (
            Name(name, namespace)
            for namespace in (None, *scope.namespaces)
            for name in sorted(optional(partial(inspector.get_sequence_names, schema=namespace)))
        )
        return {
            name: declared.get(name) or SequenceNoun(name=name)
            for name in found
            if name in declared
            or not (name in counting or scope.leaves_out(name) or is_excluded(name, left_out))
        }

    def align(self, current: Table, desired: Table) -> Table:
        """Return the current table, with the orders of index columns that were not read.

        An Inspector that does not report whether a column is in descending order leaves it out.
        """
        aligned = super().align(current, desired)
        indexes = map_shared(
            aligned.indexes, lambda index: _ordered_as(index, desired.index(index.name or ""))
        )
        return replace_changed(aligned, indexes=indexes)

    def unmanaged_objects(self, connection: Connection, scope: Scope) -> list[UnmanagedObject]:
        """Return the sequences, and the kinds of objects that are not read at all."""
        kinds, reason = _NOT_READ
        options = ("options of sequences",) if self.dialect.features.sequences else ()
        not_read = [
            UnmanagedObject(kind="all", name=kind, reason=reason) for kind in (*kinds, *options)
        ]
        if options:
            return not_read
        inspector = sa.inspect(connection)
        found = [
            UnmanagedObject(
                kind="sequence",
                name=str(Name(name, namespace)),
                reason=f"sequences of {self.dialect.name} are not compared",
            )
            for namespace in (None, *scope.namespaces)
            for name in optional(partial(inspector.get_sequence_names, schema=namespace))
        ]
        return found + not_read


def optional(read: Callable[[], Sequence[Any]]) -> Sequence[Any]:
    """Return what the Inspector reads, nothing if its dialect does not read that."""
    with suppress(NotImplementedError, SQLAlchemyError):
        return read()
    return ()


class _NamespaceReader:
    """Reads the objects of one schema; None is the default one."""

    def __init__(self, dialect: Generic, inspector: Inspector, namespace: str | None) -> None:
        self._dialect = dialect
        self._inspector = inspector
        self._namespace = namespace

    def tables(self, scope: Scope) -> Iterator[tuple[Name, Table]]:
        """Yield the tables in the scope, by name."""
        names = self._inspector.get_table_names(schema=self._namespace)
        wanted = [name for name in sorted(names) if self._is_wanted(name, scope)]
        if not wanted:
            return
        parts = {
            kind: self._read(kind, wanted)
            for kind in (
                *("columns", "pk_constraint", "foreign_keys", "unique_constraints"),
                *("check_constraints", "indexes", "table_comment"),
            )
        }
        for text in wanted:
            name = Name(text, self._namespace)
            yield name, self._table(name, {kind: found.get(text) for kind, found in parts.items()})

    def views(self, scope: Scope) -> Iterator[tuple[Name, View]]:
        """Yield the views in the scope, by name."""
        for text in optional(partial(self._inspector.get_view_names, schema=self._namespace)):
            if not self._is_wanted(text, scope):
                continue
            name = Name(text, self._namespace)
            sql = str(self._inspector.get_view_definition(text, schema=self._namespace) or "")
            select = _VIEW_HEAD.sub("", sql, count=1).strip().rstrip(";").strip()
            yield name, View(name=name, sql=select)

    def _is_wanted(self, text: str, scope: Scope) -> bool:
        name = Name(text, self._namespace)
        if scope.only is not None:
            key = self._key(name)
            return any(self._key(other) == key for other in scope.only)
        return not scope.leaves_out(name)

    def _key(self, name: Name) -> tuple[str | None, str]:
        fold = self._dialect.features.case_insensitive_tables
        return name.schema, name.name.lower() if fold else name.name

    def _read(self, kind: str, names: Sequence[str]) -> dict[str, Any]:
        """Return what the Inspector reads of tables; nothing if its dialect does not read that."""
        read = getattr(self._inspector, f"get_multi_{kind}")
        with suppress(NotImplementedError), catch_warnings():
            # models with an index over an expression are refused, so nothing is missed
            filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
            found = read(schema=self._namespace, filter_names=list(names))
            return {table: value for (_, table), value in found.items()}
        return {}

    # The parts of a table

    def _table(self, name: Name, parts: Mapping[str, Any]) -> Table:
        comment = (parts["table_comment"] or {}).get("text")
        constraints = sorted(self._constraints(parts), key=lambda item: item.name or "")
        indexes = sorted(self._indexes(parts), key=lambda index: index.name or "")
        found = Table(
            name=name,
            columns=tuple(self._column(data, name) for data in parts["columns"] or ()),
            constraints=tuple(constraints),
            indexes=tuple(indexes),
            comment=comment if self._dialect.features.comments else None,
        )
        return name_constraints(found, implicit=True)

    def _column(self, data: Mapping[str, Any], table: Name) -> Column:
        sql = type_sql(data["type"], self._dialect.sqlalchemy)
        default, computed = data.get("default"), data.get("computed")
        counts = self._counts(data, table)
        return Column(
            name=str(data["name"]),
            type=ColumnType(sql=sql, python=type_python(sql, self._dialect.sqlalchemy)),
            nullable=bool(data.get("nullable", True)),
            default=None if counts or computed or default is None else str(default),
            computed=_computed(computed),
            identity=None if counts else _identity(data.get("identity")),
            autoincrement=counts,
            comment=data.get("comment") if self._dialect.features.comments else None,
        )

    def _counts(self, data: Mapping[str, Any], table: Name) -> bool:
        """Return whether the database numbers the rows by the column, without an identity."""
        if not (self._dialect.features.autoincrement and data.get("autoincrement") is True):
            return False
        template = self._dialect.abilities.counting_sequence
        if template is None:
            return True
        numbered = _NEXT_VALUE.fullmatch(str(data.get("default") or ""))
        if numbered is None:
            return False
        sequence = template.format(table=table.name, column=data["name"])
        name = numbered[1].replace('"', "").lower()  # the schema can come before it
        return f".{name}".endswith(f".{sequence.lower()}")

    def _constraints(self, parts: Mapping[str, Any]) -> Iterator[Constraint]:
        key = parts["pk_constraint"] or {}
        if key.get("constrained_columns"):
            yield PrimaryKey(name=self._name(key), columns=tuple(key["constrained_columns"]))
        for data in parts["foreign_keys"] or ():
            yield self._foreign_key(data)
        for data in parts["unique_constraints"] or ():
            yield Unique(name=self._name(data), columns=tuple(data["column_names"]))
        for data in parts["check_constraints"] or ():
            yield Check(name=self._name(data), sql=strip_parentheses(data["sqltext"]))

    def _name(self, data: Mapping[str, Any]) -> str | None:
        return data.get("name") if self._dialect.abilities.keeps_constraint_names else None

    def _foreign_key(self, data: Mapping[str, Any]) -> ForeignKey:
        schema, options = data.get("referred_schema"), data.get("options") or {}
        if schema == self._dialect.default_schema and self._namespace is None:
            schema = None
        return ForeignKey(
            name=self._name(data),
            columns=tuple(data["constrained_columns"]),
            referred=Name(data["referred_table"], schema),
            referred_columns=tuple(data["referred_columns"] or ()),
            on_update=_action(options.get("onupdate")),
            on_delete=_action(options.get("ondelete")),
            deferrable=bool(options.get("deferrable")),
            initially_deferred=str(options.get("initially") or "").upper() == "DEFERRED",
        )

    def _indexes(self, parts: Mapping[str, Any]) -> Iterator[Index]:
        for data in parts["indexes"] or ():
            if data.get("duplicates_constraint"):
                continue
            options = data.get("dialect_options") or {}
            where = options.get(f"{self._dialect.sqlalchemy.name}_where")
            yield Index(
                name=data["name"],
                elements=tuple(_elements(data)),
                unique=bool(data.get("unique")),
                where=None if where is None else str(where),
            )


def _ordered_as(index: Index, desired: Index | None) -> Index:
    """Return a current index with the order of the desired one, if only that may differ."""
    if desired is None or any(element.descending for element in index.elements):
        return index
    plain = tuple(replace(element, descending=False) for element in desired.elements)
    return replace(index, elements=desired.elements) if plain == index.elements else index


def _elements(data: Mapping[str, Any]) -> Iterator[IndexElement]:
    names = data["column_names"]
    sorting = data.get("column_sorting") or {}
    for name, text in zip(names, data.get("expressions") or names, strict=True):
        descending = "desc" in sorting.get(text, ())
        if name is None:
            sql = strip_parentheses(str(text))
            yield IndexElement(text=sql, is_expression=True, descending=descending)
        else:
            yield IndexElement(text=name, descending=descending)


def _computed(data: Mapping[str, Any] | None) -> Computed | None:
    if data is None:
        return None
    return Computed(sql=strip_parentheses(data["sqltext"]), persisted=bool(data.get("persisted")))


def _identity(data: Mapping[str, Any] | None) -> Identity | None:
    """Return an identity without the options that have SQLAlchemy's or the standard's defaults."""
    if data is None:
        return None
    increment = data.get("increment")
    start = data.get("start")
    return Identity(
        always=bool(data.get("always")),
        start=None if start in (None, 1) else int(start),
        increment=None if increment in (None, 1) else int(increment),
        cycle=bool(data.get("cycle")),
    )


def _action(action: str | None) -> str | None:
    text = (action or "").upper()
    return None if text in ("", "NO ACTION") else text
