"""Fetch the rows of information_schema, grouped by table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from autodiff.dialects.mysql.catalog import queries as catalog
from autodiff.dialects.mysql.catalog.queries import Gathered, Marks
from autodiff.dialects.mysql.expressions import quote_string
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.scope import Scope

__all__ = [
    "ActionRow",
    "CheckRow",
    "ColumnRow",
    "IndexRow",
    "KeyRow",
    "Lines",
    "PartitionRow",
    "Place",
    "Rows",
    "TableRow",
    "ViewRow",
    "fetch",
    "lines_of",
]

_NUMBER_AND_NAME = itemgetter(0, 1)
_TRIES = 10
"""The number of pairs of marks to try, until one is found in no text."""

Place: TypeAlias = tuple[str, str]
"""The names of a database and of a table in it."""


class TableRow(NamedTuple):
    """A table, view or sequence."""

    place: Place
    type: str
    engine: str
    collation: str
    options: str
    comment: str


class ViewRow(NamedTuple):
    """A view."""

    place: Place
    definition: str
    check_option: str


class ColumnRow(NamedTuple):
    """A column; its `default`, if it has one, follows an equals sign."""

    name: str
    type: str
    nullable: str
    default: str
    collation: str
    extra: str
    comment: str
    generation: str
    srid: str


class IndexRow(NamedTuple):
    """An element of an index: a `column` or an `expression`."""

    name: str
    non_unique: str
    column: str
    collation: str
    length: str
    method: str
    comment: str
    expression: str
    hidden: str


class KeyRow(NamedTuple):
    """A column of a foreign key."""

    name: str
    column: str
    referred_schema: str
    referred_table: str
    referred_column: str


class ActionRow(NamedTuple):
    """The actions of a foreign key."""

    name: str
    on_update: str
    on_delete: str


class CheckRow(NamedTuple):
    """A check; its `level` is Column if it is in the definition of a column."""

    name: str
    sql: str
    level: str
    enforced: str


class PartitionRow(NamedTuple):
    """A partition or subpartition."""

    name: str
    method: str
    expression: str
    sub_method: str
    sub_expression: str
    description: str
    comment: str


Lines: TypeAlias = Mapping[Place, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows; of what a table has many, the lines of the server's answer.

    `unit` separates the fields of a line. Lines are split later and cached, because many tables
    have equal lines. All fields are texts, which are empty for NULL.
    """

    unit: str
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


class _MarkInFieldError(Exception):
    """A field contains a mark."""


def lines_of(text: str, count: int, fields: int, marks: Marks) -> list[str]:
    """Split a text into `count` lines, each with the name of a table and `fields` fields.

    Raises DatabaseError if the text is cut off, and _MarkInFieldError if a field contains a mark.
    """
    lines = text.split(marks.line)
    more = len(lines) - 1 - count, text.count(marks.unit) - count * fields
    if lines.pop() or min(more) < 0:
        raise DatabaseError(
            "the server cut off what it says of its tables",
            hint="set its max_allowed_packet and group_concat_max_len to larger values",
        )
    if max(more) > 0:
        raise _MarkInFieldError
    return lines


def fetch(connection: Connection, schemas: Sequence[str], scope: Scope, *, mariadb: bool) -> Rows:
    """Return the rows of these databases, in a fixed number of queries.

    Views, partitions, actions and sequences are not queried if there are none. If a field
    contains a mark, everything is queried again with other marks.
    """
    for number in range(_TRIES):
        server = _Server(connection, schemas, scope, Marks.numbered(number))
        try:
            return _fetch(server, mariadb=mariadb)
        except _MarkInFieldError:
            continue
    raise DatabaseError(
        "names, comments or defaults in the database hold every mark that could stand between them",
        hint="look for the control characters 30 and 31 in information_schema",
    )


def _fetch(server: _Server, *, mariadb: bool) -> Rows:
    make = catalog.mariadb_queries if mariadb else catalog.mysql_queries
    queries = make(len(server.schemas), server.marks, limited=server.scope.only is not None)
    tables = server.tables(queries.tables)
    kinds = {row.type for row in tables}
    partitioned = any("partitioned" in row.options for row in tables)
    keys = server.lines(queries.keys)
    return Rows(
        unit=server.marks.unit,
        tables=tables,
        columns=server.lines(queries.columns),
        indexes=server.lines(queries.indexes),
        keys=keys,
        actions=server.lines(queries.actions) if keys else {},
        checks=server.lines(queries.checks),
        partitions=server.lines(queries.partitions) if partitioned else {},
        views=server.views(queries.views) if "VIEW" in kinds else (),
        sequences=_sequences(server.connection, tables) if "SEQUENCE" in kinds else (),
        namespaces=server.namespaces() if server.scope.namespaces else frozenset(),
    )


@dataclass(frozen=True, slots=True)
class _Server:
    """Runs the queries for some databases and a scope."""

    connection: Connection
    schemas: Sequence[str]
    scope: Scope
    marks: Marks

    def tables(self, gathered: Gathered) -> list[TableRow]:
        """Return the rows in the order of databases and names."""
        numbers = {schema: number for number, schema in enumerate(self.schemas)}
        lines = self.lines(gathered)
        places = sorted(lines, key=lambda place: (numbers[place[0]], place[1]))
        return [TableRow(place, *lines[place][0].split(self.marks.unit)) for place in places]

    def views(self, query: str) -> list[ViewRow]:
        """Return the rows in the order of databases and names."""
        rows = sorted(self.ask(query), key=_NUMBER_AND_NAME)
        return [ViewRow((self.schemas[number], name), *rest) for number, name, *rest in rows]

    def lines(self, gathered: Gathered) -> Lines:
        """Return the lines of each table, without its name."""
        found: dict[Place, list[str]] = {}
        unit = self.marks.unit
        for number, count, text in self.ask(gathered.query):
            of_names: dict[str, list[str]] = {}
            for line in lines_of(text, count, gathered.fields, self.marks):
                name, _, values = line.partition(unit)
                of_names.setdefault(name, []).append(values)
            for name, values_of in of_names.items():
                found[self.schemas[number], name] = values_of
        return found

    def namespaces(self) -> frozenset[str]:
        """Return the names of all databases."""
        return frozenset(self.connection.execute(sa.text(catalog.NAMESPACES)).scalars())

    def ask(self, query: str) -> Sequence[Any]:
        text = sa.text(query)
        values: dict[str, Any] = {f"schema{n}": name for n, name in enumerate(self.schemas)}
        if self.scope.only is not None:
            text = text.bindparams(sa.bindparam("only", expanding=True))
            values["only"] = [name.name for name in self.scope.only]
        return self.connection.execute(text, values).all()


def _sequences(connection: Connection, tables: Sequence[TableRow]) -> list[Any]:
    """Return the options of sequences, in one query.

    MariaDB before 12 only has them in the row that each sequence contains.
    """
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
