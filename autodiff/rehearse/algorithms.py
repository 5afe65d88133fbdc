"""Find the algorithm by which a server carries out each step without blocking writes.

Which ones a server accepts depends on its version, the row format and the whole definition of the
table, so each statement is tried on a scratch database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.dialects import Dialect, dialect_of
from autodiff.errors import MigrationFailedError, PlanError
from autodiff.plan import Finding
from autodiff.plan.nonblocking.steps import WAY_OUT, OnlineStep, OnlineSteps
from autodiff.plan.nonblocking.type_changes import blocking, new_types, reason_against
from autodiff.rehearse.draft import build_start, open_scratch
from autodiff.runner.executor import Executor
from autodiff.runner.sinks import LiveSink
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.objects import Schema
from autodiff.schema.operations import AlterColumn, CreateTable, Operation, Require, tables_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["with_algorithms"]

_NO_SCRATCH = Finding(
    code="unknown-algorithms",
    severity="warning",
    message="no ALGORITHM is given, because there is no scratch database to try it on",
    hint="set scratch_url in the configuration",
)


def with_algorithms(connection: Connection | None, plan: Plan) -> Plan:
    """Return the plan with the algorithm of each step, and a finding for each that has none.

    Only steps on tables that existed before have one: nobody uses the others yet.

    Raises PlanError if the server refuses a step.
    """
    with open_scratch(connection, plan) as opened:
        if opened is None:
            return replace(plan, findings=(*plan.findings, _NO_SCRATCH))
        dialect = dialect_of(opened)
        dialect.session.prepare(opened)
        try:
            build_start(opened, plan, dialect)
            trial = _Trial(opened, dialect, plan.current)
            upgrade = trial.steps(plan.operations)
            blocked = tuple(trial.blocking)
            downgrade = trial.steps(plan.reverse())
        except MigrationFailedError as error:
            raise PlanError(
                f"cannot make these changes online: {error.line}", hint=WAY_OUT
            ) from error
    return replace(
        plan,
        online=OnlineSteps(upgrade=upgrade, downgrade=downgrade),
        findings=(*plan.findings, *blocked),
    )


class _Trial(Executor):
    """Runs operations, each with the first algorithm that the server accepts for it.

    A new type for which it accepts none is given to a copy of the column.

    blocking: a finding for each operation for which it accepts none.
    """

    def __init__(self, connection: Connection, dialect: Dialect, schema: Schema) -> None:
        super().__init__(dialect, LiveSink(connection, dialect))
        self.blocking: list[Finding] = []
        self._schema = schema
        self._accepted: str | None = None
        self._is_copied = False

    def steps(self, operations: Sequence[Operation]) -> tuple[OnlineStep, ...]:
        """Run operations and return them, or what is run in their place, with algorithms."""
        new = {o.table.name for o in operations if isinstance(o, CreateTable)}
        steps: list[OnlineStep] = []
        for operation in operations:
            self._is_live = not new & set(tables_of(operation))
            steps += self._steps_of(operation)
        return tuple(steps)

    def _steps_of(self, operation: Operation) -> Iterator[OnlineStep]:
        self._accepted, self._is_copied = None, False
        if not isinstance(operation, Require):
            self.submit(operation)
            self.flush()
        if isinstance(operation, AlterColumn) and self._is_copied:
            for step in self._copy(operation):
                yield from self._steps_of(step)
            return
        self._schema = evolve_schema(self._schema, operation)
        yield OnlineStep(operation=operation, algorithm=self._accepted)

    def _copy(self, operation: AlterColumn) -> tuple[Operation, ...]:
        table = self._schema.tables[operation.table]
        plan = new_types([operation], table, self.dialect)
        return (*plan.copy, *plan.swap)

    def _send(self, statements: Sequence[str], operations: Sequence[Operation]) -> None:
        if not self._is_live or not self._has_algorithm(statements):
            super()._send(statements, operations)
            return
        for algorithm in self.dialect.features.algorithms if len(statements) == 1 else ():
            try:
                sql = self.dialect.ddl.with_algorithm(statements[0], algorithm)
                super()._send([sql], operations)
            except MigrationFailedError:
                continue  # the server refuses the algorithm before it changes anything
            self._accepted = algorithm
            return
        reason = None
        match operations:
            case [AlterColumn() as operation] if "type" in operation.after.fields:
                reason = reason_against(operation, self._schema, self.dialect)
                self._is_copied = reason is None
        if not self._is_copied:
            self.blocking += [blocking(operation, reason) for operation in operations]
            super()._send(statements, operations)

    def _has_algorithm(self, statements: Sequence[str]) -> bool:
        ddl, first = self.dialect.ddl, self.dialect.features.algorithms[0]
        return any(ddl.with_algorithm(sql, first) != sql for sql in statements)
