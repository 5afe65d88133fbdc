"""Read the schema of a PostgreSQL database: run a fixed number of queries and join their rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from autodiff.dialects.postgresql.catalog.columns import Columns, numbers
from autodiff.dialects.postgresql.catalog.constraints import Keys
from autodiff.dialects.postgresql.catalog.expressions import Texts
from autodiff.dialects.postgresql.catalog.indexes import Indexes, storage
from autodiff.dialects.postgresql.catalog.rows import RelationRow, Rows, SequenceRow, fetch
from autodiff.dialects.scope import Scope
from autodiff.schema.objects import (
    INHERITS,
    EnumType,
    Index,
    Name,
    Option,
    OwnedSequence,
    Schema,
    Sequence,
    Table,
    View,
)
from autodiff.schema.sqltext import quote_identifier, quote_literal
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["reflect_schema"]

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*")
_TABLES, _VIEWS = ("r", "p"), ("v", "m")
"""Values of pg_class.relkind: https://www.postgresql.org/docs/current/catalog-pg-class.html"""


@pause_garbage_collection()
def reflect_schema(connection: Connection, scope: Scope, default_schema: str) -> Schema:
    """Return the tables, views, enum types and sequences of the default schema and the scope."""
    rows = fetch(connection, [default_schema, *scope.namespaces], scope.only)
    builder = _SchemaBuilder(rows, default_schema, scope)
    return Schema(
        tables=builder.tables(),
        enums=builder.enums(),
        sequences=builder.sequences(),
        views=builder.views(),
        namespaces=frozenset(scope.namespaces).intersection(rows.names["schema"].values()),
        owned_sequences=builder.owned_sequences(),
    )


class _OwnedSequences(Mapping[tuple[Name, str], OwnedSequence]):
    """The sequences that columns own, each built on access: most are never looked at."""

    def __init__(
        self,
        owners: Mapping[tuple[Name, str], tuple[SequenceRow, bool]],
        build: Callable[[SequenceRow, bool], OwnedSequence],
    ) -> None:
        self._owners = owners
        self._build = build

    def __getitem__(self, key: tuple[Name, str]) -> OwnedSequence:
        return self._build(*self._owners[key])

    def __iter__(self) -> Iterator[tuple[Name, str]]:
        return iter(self._owners)

    def __len__(self) -> int:
        return len(self._owners)


