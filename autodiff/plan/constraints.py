"""Constraints and indexes that are added, removed or altered, as steps."""

from __future__ import annotations

from autodiff.plan.phases import Phase, Steps
from autodiff.schema.changes import ConstraintAltered, IndexAltered
from autodiff.schema.objects import Constraint, ForeignKey, Index, Name
from autodiff.schema.operations import (
    AddConstraint,
    CreateIndex,
    DropConstraint,
    DropIndex,
    SetComment,
    constraint_kind,
)

__all__ = ["add_constraint", "alter_constraint", "alter_index", "drop_constraint"]
__all__ += ["dropping_constraint", "dropping_index"]


def add_constraint(table: Name, constraint: Constraint, steps: Steps) -> None:
    """A foreign key comes behind the unique key that it rests on."""
    phase = Phase.KEYS if isinstance(constraint, ForeignKey) else Phase.CONSTRAINTS
    steps.add(phase, AddConstraint(table=table, constraint=constraint))


def drop_constraint(table: Name, constraint: Constraint, steps: Steps) -> None:
    """A foreign key goes before the unique key that it rests on."""
    key = isinstance(constraint, ForeignKey)
    phase = Phase.DROP_KEYS if key else Phase.DROP_CONSTRAINTS
    steps.add(phase, dropping_constraint(table, constraint))


def alter_constraint(change: ConstraintAltered, steps: Steps) -> None:
    """A comment is set; whatever else differs, the constraint is dropped and added."""
    if change.fields == ("comment",):
        steps.add(Phase.CONSTRAINTS, _comment(change))
        return
    drop_constraint(change.table, change.before, steps)
    add_constraint(change.table, change.after, steps)


def alter_index(change: IndexAltered, steps: Steps) -> None:
    """A comment is set; whatever else differs, the index is dropped and created."""
    if change.fields == ("comment",):
        steps.add(Phase.CONSTRAINTS, _comment(change))
        return
    steps.add(Phase.DROP_CONSTRAINTS, dropping_index(change.table, change.before))
    steps.add(Phase.CONSTRAINTS, CreateIndex(table=change.table, index=change.after))


def dropping_constraint(table: Name, constraint: Constraint) -> DropConstraint:
    """The step that drops the constraint."""
    return DropConstraint(
        table=table,
        name=constraint.name,
        kind=constraint_kind(constraint),
        constraint=constraint,
    )


def dropping_index(table: Name, index: Index) -> DropIndex:
    """The step that drops the index."""
    return DropIndex(table=table, name=index.name or "", index=index)


def _comment(change: ConstraintAltered | IndexAltered) -> SetComment:
    return SetComment(
        kind="index" if isinstance(change, IndexAltered) else "constraint",
        name=Name(change.after.name or "", change.table.schema),
        table=change.table,
        before=change.before.comment,
        after=change.after.comment,
    )
