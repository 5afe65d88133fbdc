"""Rehearse the migration history on a scratch database.

Each migration is applied, reverted and applied again; at the end all are reverted, from the head to
the base. After each step the schema and the rows are compared with those before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from autodiff.autogenerate.scratch_inspector import ScratchComparison
from autodiff.errors import ConfigError, ModelsError
from autodiff.migrations import LockFile, Migration
from autodiff.models import declare
from autodiff.rehearse.context import RehearsalContext, lock_mismatch, open_rehearsal_context
from autodiff.rehearse.failures import (
    deliberate_error,
    describe_failure,
    has_empty_downgrade,
    known_names,
)
from autodiff.rehearse.losses import find_losses, guess_renames
from autodiff.rehearse.measured import MeasuredStatement
from autodiff.rehearse.proof import is_limit
from autodiff.rehearse.rates import Rates, large_tables, measure_rates
from autodiff.rehearse.rehearsal_database import RehearsalDatabase, RowSource
from autodiff.rehearse.report import RehearsedHistory, RehearsedStep
from autodiff.rehearse.row_sources import LaterRows, LiveRows, NoRows, SampleRows
from autodiff.rehearse.scratch_reader import Snapshot
from autodiff.rehearse.selection import Selection, select_migrations
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["RehearsalRequest", "rehearse_history", "rehearse_revisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalRequest:
    """The arguments of `rehearse`.

    target: a migration, or a range (`0002:head`). None is the whole history; with live rows, the
        pending migrations, or the newest one if none is pending.
    rows: sample rows, a sample of the live rows, or no rows.
    count: how many rows of each table to copy from the live database. The rows that they reference
        are copied too.
    seconds: the time limit for that.
    estimate: whether to measure how fast the scratch database is, for tables that are large in the
        live database.
    """

    target: str | None = None
    rows: Literal["samples", "live", "none"] = "samples"
    count: int = 100
    seconds: float = 60.0
    estimate: bool = False


def rehearse_history(project: Workspace, request: RehearsalRequest) -> RehearsedHistory:
    """Rehearse migrations on a scratch database and return what was found.

    Raises DatabaseError if no scratch database can be created, HistoryError or ConfigError if the
    request or the configuration is wrong.
    """
    graph = project.graph()
    if not len(graph):
        return RehearsedHistory()
    lock = project.lock()
    with open_rehearsal_context(project, graph, lock) as context:
        applied = None
        if request.rows == "live":
            live = _require_live(context)
            runner = project.runner(live, graph)
            applied = frozenset(runner.verify())
            rows: RowSource = LiveRows.read(live, context, applied, request.count, request.seconds)
        else:
            rows = _sample_rows(lock) if request.rows == "samples" else NoRows()
        selection = select_migrations(graph, request.target, applied)
        with RehearsalDatabase(context) as database:
            rehearsal = _HistoryRehearsal(project, context, database, rows, selection)
            rehearsal.estimates = request.estimate
            return rehearsal.run(lock)


def rehearse_revisions(
    project: Workspace,
    context: RehearsalContext,
    database: RehearsalDatabase,
    revisions: Collection[str],
    lock: LockFile | None,
) -> RehearsedHistory:
    """Apply all migrations of a context, and rehearse the given revisions with sample rows.

    If everything passed, the database is at the heads afterwards.
    """
    order = tuple(context.graph.migrations.values())
    selection = Selection(order=order, revisions=frozenset(revisions))
    rehearsal = _HistoryRehearsal(project, context, database, _sample_rows(lock), selection)
    return rehearsal.run_migrations()


def _require_live(context: RehearsalContext) -> sa.Connection:
    if context.live is None:
        raise ConfigError(
            "cannot copy live rows: no database URL",
            hint="pass --url, or set DATABASE_URL",
        )
    return context.live


def _sample_rows(lock: LockFile | None) -> SampleRows:
    """Return sample rows that fit the schema at the head, if it is known."""
    return SampleRows(lock.described if lock is not None else Schema())


@dataclass(slots=True)
class _StepResult:
    """What was found about one migration so far."""

    migration: Migration
    problems: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    irreversible: str | None = None
    statements: tuple[MeasuredStatement, ...] = ()
    rates: Mapping[Name, Rates] = field(default_factory=dict)

    def step(self) -> RehearsedStep:
        return RehearsedStep(
            revision=self.migration.revision,
            name=self.migration.name,
            problems=tuple(self.problems),
            lost=tuple(self.lost),
            irreversible=self.irreversible,
            notes=tuple(self.notes),
            statements=self.statements,
            rates=self.rates,
        )


class _NotAppliedError(Exception):
    """A migration cannot be applied, so the migrations after it are not reached."""


class _HistoryRehearsal:
    """A rehearsal in progress."""

    def __init__(
        self,
        project: Workspace,
        context: RehearsalContext,
        database: RehearsalDatabase,
        rows: RowSource,
        selection: Selection,
    ) -> None:
        self._project = project
        self._context = context
        self._database = database
        self._rows = rows
        self._selection = selection
        self._steps: list[RehearsedStep] = []
        self._problems: list[str] = []
        self._notes: list[str] = []
        self._not_reached: tuple[str, ...] = ()
        self._is_live = rows.is_live
        self.estimates = False
        """Whether to measure rates for tables that are large in the live database."""

    def run(self, lock: LockFile | None) -> RehearsedHistory:
        """Rehearse the migrations, compare the head with models and lock file, and revert all."""
        if self._run_steps():
            if self._is_at_heads():
                self._compare_with_models(lock)
                self._compare_with_lock(lock)
            if self._selection.is_whole:
                self._revert_to_base()
        return self._result()

    def run_migrations(self) -> RehearsedHistory:
        """Rehearse the migrations, and leave the database at the last one."""
        self._run_steps()
        return self._result()

    def _result(self) -> RehearsedHistory:
        return RehearsedHistory(
            steps=tuple(self._steps),
            problems=tuple(self._problems),
            not_reached=self._not_reached,
            notes=tuple(dict.fromkeys((*self._notes, *self._rows.notes))),
        )

    # Migrations

    def _run_steps(self) -> bool:
        """Run the migrations in order, and return whether all could be applied."""
        order = self._selection.order
        self._apply_by_alembic()
        for position, migration in enumerate(order):
            if position < self._database.applied_count:
                continue
            result = _StepResult(migration)
            self._project.announce_step(
                f"rehearsing {migration.name} ({position + 1} of {len(order)})"
            )
            try:
                self._run_step(result)
            except _NotAppliedError:
                self._not_reached = tuple(later.name for later in order[position + 1 :])
            if self._is_live:
                result.statements = tuple(each.without_values() for each in result.statements)
            if migration.revision in self._selection.revisions or result.problems:
                self._steps.append(result.step())
            if self._database.applied_count <= position:
                return False
        return True

    def _apply_by_alembic(self) -> None:
        """Apply the revisions of Alembic that come first, up to one that is rehearsed."""
        selection, count = self._selection, self._database.applied_count
        first = takewhile(lambda m: m.revision not in selection.revisions, selection.order)
        self._database.upgrade_by_alembic(list(first))
        if self._database.applied_count > count:
            self._database.insert_rows(self._rows)

    def _run_step(self, result: _StepResult) -> None:
        """Apply a migration; revert and apply it again if it is selected."""
        database, rows = self._database, self._rows
        migration = result.migration
        if not migration.is_for(self._context.dialect):
            result.notes.append(f"not for {self._context.dialect.backend}: it was only recorded")
        before = database.snapshot()
        try:
            result.statements = database.upgrade_measured(migration)
        except Exception as error:  # the code in the file can raise anything
            before = self._retry_without_rows(result, before, error)
            rows = NoRows()
            self._rows = LaterRows(self._rows, migration.revision)
        if migration.revision in self._selection.revisions:
            self._revert_and_reapply(result, before, rows)
            if self.estimates:
                result.rates = self._rates(result, before.schema)
        database.insert_rows(self._rows)

    def _rates(self, result: _StepResult, schema: Schema) -> dict[Name, Rates]:
        """Return the rates for large tables that the statements of a migration name."""
        text = "\n".join(statement.sql for statement in result.statements)
        tables = {name: table for name, table in schema.tables.items() if name.name in text}
        live = self._context.live
        if live is None or not tables:
            return {}
        inspector = self._database.inspector
        found = {
            table.name: measure_rates(inspector.connection, inspector.dialect, table)
            for table in large_tables(live, self._context.dialect, tables)
        }
        return {name: rates for name, rates in found.items() if rates is not None}

    def _retry_without_rows(
        self,
        result: _StepResult,
        before: Snapshot,
        error: Exception,
    ) -> Snapshot:
        """Apply a failed migration again without rows, and return the snapshot before it.

        The failure is a problem of the migration if the rows are live rows, else only a note:
        nobody knows whether such rows exist.

        Raises _NotAppliedError if it fails without rows too.
        """
        reason = self._describe(error, result.migration, before.schema)
        if not any(before.rows.values()):
            result.problems.append(f"upgrade fails: {reason}")
            raise _NotAppliedError from error
        try:
            self._database.rebuild(self._database.applied, NoRows())
            empty = self._database.snapshot()
            result.statements = self._database.upgrade_measured(result.migration)
        except Exception as second_error:
            result.problems.append(f"upgrade fails: {reason}")
            raise _NotAppliedError from second_error
        lines = result.problems if self._rows.is_live else result.notes
        lines.append(f"upgrade fails with {self._rows.label} rows: {reason}")
        return empty

    def _revert_and_reapply(self, result: _StepResult, before: Snapshot, rows: RowSource) -> None:
        """Revert the last migration and apply it again. It is applied at the end in any case."""
        database = self._database
        after = database.snapshot()
        renames = guess_renames(before.rows, after.rows)
        result.lost += find_losses(before.rows, after.rows, "upgrade", renames)
        database.insert_rows(rows)
        filled = database.snapshot()
        try:
            database.downgrade()
        except Exception as error:
            self._record_failed_downgrade(result, error, after)
            if not self._context.dialect.features.transactional_ddl:
                database.rebuild(database.applied, rows)
            return
        reverted = database.snapshot().rows
        if rows.is_live and not any(before.rows.values()):
            # The live rows were inserted after this migration, so they are compared from there.
            renames = guess_renames(filled.rows, reverted)
            result.lost += find_losses(filled.rows, reverted, "downgrade", renames)
        else:
            result.lost += find_losses(before.rows, reverted, "downgrade", NameMap())
        if self._differs(result, before, "downgrade") or not self._reapply(result, after):
            database.rebuild((*database.applied, result.migration), rows)

    def _reapply(self, result: _StepResult, after: Snapshot) -> bool:
        """Apply the migration a second time, and return whether that worked."""
        try:
            self._database.upgrade(result.migration)
        except Exception as error:
            reason = self._describe(error, result.migration, after.schema)
            result.problems.append(f"upgrade after a downgrade fails: {reason}")
            return False
        self._differs(result, after, "upgrade after a downgrade")
        return True

    def _record_failed_downgrade(
        self, result: _StepResult, error: Exception, after: Snapshot
    ) -> None:
        """Record a failed downgrade.

        It is irreversible if the file raises the error on purpose, or the database has no way back.
        """
        reason = self._describe(error, result.migration, after.schema)
        if is_limit(error, self._database.inspector.dialect):
            result.irreversible = f"downgrade is not possible: {reason}"
        elif deliberate_error(error, result.migration) is None:
            result.problems.append(f"downgrade fails: {reason}")
        else:
            result.irreversible = f"downgrade raises {reason}"

    def _differs(self, result: _StepResult, expected: Snapshot, direction: str) -> bool:
        """Record how the schema differs from an earlier one, and return whether it does."""
        comparison = self._database.compare_with_earlier(expected.schema)
        lines = [f"{direction} leaves: {line}" for line in comparison.lines]
        if not lines:
            return False
        if direction == "downgrade" and has_empty_downgrade(result.migration):
            leftovers = "; ".join(comparison.lines)
            result.irreversible = f"downgrade is empty, and leaves: {leftovers}"
        elif comparison.settled:
            result.problems += lines
        else:
            result.notes += _compared_literally(lines)
        return True

    def _describe(self, error: Exception, migration: Migration, schema: Schema) -> str:
        """Return the reason of a failure, without values of live rows."""
        names = known_names(schema, migration) if self._rows.is_live else None
        return describe_failure(error, migration, names)

    # The head and the base

    def _is_at_heads(self) -> bool:
        applied = {migration.revision for migration in self._database.applied}
        return applied == set(self._context.graph.migrations)

    def _compare_with_models(self, lock: LockFile | None) -> None:
        inspector = self._database.inspector
        try:
            metadata = self._project.metadata()
        except (ModelsError, ConfigError) as error:
            self._notes.append(f"not compared with the models: {error.line}")
            return
        desired = declare(metadata, inspector.dialect, self._project.selection())
        declared_before = lock.declared if lock is not None else None
        rewrite = self._project.rewrite_plan()
        comparison = inspector.compare_with(desired, declared_before, rewrite=rewrite)
        self._record("models and migrations differ at the head", comparison)

    def _compare_with_lock(self, lock: LockFile | None) -> None:
        inspector = self._database.inspector
        if lock is None:
            self._notes.append("not compared with the lock file: there is none")
        elif reason := lock_mismatch(lock, self._context.graph, inspector.dialect):
            self._notes.append(f"not compared with the lock file: {reason}")
        else:
            comparison = inspector.compare_with(lock.described, lock.declared)
            self._record("lock file and migrations differ at the head", comparison)

    def _record(self, heading: str, comparison: ScratchComparison) -> None:
        lines = [f"{heading}: {line}" for line in comparison.lines]
        if comparison.settled:
            self._problems += lines
        else:
            self._notes += _compared_literally(lines)

    def _revert_to_base(self) -> None:
        """Revert all migrations; stop at the first one that cannot be reverted."""
        steps = {step.revision: step for step in self._steps}
        for migration in reversed(self._database.applied):
            step = steps[migration.revision]
            if step.irreversible or any(p.startswith("downgrade") for p in step.problems):
                self._notes.append(f"not reverted to the base: {migration.name} cannot be reverted")
                return
            before = self._database.read() if self._is_live else Schema()
            try:
                self._database.downgrade()
            except Exception as error:
                reason = self._describe(error, migration, before)
                problem = f"downgrade from the head fails: {reason}"
                failed = replace(step, problems=(*step.problems, problem))
                self._steps[self._steps.index(step)] = failed
                return
        remaining = self._database.remaining_objects()
        self._problems += [f"left at the base: {line}" for line in remaining]


def _compared_literally(lines: Sequence[str]) -> list[str]:
    """Return the lines with a note that no scratch database settled them."""
    return [f"{line} (SQL compared literally)" for line in lines]
