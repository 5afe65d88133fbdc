"""Split a plan into migrations between which a new version of an application is deployed.

1. *expand* adds what the new version needs, and changes nothing that the old version uses.
2. *migrate* copies values and builds indexes.
3. *contract* removes what only the old version used. It is applied after the deploy.

A renamed column is two columns until then: a trigger writes each new value of one to the other.
A table is renamed in *expand*; until the deploy, a view has its old name.
A new type that loses values waits for the deploy as well: the old version may write such values.

Invariants:

- After `expand`, and until `contract` begins, every statement of both versions succeeds.
- `contract` drops no column before it is proved that the column in its place has all values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from autodiff.dialects.base import Dialect
from autodiff.migrations.files import MigrationPhase
from autodiff.plan.migration_plan import MigrationPlan
from autodiff.plan.nonblocking.parts import added_part, adds_target, filled_columns
from autodiff.plan.nonblocking.phase_operations import PhaseOperations, sort_operations
from autodiff.plan.row_checks.context import RowCheck
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.changes import ColumnAltered
from autodiff.schema.objects import ForeignKey, Schema
from autodiff.schema.operations import (
    AddConstraint,
    AlterColumn,
    CreateIndex,
    CreateView,
    DropConstraint,
    DropIndex,
    Execute,
    Operation,
    Require,
)

__all__ = ["PhasePlan", "split_phases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePlan:
    """A part of a plan.

    stages: its operations, in groups of which each must be finished before the next one begins.
    downgrade: the operations of its downgrade.
    """

    plan: MigrationPlan
    stages: tuple[tuple[Operation, ...], ...]
    downgrade: tuple[Operation, ...]


def split_phases(plan: MigrationPlan) -> tuple[PhasePlan, ...]:
    """Return the phases of a plan, in order; none if nothing in it must wait for a deploy.

    Raises PlanError for a change that cannot be split.
    """
    operations = sort_operations(plan)
    return tuple(_Phases(plan, operations).plans()) if operations.wait else ()


@dataclass(frozen=True, slots=True)
class _Phases:
    """Makes plans of the operations of each phase."""

    plan: MigrationPlan
    sorted: PhaseOperations

    def plans(self) -> Iterator[PhasePlan]:
        """Yield the phases that have operations."""
        requires = self.sorted.requires
        late = [r for r in requires if self._is_late(r)]
        between = [r for r in requires if self._is_between(r)]
        early = [r for r in requires if r not in late and r not in between]
        expand = [*early, *self.sorted.expand]
        migrate = [*between, *self.sorted.migrate]
        proofs = [*late, *self.sorted.proofs]
        schema = self.plan.current
        if any(not isinstance(operation, Require) for operation in expand):
            phase = self._phase("expand", [expand], schema)
            yield phase
            schema = phase.plan.desired
        else:
            proofs = [*expand, *proofs]
        if migrate:
            phase = self._phase("migrate", [migrate], schema)
            yield phase
            schema = phase.plan.desired
        yield self._phase("contract", [proofs, self.sorted.contract], schema, self.plan.desired)

    def _is_late(self, require: Require) -> bool:
        """Return whether a query is for the rows that prevent a change of `contract`."""
        contract = (*self.sorted.proofs, *self.sorted.contract)
        late = [o for o in contract if isinstance(o, AlterColumn)]
        parts = [added_part(o) for o in contract if isinstance(o, AddConstraint | CreateIndex)]
        if any(added_part(check.change) in parts for check in self._checks_of(require)):
            return True
        return any(
            isinstance(check.change, ColumnAltered)
            and (check.change.table, check.change.after.name) == (operation.table, operation.name)
            and (check.fill is None or operation.after.nullable is False)
            for check in self._checks_of(require)
            for operation in late
        )

    def _is_between(self, require: Require) -> bool:
        """Return whether a query is for the rows that prevent a part that `migrate` adds.

        Only if the rows, or those to which they refer, get values there: other rows prevent the
        part before `expand` too.
        """
        late = [o for o in self.sorted.migrate if isinstance(o, AddConstraint | CreateIndex)]
        migrate = self.sorted.migrate
        filled = [
            added_part(o) for o in late if filled_columns(migrate, o) or adds_target(migrate, o)
        ]
        return any(added_part(check.change) in filled for check in self._checks_of(require))

    def _checks_of(self, require: Require) -> list[RowCheck]:
        return [check for check in self.plan.checks if check.require == require]

    def _phase(
        self,
        phase: MigrationPhase,
        stages: Sequence[Sequence[Operation]],
        before: Schema,
        after: Schema | None = None,
    ) -> PhasePlan:
        operations = tuple(operation for stage in stages for operation in stage)
        if after is None:
            after = before
            for operation in operations:
                after = _without_implicit_indexes(after, operation, self.plan.dialect)
                after = evolve_schema(after, operation)
        shown = (o for o in operations if not isinstance(o, Require | Execute))
        plan = replace(
            self.plan,
            current=before,
            desired=after,
            changes=(),
            lines=tuple(dict.fromkeys(operation.describe() for operation in shown)),
            operations=operations,
            reversible_operations=(),
            downgrade_checks=(),
            checks=tuple(c for c in self.plan.checks if c.require in operations),
            findings=self.plan.findings if phase == "contract" else (),
            data_loss=self.plan.data_loss if phase == "contract" else (),
            downgrade_backfills=(),
            phase=phase,
            guards=self.sorted.guards if phase == "contract" else (),
            setup=self._setup() if phase != "expand" else (),
        )
        return PhasePlan(
            plan=plan,
            stages=tuple(map(tuple, stages)),
            downgrade=tuple(self._filled(plan.reverse())),
        )

    def _setup(self) -> tuple[Operation, ...]:
        """Return what `expand` has created and no schema shows."""
        views = (drop.view for drop in self.sorted.dropped_views)
        created = (CreateView(view=view) for view in views if view is not None)
        return (*created, *(copy.sync for copy in self.sorted.copies))

    def _filled(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Yield the operations of a downgrade, with values for columns that become NOT NULL."""
        fills = self.plan.downgrade_backfills
        for operation in operations:
            if isinstance(operation, AlterColumn) and operation.after.nullable is False:
                key = (operation.table, [operation.name])
                yield from (f for f in fills if (f.table, [c for c, _ in f.values]) == key)
            yield operation
            for copy in self.sorted.copies:
                if operation == copy.sync:
                    yield copy.undo


def _without_implicit_indexes(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    """Return the schema without the indexes that the database drops with a foreign key."""
    match operation:
        case DropConstraint(table=name, constraint=ForeignKey() as key) if name in schema.tables:
            for index in schema.tables[name].indexes:
                if dialect.catalog.is_implicit_index(index, key):
                    schema = evolve_schema(schema, DropIndex(table=name, name=index.name or ""))
    return schema
