"""Rehearses a drafted migration: its files are run by the real runner's executor on a scratch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.schemas import scope_for
from autodiff.autogenerate.scratch import Bench
from autodiff.autogenerate.scratch_sources import scratch_to_run
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.timeouts import NO_LIMITS
from autodiff.errors import AutodiffError
from autodiff.migrations import Migration, read_migration
from autodiff.plan.order import order_tables, order_views
from autodiff.rehearse.proof import (
    Proof,
    Rehearsal,
    affected_tables,
    select_tables,
    with_referenced_tables,
)
from autodiff.rehearse.sample_values import choose_sample_values
from autodiff.runner.context import executing
from autodiff.runner.events import Direction
from autodiff.runner.executor import Executor, run_operations
from autodiff.runner.loader import load_step
from autodiff.runner.sinks import Live
from autodiff.runner.transactions import Segments
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Schema
from autodiff.schema.operations import (
    AddConstraint,
    CreateEnum,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    Operation,
    tables_of,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["prove"]


def prove(connection: Connection | None, plan: Plan, texts: Mapping[Path, str]) -> Proof | None:
    """What a scratch shows of a migration's texts; None where no scratch can be had.

    Where sample rows alone are in the way, that is a note and no problem: what stands in the
    live tables is another matter.
    """
    if missing := _needed_elsewhere(plan):
        return Proof(notes=(f"not rehearsed: it needs {', '.join(missing)}, which is left alone",))
    with TemporaryDirectory() as folder:
        migration = _written(Path(folder), texts)
        first = _rehearse(connection, plan, migration, with_rows=True)
        if first is None or first.passed:
            return first
        second = _rehearse(connection, plan, migration, with_rows=False)
    if second is None or not second.passed:
        return first
    notes = tuple(f"with sample rows: {problem}" for problem in first.problems)
    return Proof(lost=first.lost, notes=(*first.notes, *notes), described=second.described)


def _needed_elsewhere(plan: Plan) -> list[str]:
    """Tables that keys point at and that neither side of the plan has."""
    known = {*plan.current.tables, *plan.desired.tables}
    tables = [*plan.current.tables.values(), *plan.desired.tables.values()]
    pointed_at = {key.referred for table in tables for key in table.foreign_keys}
    return sorted(map(str, pointed_at - known))


def _written(folder: Path, texts: Mapping[Path, str]) -> Migration:
    for path, text in texts.items():
        (folder / path.name).write_text(text, encoding="utf-8")
    return read_migration(folder / next(iter(texts)).name)


def _rehearse(
    connection: Connection | None, plan: Plan, migration: Migration, *, with_rows: bool
) -> Proof | None:
    with _scratch(connection, plan) as opened:
        if opened is None:
            return None
        dialect = dialect_of(opened)
        dialect.prepare_connection(opened)
        rehearsal = _rehearsal(plan, migration, dialect)
        try:
            return rehearsal.run(opened, with_rows=with_rows)
        except AutodiffError as error:
            return Proof(notes=(f"not rehearsed: {error.message}",))


@contextmanager
def _scratch(connection: Connection | None, plan: Plan) -> Iterator[Connection | None]:
    namespaces = tuple(sorted({*plan.current.namespaces, *plan.desired.namespaces}))
    with scratch_to_run(plan.dialect, connection, namespaces=namespaces) as opened:
        yield opened


def _rehearsal(plan: Plan, migration: Migration, dialect: Dialect) -> Rehearsal:
    before, after = _reached(plan)
    start, goal = select_tables(plan.current, before), select_tables(plan.desired, after)
    scope = scope_for(plan.desired)

    def build(connection: Connection) -> None:
        _run(connection, dialect, lambda executor: run_operations(executor, _creation(start)))

    def step(direction: Direction) -> Callable[[Connection], None]:
        function = load_step(migration, direction)
        return lambda connection: _run(connection, dialect, lambda executor: function())

    def bench(connection: Connection) -> Bench:
        return Bench(connection=connection, dialect=dialect, scope=scope)

    return Rehearsal(
        dialect=dialect,
        scope=scope,
        start=start,
        goal=goal,
        operations=plan.operations,
        queries=[check.query for check in plan.checks],
        build=build,
        upgrade=step("upgrade"),
        downgrade=step("downgrade"),
        left=lambda connection: bench(connection).compared(goal, None).lines,
        differs=lambda connection, before: bench(connection).restored(before).lines,
        values=choose_sample_values(plan.changes, plan.maps, start, goal),
    )


def _run(connection: Connection, dialect: Dialect, steps: Callable[[Executor], None]) -> None:
    """Steps in one transaction, unless they leave it, by an executor on the connection."""
    connection.rollback()
    segments = Segments(connection, dialect, NO_LIMITS)
    executor = Executor(dialect, Live(connection, dialect, outside=segments.outside))
    with segments.around(), executing(executor):
        steps(executor)
        executor.flush()


def _creation(schema: Schema) -> list[Operation]:
    """The operations that make a schema out of nothing."""
    tables, late = order_tables(schema.tables)
    return [
        *(CreateNamespace(name=name) for name in sorted(schema.namespaces)),
        *(CreateEnum(enum=schema.enums[name]) for name in sorted(schema.enums)),
        *(CreateSequence(sequence=schema.sequences[name]) for name in sorted(schema.sequences)),
        *(CreateTable(table=table) for table in tables),
        *(AddConstraint(table=name, constraint=key) for name, key in late),
        *(CreateView(view=view) for view in order_views(schema.views)),
    ]


def _reached(plan: Plan) -> tuple[set[Name], set[Name]]:
    """The tables before and after that the plan can touch, each with its other self."""
    names = NameMap.of_operations(plan.operations)
    used = {name for operation in plan.operations for name in tables_of(operation)}
    old = affected_tables(plan.current, set(map(names.table_before, used)) | used)
    new = affected_tables(plan.desired, set(map(names.table_after, used)) | used)
    while True:
        before = with_referenced_tables(plan.current, old | set(map(names.table_before, new)))
        after = with_referenced_tables(plan.desired, new | set(map(names.table_after, before)))
        if (before, after) == (old, new):
            return old, new
        old, new = before, after
