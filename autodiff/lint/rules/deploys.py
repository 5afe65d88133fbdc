"""Rules for steps that break the application version that still runs during a deployment."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.lint.columns import fills_rows
from autodiff.lint.context import Step
from autodiff.lint.rule import ALL, POSTGRESQL, Match, Rule
from autodiff.lint.statements import RenameNamespace
from autodiff.schema.objects import Column, Constraint, Name
from autodiff.schema.operations import (
    KIND_WORDS,
    AddConstraint,
    AlterColumn,
    CreateTable,
    CreateView,
    DropConstraint,
    DropTable,
    DropView,
    RenameColumn,
    RenameEnum,
    RenameEnumValue,
    RenameTable,
    constraint_kind,
)

__all__ = ["RULES"]

_EXPAND = "Expand and contract: {}, in three deployments."


def _renamed_table(step: Step) -> Iterator[Match]:
    match step.action:
        case RenameTable(before=before, after=after) if step.is_live(before):
            if not _is_replaced(step):
                yield Match(message=f"renames table {before} to {after}", object=str(before))


def _is_replaced(step: Step) -> bool:
    """Return whether the old name is a view afterwards, or the rename is a part of a rebuild."""
    assert isinstance(step.action, RenameTable)
    old = step.action.before
    return (
        step.action.leaves_view
        or any(
            (isinstance(other.action, CreateView) and other.action.view.name == old)
            or (isinstance(other.action, RenameTable) and other.action.after == old)
            for other in step.later_of(CreateView, RenameTable)
        )
        or any(
            isinstance(other.action, DropTable) and other.action.name == step.action.after
            for other in step.earlier_of(DropTable)
        )
    )


def _renamed_column(step: Step) -> Iterator[Match]:
    match step.action:
        case RenameColumn(table=table, before=before, after=after):
            if not step.is_new_column(table, before):
                place = f"{table}.{before}"
                yield Match(message=f"renames column {place} to {after}", object=place)


def _renamed_value(step: Step) -> Iterator[Match]:
    match step.action:
        case RenameEnumValue(enum=enum, before=before, after=after):
            yield Match(
                message=f"renames value {before!r} of enum {enum} to {after!r}", object=str(enum)
            )


def _renamed_type(step: Step) -> Iterator[Match]:
    match step.action:
        case RenameEnum(before=before, after=after):
            yield Match(message=f"renames enum type {before} to {after}", object=str(before))


def _unknown_to_old_code(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterColumn(table=table, name=name, after=patch) if step.is_live(table):
            before, final = step.column(table, name), step.final_table(table)
            last = final.column(name) if final is not None else None
            if before is None or last is None or not step.is_new_column(table, name):
                return
            accepted = [_may_be_left_out(column) for column in (before, patch.apply(before), last)]
            if accepted == [True, False, False]:
                place = f"{table}.{name}"
                yield Match(
                    message=f"requires the new column {place}, without a default", object=place
                )


def _may_be_left_out(column: Column) -> bool:
    """Return whether an INSERT need not name a column."""
    return column.nullable or fills_rows(column)


def _renamed_schema(step: Step) -> Iterator[Match]:
    match step.action:
        case RenameNamespace(before=before, after=after):
            yield Match(message=f"renames schema {before} to {after}", object=before)


def _dropped_not_null(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterColumn(table=table, name=name, after=patch) if patch.nullable is True:
            column = step.column(table, name)
            is_required = column is not None and not column.nullable
            if is_required and not step.is_new_column(table, name):
                place = f"{table}.{name}"
                yield Match(message=f"allows NULL in {place}", object=place)


def _dropped_view(step: Step) -> Iterator[Match]:
    match step.action:
        case DropView(name=name) if not any(_makes_view(other, name) for other in _others(step)):
            yield Match(message=f"drops view {name}", object=str(name))


def _others(step: Step) -> list[Step]:
    return [*step.earlier, *step.later]


def _makes_view(step: Step, name: Name) -> bool:
    """Return whether a step creates a view or a table of that name."""
    match step.action:
        case CreateView(view=view):
            return view.name == name
        case CreateTable(table=table):
            return table.name == name
        case RenameTable(after=after):
            return after == name
        case _:
            return False


def _dropped_constraint(step: Step) -> Iterator[Match]:
    match step.action:
        case DropConstraint(table=table, name=name) if step.is_live(table):
            known = step.tables.get(table)
            old = known.constraint(name) if known is not None and name is not None else None
            if any(_adds_constraint(other, table, old) for other in _others(step)):
                return
            what = KIND_WORDS[step.action.kind or (constraint_kind(old) if old else None)]
            shown = f"{what} {name}" if name is not None else f"the {what}"
            yield Match(message=f"drops {shown} of {table}", object=f"{table}.{name}")


def _adds_constraint(step: Step, table: Name, old: Constraint | None) -> bool:
    """Return whether a step adds a constraint of the same kind to the table."""
    match step.action:
        case AddConstraint(table=owner, constraint=constraint) if owner == table:
            return old is None or type(constraint) is type(old)
        case DropTable(name=owner):
            return owner == table
        case _:
            return False


RULES = (
    Rule(
        code="AD301",
        name="rename-table",
        severity="warning",
        summary="A table that existed before the migration is renamed.",
        reason="Application code that is still running uses the old name and fails until the new "
        "version is deployed everywhere.",
        safe_way=_EXPAND.format(
            "create a view with the old name, deploy the code that uses the "
            "new name, and drop the view"
        ),
        check=_renamed_table,
        actions=(RenameTable,),
        databases=ALL,
        bad='op.rename_table("users", "people")',
        good='op.rename_table("users", "people")\nop.create_view("users", "SELECT * FROM people")',
    ),
    Rule(
        code="AD302",
        name="rename-column",
        severity="warning",
        summary="A column that existed before the migration is renamed.",
        reason="Application code that is still running uses the old name and fails until the new "
        "version is deployed everywhere.",
        safe_way=_EXPAND.format(
            "add the new column and write to both, copy the values, and drop the old column"
        ),
        check=_renamed_column,
        actions=(RenameColumn,),
        databases=ALL,
        bad='op.rename_column("users", "nickname", "display_name")',
        good='op.add_column("users", sa.Column("display_name", sa.Text()))',
    ),
    Rule(
        code="AD303",
        name="rename-enum-value",
        severity="warning",
        summary="A value of an enum type is renamed.",
        reason="Application code that is still running writes the old value, which the database "
        "refuses, and cannot read the new one.",
        safe_way=_EXPAND.format(
            "add the new value and accept both, change the rows, and stop using the old value"
        ),
        check=_renamed_value,
        actions=(RenameEnumValue,),
        databases=POSTGRESQL,
        bad='op.rename_enum_value("mood", "sad", "unhappy")',
        good='op.alter_enum("mood", ["ok", "sad"], ["ok", "sad", "unhappy"])',
    ),
    Rule(
        code="AD304",
        name="rename-enum-type",
        severity="warning",
        summary="An enum type is renamed.",
        reason="SQLAlchemy casts values to the type by its name, so code that is still running "
        "fails.",
        safe_way="Keep the name of the type, and give the model the old name: "
        'sa.Enum(..., name="mood").',
        check=_renamed_type,
        actions=(RenameEnum,),
        databases=POSTGRESQL,
        bad='op.rename_enum("mood", "feeling")',
        good='op.create_enum("feeling", "ok", "sad")',
    ),
    Rule(
        code="AD305",
        name="require-new-column",
        severity="warning",
        summary="A column is added and set NOT NULL in one migration, without a server_default, or "
        "with one that the migration drops.",
        reason="The version of the application that is still running does not know the column, so "
        "its INSERT statements fail.",
        safe_way="Give the column a server_default, and leave it there until all running code "
        "writes the column; or set it NOT NULL in a later migration, then.",
        check=_unknown_to_old_code,
        actions=(AlterColumn,),
        databases=ALL,
        tried_on="sqlite",
        bad='op.add_column("users", sa.Column("country", sa.Text()))\n'
        'op.backfill("users", {"country": "de"})\n'
        'op.alter_column("users", "country", nullable=False)',
        good='op.add_column("users", sa.Column("country", sa.Text()))\n'
        'op.backfill("users", {"country": "de"})',
    ),
    Rule(
        code="AD306",
        name="rename-schema",
        severity="warning",
        summary="A schema is renamed.",
        reason="Application code that is still running uses the old name for every table in it, "
        "and fails until the new version is deployed everywhere.",
        safe_way=_EXPAND.format(
            "create the new schema with views of the tables, deploy the code that uses the new "
            "name, and move the tables"
        ),
        check=_renamed_schema,
        actions=(RenameNamespace,),
        databases=POSTGRESQL,
        bad='op.execute("ALTER SCHEMA reports RENAME TO statistics")',
        good='op.execute("CREATE SCHEMA statistics")',
    ),
    Rule(
        code="AD307",
        name="drop-not-null",
        severity="info",
        summary="A NOT NULL column of a table that existed before becomes nullable.",
        reason="The version of the application that is still running does not expect NULL when it "
        "reads the column.",
        safe_way="Deploy code that reads NULL first, and write NULL only after this migration.",
        check=_dropped_not_null,
        actions=(AlterColumn,),
        databases=ALL,
        tried_on="sqlite",
        bad='op.alter_column("teams", "id", nullable=True, existing_type=sa.BigInteger())',
        good='op.alter_column("users", "email", nullable=True, existing_type=sa.Text())',
    ),
    Rule(
        code="AD308",
        name="drop-view",
        severity="warning",
        summary="A view is dropped, and not created again.",
        reason="Application code that is still running and reads the view fails.",
        safe_way="Remove the view from the code, deploy, and drop it in a later migration.",
        check=_dropped_view,
        actions=(DropView,),
        databases=ALL,
        bad='op.execute("DROP VIEW totals")',
        good='op.execute("DROP VIEW totals")\nop.create_view("totals", "SELECT 1 AS total")',
    ),
    Rule(
        code="AD309",
        name="drop-constraint",
        severity="info",
        summary="A constraint of a table that existed before is dropped, and no other one of its "
        "kind is added.",
        reason="From then on rows can be written that violate it, and it cannot be added again "
        "before these are corrected.",
        safe_way="Make sure that the application checks the rule itself, or keep the constraint.",
        check=_dropped_constraint,
        actions=(DropConstraint,),
        databases=ALL,
        tried_on="sqlite",
        bad='op.drop_constraint("ck_users_age", "users", type_="check")',
        good='op.drop_constraint("ck_users_age", "users", type_="check")\n'
        'op.create_check_constraint("ck_users_age", "users", "age >= 18")',
    ),
)
