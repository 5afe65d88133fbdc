"""Build the indexes of tables from rows of pg_index.

https://www.postgresql.org/docs/current/catalog-pg-index.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from autodiff.dialects.postgresql.catalog.columns import NO_COLLATION, USUAL_COLLATION, Columns
from autodiff.dialects.postgresql.catalog.expressions import Texts, bracketed
from autodiff.dialects.postgresql.catalog.rows import IndexRow, Names, RelationRow, Rows
from autodiff.schema.objects import Column, Index, IndexElement, Option
from autodiff.schema.sqltext import split_top_level, unquote_identifier

__all__ = ["Indexes", "included", "storage"]

_Collation: TypeAlias = tuple[str | None, str | None]
"""The name of a collation, and its schema if it is needed."""
_NO_NAME: _Collation = (None, None)
_COLLATE = re.compile(r'\s*COLLATE (?:("(?:[^"]|"")+"|\w+)\.)?("(?:[^"]|"")+"|\w+)')


class Indexes:
    """Builds indexes from rows. Equal elements share one object."""

    def __init__(self, rows: Rows, columns: Columns, texts: Texts) -> None:
        self._names = rows.names
        self._comments = rows.comments["class"]
        self._parameterized = rows.comments["opclass"]
        self._columns = columns.tables
        self._collations = columns.collations
        self._texts = texts

    def index(self, row: IndexRow) -> Index:
        """Return the index of a row."""
        method = self._names["method"][row.method]
        return Index(
            name=row.name,
            elements=self._elements(row, method),
            unique=row.unique,
            method=None if method == "btree" else method,
            where=row.predicate and self._texts.plain(row.table, row.predicate),
            include=included(row, self._columns[row.table]) if row.width > row.keys else (),
            nulls_not_distinct=row.nulls_not_distinct,
            comment=self._comments.get((row.oid, 0)),
            options=storage(row, self._names),
        )

    def _elements(self, row: IndexRow, method: str) -> tuple[IndexElement, ...]:
        columns, opclasses = self._columns[row.table], self._names["opclass"]
        elements = []
        parts = _parts(row.numbers, row.orders, row.classes, row.collations)
        for place, (number, order, opclass, collation) in enumerate(parts):
            if number:
                text, own = columns[number].name, self._collation(row.table, number, collation)
            else:  # the number of an expression is 0
                text = self._texts.plain(row.table, (row.definitions or ())[place])
                own = _expression_collation(row, place, method)
            named = self._parameterized.get((row.oid, place + 1)) or opclasses.get(opclass)
            elements.append(_element(text, not number, order, named, own))
        return tuple(elements)

    def _collation(self, table: int, number: int, collation: int) -> _Collation:
        """Return the collation of an element if it differs from that of its column."""
        if collation in (NO_COLLATION, self._collations.get((table, number), USUAL_COLLATION)):
            return _NO_NAME
        return self._names["collation"][collation], self._names["collation schema"].get(collation)


@lru_cache(4096)
def _parts(*vectors: str) -> tuple[tuple[int, ...], ...]:
    """Return the values of each element from vectors with one value for each element.

    Only indkey has values for INCLUDE columns too, so the longer vector is cut.
    """
    return tuple(zip(*(map(int, vector.split()) for vector in vectors), strict=False))


@lru_cache(4096)
def _element(
    text: str, is_expression: bool, order: int, opclass: str | None, collation: _Collation
) -> IndexElement:
    descending, nulls_first = bool(order & 1), bool(order & 2)  # INDOPTION_DESC, _NULLS_FIRST
    return IndexElement(
        text=text,
        is_expression=is_expression,
        descending=descending,
        nulls_first=None if nulls_first == descending else nulls_first,
        opclass=opclass,
        collation=collation[0],
        collation_schema=collation[1],
    )


def _expression_collation(row: IndexRow, place: int, method: str) -> _Collation:
    """Return the collation of an expression if it is not the default of the expression.

    Only the definition of the whole index contains it: pg_get_indexdef() omits it for one element.
    """
    _, _, rest = (row.definition or "").partition(f" USING {method} ")
    body, _ = bracketed(rest)
    suffix = split_top_level(body)[place].removeprefix((row.definitions or ())[place])
    match = _COLLATE.match(suffix)
    if match is None:
        return _NO_NAME
    schema = None if match[1] in (None, "pg_catalog") else unquote_identifier(match[1])
    return unquote_identifier(match[2]), schema


def included(row: IndexRow, columns: Mapping[int, Column]) -> tuple[str, ...]:
    """Return the INCLUDE columns of an index."""
    return tuple(columns[int(number)].name for number in row.numbers.split()[row.keys :])


def storage(row: IndexRow | RelationRow, names: Names) -> dict[str, Option]:
    """Return the storage parameters as options, and the tablespace if it is not the default."""
    options: dict[str, Option] = {}
    if row.options:
        options["postgresql_with"] = ", ".join(sorted(row.options))
    if row.tablespace:
        options["postgresql_tablespace"] = names["tablespace"][row.tablespace]
    return options
