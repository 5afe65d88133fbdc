"""Rehearse a draft: run its files on a scratch database, with the same executor as the runner."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.schemas import scope_for
from autodiff.autogenerate.scratch_inspector import ScratchInspector
from autodiff.autogenerate.scratch_sources import find_missing_scratch, scratch_to_run
from autodiff.compare import without_repeated_parts
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.timeouts import NO_LIMITS
from autodiff.errors import AutodiffError, MigrationFileError
from autodiff.migrations import Migration, read_migration
from autodiff.plan.order import order_tables, order_views
from autodiff.rehearse.measured import MeasuredStatement, StatementRecorder, open_recorder
from autodiff.rehearse.proof import (
    Proof,
    ProofRun,
    affected_tables,
    select_tables,
    with_referenced_tables,
)
from autodiff.rehearse.rates import Rates, large_tables, measure_rates
from autodiff.rehearse.sample_values import choose_sample_values
from autodiff.rehearse.scratch_sink import ScratchSink
from autodiff.rehearse.writer import WriteWaits, write_beside
from autodiff.runner.context import executing
from autodiff.runner.events import Direction
from autodiff.runner.executor import Executor, run_operations
from autodiff.runner.loader import load_step
from autodiff.runner.preview import preview_statements
from autodiff.runner.transactions import TransactionSegments
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Schema, View
from autodiff.schema.operations import (
    AddConstraint,
    Backfill,
    CreateEnum,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropView,
    Execute,
    Operation,
    SyncColumns,
    tables_of,
)
from autodiff.schema.sqltext import names_in

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Step", "build_start", "open_scratch", "prove", "prove_steps"]

_PART = 100
"""How many operations share a transaction if one for all could need too many locks."""
_BEFORE_TABLES = (CreateNamespace, CreateEnum, CreateSequence)


Step = Callable[["Connection", Dialect], None]
"""Runs one direction of a migration on a scratch database."""


def prove(connection: Connection | None, plan: Plan, texts: Mapping[Path, str]) -> Proof:
    """Return what a scratch database shows about a migration, or why there is none."""
    with TemporaryDirectory() as folder:
        migration = _write_files(Path(folder), texts)

        def load(direction: Direction) -> Step:
            function = load_step(migration, direction)
            return lambda scratch, dialect: _run(scratch, dialect, lambda executor: function())

        def in_parts(scratch: Connection, dialect: Dialect) -> None:
            function = load_step(migration, "downgrade")
            _run(scratch, dialect, lambda executor: function(), in_parts=True)

        return prove_steps(connection, plan, load, migration, in_parts)


def prove_steps(
    connection: Connection | None,
    plan: Plan,
    load: Callable[[Direction], Step],
    migration: Migration | None = None,
    in_parts: Step | None = None,
) -> Proof:
    """Return what a scratch database shows about the two directions of a migration.

    `migration` has the lines of the statements; None if they are not those of its file. `in_parts`
    runs the downgrade in several transactions, if one needs too many locks.

    If the migration fails with sample rows and passes without, the failure is a note: whether such
    rows exist in the live database is not known.
    """
    if missing := _unmanaged_tables(plan):
        return Proof(
            skipped=f"it refers to {', '.join(missing)}, which autodiff does not manage",
            cure="apply it to a copy of the database first",
        )
    with_rows = _rehearse(connection, plan, load, migration, in_parts, with_rows=True)
    if with_rows.passed:
        return with_rows
    without_rows = _rehearse(connection, plan, load, migration, in_parts, with_rows=False)
    if not without_rows.passed:
        return with_rows
    notes = tuple(f"with sample rows: {problem}" for problem in with_rows.problems)
    return replace(without_rows, lost=with_rows.lost, notes=(*with_rows.notes, *notes))


def _unmanaged_tables(plan: Plan) -> list[str]:
    """Return tables that foreign keys reference and that neither side of the plan has."""
    known = {*plan.current.tables, *plan.desired.tables}
    tables = [*plan.current.tables.values(), *plan.desired.tables.values()]
    pointed_at = {key.referred for table in tables for key in table.foreign_keys}
    return sorted(map(str, pointed_at - known))


def _write_files(folder: Path, texts: Mapping[Path, str]) -> Migration:
    for path, text in texts.items():
        (folder / path.name).write_text(text, encoding="utf-8")
    return read_migration(folder / next(iter(texts)).name)


def _rehearse(
    connection: Connection | None,
    plan: Plan,
    load: Callable[[Direction], Step],
    migration: Migration | None,
    in_parts: Step | None,
    *,
    with_rows: bool,
) -> Proof:
    with open_scratch(connection, plan) as opened:
        if opened is None:
            missing = find_missing_scratch(plan.dialect, connection, _namespaces(plan))
            return Proof(skipped=missing.reason, cure=missing.cure)
        dialect = dialect_of(opened)
        dialect.session.prepare(opened)
        statements: list[MeasuredStatement] = []
        waits = WriteWaits()
        try:
            with open_recorder(opened, dialect) as recorder:

                def measured(direction: Direction) -> Step:
                    run = load(direction)
                    if recorder is None or direction == "downgrade":
                        return run
                    return partial(_recorded, run, recorder, migration, statements)

                needed = _creating_prerequisites(connection, plan, migration)
                proof_run = _proof_run(plan, measured, dialect, in_parts, needed)
                if plan.online is not None and with_rows:
                    proof_run = _with_writer(proof_run, waits)
                proof = proof_run.run(opened, with_rows=with_rows)
        except AutodiffError as error:
            return Proof(skipped=_why_skipped(error, migration), cure=error.hint)
        rates = _rates(connection, opened, plan, dialect) if proof.passed and with_rows else {}
        lost = tuple(line for line in proof.lost if line not in _copied(plan))
        return replace(
            proof,
            statements=tuple(statements),
            rates=rates,
            notes=(*proof.notes, *_version_note(plan.dialect, dialect)),
            lost=lost,
            longest_wait=waits.longest if waits.count else None,
            waits=waits.by_step() if waits.count else (),
        )


def _why_skipped(error: AutodiffError, migration: Migration | None) -> str:
    """Return the reason; the place of the files during the rehearsal is left out.

    So are lines: they are others once the reason is in the file.
    """
    if isinstance(error, MigrationFileError) and migration is not None:
        return MigrationFileError(migration.path.name, error.reason).line
    return error.line


def _with_writer(proof_run: ProofRun, waits: WriteWaits) -> ProofRun:
    """Return the same run with a second connection that writes while the upgrade runs."""

    def upgrade(connection: Connection) -> None:
        with write_beside(connection, proof_run.dialect, proof_run.start, waits):
            proof_run.upgrade(connection)

    return replace(proof_run, upgrade=upgrade)


def _copied(plan: Plan) -> set[str]:
    """Return the lines about dropped columns whose values another column has."""
    return {
        f"upgrade: the values of {sync.table}.{sync.before}"
        for sync in plan.setup
        if isinstance(sync, SyncColumns)
    }


def _rates(
    live: Connection | None, scratch: Connection, plan: Plan, dialect: Dialect
) -> dict[Name, Rates]:
    """Return the rates for the large tables of the live database that the plan changes."""
    used = {name for operation in plan.operations for name in tables_of(operation)}
    names = NameMap.of_operations(plan.operations)
    changed = {names.table_before(name) for name in used}
    tables = {name: table for name, table in plan.current.tables.items() if name in changed}
    if live is None or not tables:
        return {}
    found = {
        table.name: measure_rates(scratch, dialect, table)
        for table in large_tables(live, plan.dialect, tables)
    }
    return {name: rates for name, rates in found.items() if rates is not None}


def _recorded(
    run: Step,
    recorder: StatementRecorder,
    migration: Migration | None,
    statements: list[MeasuredStatement],
    connection: Connection,
    dialect: Dialect,
) -> None:
    """Run a step, and add its statements with what they did."""
    with recorder.recording(migration) as found:
        try:
            run(connection, dialect)
        finally:
            statements += found


def _version_note(live: Dialect, scratch: Dialect) -> tuple[str, ...]:
    """Return a note if the scratch database is of another major version than the live one."""
    if live.version is None or live.version.split(".")[0] == (scratch.version or "").split(".")[0]:
        return ()
    return (f"it was rehearsed on {scratch}, and the database is {live}",)


@contextmanager
def open_scratch(connection: Connection | None, plan: Plan) -> Iterator[Connection | None]:
    """Open an empty scratch database for a plan; None if there is none."""
    with scratch_to_run(plan.dialect, connection, namespaces=_namespaces(plan)) as opened:
        yield opened


def _namespaces(plan: Plan) -> tuple[str, ...]:
    return tuple(sorted({*plan.current.namespaces, *plan.desired.namespaces}))


def _proof_run(
    plan: Plan,
    load: Callable[[Direction], Step],
    dialect: Dialect,
    in_parts: Step | None,
    needed: Sequence[Operation],
) -> ProofRun:
    before, after = _affected_tables(plan)
    start, goal = _part(plan, plan.current, before), _part(plan, plan.desired, after)
    namespaces = plan.current.namespaces | plan.desired.namespaces
    scope = scope_for(replace(plan.desired, namespaces=namespaces))

    def build(connection: Connection) -> None:
        _build(connection, plan, dialect, start, needed)

    def step(direction: Direction) -> Callable[[Connection], None]:
        run = load(direction)
        return lambda connection: run(connection, dialect)

    def inspector(connection: Connection) -> ScratchInspector:
        return ScratchInspector(connection=connection, dialect=dialect, scope=scope)

    return ProofRun(
        dialect=dialect,
        scope=scope,
        start=start,
        goal=goal,
        operations=plan.operations,
        queries=[check.query for check in plan.checks],
        build=build,
        upgrade=step("upgrade"),
        downgrade=step("downgrade"),
        downgrade_in_parts=in_parts and (lambda connection: in_parts(connection, dialect)),
        left=lambda connection: inspector(connection).compare_with(goal, None).lines,
        differs=lambda connection, before: inspector(connection).compare_with_earlier(before).lines,
        values=choose_sample_values(plan.changes, plan.maps, start, goal),
    )


def _part(plan: Plan, schema: Schema, names: Iterable[Name]) -> Schema:
    """Return the schema with the named tables, and with the views that the scratch can have.

    A view that reads a table which autodiff does not manage is left out, unless the plan drops or
    creates it: such a plan cannot be rehearsed.
    """
    known = schema.tables.keys() | schema.views.keys()
    planned = {step.name for step in plan.operations if isinstance(step, DropView)}
    planned |= {step.view.name for step in plan.operations if isinstance(step, CreateView)}
    views = {
        name: view
        for name, view in schema.views.items()
        if name in planned or known.issuperset(view.reads)
    }
    return replace(select_tables(schema, names), views=views)


def build_start(connection: Connection, plan: Plan, dialect: Dialect) -> None:
    """Create the tables that a plan can affect, in their state before it, on an empty scratch."""
    before, _ = _affected_tables(plan)
    _build(connection, plan, dialect, _part(plan, plan.current, before))


def _build(
    connection: Connection,
    plan: Plan,
    dialect: Dialect,
    start: Schema,
    needed: Sequence[Operation] = (),
) -> None:
    """Create the tables of a plan; `needed` come before the first of them."""
    created = _without_extension_objects(start, connection, dialect)
    operations = _creating_operations(without_repeated_parts(created))
    before_tables = sum(isinstance(item, _BEFORE_TABLES) for item in operations)
    operations[before_tables:before_tables] = needed
    after_schemas = sum(isinstance(item, CreateNamespace) for item in operations)
    operations[after_schemas:after_schemas] = _creating_domains(plan, dialect)
    operations += plan.setup
    _run(connection, dialect, lambda executor: run_operations(executor, operations), in_parts=True)


class _InParts(Executor):
    """Runs operations, and commits after some of them."""

    def __init__(self, dialect: Dialect, sink: ScratchSink, segments: TransactionSegments) -> None:
        super().__init__(dialect, sink)
        self._segments = segments
        self._submitted = 0

    def submit(self, operation: Operation) -> None:
        super().submit(operation)
        self._submitted += 1
        if self._submitted % _PART == 0:
            self.flush()
            self._segments.close()
            self._segments.open()


def _run(
    connection: Connection,
    dialect: Dialect,
    run: Callable[[Executor], None],
    *,
    in_parts: bool = False,
) -> None:
    """Run operations in one transaction, unless they leave it, or in several."""
    connection.rollback()
    segments = TransactionSegments(connection, dialect, NO_LIMITS)
    sink = ScratchSink(connection, dialect, outside=segments.outside)
    executor = _InParts(dialect, sink, segments) if in_parts else Executor(dialect, sink)
    with segments.around(), executing(executor):
        run(executor)
        executor.flush()


def _creating_operations(schema: Schema) -> list[Operation]:
    """Return the operations that create a schema."""
    tables, late_keys = order_tables(schema.tables)
    return [
        *(CreateNamespace(name=name) for name in sorted(schema.namespaces)),
        *(CreateEnum(enum=schema.enums[name]) for name in sorted(schema.enums)),
        *(CreateSequence(sequence=schema.sequences[name]) for name in sorted(schema.sequences)),
        *(CreateTable(table=table) for table in tables),
        *(AddConstraint(table=name, constraint=key) for name, key in late_keys),
        *(CreateView(view=view) for view in order_views(schema.views)),
    ]


def _without_extension_objects(schema: Schema, connection: Connection, dialect: Dialect) -> Schema:
    """Return a schema without the objects that the extensions of a scratch have created."""
    names = [*schema.tables, *schema.views, *schema.sequences, *schema.enums]
    owned = dialect.catalog.extension_objects(connection, names)
    if not owned:
        return schema
    return replace(
        schema,
        tables={name: item for name, item in schema.tables.items() if name not in owned},
        views={name: item for name, item in schema.views.items() if name not in owned},
        sequences={name: item for name, item in schema.sequences.items() if name not in owned},
        enums={name: item for name, item in schema.enums.items() if name not in owned},
    )


def _creating_domains(plan: Plan, dialect: Dialect) -> list[Operation]:
    """Return the statements for the domains of the models, which no migration creates."""
    return [
        Execute(sql=f"CREATE DOMAIN {dialect.quote_name(item.name)} AS {item.definition}")
        for item in plan.desired.domains
        if item.name.schema is None or item.name.schema in plan.current.namespaces
    ]


def _creating_prerequisites(
    live: Connection | None, plan: Plan, migration: Migration | None
) -> list[Operation]:
    """Return the statements for the functions and collations of the database that a plan uses.

    Those whose names the migration has after CREATE are its own, as in a squash.
    """
    if live is None or plan.stands_alone:
        return []
    if not (known := plan.dialect.scratch.creatable_names(live)):
        return []
    before, _ = _affected_tables(plan)
    start = _creating_operations(_part(plan, plan.current, before))
    statements = [*plan.sql(), *preview_statements(plan.dialect, start, {})]
    used = {name for sql in statements for name in names_in(sql)}
    own = migration.text.lower() if migration is not None else ""
    names = {name for name in used & known if not _is_created(name.removesuffix("()"), own)}
    return [Execute(sql=sql) for sql in plan.dialect.scratch.creating_statements(live, names)]


def _is_created(name: str, text: str) -> bool:
    """Return whether SQL in lower case creates a function or a collation of that name."""
    created = r"\b(function|collation)\s+(if\s+not\s+exists\s+)?([\w\"\\]+\.)?[\"\\]*"
    return re.search(rf"{created}{re.escape(name.lower())}\b", text) is not None


def _views(operations: Iterable[Operation]) -> list[View]:
    return [operation.view for operation in operations if isinstance(operation, CreateView)]


def _read_by_fills(plan: Plan) -> set[Name]:
    """Return the tables that queries in the values of fills name."""
    fills = [item for item in plan.operations if isinstance(item, Backfill)]
    texts = [text for fill in fills for _, text in fill.values if "select" in text.lower()]
    names = {name.lower() for text in texts for name in names_in(text)}
    tables = (*plan.current.tables, *plan.desired.tables) if names else ()
    return {table for table in tables if table.name.lower() in names}


def _affected_tables(plan: Plan) -> tuple[set[Name], set[Name]]:
    """Return the tables that the plan can affect, before and after it."""
    names = NameMap.of_operations(plan.operations)
    used = {name for operation in plan.operations for name in tables_of(operation)}
    used |= {name for view in _views(plan.setup) for name in view.reads}
    used |= _read_by_fills(plan)
    old = affected_tables(plan.current, set(map(names.table_before, used)) | used)
    new = affected_tables(plan.desired, set(map(names.table_after, used)) | used)
    while True:
        before = with_referenced_tables(plan.current, old | set(map(names.table_before, new)))
        after = with_referenced_tables(plan.desired, new | set(map(names.table_after, before)))
        if (before, after) == (old, new):
            return old, new
        old, new = before, after
