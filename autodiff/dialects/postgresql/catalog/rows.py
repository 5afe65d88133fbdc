"""Fetch the rows of pg_catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from autodiff.dialects.postgresql.catalog import queries as catalog
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
"""Table, number, name, type, number of the type, NOT NULL, collation, expression, and how it is
generated: `a` or `d` for an identity, `s` or `v` for a computed column.

A plain tuple, which is faster to create than a named one: a database has more columns than anything
else.
"""

Comments: TypeAlias = Mapping[tuple[int, int], str]
"""Comments by the number of the object, and of its column or 0."""

Names: TypeAlias = Mapping[str, Mapping[int, str]]
"""Names by kind and number: schemas, access methods, tablespaces, collations, operator classes
that are not the default of their type, and the collations of types that have one."""


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

    `definition` is the condition of a check, an exclusion, or the columns that a foreign key sets.
    """

    oid: int
    table: int
    name: str
    kind: str
    numbers: list[int] | None
    behind: int
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
    """An index; fields with one number per column have spaces between them."""

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
    """An enum type; `used_in` has the relations with columns of that type."""

    oid: int
    schema: str
    name: str
    array: int
    comment: str | None
    labels: list[str]
    in_extension: bool
    used_in: list[int]


class SequenceRow(NamedTuple):
    """A sequence, and the column that owns it if one does (`a`: serial, `i`: identity)."""

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
    """A table that foreign keys refer to; the names of its columns by their numbers."""

    schema: str
    name: str
    columns: dict[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows.

    `related` has (schema, name) pairs by kind and relation: the parents and partitions of a table,
    and the relations that a view reads.
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
    """Return the rows of the schemas; with `only`, only of those tables.

    One more query is needed if foreign keys refer to other tables.
    """
    since_15 = (connection.dialect.server_version_info or (0,)) >= (15,)
    asked: dict[str, Any] = {"schemas": schemas}
    if only is not None:
        asked["only"] = [name.name for name in only]

    def rows(query: str) -> Any:
        named = {key: value for key, value in asked.items() if f":{key}" in query}
        return connection.execute(sa.text(query), named).all()

    limit = "" if only is None else catalog.ONLY
    relations = [RelationRow._make(row) for row in rows(catalog.RELATIONS.format(only=limit))]
    asked["relations"] = [row.oid for row in relations]
    constraints = [ConstraintRow._make(row) for row in rows(catalog.constraints(since_15))]
    asked["tables"] = _outside(relations, constraints)
    return Rows(
        names=_by_kind((kind, oid, name) for kind, oid, name in rows(catalog.NAMES)),
        relations=relations,
        related=_related(rows(catalog.RELATED)),
        columns=rows(catalog.COLUMNS),
        constraints=_by_table(constraints),
        indexes=_by_table(IndexRow._make(row) for row in rows(catalog.indexes(since_15))),
        enums=[EnumRow._make(row) for row in rows(catalog.ENUMS)],
        sequences=[SequenceRow._make(row) for row in rows(catalog.SEQUENCES)],
        comments=_by_kind(
            (kind, (oid, number), text) for kind, oid, number, text in rows(catalog.COMMENTS)
        ),
        referred=_referred(rows(catalog.REFERRED)) if asked["tables"] else {},
    )


def _outside(relations: list[RelationRow], constraints: list[ConstraintRow]) -> list[int]:
    """Return the tables that foreign keys refer to and that are not among the relations."""
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
