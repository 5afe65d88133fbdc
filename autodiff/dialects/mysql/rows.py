"""The rows of information_schema, by the table that they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from autodiff.dialects.mysql import catalog
from autodiff.dialects.mysql.texts import quote_string
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Scope

__all__ = [
    "ActionRow",
    "CheckRow",
    "ColumnRow",
    "IndexRow",
    "KeyRow",
    "PartitionRow",
    "Place",
    "Rows",
    "TableRow",
    "ViewRow",
    "fetch",
    "lines_of",
    "parsed",
]

_NUMBER_AND_NAME = itemgetter(0, 1)

Place: TypeAlias = tuple[str, str]
"""A database's name and a table's."""


class TableRow(NamedTuple):
    """A table, view or sequence."""

    place: Place
    type: str
    engine: str | None
    collation: str | None
    options: str | None
    comment: str | None


class ViewRow(NamedTuple):
    """A view."""

    place: Place
    definition: str
    check_option: str


class ColumnRow(NamedTuple):
    """A column."""

    name: str
    type: str
    nullable: str
    default: str | None
    collation: str | None
    extra: str
    comment: str | None
    generation: str | None
    srid: int | None


class IndexRow(NamedTuple):
    """A part of an index of that name; its `column` is None for an `expression`."""

    name: str
    non_unique: int
    column: str | None
    collation: str | None
    length: int | None
    method: str
    comment: str | None
    expression: str | None
    hidden: int


class KeyRow(NamedTuple):
    """A column of a foreign key."""

    name: str
    column: str
    referred_schema: str
    referred_table: str
    referred_column: str


class ActionRow(NamedTuple):
    """What a foreign key does."""

    name: str
    on_update: str
    on_delete: str


class CheckRow(NamedTuple):
    """A check; its `level` is Column where it stands in the definition of one."""

    name: str
    sql: str
    level: str
    enforced: str


class PartitionRow(NamedTuple):
    """A partition, or one of its parts."""

    name: str
    method: str
    expression: str | None
    sub_method: str | None
    sub_expression: str | None
    description: str | None
    comment: str | None


Lines: TypeAlias = Mapping[Place, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows; those of which a table has many as the lines that they came in.

    `parsed` reads lines. They are kept, since the same line need not be read twice.
    """

    tables: Sequence[TableRow]
    columns: Lines
    indexes: Lines
    keys: Lines
    actions: Lines
    checks: Lines
    partitions: Lines
    views: Sequence[ViewRow]
    sequences: Sequence[Any]
    namespaces: frozenset[str]


def parsed(lines: Sequence[str]) -> list[list[Any]]:
    """The values in each line."""
    found: list[list[Any]] = json.loads(f"[{','.join(lines)}]")
    return found


def lines_of(text: str, count: int) -> list[str]:
    """The lines of a text.

    Raises DatabaseError where there are not that many, or not all of the last.
    """
    lines = text.split("\n")
    if len(lines) != count or not text.endswith("]"):
        raise DatabaseError(
            "the server cut off what it says of its tables",
            hint="set its max_allowed_packet and group_concat_max_len to larger values",
        )
    return lines


def fetch(connection: Connection, schemas: Sequence[str], scope: Scope, *, mariadb: bool) -> Rows:
    """The rows of these databases, in a number of queries that does not depend on them.

    What no table has is not asked for: views, partitions, actions, sequences.
    """
    make = catalog.mariadb_queries if mariadb else catalog.mysql_queries
    queries = make(len(schemas), limited=scope.only is not None)
    server = _Server(connection, schemas, scope)
    tables = [TableRow(*values) for values in server.rows(queries.tables)]
    kinds = {row.type for row in tables}
    partitioned = any("partitioned" in row.options for row in tables if row.options)
    keys = server.lines(queries.keys)
    views = server.rows(queries.views) if "VIEW" in kinds else []
    return Rows(
        tables=tables,
        columns=server.lines(queries.columns),
        indexes=server.lines(queries.indexes),
        keys=keys,
        actions=server.lines(queries.actions) if keys else {},
        checks=server.lines(queries.checks),
        partitions=server.lines(queries.partitions) if partitioned else {},
        views=[ViewRow(*values) for values in views],
        sequences=_sequences(connection, tables) if "SEQUENCE" in kinds else (),
        namespaces=frozenset(connection.execute(sa.text(catalog.NAMESPACES)).scalars()),
    )


@dataclass(frozen=True, slots=True)
class _Server:
    """What is asked, and where."""

    connection: Connection
    schemas: Sequence[str]
    scope: Scope

    def rows(self, query: str) -> list[list[Any]]:
        """The rows in the order of databases and tables, with their place in front."""
        rows = sorted(self.ask(query), key=_NUMBER_AND_NAME)
        return [[(self.schemas[number], name), *rest] for number, name, *rest in rows]

    def lines(self, query: str) -> Lines:
        found: dict[Place, list[str]] = {}
        for number, count, text in self.ask(query):
            of_names: dict[str, list[str]] = {}
            for line in lines_of(text, count):
                name, _, values = line.partition("\t")
                of_names.setdefault(name, []).append(values)
            for name, values_of in of_names.items():
                found[self.schemas[number], json.loads(name)] = values_of
        return found

    def ask(self, query: str) -> Sequence[Any]:
        text = sa.text(query)
        values: dict[str, Any] = {f"schema{n}": name for n, name in enumerate(self.schemas)}
        if self.scope.only is not None:
            text = text.bindparams(sa.bindparam("only", expanding=True))
            values["only"] = [name.name for name in self.scope.only]
        return self.connection.execute(text, values).all()


def _sequences(connection: Connection, tables: Sequence[TableRow]) -> list[Any]:
    """MariaDB before 12 tells a sequence's options only as the row in it: one query for all."""
    queries = [
        catalog.SEQUENCE.format(
            schema=quote_string(schema),
            name=quote_string(name),
            quoted=f"{_quoted(schema)}.{_quoted(name)}",
        )
        for schema, name in (row.place for row in tables if row.type == "SEQUENCE")
    ]
    union = " UNION ALL ".join(queries)
    return list(connection.exec_driver_sql(union, execution_options={"no_parameters": True}))


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
