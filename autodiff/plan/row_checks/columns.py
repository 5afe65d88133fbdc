"""Find rows that prevent a change of a column or of an enum type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from autodiff.dialects.narrowing import EnumSides, Misfit, Shape, misfit, one_of
from autodiff.plan.backfills import FillNeeded
from autodiff.plan.row_checks.context import CheckContext, RowCheck
from autodiff.plan.row_checks.value_lists import parse_value_list
from autodiff.schema.changes import ColumnAltered, EnumAltered
from autodiff.schema.objects import Check, Column, Name, Schema, Table

__all__ = ["checks_of_columns", "enum_checks", "lossy_checks", "no_value_checks"]


def checks_of_columns(change: ColumnAltered, context: CheckContext) -> Iterator[RowCheck]:
    """Yield checks for NULLs in a new NOT NULL column, and for values the new type refuses."""
    table = context.table(change.table)
    column = context.column(change.table, change.after.name)
    if table is None or column is None:
        return
    place = f"{table.name}.{column.name}"
    needed = FillNeeded(table=change.table, column=change.after)
    if _must_be_filled(change) and needed.key not in context.filled:
        yield RowCheck(
            query=context.select(table, f"{context.dialect.quote(column.name)} IS NULL"),
            message=f"{place} is NULL in some rows",
            place=place,
            hint=f"pass --fill {needed.key}=VALUE, or fix the rows",
            fill=needed,
        )
    found = _misfit(change, column, context) if "type" in change.fields else None
    if found is not None:
        yield RowCheck(
            query=context.select(table, found.condition),
            message=f"{place} {found.words} in some rows",
            place=place,
            hint="fix these values first, or keep the type",
        )


def lossy_checks(change: ColumnAltered, context: CheckContext) -> Iterator[RowCheck]:
    """Yield a check for texts that the new type of a column accepts and changes."""
    table = context.table(change.table)
    column = context.column(change.table, change.after.name)
    if table is None or column is None or "type" not in change.fields:
        return
    quoted, new_type = context.dialect.quote(column.name), change.after.type.sql
    condition = context.dialect.changed_texts(quoted, column.type.sql, new_type)
    if condition is not None:
        place = f"{table.name}.{column.name}"
        yield RowCheck(
            query=context.select(table, condition),
            message=f"{place} loses leading zeros, spaces or signs in the conversion to {new_type}",
            place=place,
            hint="keep the type if they matter: a downgrade does not restore them",
            loses=True,
            is_required=False,
        )


def no_value_checks(needed: FillNeeded, context: CheckContext) -> Iterator[RowCheck]:
    """Yield a check for any row, if a NOT NULL column without a value is added again."""
    table = context.table(needed.table)
    if table is not None:
        yield RowCheck(
            query=context.select(table, None),
            message=f"{needed.key} is added as NOT NULL, and existing rows have no value",
            place=str(table.name),
            hint="add op.backfill to the migration, after the column is added as nullable",
        )


def enum_checks(change: EnumAltered, context: CheckContext) -> Iterator[RowCheck]:
    """Yield a check for a removed enum value, for each column of the type."""
    kept = {*change.after.values, *context.values_replaced_in(change.after.name, None)}
    removed = [value for value in change.before.values if value not in kept]
    if not removed or not context.dialect.features.enum_types:
        return
    enum = context.names.enum_before(change.before.name)
    for _, table in sorted(context.before.tables.items()):
        for column in table.columns:
            if column.type.enum == enum:
                yield _enum_check(table, column, change.after.name, removed, context)


def _enum_check(
    table: Table, column: Column, enum: Name, removed: list[str], context: CheckContext
) -> RowCheck:
    name, literals = context.dialect.quote(column.name), list(map(context.dialect.literal, removed))
    found, verb = one_of(name, literals), "is"
    condition = found.condition
    if column.type.sql.endswith("]"):
        condition, verb = " OR ".join(f"{text} = ANY ({name})" for text in literals), "holds"
    words = found.words.removeprefix("is ")
    place = f"{table.name}.{column.name}"
    return RowCheck(
        query=context.select(table, condition),
        message=f"{place} {verb} {words} in some rows",
        place=place,
        hint=f"pass {' '.join(f'--map {enum}.{value}=VALUE' for value in removed)}, or give these "
        "rows another value first",
    )


def _must_be_filled(change: ColumnAltered) -> bool:
    return "nullable" in change.fields and change.before.nullable and not change.after.nullable


def _misfit(change: ColumnAltered, column: Column, context: CheckContext) -> Misfit | None:
    """Return the condition for values that the new type of a column refuses.

    None if the enum type stays the same: `enum_checks` covers its values.
    """
    dialect = context.dialect
    if not dialect.features.enforces_types:
        return None
    before = _shape(column, context.before, context)
    after = _shape(change.after, context.after, context)
    replaced_values = context.values_replaced_in(change.table, change.after.name)
    after = replace(after, values=(*after.values, *replaced_values))
    if change.before.type.enum is not None and change.before.type.enum == change.after.type.enum:
        return None
    if _checked_by_list(change, context):
        return None
    quoted = dialect.quote(column.name)
    found = misfit(quoted, before, after, change.after.type.sql, dialect)
    found = found or _unconvertible(quoted, column, change.after, context)
    if found is None or not replaced_values or after.kind == "enum":
        return found
    others = f"{quoted} NOT IN ({', '.join(map(dialect.literal, replaced_values))})"
    return replace(found, condition=f"{found.condition} AND {others}")


def _unconvertible(
    quoted: str, column: Column, after: Column, context: CheckContext
) -> Misfit | None:
    enum = context.after.enums.get(after.type.enum) if after.type.enum else None
    is_enum = column.type.enum is not None
    has_array = any(side.type.sql.endswith("]") for side in (column, after))
    if enum is not None and (column.type.enum == after.type.enum or (is_enum and not has_array)):
        return None
    sides = EnumSides(before=is_enum, values=enum.values if enum is not None else ())
    condition = context.dialect.unconvertible(quoted, column.type.sql, after.type.sql, sides)
    words = f"cannot be converted to {after.type.sql}"
    return Misfit(condition=condition, words=words) if condition else None


def _checked_by_list(change: ColumnAltered, context: CheckContext) -> bool:
    """Return whether a check lists the column's values, so that their length needs no check."""
    table = context.after.tables.get(change.table)
    checks = [c for c in table.constraints if isinstance(c, Check)] if table else []
    lists = [found for check in checks if (found := parse_value_list(check.sql))]
    return any(found.column == change.after.name.lower() for found in lists)


def _shape(column: Column, schema: Schema, context: CheckContext) -> Shape:
    enum = schema.enums.get(column.type.enum) if column.type.enum else None
    if enum is None or column.type.sql.endswith("]"):
        return context.shape(column)
    return Shape(kind="enum", values=enum.values)
