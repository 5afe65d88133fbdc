"""Rules for column types of PostgreSQL whose change rewrites the table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from autodiff.dialects.postgresql.rewriting_types import rewrites_table
from autodiff.lint.context import Step
from autodiff.lint.rule import POSTGRESQL, Match, Rule
from autodiff.lint.sql import casts_of
from autodiff.schema.objects import ColumnType
from autodiff.schema.operations import AddColumn, AlterColumn

__all__ = ["RULES"]


def _rewritten(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterColumn(table=table, name=name, after=patch) if step.is_live(table):
            column = step.column(table, name)
            before = column.type if column is not None else step.action.before.type
            after = patch.type
            if not isinstance(before, ColumnType) or not isinstance(after, ColumnType):
                return
            if _is_rewritten(step, before, after):
                place = f"{table}.{name}"
                by_types = rewrites_table(before.sql, after.sql)
                using = "" if by_types else f" by {step.action.using}"
                yield Match(
                    message=f"changes {place} from {before.sql} to {after.sql}{using}, which "
                    f"rewrites {table}",
                    object=place,
                )


def _is_rewritten(step: Step, before: ColumnType, after: ColumnType) -> bool:
    """Return whether PostgreSQL computes the values again: by the types, or by USING."""
    assert isinstance(step.action, AlterColumn)
    name, using = step.action.name, step.action.using
    casts = () if using is None else casts_of(using, name, step.dialect)
    if casts is None:
        return True
    types = (before.sql, *casts, after.sql)
    is_enum = before.enum is not None or after.enum is not None
    return not is_enum and any(rewrites_table(old, new) for old, new in pairwise(types))


def _generated(step: Step) -> Iterator[Match]:
    match step.action:
        case AddColumn(table=table, column=column) if step.is_live(table):
            if column.computed is not None and column.computed.persisted:
                kind = "stored generated"
            elif column.identity is not None:
                kind = "identity"
            elif column.autoincrement:
                kind = "serial"
            else:
                return
            place = f"{table}.{column.name}"
            yield Match(message=f"adds {kind} column {place}, which rewrites {table}", object=place)


RULES = (
    Rule(
        code="AD411",
        name="rewriting-type",
        severity="warning",
        summary="The type of a column changes in a way that rewrites the table.",
        reason="The table is copied and its indexes are built again under an ACCESS EXCLUSIVE "
        "lock: nobody can read or write it until it ends. A longer varchar, varchar to text and "
        "more precision of a numeric with the same scale do not rewrite the table, unless USING "
        "computes new values.",
        safe_way="Add a column of the new type, write to both, copy the values in batches, and "
        "drop the old column.",
        check=_rewritten,
        actions=(AlterColumn,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.alter_column("users", "age", type_=sa.BigInteger(), existing_type=sa.Integer())',
        good='op.alter_column("users", "nickname", type_=sa.Text())',
    ),
    Rule(
        code="AD412",
        name="generated-column",
        severity="warning",
        summary="A stored generated column, an identity or a serial is added to a table that "
        "existed before.",
        reason="PostgreSQL computes a value for each row and rewrites the table under an ACCESS "
        "EXCLUSIVE lock: nobody can read or write it until it ends.",
        safe_way="Add an ordinary nullable column, fill it in batches, and keep it up to date in "
        "the application or by a trigger.",
        check=_generated,
        actions=(AddColumn,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("double_age", sa.Integer(), '
        'sa.Computed("age * 2", persisted=True)))',
        good='op.add_column("users", sa.Column("double_age", sa.Integer()))',
    ),
)
