"""Build the constraints of tables from rows of pg_constraint.

https://www.postgresql.org/docs/current/catalog-pg-constraint.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autodiff.dialects.postgresql.catalog.expressions import Texts, bracketed
from autodiff.dialects.postgresql.catalog.indexes import included
from autodiff.dialects.postgresql.catalog.rows import Comments, ConstraintRow, IndexRow, Referred
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Name,
    Option,
    PrimaryKey,
    Unique,
)
from autodiff.schema.sqltext import split_top_level

__all__ = ["Keys"]

_ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MATCHES = {"f": "FULL", "p": "PARTIAL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Builds constraints from rows.

    columns: by the oid of the table and the number of the column. names, indexes: the tables and
    indexes that were read, by oid. referred: the tables that foreign keys refer to and that were
    not read. make_name: makes a name of a schema and a name.
    """

    columns: Mapping[int, Mapping[int, Column]]
    texts: Texts
    comments: Comments
    names: Mapping[int, Name]
    indexes: Mapping[int, IndexRow]
    referred: Mapping[int, Referred]
    make_name: Callable[[str, str], Name]

    def constraint(self, row: ConstraintRow) -> Constraint:
        """Return the constraint of a row."""
        return _KINDS[row.kind](self, row)

    def columns_of(self, row: ConstraintRow) -> tuple[str, ...]:
        """Return the names of the constraint's columns."""
        columns = self.columns[row.table]
        return tuple(columns[number].name for number in row.numbers or ())

    def comment(self, row: ConstraintRow) -> str | None:
        """Return the comment of the constraint, None if it has none."""
        return self.comments.get((row.oid, 0))

    def include_option(self, row: ConstraintRow) -> dict[str, Option]:
        """Return the option for the INCLUDE columns of a key's index, no option if it has none."""
        index = self.indexes.get(row.index_oid)
        if index is None or index.width == index.keys:
            return {}
        names = included(index, self.columns[index.table])
        return {"postgresql_include": ", ".join(names)}

    def referred_by(self, row: ConstraintRow) -> tuple[Name, tuple[str, ...]]:
        """Return the table and the columns that a foreign key refers to."""
        name = self.names.get(row.referred)
        if name is not None:
            columns = self.columns[row.referred]
            return name, tuple(columns[number].name for number in row.referred_numbers or ())
        table = self.referred[row.referred]
        names = tuple(table.columns[number] for number in row.referred_numbers or ())
        return self.make_name(table.schema, table.name), names


def _primary_key(keys: Keys, row: ConstraintRow) -> PrimaryKey:
    return PrimaryKey(
        name=row.name,
        columns=keys.columns_of(row),
        deferrable=row.deferrable,
        initially_deferred=row.deferred,
        comment=keys.comment(row),
        options=keys.include_option(row),
    )


def _unique(keys: Keys, row: ConstraintRow) -> Unique:
    index = keys.indexes.get(row.index_oid)
    return Unique(
        name=row.name,
        columns=keys.columns_of(row),
        deferrable=row.deferrable,
        initially_deferred=row.deferred,
        nulls_not_distinct=index is not None and index.nulls_not_distinct,
        comment=keys.comment(row),
        options=keys.include_option(row),
    )


def _check(keys: Keys, row: ConstraintRow) -> Check:
    options: dict[str, Option] = {"postgresql_no_inherit": True} if row.no_inherit else {}
    if not row.validated:
        options["postgresql_not_valid"] = True
    return Check(
        name=row.name,
        sql=keys.texts.plain(row.table, row.definition or ""),
        comment=keys.comment(row),
        options=options,
    )


def _foreign_key(keys: Keys, row: ConstraintRow) -> ForeignKey:
    referred, referred_columns = keys.referred_by(row)
    on_delete = _ACTIONS.get(row.on_delete)
    return ForeignKey(
        name=row.name,
        columns=keys.columns_of(row),
        referred=referred,
        referred_columns=referred_columns,
        on_update=_ACTIONS.get(row.on_update),
        on_delete=f"{on_delete} ({row.definition})" if row.definition else on_delete,
        match=_MATCHES.get(row.match),
        deferrable=row.deferrable,
        initially_deferred=row.deferred,
        comment=keys.comment(row),
        options={} if row.validated else {"postgresql_not_valid": True},
    )


def _exclusion(keys: Keys, row: ConstraintRow) -> Exclusion:
    """Parse the definition: EXCLUDE USING gist (a WITH =, b WITH &&) WHERE (...).

    pg_constraint stores the operators as oids only.
    """
    definition = row.definition or ""
    head = re.match(r"EXCLUDE USING (\w+) ", definition)
    body, where = bracketed(definition[head.end() if head else 0 :])
    where = where and keys.texts.plain(row.table, where)
    elements = []
    for part in split_top_level(body):
        expression, _, operator = part.rpartition(" WITH ")
        elements.append((keys.texts.plain(row.table, expression.strip()), operator.strip()))
    return Exclusion(
        name=row.name,
        elements=tuple(elements),
        using=head[1] if head else "gist",
        where=where,
        deferrable=row.deferrable,
        initially_deferred=row.deferred,
        comment=keys.comment(row),
    )


_KINDS: dict[str, Callable[[Keys, ConstraintRow], Constraint]] = {
    "p": _primary_key,
    "u": _unique,
    "c": _check,
    "f": _foreign_key,
    "x": _exclusion,
}
"""The builders, by pg_constraint.contype."""
