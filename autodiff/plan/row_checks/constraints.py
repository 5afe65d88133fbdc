"""Rows that break a new constraint or unique index: duplicates, orphans, what a check refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autodiff.dialects.narrowing import comparable
from autodiff.plan.row_checks.before import RowCheck, Standing
from autodiff.plan.row_checks.listed_values import parse_value_list
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Table,
    Unique,
)

__all__ = ["part_checks"]

_UNCHECKED = ("postgresql_not_valid", "postgresql_not_enforced", "mysql_not_enforced")
"""Options of constraints that the rows of now need not meet."""
_CALL = re.compile(r"\w+\([^()]*(?:\([^()]*\)[^()]*)*\)")


def part_checks(name: Name, part: Constraint | Index, standing: Standing) -> Iterator[RowCheck]:
    """The query for the rows that break a constraint or index of the table, if any can."""
    table = standing.table(name)
    options = getattr(part, "options", {})
    if table is None or any(options.get(option) for option in _UNCHECKED):
        return
    match part:
        case PrimaryKey() | Unique() | Index(unique=True):
            yield from _duplicates(name, table, _unique(part), standing)
        case ForeignKey():
            yield from _orphans(name, table, part, standing)
        case Check():
            yield from _broken(name, table, part, standing)
        case _:
            pass


# Uniques


@dataclass(frozen=True, slots=True, kw_only=True)
class _UniqueOver:
    """What a unique constraint, a primary key or a unique index holds apart."""

    elements: tuple[IndexElement, ...]
    where: str | None = None
    nulls_not_distinct: bool = False


def _unique(part: PrimaryKey | Unique | Index) -> _UniqueOver:
    if isinstance(part, Index):
        elements = tuple(
            IndexElement(
                text=element.text,
                is_expression=element.is_expression,
                collation=element.collation,
                length=element.length,
            )
            for element in part.elements
        )
        return _UniqueOver(
            elements=elements, where=part.where, nulls_not_distinct=part.nulls_not_distinct
        )
    return _UniqueOver(
        elements=tuple(IndexElement(text=column) for column in part.columns),
        nulls_not_distinct=isinstance(part, Unique) and part.nulls_not_distinct,
    )


def _duplicates(
    name: Name, table: Table, unique: _UniqueOver, standing: Standing
) -> Iterator[RowCheck]:
    now = _as_it_stands(name, unique, standing)
    if now is None or _held_apart(table, now, standing):
        return
    shown = [_sql(element, standing) for element in now.elements]
    conditions = [] if now.nulls_not_distinct else _not_null(table, now, standing)
    if now.where is not None:
        conditions.insert(0, f"({now.where})" if conditions else now.where)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    listed, source = ", ".join(shown), standing.dialect.quote_name(table.name)
    plain = len(now.elements) == 1 and not now.elements[0].is_expression
    names = ", ".join(element.text for element in now.elements)
    place = f"{table.name}.{names}" if plain else f"{table.name} ({names})"
    yield RowCheck(
        query=f"SELECT {listed} FROM {source}{where} GROUP BY {listed} HAVING count(*) > 1",
        message=f"{place} has duplicates",
        place=place,
        hint="make them differ first, or remove all but one",
    )


def _as_it_stands(name: Name, unique: _UniqueOver, standing: Standing) -> _UniqueOver | None:
    """The same by the names of now; None where a part of it does not stand."""
    elements = []
    for element in unique.elements:
        if element.is_expression:
            text = standing.text(name, element.text)
        else:
            column = standing.column(name, element.text)
            text = column.name if column is not None else None
        if text is None:
            return None
        elements.append(
            IndexElement(
                text=text,
                is_expression=element.is_expression,
                collation=element.collation,
                length=element.length,
            )
        )
    where = standing.text(name, unique.where) if unique.where else None
    if unique.where and where is None:
        return None
    return _UniqueOver(
        elements=tuple(elements), where=where, nulls_not_distinct=unique.nulls_not_distinct
    )


def _held_apart(table: Table, unique: _UniqueOver, standing: Standing) -> bool:
    """Whether a key or unique of now holds the rows apart already."""
    parts = [c for c in table.constraints if isinstance(c, PrimaryKey | Unique)]
    for part in (*parts, *(index for index in table.indexes if index.unique)):
        held = _unique(part)
        wide = held.where is None or _same_text(held.where, unique.where, standing)
        nulls = held.nulls_not_distinct or not unique.nulls_not_distinct
        if wide and nulls and set(held.elements) <= set(unique.elements):
            return True
    return False


def _same_text(first: str, second: str | None, standing: Standing) -> bool:
    normal = standing.dialect.normal_text
    return second is not None and normal(first) == normal(second)


def _sql(element: IndexElement, standing: Standing) -> str:
    if element.is_expression:
        return element.text if _CALL.fullmatch(element.text) else f"({element.text})"
    text = standing.dialect.quote(element.text)
    if element.length is not None:
        text = f"left({text}, {element.length})"
    return f'{text} COLLATE "{element.collation}"' if element.collation else text


def _not_null(table: Table, unique: _UniqueOver, standing: Standing) -> list[str]:
    """NULLs are no duplicates of one another."""
    conditions: list[str] = []
    for element in unique.elements:
        column = None if element.is_expression else table.column(element.text)
        if column is not None:
            conditions += standing.not_null([column])
        else:
            conditions.append(f"{_sql(element, standing)} IS NOT NULL")
    return conditions


# Foreign keys


def _orphans(name: Name, table: Table, key: ForeignKey, standing: Standing) -> Iterator[RowCheck]:
    parent = standing.table(key.referred)
    if parent is None:
        return
    referred = key.referred_columns or (parent.primary_key.columns if parent.primary_key else ())
    children = standing.columns_of(name, key.columns)
    parents = standing.columns_of(key.referred, referred)
    if not children or not parents or _points_there(table, parent, children, parents):
        return
    pairs = list(zip(children, parents, strict=True))
    if not all(_compared(child, other, standing) for child, other in pairs):
        return
    names = ", ".join(column.name for column in children)
    place = f"{table.name}.{names}" if len(children) == 1 else f"{table.name} ({names})"
    missing = f"NOT EXISTS ({_matching(table, parent, pairs, standing)})"
    yield RowCheck(
        query=standing.select(table, " AND ".join([*standing.not_null(children), missing])),
        message=f"{place} points at missing rows of {parent.name}",
        place=place,
        hint="remove these rows, or point them at rows that are there",
    )


def _points_there(
    table: Table, parent: Table, children: Sequence[Column], parents: Sequence[Column]
) -> bool:
    """Whether a foreign key of now says the same."""
    wanted = {(child.name, other.name) for child, other in zip(children, parents, strict=True)}
    return any(
        key.referred == parent.name
        and set(zip(key.columns, key.referred_columns, strict=False)) == wanted
        and not any(key.options.get(option) for option in _UNCHECKED)
        for key in table.foreign_keys
    )


def _compared(first: Column, second: Column, standing: Standing) -> bool:
    """Whether the database compares the two columns."""
    same = first.type.sql == second.type.sql
    return same or comparable(standing.shape(first), standing.shape(second))


def _matching(
    table: Table, parent: Table, pairs: Sequence[tuple[Column, Column]], standing: Standing
) -> str:
    """The query for the row that a row of the table points at."""
    quote, quote_name = standing.dialect.quote, standing.dialect.quote_name
    child, other, source = quote(table.name.name), quote(parent.name.name), quote_name(parent.name)
    if child == other:
        other = "parent" if child != "parent" else "referred"
        source += f" AS {other}"
    matches = " AND ".join(
        f"{other}.{quote(there.name)} = {child}.{quote(here.name)}" for here, there in pairs
    )
    return f"SELECT 1 FROM {source} WHERE {matches}"


# Checks


def _broken(name: Name, table: Table, check: Check, standing: Standing) -> Iterator[RowCheck]:
    sql = standing.text(name, check.sql)
    held = [part.sql for part in table.constraints if isinstance(part, Check)]
    if sql is None or any(_implies(other, sql, standing) for other in held):
        return
    yield RowCheck(
        query=standing.select(table, f"NOT ({sql})"),
        message=f"some rows of {table.name} break the check {check.name}",
        place=str(table.name),
        hint="mend these rows first",
    )


def _implies(held: str, wanted: str, standing: Standing) -> bool:
    """Whether rows that meet a check of now meet the wanted one: the same, or a longer list."""
    if _same_text(held, wanted, standing):
        return True
    old, new = parse_value_list(held), parse_value_list(wanted)
    if old is None or new is None:
        return False
    return old.column == new.column and old.values <= new.values
