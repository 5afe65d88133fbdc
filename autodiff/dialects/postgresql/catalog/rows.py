"""Run the queries over the system catalogs and return their rows as named tuples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from autodiff.dialects.postgresql.catalog import queries
from autodiff.dialects.postgresql.catalog.round_trips import fetch_all
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = [
    "ColumnRow",
    "Comments",
    "ConstraintRow",
    "EnumRow",
    "IndexRow",
    "Names",
    "Referred",
    "RelationRow",
    "Rows",
    "SequenceRow",
    "fetch",
]

ColumnRow: TypeAlias = tuple[int, int, str, str, int, bool, int, str | None, str | None]
"""Oid of the table, number, name, type, oid of the type, NOT NULL, oid of the collation, default or
generation expression, and the kind: `a` or `d` for an identity (ALWAYS or BY DEFAULT), `s` or `v`
for a generated column (stored or virtual), else None.

This is a plain tuple because there are more columns than other rows: creating it is faster.
"""

Comments: TypeAlias = Mapping[tuple[int, int], str]
"""Comments by the oid of the object and the number of its column, 0 for the object itself.

The kind "opclass" has the operator classes with parameters: `gist_trgm_ops(siglen=32)`.
"""

Names: TypeAlias = Mapping[str, Mapping[int, str]]
"""Names by kind and oid, for schemas, access methods, tablespaces, collations and those operator
classes that are not the default of their type. The kind "typcollation" has the oid of the collation
for types that do not have the default collation."""


class RelationRow(NamedTuple):
    """A table or view."""

    oid: int
    schema: str
    name: str
    kind: str
    persistence: str
    options: list[str] | None
    method: int
    tablespace: int
    partition_by: str | None
    definition: str | None


class ConstraintRow(NamedTuple):
    """A constraint.

    numbers: the numbers of its columns. index_oid: the oid of the index that implements it.
    definition: the condition of a check, the definition of an exclusion constraint, or the columns
    that ON DELETE of a foreign key sets.
    """

    oid: int
    table: int
    name: str
    kind: str
    numbers: list[int] | None
    index_oid: int
    deferrable: bool
    deferred: bool
    no_inherit: bool
    validated: bool
    referred: int
    referred_numbers: list[int] | None
    on_update: str
    on_delete: str
    match: str
    definition: str | None


class IndexRow(NamedTuple):
    """An index.

    keys: the number of key columns. width: the number of all columns, with INCLUDE columns.
    numbers, orders, classes, collations: a vector with one number for each column, as text.
    """

    oid: int
    table: int
    name: str
    unique: bool
    keys: int
    width: int
    numbers: str
    orders: str
    classes: str
    collations: str
    nulls_not_distinct: bool
    method: int
    tablespace: int
    options: list[str] | None
    predicate: str | None
    definitions: list[str] | None
    definition: str | None


class EnumRow(NamedTuple):
    """An enum type; `array` is the oid of its array type, `used_in` the oids of relations."""

    oid: int
    schema: str
    name: str
    array: int
    comment: str | None
    labels: list[str]
    in_extension: bool
    used_in: list[int]


class SequenceRow(NamedTuple):
    """A sequence.

    table, number: the column that owns it, None if there is none. ownership: pg_depend.deptype, `a`
    for a serial and `i` for an identity column.
    """

    oid: int
    schema: str
    name: str
    type: str
    start: int
    increment: int
    minvalue: int
    maxvalue: int
    cache: int
    cycle: bool
    table: int | None
    number: int | None
    ownership: str | None
    in_extension: bool


class Referred(NamedTuple):
    """A table that foreign keys refer to, with the names of its columns by number."""

    schema: str
    name: str
    columns: dict[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of all queries.

    related: (schema, name) pairs by kind ("parent", "partition", "read") and oid of the relation:
    the parents and partitions of a table, and the tables that a view reads.
    """

    names: Names
    relations: list[RelationRow]
    related: Mapping[tuple[str, int], list[tuple[str, str]]]
    columns: list[ColumnRow]
    constraints: Mapping[int, list[ConstraintRow]]
    indexes: Mapping[int, list[IndexRow]]
    enums: list[EnumRow]
    sequences: list[SequenceRow]
    comments: Mapping[str, Comments]
    referred: Mapping[int, Referred]


def fetch(connection: Connection, schemas: list[str], only: tuple[Name, ...] | None) -> Rows:
    """Read the catalog rows of the schemas, of the tables in `only` unless that is None.

    This runs one more query if foreign keys refer to tables that were not read.
    """
    since_15 = (connection.dialect.server_version_info or (0,)) >= (15,)
    parameters: dict[str, Any] = {"schemas": schemas}
    if only is not None:
        parameters["only"] = [name.name for name in only]

    limit = "" if only is None else queries.ONLY
    [found] = fetch_all(connection, [queries.RELATIONS.format(only=limit)], parameters)
    relations = [RelationRow._make(row) for row in found]
    parameters["relations"] = [row.oid for row in relations]
    names, related, columns, constraints, indexes, enums, sequences, comments = fetch_all(
        connection,
        [
            *(queries.NAMES, queries.related_query({row.kind for row in relations})),
            queries.COLUMNS,
            *(queries.constraints_query(since_15), queries.indexes_query(since_15)),
            *(queries.ENUMS, queries.sequences_query(limited=only is not None)),
            queries.comments_query(limited=only is not None),
        ],
        parameters,
    )
    constraint_rows = [ConstraintRow._make(row) for row in constraints]
    parameters["tables"] = _outside(relations, constraint_rows)
    outside = parameters["tables"]
    referred = fetch_all(connection, [queries.REFERRED], parameters)[0] if outside else ()
    return Rows(
        names=_by_kind((kind, oid, name) for kind, oid, name in names),
        relations=relations,
        related=_related(related),
        columns=list(columns),
        constraints=_by_table(constraint_rows),
        indexes=_by_table(IndexRow._make(row) for row in indexes),
        enums=[EnumRow._make(row) for row in enums],
        sequences=[SequenceRow._make(row) for row in sequences],
        comments=_by_kind((kind, (oid, number), text) for kind, oid, number, text in comments),
        referred=_referred(referred),
    )


def _outside(relations: list[RelationRow], constraints: list[ConstraintRow]) -> list[int]:
    """Return the oids of the tables that foreign keys refer to and that are not in `relations`."""
    found = {row.referred for row in constraints if row.kind == "f"}
    return sorted(found.difference(row.oid for row in relations))


def _by_kind(rows: Iterable[tuple[str, Any, str]]) -> dict[str, dict[Any, str]]:
    found: dict[str, dict[Any, str]] = defaultdict(dict)
    for kind, key, text in rows:
        found[kind][key] = text
    return found


def _by_table(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.table].append(row)
    return found


def _related(rows: Iterable[Any]) -> dict[tuple[str, int], list[tuple[str, str]]]:
    found: dict[tuple[str, int], list[tuple[str, str]]] = defaultdict(list)
    for kind, oid, schema, name, _ in rows:
        found[kind, oid].append((schema, name))
    return found


def _referred(rows: Iterable[Any]) -> dict[int, Referred]:
    found: dict[int, Referred] = {}
    for oid, schema, table, number, column in rows:
        found.setdefault(oid, Referred(schema, table, {})).columns[number] = column
    return found
