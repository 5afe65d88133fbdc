"""Find rows that violate a new constraint or unique index: duplicates, orphans, failed checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from autodiff.dialects.narrowing import comparable
from autodiff.plan.row_checks.context import CheckContext, RowCheck
from autodiff.plan.row_checks.value_lists import parse_value_list
from autodiff.schema.changes import ColumnAltered
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
from autodiff.schema.sqltext import quote_qualified

__all__ = ["collation_checks", "part_checks"]

_UNCHECKED = ("postgresql_not_valid", "postgresql_not_enforced", "mysql_not_enforced")
"""Options of constraints that existing rows do not have to meet."""
_DUPLICATES = ("has duplicates", "change the values first, or delete all rows but one")
_ONE_VALUE = (
    "gets the same value in several rows",
    "add the column without the constraint first, and give each row a value of its own",
)
_CALL = re.compile(r"\w+\([^()]*(?:\([^()]*\)[^()]*)*\)")


def part_checks(name: Name, part: Constraint | Index, context: CheckContext) -> Iterator[RowCheck]:
    """Yield the query for rows that violate a constraint or index of the table, if any can."""
    table = context.table(name)
    options = getattr(part, "options", {})
    if table is None or any(options.get(option) for option in _UNCHECKED):
        return
    match part:
        case PrimaryKey() | Unique() | Index(unique=True):
            yield from _duplicates(name, table, _unique(part), context)
        case ForeignKey():
            yield from _orphans(name, table, part, context)
        case Check():
            yield from _broken(name, table, part, context)
        case _:
            pass


# Uniques


def collation_checks(change: ColumnAltered, context: CheckContext) -> Iterator[RowCheck]:
    """Yield the queries for unique texts that become equal in the new collation of a column."""
    name, column = change.table, change.after.name
    if context.new_collation(name, column) is None:
        return
    table = context.after.tables[name]
    parts = [part for part in table.constraints if isinstance(part, PrimaryKey | Unique)]
    for part in (*parts, *(index for index in table.indexes if index.unique)):
        if column in part.columns:
            yield from part_checks(name, part, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class _UniqueOver:
    """The columns and expressions that a unique constraint, primary key or unique index covers."""

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
                collation_schema=element.collation_schema,
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
    name: Name, table: Table, unique: _UniqueOver, context: CheckContext
) -> Iterator[RowCheck]:
    equal = _columns_with_one_value(name, unique, context)
    varying = tuple(element for element in unique.elements if element.text not in equal)
    named = _with_old_names(name, replace(unique, elements=varying), context)
    if named is None:
        return
    existing = replace(named, elements=_filled(name, varying, named, context))
    if not equal and _already_unique(table, existing, context):
        return
    shown = [_sql(element, context) for element in existing.elements]
    grouped = ", ".join(shown)
    unfilled: list[IndexElement] = []
    for number, (element, old) in enumerate(zip(existing.elements, named.elements, strict=True)):
        if element is old:
            unfilled.append(old)
        else:
            shown[number] += f" AS {context.dialect.quote(old.text)}"
    conditions = [] if existing.nulls_not_distinct else _not_null(table, unfilled, context)
    if existing.where is not None:
        conditions.insert(0, f"({existing.where})" if conditions else existing.where)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    listed, source = ", ".join(shown), context.dialect.quote_name(table.name)
    plain = len(unique.elements) == 1 and not unique.elements[0].is_expression
    names = ", ".join(element.text for element in (unique if equal else named).elements)
    place = f"{table.name}.{names}" if plain else f"{table.name} ({names})"
    if not shown:
        counted = f"SELECT count(*) AS existing_rows FROM {source}{where}"
        query = f"SELECT existing_rows FROM ({counted}) AS counted WHERE existing_rows > 1"
    else:
        query = f"SELECT {listed} FROM {source}{where} GROUP BY {grouped} HAVING count(*) > 1"
    message, hint = _ONE_VALUE if equal else _DUPLICATES
    yield RowCheck(query=query, message=f"{place} {message}", place=place, hint=hint)


def _filled(
    name: Name, elements: Sequence[IndexElement], existing: _UniqueOver, context: CheckContext
) -> tuple[IndexElement, ...]:
    """Return the existing elements with the value that the migration puts in place of NULL."""
    found: list[IndexElement] = []
    for element, old in zip(elements, existing.elements, strict=True):
        value = None if element.is_expression else context.value_for_null(name, element.text)
        if value is not None and old.collation is None and old.length is None:
            old = IndexElement(
                text=f"coalesce({context.dialect.quote(old.text)}, {value})", is_expression=True
            )
        found.append(old)
    return tuple(found)


def _columns_with_one_value(name: Name, unique: _UniqueOver, context: CheckContext) -> set[str]:
    """Return the new columns in which all existing rows get the same value."""
    texts = [element.text for element in unique.elements if not element.is_expression]
    return {text for text in texts if context.has_one_value(name, text)}


def _with_old_names(name: Name, unique: _UniqueOver, context: CheckContext) -> _UniqueOver | None:
    """Return the same with the names before the migration; None if a part does not exist then."""
    elements = []
    for element in unique.elements:
        collation = element.collation
        if element.is_expression:
            text = context.text(name, element.text)
        else:
            column = context.column(name, element.text)
            text = column.name if column is not None else None
            collation = collation or context.new_collation(name, element.text)
        if text is None:
            return None
        elements.append(
            IndexElement(
                text=text,
                is_expression=element.is_expression,
                collation=collation,
                collation_schema=element.collation_schema,
                length=element.length,
            )
        )
    where = context.text(name, unique.where) if unique.where else None
    if unique.where and where is None:
        return None
    return _UniqueOver(
        elements=tuple(elements), where=where, nulls_not_distinct=unique.nulls_not_distinct
    )


def _already_unique(table: Table, unique: _UniqueOver, context: CheckContext) -> bool:
    """Return whether an existing key or unique index already prevents duplicates."""
    parts = [c for c in table.constraints if isinstance(c, PrimaryKey | Unique)]
    for part in (*parts, *(index for index in table.indexes if index.unique)):
        held = _unique(part)
        wide = held.where is None or _same_text(held.where, unique.where, context)
        nulls = held.nulls_not_distinct or not unique.nulls_not_distinct
        if wide and nulls and set(held.elements) <= set(unique.elements):
            return True
    return False


def _same_text(first: str, second: str | None, context: CheckContext) -> bool:
    normal = context.dialect.normalize_expression
    return second is not None and normal(first) == normal(second)


def _sql(element: IndexElement, context: CheckContext) -> str:
    if element.is_expression:
        return element.text if _CALL.fullmatch(element.text) else f"({element.text})"
    text = context.dialect.quote(element.text)
    if element.length is not None:
        text = f"left({text}, {element.length})"
    if element.collation is None:
        return text
    return f"{text} COLLATE {quote_qualified(element.collation, element.collation_schema)}"


def _not_null(table: Table, elements: Sequence[IndexElement], context: CheckContext) -> list[str]:
    """Return conditions that leave out NULLs, which are not duplicates of each other."""
    conditions: list[str] = []
    for element in elements:
        column = None if element.is_expression else table.column(element.text)
        if column is not None:
            conditions += context.not_null([column])
        else:
            conditions.append(f"{_sql(element, context)} IS NOT NULL")
    return conditions


# Foreign keys


def _orphans(
    name: Name, table: Table, key: ForeignKey, context: CheckContext
) -> Iterator[RowCheck]:
    parent = context.table(key.referred)
    if parent is None:
        yield from _references_to_new_table(name, table, key, context)
        return
    referred = key.referred_columns or (parent.primary_key.columns if parent.primary_key else ())
    children = context.columns_of(name, key.columns)
    parents = context.columns_of(key.referred, referred)
    if not children or not parents or _already_referenced(table, parent, children, parents):
        return
    pairs = list(zip(children, parents, strict=True))
    if not all(_comparable(child, other, context) for child, other in pairs):
        return
    names = ", ".join(column.name for column in children)
    place = f"{table.name}.{names}" if len(children) == 1 else f"{table.name} ({names})"
    missing = f"NOT EXISTS ({_matching(table, parent, pairs, context)})"
    yield RowCheck(
        query=context.select(table, " AND ".join([*context.not_null(children), missing])),
        message=f"{place} references missing rows of {parent.name}",
        place=place,
        hint="delete these rows, or let them reference existing rows",
    )


def _references_to_new_table(
    name: Name, table: Table, key: ForeignKey, context: CheckContext
) -> Iterator[RowCheck]:
    """Yield a check for rows with any value: the table that they must reference has no rows yet.

    It is required for databases that cannot roll back the new table. Elsewhere a migration may fill
    the table first.
    """
    kept = [column for column in key.columns if not context.fills_all_rows(name, column)]
    children = context.columns_of(name, kept)
    if key.referred not in context.new_tables or children is None:
        return
    quote = context.dialect.quote
    condition = " AND ".join(f"{quote(column.name)} IS NOT NULL" for column in children)
    names = [context.names.column_before(name, column) for column in key.columns]
    place = f"{table.name}.{names[0]}" if len(names) == 1 else f"{table.name} ({', '.join(names)})"
    yield RowCheck(
        query=context.select(table, condition),
        message=f"{place} references the new table {key.referred}, which has no rows",
        place=place,
        hint="add the foreign key in a later migration, after the new table has its rows",
        is_required=not context.dialect.features.transactional_ddl,
    )


def _already_referenced(
    table: Table, parent: Table, children: Sequence[Column], parents: Sequence[Column]
) -> bool:
    """Return whether the same foreign key exists already."""
    wanted = {(child.name, other.name) for child, other in zip(children, parents, strict=True)}
    return any(
        key.referred == parent.name
        and set(zip(key.columns, key.referred_columns, strict=False)) == wanted
        and not any(key.options.get(option) for option in _UNCHECKED)
        for key in table.foreign_keys
    )


def _comparable(first: Column, second: Column, context: CheckContext) -> bool:
    """Return whether the database can compare the two columns."""
    same = first.type.sql == second.type.sql
    return same or comparable(context.shape(first), context.shape(second))


def _matching(
    table: Table, parent: Table, pairs: Sequence[tuple[Column, Column]], context: CheckContext
) -> str:
    """Return the query for the row that a row of the table references."""
    quote, quote_name = context.dialect.quote, context.dialect.quote_name
    child, other, source = quote(table.name.name), quote(parent.name.name), quote_name(parent.name)
    if child == other:
        other = "parent" if child != "parent" else "referred"
        source += f" AS {other}"
    matches = " AND ".join(
        f"{other}.{quote(there.name)} = {child}.{quote(here.name)}" for here, there in pairs
    )
    return f"SELECT 1 FROM {source} WHERE {matches}"


# Checks


def _broken(name: Name, table: Table, check: Check, context: CheckContext) -> Iterator[RowCheck]:
    sql = context.text(name, check.sql)
    held = [
        part.sql
        for part in table.constraints
        if isinstance(part, Check) and not any(part.options.get(o) for o in _UNCHECKED)
    ]
    if sql is None or any(_implies(other, sql, context) for other in held):
        return
    yield RowCheck(
        query=context.select(table, f"NOT ({sql})"),
        message=f"some rows of {table.name} violate the check {check.name}",
        place=str(table.name),
        hint="fix these rows first",
    )


def _implies(held: str, wanted: str, context: CheckContext) -> bool:
    """Return whether rows that meet an existing check also meet the new one."""
    if _same_text(held, wanted, context):
        return True
    old, new = parse_value_list(held), parse_value_list(wanted)
    if old is None or new is None:
        return False
    return old.column == new.column and old.values <= new.values
