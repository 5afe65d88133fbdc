"""Reflect a MySQL or MariaDB database in a fixed number of queries.

Phases:

1. `queries` selects everything that a table has many of as text: GROUP_CONCAT returns one line per
   column, index element and so on, because drivers need time for each row. Marks separate the
   fields and end the lines.
2. `rows` runs the queries and groups the lines by table. Lines stay unsplit.
3. `objects` turns lines into columns, indexes and so on, with caches from the line to the object.
4. `_SchemaBuilder` puts the parts of each table together.

Invariants:

- No field contains a mark. If one does, the numbers of lines and fields do not match, and `rows`
  queries again with other marks. Without that check, a comment could move the fields of its line.
- No text is cut off. group_concat_max_len truncates silently, so each query sets it and returns the
  number of lines, which is compared.
- Names of the default database are removed from expressions and never appear in a `Name`, because
  a scratch has another database name: otherwise everything would differ from its description.
- A cached object depends on its line, the collation of its table and the database only. Anything
  else that an object depends on must be an argument of the cached function.
- Implicit objects are kept: indexes of foreign keys, the checks of JSON columns (which become the
  type). `align` decides what models may leave out; a reflector that drops them would hide that
  they exist from statements that need them.
"""

from __future__ import annotations

import re
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
from autodiff.dialects.mysql.expressions import canonical_strings, without_database
from autodiff.dialects.mysql.partitions import partition_options
from autodiff.dialects.scope import is_excluded
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
from autodiff.utils.sharing import collected_later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from autodiff.dialects.scope import Scope

__all__ = ["reflect"]

_TABLE_TYPES = ("BASE TABLE", "SYSTEM VERSIONED")
_QUALIFIED = re.compile(r"`((?:[^`]|``)+)`\s*\.\s*`((?:[^`]|``)+)`")
_BY_NAME = attrgetter("name")


@collected_later()
def reflect(connection: Connection, scope: Scope, default_schema: str) -> Schema:
    """Return the tables, views and sequences of the default database and the namespaces."""
    mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
    schemas = list(dict.fromkeys([default_schema, *scope.namespaces]))
    rows = fetch(connection, schemas, scope, mariadb=mariadb)
    builder = _SchemaBuilder(rows, default_schema, scope, mariadb=mariadb)
    return Schema(
        tables=builder.tables(),
        sequences=builder.sequences(),
        views=builder.views(),
        namespaces=rows.namespaces & set(scope.namespaces),
    )


class _SchemaBuilder:
    """Puts the parts of each object together."""

    def __init__(self, rows: Rows, default_schema: str, scope: Scope, *, mariadb: bool) -> None:
        self.rows = rows
        self.default_schema = default_schema
        self.mariadb = mariadb
        self.scope = scope
        self.names = {row.place: self.name(row.place) for row in rows.tables}

    def name(self, place: Place) -> Name:
        schema, name = place
        return Name(name, None if schema == self.default_schema else schema)

    def wanted(self, name: Name) -> bool:
        if self.scope.only is not None and name not in self.scope.only:
            return False
        return not is_excluded(name, self.scope.exclude)

    # Other objects than tables

    def sequences(self) -> dict[Name, Sequence]:
        return {
            name: objects.sequence(name, row)
            for row in self.rows.sequences
            for name in [self.names[row.table_schema, row.table_name]]
            if self.wanted(name)
        }

    def views(self) -> dict[Name, View]:
        return {
            name: self.view(name, row)
            for row in self.rows.views
            for name in [self.name(row.place)]
            if self.wanted(name)
        }

    def view(self, name: Name, row: ViewRow) -> View:
        sql = without_database(canonical_strings(row.definition), self.default_schema)
        if row.check_option != "NONE":
            sql += f" WITH {row.check_option} CHECK OPTION"
        return View(name=name, sql=sql, reads=self.reads(row.definition))

    def reads(self, definition: str) -> tuple[Name, ...]:
        pairs = {
            (schema.replace("``", "`"), name.replace("``", "`"))
            for schema, name in _QUALIFIED.findall(definition)
        }
        return tuple(self.names[pair] for pair in sorted(pairs & self.names.keys()))

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
            if self.wanted(name)
        }

    def table(self, name: Name, row: TableRow) -> Table:
        place = row.place
        primary, indexes = objects.keys_and_indexes(
            self.fields(self.rows.indexes, place), self.default_schema, mariadb=self.mariadb
        )
        columns, checks = self.columns_and_checks(row)
        constraints = [*primary, *self.foreign_keys(place), *checks]
        options = objects.table_options(row)
        if place in self.rows.partitions:
            found = [PartitionRow(*each) for each in self.fields(self.rows.partitions, place)]
            options = {**options, **partition_options(found)}
        return Table(
            name=name,
            columns=columns,
            constraints=tuple(sorted(constraints, key=lambda c: c.name or "")),
            indexes=indexes,
            comment=row.comment or None,
            options=options,
        )

    def columns_and_checks(self, row: TableRow) -> tuple[tuple[Column, ...], list[Constraint]]:
        """Return columns and checks; a check that MariaDB added to JSON becomes the type."""
        database, mariadb = self.default_schema, self.mariadb
        lines = self.rows.columns.get(row.place, ())
        columns = objects.columns(lines, self.rows.unit, row.collation, database, mariadb=mariadb)
        if row.place not in self.rows.checks:
            return columns, []
        rows = [CheckRow(*each) for each in self.fields(self.rows.checks, row.place)]
        named = {found for found in map(objects.json_column, rows) if found is not None}
        columns = objects.as_json(columns, named)
        json = {column.name for column in columns if column.type.sql == "json"}
        return columns, [
            objects.check(each, row.place[1], database, mariadb=mariadb)
            for each in rows
            if objects.json_column(each) not in json
        ]

    def foreign_keys(self, place: Place) -> Iterator[ForeignKey]:
        if place not in self.rows.keys:
            return
        found = [ActionRow(*each) for each in self.fields(self.rows.actions, place)]
        actions = {row.name: row for row in found}
        keys = [KeyRow(*each) for each in self.fields(self.rows.keys, place)]
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
                implicit=objects.is_generated_name(name, place[1], "ibfk"),
            )
