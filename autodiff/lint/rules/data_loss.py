"""Rules for steps that lose data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autodiff.dialects.conversions import conversion_loss
from autodiff.dialects.narrowing import shape
from autodiff.lint.context import Step
from autodiff.lint.rule import POSTGRESQL, SERVERS, Match, Rule
from autodiff.lint.statements import (
    ChangeRows,
    DropDependents,
    DropSchemaWithContents,
    RowCopy,
    Truncate,
)
from autodiff.schema.objects import ColumnType, Name
from autodiff.schema.operations import (
    AlterColumn,
    AlterEnum,
    DropColumn,
    DropSequence,
    DropTable,
    RenameTable,
    SwapColumns,
    UnsyncColumns,
)

__all__ = ["RULES"]


def _dropped_table(step: Step) -> Iterator[Match]:
    match step.action:
        case DropTable(name=name) if step.is_live(name) and _copy_of(step, name) is None:
            yield Match(message=f"drops table {name} with its rows", object=str(name))


def _copy_of(step: Step, name: Name) -> RowCopy | None:
    """Return how all rows are kept in a new table that gets the name of the old one."""
    copies = {
        other.action.table: other.action.copy
        for other in step.earlier_of(ChangeRows)
        if isinstance(other.action, ChangeRows)
        and other.action.copy is not None
        and other.action.copy.source == name
    }
    renamed = (other.action for other in step.later_of(RenameTable))
    return next(
        (
            copies[action.before]
            for action in renamed
            if isinstance(action, RenameTable) and action.after == name and action.before in copies
        ),
        None,
    )


def _columns_left_out(step: Step, name: Name) -> Iterator[str]:
    """Yield the columns of a dropped table that the copy of its rows does not read."""
    copy, table = _copy_of(step, name), step.tables.get(name)
    if copy is not None and copy.columns is not None and table is not None:
        kept = {column.lower() for column in copy.columns}
        yield from (c.name for c in table.columns if c.name.lower() not in kept)


def _dropped_column(step: Step) -> Iterator[Match]:
    match step.action:
        case DropColumn(table=table, name=column):
            names: Iterable[str] = (column,)
        case DropTable(name=table) if step.is_live(table):
            names = _columns_left_out(step, table)
        case _:
            return
    for name in names:
        if step.is_new_column(table, name) or _has_copy(step, table, name):
            continue
        found = step.column(table, name)
        if found is None or found.computed is None:
            place = f"{table}.{name}"
            yield Match(message=f"drops column {place} with its values", object=place)


def _has_copy(step: Step, table: Name, column: str) -> bool:
    """Return whether a trigger has copied the values of a column to another one until now."""
    return any(
        isinstance(other.action, UnsyncColumns)
        and other.action.table == table
        and column in (other.action.before, other.action.after)
        for other in step.earlier_of(UnsyncColumns)
    )


def _dropped_schema(step: Step) -> Iterator[Match]:
    match step.action:
        case DropSchemaWithContents(name=name):
            yield Match(message=f"drops {name} with every table in it", object=name)


def _dropped_dependents(step: Step) -> Iterator[Match]:
    match step.action:
        case DropDependents(kind=kind, name=name):
            yield Match(
                message=f"drops {kind} {name} with everything that depends on it", object=str(name)
            )


def _dropped_sequence(step: Step) -> Iterator[Match]:
    match step.action:
        case DropSequence(name=name):
            yield Match(message=f"drops sequence {name} with its current value", object=str(name))


def _narrowed_type(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterColumn(table=table, name=name, after=patch) if step.is_live(table):
            column = step.column(table, name)
            before = column.type if column is not None else step.action.before.type
            after = patch.type
        case SwapColumns(table=table, one=name, other=copy) if step.is_live(table):
            column, copied = step.column(table, name), step.column(table, copy)
            if column is None or copied is None:
                return
            before, after = column.type, copied.type
        case _:
            return
    if not isinstance(before, ColumnType) or not isinstance(after, ColumnType):
        return
    if not before.sql or before.enum is not None or after.enum is not None:
        return
    if shape(before.sql, {}).values and shape(after.sql, {}).values:
        return  # AD106
    features = step.dialect.features
    lost = conversion_loss(
        before.sql,
        after.sql,
        backend=step.dialect.backend,
        enforced=features.enforces_types,
        sizes=features.text_sizes,
    )
    if lost is not None:
        place = f"{table}.{name}"
        yield Match(
            message=f"changes {place} from {before.sql} to {after.sql}, which loses {lost}",
            object=place,
        )


def _removed_value(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterEnum(before=before, after=after):
            gone = _lost_values(before.values, after.values)
            moved, name = _is_moved(before.values, after.values), str(after.name)
        case AlterColumn(table=table, name=column, after=patch) if step.is_live(table):
            known = step.column(table, column)
            old = known.type if known is not None else step.action.before.type
            if not isinstance(old, ColumnType) or not isinstance(patch.type, ColumnType):
                return
            listed, now = (shape(t.sql, {}).values for t in (old, patch.type))
            if not listed or not now:
                return
            gone, moved, name = (
                _lost_values(listed, now),
                _is_moved(listed, now),
                f"{table}.{column}",
            )
        case _:
            return
    for value in gone:
        yield Match(message=f"removes value {value!r} of enum {name}", object=name)
    if moved and not gone:
        yield Match(message=f"changes the order of the values of {name}", object=name)


def _lost_values(before: tuple[str, ...], after: tuple[str, ...]) -> list[str]:
    return [value for value in before if value not in after]


def _is_moved(before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Return whether the values that stay have another order."""
    return [v for v in before if v in after] != [v for v in after if v in before]


