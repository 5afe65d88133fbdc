"""The indexes of PostgreSQL's tables, from the catalogue's rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from autodiff.dialects.postgresql.reflect_columns import NO_COLLATION, Columns
from autodiff.dialects.postgresql.reflect_texts import Texts, bracketed
from autodiff.dialects.postgresql.rows import IndexRow, Names, RelationRow, Rows
from autodiff.dialects.sqltext import split_top_level
from autodiff.schema import Column, Index, IndexElement, Option

__all__ = ["Indexes", "included", "storage"]


class Indexes:
    """Makes indexes of rows; elements that are said alike are the same object."""

    def __init__(self, rows: Rows, columns: Columns, texts: Texts) -> None:
        self._names = rows.names
        self._comments = rows.comments["class"]
        self._columns = columns
        self._texts = texts

    def index(self, row: IndexRow) -> Index:
        """The index of a row."""
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
        parts = zip(
            row.numbers.split()[: row.keys],
            row.orders.split(),
            row.classes.split(),
            row.collations.split(),
            strict=False,  # columns that are merely included have a collation, and no class
        )
        columns, opclasses = self._columns[row.table], self._names["opclass"]
        return tuple(
            _element(
                columns[int(number)].name if number != "0" else self._expression(row, place),
                number == "0",
                order,
                opclasses.get(int(opclass)),
                self._collation(row, place, int(number), int(collation), method),
            )
            for place, (number, order, opclass, collation) in enumerate(parts)
        )

    def _expression(self, row: IndexRow, place: int) -> str:
        return self._texts.plain(row.table, (row.definitions or ())[place])

    def _collation(
        self, row: IndexRow, place: int, number: int, collation: int, method: str
    ) -> str | None:
        """The collation of an element where it is not its column's own."""
        if not number:
            return _told_collation(row, place, method)
        if collation in (NO_COLLATION, self._columns.collation(row.table, number)):
            return None
        return self._names["collation"][collation]


@lru_cache(4096)
def _element(
    text: str, is_expression: bool, order: str, opclass: str | None, collation: str | None
) -> IndexElement:
    """https://www.postgresql.org/docs/current/catalog-pg-index.html has the bits of `order`."""
    descending, nulls_first = bool(int(order) & 1), bool(int(order) & 2)
    return IndexElement(
        text=text,
        is_expression=is_expression,
        descending=descending,
        nulls_first=None if nulls_first == descending else nulls_first,
        opclass=opclass,
        collation=collation,
    )


def _told_collation(row: IndexRow, place: int, method: str) -> str | None:
    """The collation of an expression, which the definition of the whole index alone tells."""
    _, _, rest = (row.definition or "").partition(f" USING {method} ")
    body, _ = bracketed(rest)
    told = split_top_level(body)[place].removeprefix((row.definitions or ())[place])
    match = re.match(r'\s*COLLATE (?:\w+\.)?(?:"([^"]+)"|(\w+))', told)
    return None if match is None else match[1] or match[2]


def included(row: IndexRow, columns: Mapping[int, Column]) -> tuple[str, ...]:
    """The columns behind INCLUDE."""
    return tuple(columns[int(number)].name for number in row.numbers.split()[row.keys :])


def storage(row: IndexRow | RelationRow, names: Names) -> dict[str, Option]:
    """Storage parameters, and the tablespace where it is not the database's own."""
    options: dict[str, Option] = {}
    if row.options:
        options["postgresql_with"] = ", ".join(sorted(row.options))
    if row.tablespace:
        options["postgresql_tablespace"] = names["tablespace"][row.tablespace]
    return options
