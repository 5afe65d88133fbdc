"""Plan constraints and indexes that are added, removed or altered."""

from __future__ import annotations

from autodiff.dialects.base import Dialect
from autodiff.plan.phases import Phase, PhasedOperations
from autodiff.schema.changes import ConstraintAltered, IndexAltered
from autodiff.schema.objects import Constraint, ForeignKey, Index, Name
from autodiff.schema.operations import (
    AddConstraint,
    CreateIndex,
    DropConstraint,
    DropIndex,
    Execute,
    SetComment,
    constraint_kind,
)

__all__ = ["add_constraint", "alter_constraint", "alter_index", "drop_constraint"]
__all__ += ["dropping_constraint", "dropping_index"]


def add_constraint(table: Name, constraint: Constraint, operations: PhasedOperations) -> None:
    """Plan an added constraint; a foreign key after the unique key that it references."""
    phase = Phase.ADD_FOREIGN_KEYS if isinstance(constraint, ForeignKey) else Phase.ADD_CONSTRAINTS
    operations.add(phase, AddConstraint(table=table, constraint=constraint))


def drop_constraint(table: Name, constraint: Constraint, operations: PhasedOperations) -> None:
    """Plan a removed constraint; a foreign key before the unique key that it references."""
    key = isinstance(constraint, ForeignKey)
    phase = Phase.DROP_FOREIGN_KEYS if key else Phase.DROP_CONSTRAINTS
    operations.add(phase, dropping_constraint(table, constraint))


def alter_constraint(
    change: ConstraintAltered, dialect: Dialect, operations: PhasedOperations
) -> None:
    """Plan an altered constraint: set its comment, validate it, or drop it and add it again."""
    if change.fields == ("comment",):
        operations.add(Phase.ADD_CONSTRAINTS, _comment(change))
        return
    if change.fields == ("options",):
        validation = dialect.ddl.constraints.validation(change.table, change.before, change.after)
        if validation is not None:
            # Nothing to reverse: a constraint that holds for more rows prevents nothing.
            operation = Execute(sql=validation, reverse_sql="", tables=(change.table,))
            operations.add(Phase.ADD_FOREIGN_KEYS, operation)
            return
    drop_constraint(change.table, change.before, operations)
    add_constraint(change.table, change.after, operations)


def alter_index(change: IndexAltered, operations: PhasedOperations) -> None:
    """Plan an altered index: set its comment, or drop it and create it again."""
    if change.fields == ("comment",):
        operations.add(Phase.ADD_CONSTRAINTS, _comment(change))
        return
    operations.add(Phase.DROP_CONSTRAINTS, dropping_index(change.table, change.before))
    operations.add(Phase.ADD_CONSTRAINTS, CreateIndex(table=change.table, index=change.after))


def dropping_constraint(table: Name, constraint: Constraint) -> DropConstraint:
    """Return the operation that drops a constraint."""
    return DropConstraint(
        table=table,
        name=constraint.name,
        kind=constraint_kind(constraint),
        constraint=constraint,
    )


def dropping_index(table: Name, index: Index) -> DropIndex:
    """Return the operation that drops an index."""
    return DropIndex(table=table, name=index.name or "", index=index)


def _comment(change: ConstraintAltered | IndexAltered) -> SetComment:
    return SetComment(
        kind="index" if isinstance(change, IndexAltered) else "constraint",
        name=Name(change.after.name or "", change.table.schema),
        table=change.table,
        before=change.before.comment,
        after=change.after.comment,
    )