class _SchemaBuilder:
    """Builds the objects of a schema from rows."""

    def __init__(self, rows: Rows, default_schema: str, scope: Scope) -> None:
        self.rows = rows
        self.default_schema = default_schema
        self.scope = scope
        self.comments = rows.comments["class"]
        self.names = {row.oid: self.name(row.schema, row.name) for row in rows.relations}
        self.wanted_relations = [
            row for row in rows.relations if self.is_wanted(self.names[row.oid])
        ]
        texts = Texts(rows.columns)
        columns = Columns(rows, texts, self.name)
        self.columns = columns.tables
        self.indexes_of = Indexes(rows, columns, texts)
        self.keys = Keys(
            columns=columns.tables,
            texts=texts,
            comments=rows.comments["constraint"],
            names=self.names,
            indexes={row.oid: row for found in rows.indexes.values() for row in found},
            referred=rows.referred,
            make_name=self.name,
        )

    def name(self, schema: str, name: str) -> Name:
        return Name(name, None if schema == self.default_schema else schema)

    def is_wanted(self, name: Name) -> bool:
        if self.scope.only is not None and name not in self.scope.only:
            return False
        return not self.scope.leaves_out(name)

    # Enum types, sequences and views

    def enums(self) -> dict[Name, EnumType]:
        schemas = {self.default_schema, *self.scope.namespaces}
        tables = {row.oid for row in self.wanted_relations if row.kind in _TABLES}
        return {
            name: EnumType(
                name=name,
                values=tuple(row.labels),
                comment=row.comment,
                elsewhere=not tables.issuperset(row.used_in),
            )
            for row in self.rows.enums
            if row.schema in schemas and not row.in_extension
            for name in [self.name(row.schema, row.name)]
        }

    def sequences(self) -> dict[Name, Sequence]:
        return {
            name: self.sequence(name, row)
            for row in self.rows.sequences
            if row.table is None and not row.in_extension
            for name in [self.name(row.schema, row.name)]
            if self.is_wanted(name)
        }

    def owned_sequences(self) -> Mapping[tuple[Name, str], OwnedSequence]:
        """Return the sequences that columns own, without those of identity columns."""
        owners: dict[tuple[Name, str], tuple[SequenceRow, bool]] = {}
        for row in self.rows.sequences:
            if row.ownership == "a" and row.table is not None and row.number is not None:
                column = self.columns.get(row.table, {}).get(row.number)
                if column is not None:
                    owners[self.names[row.table], column.name] = row, column.autoincrement
        return _OwnedSequences(owners, self.owned_sequence)

    def owned_sequence(self, row: SequenceRow, serial: bool) -> OwnedSequence:
        name = self.name(row.schema, row.name)
        default = f"nextval({quote_literal(self.quoted(name))}::regclass)"
        return OwnedSequence(sequence=self.sequence(name, row), default=default if serial else None)

    def quoted(self, name: Name) -> str:
        parts = [part for part in (name.schema, name.name) if part is not None]
        return ".".join(
            part if _PLAIN_NAME.fullmatch(part) else quote_identifier(part) for part in parts
        )

    def sequence(self, name: Name, row: SequenceRow) -> Sequence:
        kind = None if row.type == "bigint" else row.type
        comment = self.comments.get((row.oid, 0))
        return Sequence(name=name, type=kind, comment=comment, **numbers(row, row.type))

    def views(self) -> dict[Name, View]:
        return {
            self.names[row.oid]: self.view(row)
            for row in self.wanted_relations
            if row.kind in _VIEWS
        }

    def view(self, row: RelationRow) -> View:
        return View(
            name=self.names[row.oid],
            sql=(row.definition or "").strip().rstrip(";"),
            materialized=row.kind == "m",
            comment=self.comments.get((row.oid, 0)),
            indexes=self.indexes(row.oid),
            reads=self.related("read", row),
        )

    # Tables

    def tables(self) -> dict[Name, Table]:
        return {
            self.names[row.oid]: self.table(row)
            for row in self.wanted_relations
            if row.kind in _TABLES
        }

    def table(self, row: RelationRow) -> Table:
        constraints = self.rows.constraints.get(row.oid, ())
        constraint_indexes = {c.index_oid for c in constraints if c.kind in ("p", "u", "x")}
        return Table(
            name=self.names[row.oid],
            columns=tuple(self.columns.get(row.oid, {}).values()),
            constraints=tuple(map(self.keys.constraint, constraints)),
            indexes=self.indexes(row.oid, constraint_indexes),
            comment=self.comments.get((row.oid, 0)),
            options=self.table_options(row),
            partitions=self.related("partition", row),
        )

    def table_options(self, row: RelationRow) -> dict[str, Option]:
        options = storage(row, self.rows.names)
        if row.persistence == "u":
            options["prefix"] = "UNLOGGED"
        method = self.rows.names["method"].get(row.method, "heap")
        if method != "heap":
            options["postgresql_using"] = method
        if parents := self.related("parent", row):
            options[INHERITS] = ", ".join(map(str, parents))
        if row.partition_by:
            options["postgresql_partition_by"] = row.partition_by
        return options

    def related(self, kind: str, row: RelationRow) -> tuple[Name, ...]:
        return tuple(self.name(*found) for found in self.rows.related.get((kind, row.oid), ()))

    def indexes(self, oid: int, excluded: Collection[int] = ()) -> tuple[Index, ...]:
        """Return the indexes of a relation, without the excluded oids (those of constraints)."""
        rows = self.rows.indexes.get(oid, ())
        return tuple(self.indexes_of.index(row) for row in rows if row.oid not in excluded)
