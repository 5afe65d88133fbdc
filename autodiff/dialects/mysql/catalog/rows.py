"""Fetch the rows of information_schema and group them by table.

`fetch` runs the queries of `queries` and splits the texts into lines. The separators are counted,
because the server truncates a text that is too long and only reports a warning. A truncated answer
must not look like a database with fewer tables. Lines are not split into fields here: `objects`
caches by line, because many tables have equal lines (such as `id bigint`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from autodiff.dialects.mysql.catalog import queries as catalog
from autodiff.dialects.mysql.catalog.definitions import read_actions
from autodiff.dialects.mysql.catalog.queries import Gathered, Marks
from autodiff.dialects.mysql.catalog.rights import require_right
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
_ATTEMPTS = 10
"""Pairs of separators to try. It is very unlikely that a database contains all of them."""

Place: TypeAlias = tuple[str, str]
"""The names of a database and a table in it."""


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
    """A column. `default` starts with an equals sign; it is empty if there is no default."""

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
    """A part of an index: a `column` or an `expression`. `name` is the name of the index."""

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
    """A check. `level` is "Column" if the check is in the definition of a column."""

    name: str
    sql: str
    level: str
    enforced: str


class PartitionRow(NamedTuple):
    """A partition, or a subpartition with the fields of its partition."""

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
    """All rows of a database. Kinds of which a table can have several are kept as lines.

    `unit` separates two fields of a line. All fields are strings, which are empty for NULL.
    """

    unit: str
    tables: Sequence[TableRow] = ()
    columns: Lines = field(default_factory=dict)
    indexes: Lines = field(default_factory=dict)
    keys: Lines = field(default_factory=dict)
    actions: Lines = field(default_factory=dict)
    checks: Lines = field(default_factory=dict)
    partitions: Lines = field(default_factory=dict)
    views: Sequence[ViewRow] = ()
    sequences: Sequence[Any] = ()
    namespaces: frozenset[str] = frozenset()


class _MarkInFieldError(Exception):
    """Raised if a field contains a separator."""


def lines_of(text: str, count: int, fields: int, marks: Marks) -> list[str]:
    """Return the `count` lines of a text, each with the table's name and `fields` fields.

    Raises DatabaseError if the text is truncated, and _MarkInFieldError if a field contains a
    separator.
    """
    lines = text.split(marks.line)
    surplus = len(lines) - 1 - count, text.count(marks.unit) - count * fields
    if lines.pop() or min(surplus) < 0:
        raise DatabaseError(
            "cannot read the tables: the server truncated the rows of information_schema",
            hint="increase max_allowed_packet and group_concat_max_len on the server",
        )
    if max(surplus) > 0:
        raise _MarkInFieldError
    return lines


def fetch(connection: Connection, schemas: Sequence[str], scope: Scope, *, mariadb: bool) -> Rows:
    """Return the rows of the databases, with a fixed number of queries.

    Views, partitions and sequences are only queried if there are any. What the server hides from
    the user is read table by table, if something is missing. If a field contains a separator,
    everything is queried again with another one.

    Raises DatabaseError if an answer is truncated, if the database contains each separator, or if
    all tables are read and the user may not see all of them.
    """
    for number in range(_ATTEMPTS):
        server = _Server(connection, schemas, scope, Marks.numbered(number))
        try:
            return _fetch(server, mariadb=mariadb)
        except _MarkInFieldError:
            continue
    raise DatabaseError(
        "cannot read the tables: names, comments or defaults contain each separator that could be "
        "put between them",
        hint="remove the characters CHAR(30) and CHAR(31) from names, comments and defaults",
    )


def _fetch(server: _Server, *, mariadb: bool) -> Rows:
    build = catalog.mariadb_queries if mariadb else catalog.mysql_queries
    queries = build(len(server.schemas), server.marks, limited=server.scope.only is not None)
    gathered = [queries.tables, queries.columns, queries.indexes, queries.keys]
    lines, namespaces = server.lines_of_all([*gathered, queries.actions, queries.checks])
    rows, columns, indexes, keys, actions, checks = lines
    hidden = [place for place in keys if place not in actions]
    tables = server.tables(rows)
    kinds = {row.type for row in tables}
    is_partitioned = any("partitioned" in row.options for row in tables)
    return Rows(
        unit=server.marks.unit,
        tables=tables,
        columns=columns,
        indexes=indexes,
        keys=keys,
        actions={**actions, **read_actions(server.connection, hidden, server.marks.unit)},
        checks=checks,
        partitions=server.lines(queries.partitions) if is_partitioned else {},
        views=server.views(queries.views) if "VIEW" in kinds else (),
        sequences=_sequences(server.connection, tables) if "SEQUENCE" in kinds else (),
        namespaces=namespaces,
    )


@dataclass(frozen=True, slots=True)
class _Server:
    """Runs the queries for the databases in a scope, with one pair of separators."""

    connection: Connection
    schemas: Sequence[str]
    scope: Scope
    marks: Marks

    def tables(self, lines: Lines) -> list[TableRow]:
        """Return the tables in the order of databases and names."""
        numbers = {schema: number for number, schema in enumerate(self.schemas)}
        places = sorted(lines, key=lambda place: (numbers[place[0]], place[1]))
        return [TableRow(place, *lines[place][0].split(self.marks.unit)) for place in places]

    def views(self, query: str) -> list[ViewRow]:
        """Return the views in the order of databases and names."""
        rows = sorted(self.execute(query), key=_NUMBER_AND_NAME)
        return [ViewRow((self.schemas[number], name), *rest) for number, name, *rest in rows]

    def lines_of_all(self, gathered: Sequence[Gathered]) -> tuple[list[Lines], frozenset[str]]:
        """Return what `lines` does for several kinds of rows, and the databases in the scope.

        This is one query, unless a right to a database may be missing.
        """
        rows: list[list[Any]] = [[] for _ in range(len(gathered) + 1)]
        limited = self.scope.only is not None
        query = catalog.joined_query(gathered, len(self.schemas), limited=limited)
        for kind, *row in self.execute(query):
            rows[kind].append(row)
        databases = rows.pop()
        for number, may_see_all, _ in databases:
            if not may_see_all:
                require_right(self.connection, self.schemas[number])
        names = frozenset(name for _, _, name in databases)
        return [self.lines(item, found) for item, found in zip(gathered, rows, strict=True)], names

    def lines(self, gathered: Gathered, rows: Sequence[Any] | None = None) -> Lines:
        """Return the lines of each table, without its name; `rows` is the answer, if known."""
        lines_by_place: dict[Place, list[str]] = {}
        unit = self.marks.unit
        for number, count, text in self.execute(gathered.query) if rows is None else rows:
            lines_by_name: dict[str, list[str]] = defaultdict(list)
            for line in lines_of(text, count, gathered.fields, self.marks):
                name, _, values = line.partition(unit)
                lines_by_name[name].append(values)
            # All lines of a table are in one text, so this never overwrites lines
            for name, table_lines in lines_by_name.items():
                lines_by_place[self.schemas[number], name] = table_lines
        return lines_by_place

    def execute(self, query: str) -> Sequence[Any]:
        """Run a query with the names of the databases, and of the tables in the scope."""
        text = sa.text(query)
        values: dict[str, Any] = {f"schema{n}": name for n, name in enumerate(self.schemas)}
        if self.scope.only is not None:
            text = text.bindparams(sa.bindparam("only", expanding=True))
            values["only"] = [name.name for name in self.scope.only]
        return self.connection.execute(text, values).all()


def _sequences(connection: Connection, tables: Sequence[TableRow]) -> list[Any]:
    """Return the options of all sequences with one query."""
    query = catalog.sequences_query(row.place for row in tables if row.type == "SEQUENCE")
    return list(connection.exec_driver_sql(query, execution_options={"no_parameters": True}))