def _truncated_table(step: Step) -> Iterator[Match]:
    match step.action:
        case Truncate(tables=tables, cascade=cascade, partitions=partitions):
            for name in filter(step.is_live, tables):
                more = " and of all tables that refer to it" if cascade else ""
                part = f"partition {', '.join(partitions)} of " if partitions else ""
                yield Match(message=f"deletes all rows of {part}{name}{more}", object=str(name))


def _deleted_rows(step: Step) -> Iterator[Match]:
    match step.action:
        case ChangeRows(verb="DELETE", table=table, everywhere=True) if step.is_live(table):
            yield Match(message=f"deletes all rows of {table}", object=str(table))


RULES = (
    Rule(
        code="AD101",
        name="drop-table",
        severity="warning",
        summary="A table that existed before the migration is dropped.",
        reason="The rows of the table are lost, and a downgrade cannot restore them. Application "
        "code that still uses the table fails.",
        safe_way="Remove the table from the models, deploy, check that nothing uses the table, and "
        "drop it in a later migration. Keep a copy if the rows can be needed again.",
        expected_in_contract=True,
        check=_dropped_table,
        actions=(DropTable,),
        harmless_if="empty",
        bad='op.drop_table("teams")',
        good='op.create_table("import_1", sa.Column("id", sa.BigInteger(), sa.Identity(), '
        'primary_key=True))\nop.drop_table("import_1")  # created by the same migration',
    ),
    Rule(
        code="AD102",
        name="drop-column",
        severity="warning",
        summary="A column that existed before the migration is dropped, or left out of the copy "
        "that replaces its table.",
        reason="The values of the column are lost, and a downgrade cannot restore them. "
        "Application code that still selects the column fails, and SQLAlchemy selects every "
        "mapped column.",
        safe_way="Remove the column from the models, or map it as deferred, and deploy. Drop the "
        "column in a later migration.",
        expected_in_contract=True,
        check=_dropped_column,
        actions=(DropColumn, DropTable),
        harmless_if="empty",
        bad='op.drop_column("users", "age")',
        good='op.add_column("users", sa.Column("draft", sa.Text()))\n'
        'op.drop_column("users", "draft")  # added by the same migration',
    ),
    Rule(
        code="AD103",
        name="drop-schema",
        severity="warning",
        summary="A schema or a database is dropped together with its contents.",
        reason="All tables in it are lost with their rows.",
        safe_way="Drop its tables one by one, each after a check that it is not used, and then "
        "drop the empty schema with op.drop_schema().",
        check=_dropped_schema,
        actions=(DropSchemaWithContents,),
        databases=("postgresql", "mysql", "mariadb"),
        bad='op.execute("DROP SCHEMA reports CASCADE")',
        good='op.drop_schema("reports")',
    ),
    Rule(
        code="AD104",
        name="drop-sequence",
        severity="warning",
        summary="A sequence is dropped.",
        reason="The current value of the sequence is lost. If the sequence is created again, it "
        "starts with numbers that were already given out.",
        safe_way="Check that no column and no code takes numbers from the sequence, and note its "
        "current value before you drop it.",
        check=_dropped_sequence,
        actions=(DropSequence,),
        databases=("postgresql", "mariadb"),
        bad='op.drop_sequence("invoice_numbers")',
        good='op.create_sequence("order_numbers")',
    ),
    Rule(
        code="AD105",
        name="narrow-type",
        severity="warning",
        summary="The new type of a column cannot represent every value of the old type.",
        reason="Depending on the server and its settings, values that do not fit are cut or "
        "rounded, or they make the migration fail.",
        safe_way="Look for values that do not fit, for example with max(length(column)), and "
        "correct them first; or add a column of the new type and copy the values that fit.",
        check=_narrowed_type,
        actions=(AlterColumn, SwapColumns),
        harmless_if="empty",
        tried_on="sqlite",
        bad='op.alter_column("users", "email", type_=sa.Integer())',
        good='op.alter_column("users", "nickname", type_=sa.String(200))',
    ),
    Rule(
        code="AD106",
        name="remove-enum-value",
        severity="warning",
        summary="A value of an enum type is removed, or the order of the values changes.",
        reason="Rows that have a removed value need another one, and application code that still "
        "writes the value fails. No database can do either in place: PostgreSQL creates the type "
        "again and rewrites each table that uses it under an ACCESS EXCLUSIVE lock, MySQL and "
        "MariaDB copy the table. The order decides how values are sorted and compared.",
        safe_way="Only append values. Stop writing a value that is no longer wanted, and leave it "
        "in the type; or remove it after all rows have been changed.",
        check=_removed_value,
        actions=(AlterEnum, AlterColumn),
        harmless_if="empty",
        databases=SERVERS,
        bad='op.alter_enum("mood", ["ok", "sad"], ["ok"])',
        good='op.alter_enum("mood", ["ok", "sad"], ["ok", "sad", "happy"])',
    ),
    Rule(
        code="AD107",
        name="truncate-table",
        severity="warning",
        summary="A table that existed before the migration is truncated.",
        reason="All rows are lost. With CASCADE, so are the rows of every table that refers to it.",
        safe_way="Delete the rows that are not needed with a condition, in batches, and name each "
        "table instead of using CASCADE.",
        check=_truncated_table,
        actions=(Truncate,),
        harmless_if="empty",
        databases=("postgresql", "mysql", "mariadb"),
        bad='op.execute("TRUNCATE teams CASCADE")',
        good="op.execute(\"DELETE FROM teams WHERE name = 'test'\")",
    ),
    Rule(
        code="AD108",
        name="delete-all-rows",
        severity="warning",
        summary="A DELETE without WHERE, or with one that is always true, empties a table that "
        "existed before the migration.",
        reason="All rows are lost, and a downgrade cannot restore them.",
        safe_way="Add a condition that selects the rows to delete.",
        check=_deleted_rows,
        actions=(ChangeRows,),
        harmless_if="empty",
        bad='op.execute("DELETE FROM teams")',
        good="op.execute(\"DELETE FROM teams WHERE name = 'test'\")",
    ),
    Rule(
        code="AD110",
        name="drop-dependents",
        severity="warning",
        summary="A type, a domain, an extension, a function or the like is dropped with CASCADE.",
        reason="CASCADE drops everything that depends on the object, without naming it: the "
        "columns of a type are lost with their values, and defaults, checks, views and triggers "
        "that use it are gone.",
        safe_way="Drop or change what uses the object first, each in its own step, and then drop "
        "it without CASCADE: PostgreSQL refuses that as long as anything depends on it.",
        check=_dropped_dependents,
        actions=(DropDependents,),
        databases=POSTGRESQL,
        bad='op.execute("DROP TYPE mood CASCADE")',
        good='op.execute("DROP TYPE mood")',
    ),
)
