"""Rows that a change of a column, or of an enum type, can't cope with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from autodiff.dialects.narrowing import Misfit, Shape, misfit, one_of
from autodiff.plan.backfills import FillNeeded
from autodiff.plan.row_checks.before import RowCheck, Standing
from autodiff.plan.row_checks.listed_values import parse_value_list
from autodiff.schema.changes import ColumnAltered, EnumAltered
from autodiff.schema.objects import Check, Column, Schema, Table

__all__ = ["column_checks", "comes_back", "enum_checks"]


def column_checks(change: ColumnAltered, standing: Standing) -> Iterator[RowCheck]:
    """NULLs where none may be, and values that the new type refuses."""
    table = standing.table(change.table)
    column = standing.column(change.table, change.after.name)
    if table is None or column is None:
        return
    place = f"{table.name}.{column.name}"
    needed = FillNeeded(table=change.table, column=change.after)
    if _must_be_filled(change) and needed.key not in standing.filled:
        yield RowCheck(
            query=standing.select(table, f"{standing.dialect.quote(column.name)} IS NULL"),
            message=f"{place} is NULL in some rows",
            place=place,
            hint=f"give a value, as in --fill {needed.key}=VALUE, or mend the rows",
            fill=needed,
        )
    found = _misfit(change, column, standing) if "type" in change.fields else None
    if found is not None:
        yield RowCheck(
            query=standing.select(table, found.condition),
            message=f"{place} {found.words} in some rows",
            place=place,
            hint="mend these values first, or keep the type",
        )


def comes_back(needed: FillNeeded, standing: Standing) -> Iterator[RowCheck]:
    """A NOT NULL column that is added again, and for which nobody knows a value: any row."""
    table = standing.table(needed.table)
    if table is not None:
        yield RowCheck(
            query=standing.select(table, None),
            message=f"{needed.key} comes back NOT NULL, without a value for the rows",
            place=str(table.name),
            hint="fill it in the migration, with op.backfill",
        )


def enum_checks(change: EnumAltered, standing: Standing) -> Iterator[RowCheck]:
    """Rows with a value that the enum type loses, in each column of the type."""
    stays = {*change.after.values, *standing.moved_of(change.after.name, None)}
    gone = [value for value in change.before.values if value not in stays]
    if not gone or not standing.dialect.features.enum_types:
        return
    enum = standing.names.enum_before(change.before.name)
    for _, table in sorted(standing.before.tables.items()):
        for column in table.columns:
            if column.type.enum == enum:
                yield _enum_check(table, column, gone, standing)


def _enum_check(table: Table, column: Column, gone: list[str], standing: Standing) -> RowCheck:
    name, literals = standing.dialect.quote(column.name), list(map(standing.dialect.literal, gone))
    found, verb = one_of(name, literals), "is"
    condition = found.condition
    if column.type.sql.endswith("]"):
        condition, verb = " OR ".join(f"{text} = ANY ({name})" for text in literals), "holds"
    words = found.words.removeprefix("is ")
    place = f"{table.name}.{column.name}"
    return RowCheck(
        query=standing.select(table, condition),
        message=f"{place} {verb} {words} in some rows",
        place=place,
        hint="give these rows another value first",
    )


def _must_be_filled(change: ColumnAltered) -> bool:
    return "nullable" in change.fields and change.before.nullable and not change.after.nullable


def _misfit(change: ColumnAltered, column: Column, standing: Standing) -> Misfit | None:
    """What finds values that the new type of a column refuses; an enum type has its values."""
    dialect = standing.dialect
    if not dialect.features.enforces_types:
        return None
    before = _shape(column, standing.before, standing)
    after = _shape(change.after, standing.after, standing)
    moved = standing.moved_of(change.table, change.after.name)
    after = replace(after, values=(*after.values, *moved))
    if change.before.type.enum is not None and change.before.type.enum == change.after.type.enum:
        return None
    if _checked_by_list(change, standing):
        return None
    quoted = dialect.quote(column.name)
    found = misfit(quoted, before, after, change.after.type.sql, dialect.literal)
    if found is None or not moved or after.kind == "enum":
        return found
    others = f"{quoted} NOT IN ({', '.join(map(dialect.literal, moved))})"
    return replace(found, condition=f"{found.condition} AND {others}")


def _checked_by_list(change: ColumnAltered, standing: Standing) -> bool:
    """Whether a check lists the column's values: it says all that the type's length does."""
    table = standing.after.tables.get(change.table)
    checks = [c for c in table.constraints if isinstance(c, Check)] if table else []
    lists = [found for check in checks if (found := parse_value_list(check.sql))]
    return any(found.column == change.after.name.lower() for found in lists)


def _shape(column: Column, schema: Schema, standing: Standing) -> Shape:
    enum = schema.enums.get(column.type.enum) if column.type.enum else None
    if enum is None or column.type.sql.endswith("]"):
        return standing.shape(column)
    return Shape(kind="enum", values=enum.values)
