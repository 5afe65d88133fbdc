"""Build the columns of tables from rows of pg_attribute.

https://www.postgresql.org/docs/current/catalog-pg-attribute.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from autodiff.dialects.postgresql.catalog.expressions import Texts
from autodiff.dialects.postgresql.catalog.rows import Comments, EnumRow, Names, Rows, SequenceRow
from autodiff.dialects.postgresql.types import (
    MAX_VALUES,
    enum_python,
    plain_default,
    type_python,
    without_default_precision,
)
from autodiff.schema.objects import Column, ColumnType, Computed, Identity, Name
from autodiff.schema.sqltext import quote_qualified

__all__ = ["NO_COLLATION", "SEQUENCE_TYPE", "USUAL_COLLATION", "Columns", "numbers"]

NO_COLLATION, USUAL_COLLATION = 0, 100
"""Values of pg_attribute.attcollation for no collation and for the default collation.

100 is a fixed oid (DEFAULT_COLLATION_OID in the server's source).
"""

SEQUENCE_TYPE = "postgresql_sequence_type"
"""The option of a serial column whose sequence has a smaller type than the column, and so ends
before the column does. No model declares it."""


class Columns:
    """The columns of all tables.

    tables: the columns by the oid of the table and the number of the column. collations: the oid of
    the collation of each column that does not have the default collation. make_name: makes a name
    of a schema and a name.

    Columns with equal definitions share one object.
    """

    def __init__(self, rows: Rows, texts: Texts, make_name: Callable[[str, str], Name]) -> None:
        self._names: Names = rows.names
        self._texts = texts
        self._make_name = make_name
        self._comments: Comments = rows.comments["class"]
        self._enums = {oid: enum for enum in rows.enums for oid in (enum.oid, enum.array)}
        self._owned = {
            (row.table, row.number): row for row in rows.sequences if row.table is not None
        }
        self.collations: dict[tuple[int, int], int] = {}
        self.tables: Mapping[int, Mapping[int, Column]] = self._read(rows)

    def _read(self, rows: Rows) -> dict[int, dict[int, Column]]:
        found: dict[int, dict[int, Column]] = defaultdict(dict)
        comments, owned = self._comments, self._owned
        special = {*self._enums, *self._names["typcollation"]}
        for table, number, name, sql, oid, required, collation, expression, kind in rows.columns:
            key = table, number
            if collation not in (NO_COLLATION, USUAL_COLLATION):
                self.collations[key] = collation
            elif kind is None and oid not in special:  # most columns: built by a cached function
                sequence = owned.get(key) if expression is not None else None
                serial = _is_serial(sequence, expression)
                narrow = serial and _narrow_type(sequence, sql)
                default = None if serial else expression
                found[table][number] = _column(
                    name, sql, required, default, serial, comments.get(key), narrow or None
                )
                continue
            type_ = self._type(sql, oid, collation)
            found[table][number] = self._special(key, name, type_, required, expression, kind)
        return found

    def _special(
        self,
        key: tuple[int, int],
        name: str,
        type_: ColumnType,
        required: bool,
        expression: str | None,
        kind: str | None,
    ) -> Column:
        """Return a column that has an enum type or another collation, or that is generated."""
        sequence = self._owned.get(key)
        serial = _is_serial(sequence, expression)
        computed = identity = None
        if kind in ("s", "v"):
            sql = self._texts.plain(key[0], expression or "")
            computed = Computed(sql=sql, persisted=kind == "s")
        elif kind is not None:
            identity = _identity(kind, sequence, type_.sql)
        has_no_default = serial or computed is not None
        return Column(
            name=name,
            type=type_,
            nullable=not required,
            default=None if has_no_default else _default(expression, type_.sql),
            computed=computed,
            identity=identity,
            autoincrement=serial,
            comment=self._comments.get(key),
        )

    def _type(self, sql: str, oid: int, collation: int) -> ColumnType:
        type_collation = int(self._names["typcollation"].get(oid, USUAL_COLLATION))
        if collation not in (NO_COLLATION, type_collation):
            sql = f"{sql} COLLATE {self._collation(collation)}"
        enum = self._enums.get(oid)
        return _plain_type(sql) if enum is None else self._enum_type(sql, enum)

    def _collation(self, oid: int) -> str:
        """Return the quoted name of a collation, with its schema if it is needed."""
        schema = self._names["collation schema"].get(oid)
        return quote_qualified(self._names["collation"][oid], schema)

    def _enum_type(self, sql: str, enum: EnumRow) -> ColumnType:
        name = self._make_name(enum.schema, enum.name)
        return ColumnType(sql=sql, python=enum_python(sql, enum.labels, name), enum=name)


@lru_cache(4096)
def _column(
    name: str,
    sql: str,
    required: bool,
    default: str | None,
    serial: bool,
    comment: str | None,
    narrow: str | None,
) -> Column:
    return Column(
        name=name,
        type=_plain_type(sql),
        nullable=not required,
        default=_default(default, sql),
        autoincrement=serial,
        comment=comment,
        options={} if narrow is None else {SEQUENCE_TYPE: narrow},
    )


@lru_cache(4096)
def _plain_type(sql: str) -> ColumnType:
    sql = without_default_precision(sql)
    return ColumnType(sql=sql, python=type_python(sql))


def _is_serial(sequence: SequenceRow | None, expression: str | None) -> bool:
    if sequence is None or sequence.ownership != "a":
        return False
    return (expression or "").startswith("nextval(")


def _narrow_type(sequence: SequenceRow | None, type_sql: str) -> str | None:
    """Return the type of a column's sequence if it is smaller than that of the column, else None.

    A larger one is harmless: the column is full first. pg_restore creates such sequences from the
    dump of a server before version 10.
    """
    largest = MAX_VALUES.get(type_sql)
    if sequence is None or largest is None or MAX_VALUES[sequence.type] >= largest:
        return None
    return sequence.type


def _default(expression: str | None, type_sql: str) -> str | None:
    text = expression and plain_default(expression, type_sql)
    return None if text is None or text.startswith("NULL::") else text


def _identity(kind: str, sequence: SequenceRow | None, type_sql: str) -> Identity:
    always = kind == "a"
    return Identity(always=always, **numbers(sequence, type_sql)) if sequence else Identity()


def numbers(row: SequenceRow, type_sql: str) -> dict[str, Any]:
    """Return the options of a sequence; None for each one that has its default value.

    https://www.postgresql.org/docs/current/sql-createsequence.html
    """
    up = row.increment > 0
    highest = MAX_VALUES.get(type_sql, MAX_VALUES["bigint"])
    low, high = (1, highest) if up else (-highest - 1, -1)
    start = row.minvalue if up else row.maxvalue
    return {
        "start": None if row.start == start else row.start,
        "increment": None if row.increment == 1 else row.increment,
        "minvalue": None if row.minvalue == low else row.minvalue,
        "maxvalue": None if row.maxvalue == high else row.maxvalue,
        "cache": None if row.cache == 1 else row.cache,
        "cycle": row.cycle,
    }
