"""Read a MySQL or MariaDB database with a fixed number of queries, and build the schema.

`rows` returns the rows by table. This module applies the scope (excluded and selected tables),
and puts the objects of each table together.

Constraints are sorted by name and indexes keep the order of their names. Without a fixed order, two
readings of the same database would differ in their fingerprint. Names in the default database have
no schema, because models do not name it. If they had one, autogenerate would create each table
again.
"""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from autodiff.dialects.mysql.catalog import objects
from autodiff.dialects.mysql.catalog.rows import (
    ActionRow,
    CheckRow,
    KeyRow,
    Lines,
    PartitionRow,
    Place,
    Rows,
    TableRow,
    ViewRow,
    fetch,
)
from autodiff.dialects.mysql.expressions import canonical_strings, qualified_names, without_database
from autodiff.dialects.mysql.partitions import partition_options
from autodiff.schema.objects import (
    Column,
    Constraint,
    ForeignKey,
    Name,
    Schema,
    Sequence,
    Table,
    View,
)
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from autodiff.dialects.scope import Scope

__all__ = ["reflect_schema"]

_TABLE_TYPES = ("BASE TABLE", "SYSTEM VERSIONED")
"""The types of information_schema.tables that are tables; the others are views and sequences."""
_BY_NAME = attrgetter("name")


@pause_garbage_collection()
def reflect_schema(connection: Connection, scope: Scope, default_schema: str) -> Schema:
    """Return the tables, views and sequences of the default database and the namespaces."""
    mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
    schemas = list(dict.fromkeys([default_schema, *scope.namespaces]))
    rows = fetch(connection, schemas, scope, mariadb=mariadb)
    builder = _SchemaBuilder(rows, default_schema, scope, mariadb=mariadb)
    return Schema(
        tables=builder.tables(),
        sequences=builder.sequences(),
        views=builder.views(),
        namespaces=frozenset((default_schema, *rows.namespaces)) & set(scope.namespaces),
    )


class _SchemaBuilder:
    """Builds the tables, views and sequences from the rows."""

    def __init__(self, rows: Rows, default_schema: str, scope: Scope, *, mariadb: bool) -> None:
        self.rows = rows
        self.default_schema = default_schema
        self.mariadb = mariadb
        self.scope = scope
        self.names = {row.place: self.name(row.place) for row in rows.tables}

    def name(self, place: Place) -> Name:
        """Return the name, without the database if that is the default one."""
        schema, name = place
        return Name(name, None if schema == self.default_schema else schema)

    def in_scope(self, name: Name) -> bool:
        if self.scope.only is not None and name not in self.scope.only:
            return False
        return not self.scope.leaves_out(name)

    # Other objects than tables

    def sequences(self) -> dict[Name, Sequence]:
        return {
            name: objects.sequence(name, row)
            for row in self.rows.sequences
            for name in [self.names[row.table_schema, row.table_name]]
            if self.in_scope(name)
        }

    def views(self) -> dict[Name, View]:
        return {
            name: self.view(name, row)
            for row in self.rows.views
            for name in [self.name(row.place)]
            if self.in_scope(name)
        }

    def view(self, name: Name, row: ViewRow) -> View:
        sql = without_database(canonical_strings(row.definition), self.default_schema)
        if row.check_option != "NONE":
            sql += f" WITH {row.check_option} CHECK OPTION"
        return View(name=name, sql=sql, reads=self.reads(row.definition))

    def reads(self, definition: str) -> tuple[Name, ...]:
        """Return the tables and views that the definition of a view reads.

        A pair of names can be a column too (`table`.`column`), so it is only used if there is a
        table or view of that name.
        """
        places = qualified_names(definition)
        return tuple(self.names[place] for place in sorted(places & self.names.keys()))

    # Tables

    def fields(self, lines: Lines, place: Place) -> list[list[str]]:
        """Return the fields of each line of the table."""
        unit = self.rows.unit
        return [line.split(unit) for line in lines.get(place, ())]

    def tables(self) -> dict[Name, Table]:
        return {
            name: self.table(name, row)
            for row in self.rows.tables
            if row.type in _TABLE_TYPES
            for name in [self.names[row.place]]
            if self.in_scope(name)
        }

    def table(self, name: Name, row: TableRow) -> Table:
        place = row.place
        primary, indexes = objects.keys_and_indexes(
            self.fields(self.rows.indexes, place), self.default_schema, mariadb=self.mariadb
        )
        columns, checks = self.columns_and_checks(row)
        constraints = [*primary, *self.foreign_keys(place), *checks]
        options = objects.read_table_options(row)
        if place in self.rows.partitions:
            partitions = self.fields(self.rows.partitions, place)
            rows = [PartitionRow(*fields) for fields in partitions]
            options = {**options, **partition_options(rows)}
        return Table(
            name=name,
            columns=columns,
            constraints=tuple(sorted(constraints, key=lambda c: c.name or "")),
            indexes=indexes,
            comment=row.comment or None,
            options=options,
        )

    def columns_and_checks(self, row: TableRow) -> tuple[tuple[Column, ...], list[Constraint]]:
        """Return the columns, and the checks without those that MariaDB adds to JSON columns.

        A LONGTEXT column with such a check is returned as JSON.
        https://mariadb.com/kb/en/json-data-type/
        """
        database, mariadb = self.default_schema, self.mariadb
        lines = self.rows.columns.get(row.place, ())
        columns = objects.read_columns(
            lines, self.rows.unit, row.collation, database, mariadb=mariadb
        )
        if row.place not in self.rows.checks:
            return columns, []
        rows = [CheckRow(*fields) for fields in self.fields(self.rows.checks, row.place)]
        json_columns = {name for name in map(objects.json_column, rows) if name is not None}
        columns = objects.as_json(columns, json_columns)
        json = {column.name for column in columns if column.type.sql == "json"}
        return columns, [
            objects.read_check(check_row, row.place[1], database, mariadb=mariadb)
            for check_row in rows
            if objects.json_column(check_row) not in json
        ]

    def foreign_keys(self, place: Place) -> Iterator[ForeignKey]:
        if place not in self.rows.keys:
            return
        action_rows = [ActionRow(*fields) for fields in self.fields(self.rows.actions, place)]
        actions = {row.name: row for row in action_rows}
        keys = [KeyRow(*fields) for fields in self.fields(self.rows.keys, place)]
        for name, group in groupby(keys, _BY_NAME):
            rows, action = list(group), actions[name]
            referred = (rows[0].referred_schema, rows[0].referred_table)
            yield ForeignKey(
                name=name,
                columns=tuple([row.column for row in rows]),
                referred=self.names.get(referred) or self.name(referred),
                referred_columns=tuple([row.referred_column for row in rows]),
                on_update=objects.action(action.on_update),
                on_delete=objects.action(action.on_delete),
                implicit=objects.is_chosen(name, place[1], "ibfk"),
            )
