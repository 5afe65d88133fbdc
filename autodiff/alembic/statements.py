"""Record which statements autodiff sends for each operation of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.dialects import Dialect
from autodiff.dialects.timeouts import NO_LIMITS
from autodiff.plan import MigrationPlan
from autodiff.rehearse.draft import Step, prove_steps
from autodiff.runner.context import executing
from autodiff.runner.events import Direction
from autodiff.runner.executor import Executor, run_operations
from autodiff.runner.sinks import LiveSink, RecordingSink, Sink
from autodiff.runner.transactions import TransactionSegments
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Backfill, DropIndex, Operation, tables_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.autogenerate.plan import Plan

__all__ = ["Performed", "PerformedStep", "predict_statements", "record_statements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStep:
    """Operations that run together, and their statements.

    rebuilt: the table that they rebuild, if they do.
    """

    operations: tuple[Operation, ...]
    statements: tuple[str, ...]
    rebuilt: Name | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What the upgrade and the downgrade of a plan do."""

    upgrade: tuple[PerformedStep, ...]
    downgrade: tuple[PerformedStep, ...]


def predict_statements(plan: MigrationPlan) -> Performed:
    """Return the statements of a plan, from what is known without a database."""
    sink = _PredictingSink(plan.dialect, plan.current.tables)
    executor = Executor(plan.dialect, sink)
    sink.performed = []
    start = _altered_tables(plan, sink)
    run_operations(executor, plan.operations)
    upgrade, sink.performed = sink.performed, []
    run_operations(executor, plan.reverse())
    run_operations(executor, _drops_of_replacements(start, executor))
    return Performed(upgrade=tuple(upgrade), downgrade=tuple(sink.performed))


def record_statements(connection: Connection, plan: Plan) -> Performed | None:
    """Return the statements of a plan that were sent to a scratch database; None if that failed.

    They depend on the contents of the catalog, such as indexes that MySQL creates and drops itself.
    """
    recorded: dict[Direction, tuple[PerformedStep, ...]] = {}
    start: dict[Name, Table] = {}

    def upgrade(scratch: Connection, dialect: Dialect) -> None:
        with _recording(scratch, dialect) as (executor, sink):
            start.update(_altered_tables(plan, sink))
            _submit(executor, plan.operations)
        recorded["upgrade"] = tuple(sink.performed)

    def downgrade(scratch: Connection, dialect: Dialect) -> None:
        with _recording(scratch, dialect) as (executor, sink):
            _submit(executor, plan.reverse())
            _submit(executor, _drops_of_replacements(start, executor))
        recorded["downgrade"] = tuple(sink.performed)

    def load(direction: Direction) -> Step:
        return upgrade if direction == "upgrade" else downgrade

    proof = prove_steps(connection, plan, load)
    if proof.skipped is not None or len(recorded) < 2:
        return None
    return Performed(upgrade=recorded["upgrade"], downgrade=recorded["downgrade"])


@contextmanager
def _recording(scratch: Connection, dialect: Dialect) -> Iterator[tuple[Executor, _LiveSink]]:
    """Yield an executor in a transaction, and its sink, which records the statements."""
    scratch.rollback()
    segments = TransactionSegments(scratch, dialect, NO_LIMITS)
    sink = _LiveSink(scratch, dialect, outside=segments.outside)
    sink.performed = []
    executor = Executor(dialect, sink)
    # A transaction must allow what an autocommit block of the revision will do.
    with segments.around(), executing(executor):
        yield executor, sink


def _submit(executor: Executor, operations: Sequence[Operation]) -> None:
    for operation in operations:
        if executor.dialect.features.concurrent_indexes and getattr(
            operation, "concurrently", False
        ):
            with executor.autocommit():
                executor.submit(operation)
        else:
            executor.submit(operation)
    executor.flush()


def _altered_tables(plan: MigrationPlan, sink: Sink) -> dict[Name, Table]:
    """Return the tables that the plan alters, in their state before it.

    Only a database on which a foreign key needs an index is asked.
    """
    if not plan.dialect.features.keys_reference_indexes:
        return {}
    names = {name for operation in plan.operations for name in tables_of(operation)}
    found = (sink.known(name) for name in sorted(names & plan.current.tables.keys()))
    return {table.name: table for table in found if table is not None}


def _drops_of_replacements(start: Mapping[Name, Table], executor: Executor) -> list[Operation]:
    """Return the drops of indexes that the upgrade created for foreign keys.

    They replaced indexes that the downgrade has created again. The statements of a revision do not
    depend on the catalog, so the next upgrade would create them a second time.
    """
    drops: list[Operation] = []
    for name, before in start.items():
        after = executor.known(name)
        names = () if after is None else executor.dialect.ddl.spare_indexes(before, after)
        drops += [DropIndex(table=name, name=index) for index in names]
    return drops


class _Recorder(Sink):
    """Notes what each call of `perform` does, before it does it."""

    performed: list[PerformedStep]
    _dialect: Dialect

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Note operations with their statements, and run them."""
        match operations:
            case [Backfill() as backfill]:
                table = self.known(backfill.table)
                statements = self._dialect.ddl.statements(backfill, table)
        step = PerformedStep(
            operations=tuple(operations),
            statements=tuple(statements),
            rebuilt=self._rebuilt(operations),
        )
        super().perform(operations, statements)
        self.performed.append(step)

    def _rebuilt(self, operations: Sequence[Operation]) -> Name | None:
        """Return the table that the operations rebuild."""
        ddl = self._dialect.ddl
        name = ddl.required_table(operations[0])
        table = None if name is None else self.known(name)
        needed = table is not None and any(ddl.needs_rebuild(item, table) for item in operations)
        return name if needed else None


class _PredictingSink(_Recorder, RecordingSink):
    """Follows the tables without a database."""


class _LiveSink(_Recorder, LiveSink):
    """Runs the statements on a scratch database."""
