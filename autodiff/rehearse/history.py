"""The course of a rehearsal: base to head, each migration up, down and up, then head to base."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from autodiff.autogenerate.schemas import scope_for
from autodiff.autogenerate.scratch import Compared
from autodiff.dialects import Dialect, dialect_for, dialect_of
from autodiff.errors import ConfigError, HistoryError, ModelsError
from autodiff.migrations import Graph, Lock, Migration
from autodiff.models import declare
from autodiff.rehearse.failures import (
    deliberate_error,
    describe_failure,
    has_empty_downgrade,
    known_names,
)
from autodiff.rehearse.losses import find_losses, guess_renames
from autodiff.rehearse.report import RehearsedHistory, RehearsedStep
from autodiff.rehearse.row_sources import LaterRows, LiveRows, NoRows, SampleRows
from autodiff.rehearse.stage import Place, RowSource, Stage, State
from autodiff.runner.runner import Runner
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = [
    "RehearsalRequest",
    "lock_mismatch",
    "open_rehearsal_context",
    "rehearse_history",
    "rehearse_revisions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalRequest:
    """What `rehearse` was asked for.

    target: a migration, or a range of them (`0002:head`); None is the whole history, and with
    live rows what is pending, or the newest.
    rows: made up, a sample of those of the live database, or none.
    count: how many rows of each table are taken from the live database; those that they point at
    come along. seconds: how long that may take.
    """

    target: str | None = None
    rows: Literal["samples", "live", "none"] = "samples"
    count: int = 100
    seconds: float = 60.0


def rehearse_history(project: Workspace, request: RehearsalRequest) -> RehearsedHistory:
    """Runs the migrations on a scratch and tells what was found.

    Raises DatabaseError where no scratch can be had, and HistoryError and ConfigError for what
    is wrong before anything is run.
    """
    graph = project.graph()
    if not len(graph):
        return RehearsedHistory()
    lock = project.lock()
    with open_rehearsal_context(project, graph, lock) as place:
        source, applied = _rows(project, place, request, lock)
        course = _course(graph, request.target, applied)
        with Stage(place) as stage:
            return _Rehearsal(project, place, stage, source, course, lock).run()


def rehearse_revisions(
    project: Workspace, place: Place, stage: Stage, revisions: Collection[str], lock: Lock | None
) -> RehearsedHistory:
    """Runs the whole graph of a place on its stage, these migrations up, down and up again.

    Where all of it passed, the stage is at the heads. Rows are made up.
    """
    order = tuple(place.graph.migrations.values())
    course = _Course(order=order, chosen=frozenset(revisions))
    rows = SampleRows(lock.described if lock is not None else Schema())
    return _Rehearsal(project, place, stage, rows, course, None, ends=False).run()


@contextmanager
def open_rehearsal_context(project: Workspace, graph: Graph, lock: Lock | None) -> Iterator[Place]:
    """Where scratches of a project are made; without a URL where none is needed for one."""
    with _connection(project, lock) as (live, dialect):
        namespaces = lock.declared.namespaces if lock is not None else frozenset()
        desired = _declared(project, dialect)
        namespaces |= desired.namespaces if desired is not None else frozenset()
        scope = scope_for(Schema(namespaces=namespaces), project.config.exclude_tables)
        yield Place(live=live, dialect=dialect, graph=graph, scope=scope)


@contextmanager
def _connection(
    project: Workspace, lock: Lock | None
) -> Iterator[tuple[sa.Connection | None, Dialect]]:
    if project.config.url:
        with project.connect() as connection:
            yield connection, dialect_of(connection).with_scratch(project.scratch_url)
        return
    scratch = project.scratch_url
    if scratch is not None:
        yield None, dialect_for(scratch.get_backend_name()).with_scratch(scratch)
        return
    dialect = dialect_for(lock.database.split()[0]) if lock is not None else None
    if dialect is None or not dialect.features.scratch_in_memory:
        _ = project.url  # raises, and says how to give one
        raise AssertionError
    yield None, dialect


def _declared(project: Workspace, dialect: Dialect) -> Schema | None:
    try:
        return declare(project.metadata(), dialect, exclude=project.config.exclude_tables)
    except (ModelsError, ConfigError):
        return None


def _rows(
    project: Workspace, place: Place, request: RehearsalRequest, lock: Lock | None
) -> tuple[RowSource, frozenset[str] | None]:
    """Where rows come from, and, where that is the live database, what it has had."""
    if request.rows == "none":
        return NoRows(), None
    if request.rows == "samples":
        return SampleRows(lock.described if lock is not None else Schema()), None
    if place.live is None:
        _ = project.url
        raise AssertionError
    runner = Runner(place.live, place.graph, schema=project.config.history_schema)
    applied = frozenset(runner.verify())
    rows = LiveRows.read(place.live, place, applied, request.count, request.seconds)
    return rows, applied


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """The migrations to run, in order, and those of them that are rehearsed."""

    order: tuple[Migration, ...]
    chosen: frozenset[str]

    @property
    def whole(self) -> bool:
        """Whether it begins at the base."""
        return len(self.chosen) == len(self.order)


def _course(graph: Graph, target: str | None, applied: frozenset[str] | None) -> _Course:
    start, found, end = (target or ":").partition(":")
    if not found:
        end = start
    lineage = graph.reach(end or "heads")
    order = tuple(graph.in_order(lineage))
    if not order:
        raise HistoryError(
            f"there is nothing to rehearse up to {end}", hint="name a migration, or none for all"
        )
    last = order[-1]
    skipped: set[str] = set()
    if start not in ("", "base"):
        first = graph.find(start)
        if first.revision not in lineage:
            raise HistoryError(
                f"{first.name} does not come before {last.name}",
                hint="a range goes from the older to the newer: autodiff rehearse 0002:head",
            )
        skipped = graph.lineage([first.revision]) - {first.revision}
    elif applied is not None:
        skipped = set(applied & lineage) or set()
        if skipped == lineage:
            skipped -= {order[-1].revision}
    if applied is not None and not applied <= lineage:
        raise HistoryError(
            f"the database is ahead of {last.name}: its rows don't fit there",
            hint="rehearse up to the head: autodiff rehearse --from-data",
        )
    return _Course(order=order, chosen=frozenset(lineage - skipped))


@dataclass(slots=True)
class _Found:
    """What comes to light about one migration."""

    migration: Migration
    problems: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    irreversible: str | None = None

    def step(self) -> RehearsedStep:
        return RehearsedStep(
            revision=self.migration.revision,
            name=self.migration.name,
            problems=tuple(self.problems),
            lost=tuple(self.lost),
            irreversible=self.irreversible,
            notes=tuple(self.notes),
        )


class _StuckError(Exception):
    """A migration that can't be applied: what comes behind it is not reached."""


class _Rehearsal:
    """One rehearsal under way."""

    def __init__(
        self,
        project: Workspace,
        place: Place,
        stage: Stage,
        rows: RowSource,
        course: _Course,
        lock: Lock | None,
        *,
        ends: bool = True,
    ) -> None:
        self._project = project
        self._place = place
        self._stage = stage
        self._rows = rows
        self._course = course
        self._lock = lock
        self._ends = ends
        self._steps: list[RehearsedStep] = []
        self._problems: list[str] = []
        self._notes: list[str] = []

    def run(self) -> RehearsedHistory:
        order = self._course.order
        not_reached: tuple[str, ...] = ()
        for position, migration in enumerate(order):
            found = _Found(migration)
            try:
                self._one(found)
            except _StuckError:
                not_reached = tuple(m.name for m in order[position + 1 :])
            if migration.revision in self._course.chosen or found.problems:
                self._steps.append(found.step())
            if not_reached or (found.problems and len(self._stage.done) <= position):
                break
        else:
            if self._ends:
                self._at_the_end()
        notes = dict.fromkeys((*self._notes, *self._rows.notes))
        return RehearsedHistory(
            steps=tuple(self._steps),
            problems=tuple(self._problems),
            not_reached=not_reached,
            notes=tuple(notes),
        )

    def _one(self, found: _Found) -> None:
        """Applies a migration, and where it is chosen takes it back and applies it again."""
        stage, rows = self._stage, self._rows
        chosen = found.migration.revision in self._course.chosen
        if not found.migration.is_for(self._place.dialect):
            found.notes.append(f"not for {self._place.dialect.word}: it was only recorded")
        done = stage.done
        before = stage.state()
        try:
            stage.up(found.migration)
        except Exception as error:  # the file's own code may raise anything
            before = self._without_rows(found, done, before, error)
            rows = NoRows()
            self._rows = LaterRows(self._rows, found.migration.revision)
        if chosen:
            self._back_and_forth(found, before, rows)
        stage.fill(self._rows)

    def _without_rows(
        self, found: _Found, done: Sequence[Migration], before: State, error: Exception
    ) -> State:
        """Tries a failed migration again without rows; the state before it.

        Raises _StuckError where rows are not the reason.
        """
        reason = self._said(error, found.migration, before)
        if not any(before.rows.values()):
            found.problems.append(f"upgrade fails: {reason}")
            raise _StuckError from error
        try:
            self._stage.restart(done, NoRows())
            empty = self._stage.state()
            self._stage.up(found.migration)
        except Exception as again:
            found.problems.append(f"upgrade fails: {reason}")
            raise _StuckError from again
        told = found.problems if self._rows.real else found.notes
        told.append(f"upgrade fails with {self._rows.word} rows: {reason}")
        return empty

    def _back_and_forth(self, found: _Found, before: State, rows: RowSource) -> None:
        """Down, and up again; at the end the migration is applied."""
        stage, done = self._stage, self._stage.done
        after = stage.state()
        renames = guess_renames(before.rows, after.rows)
        found.lost += find_losses(before.rows, after.rows, "upgrade", renames)
        stage.fill(rows)
        full = stage.state()
        try:
            stage.down()
        except Exception as error:
            self._no_way_back(found, error, after)
            if not self._place.dialect.features.transactional_ddl:
                stage.restart(done, rows)
            return
        back = stage.state().rows
        if rows.real and not any(before.rows.values()):  # they came in with this migration
            found.lost += find_losses(full.rows, back, "downgrade", guess_renames(full.rows, back))
        else:
            found.lost += find_losses(before.rows, back, "downgrade", NameMap())
        if self._differs(found, before, "downgrade") or not self._up_again(found, after):
            stage.restart(done, rows)

    def _up_again(self, found: _Found, after: State) -> bool:
        """Whether the migration could be applied a second time."""
        try:
            self._stage.up(found.migration)
        except Exception as error:
            reason = self._said(error, found.migration, after)
            found.problems.append(f"upgrade after a downgrade fails: {reason}")
            return False
        self._differs(found, after, "upgrade after a downgrade")
        return True

    def _no_way_back(self, found: _Found, error: Exception, after: State) -> None:
        purpose = deliberate_error(error, found.migration)
        reason = self._said(error, found.migration, after)
        if purpose is None:
            found.problems.append(f"downgrade fails: {reason}")
        else:
            found.irreversible = f"downgrade raises {reason}"

    def _differs(self, found: _Found, wanted: State, direction: str) -> bool:
        """Tells what a step left undone; whether there was anything."""
        compared = self._stage.bench.restored(wanted.schema)
        lines = [f"{direction} leaves: {line}" for line in compared.lines]
        if not lines:
            return False
        if direction == "downgrade" and has_empty_downgrade(found.migration):
            found.irreversible = f"downgrade is empty, and leaves: {'; '.join(compared.lines)}"
        elif compared.settled:
            found.problems += lines
        else:
            found.notes += [f"{line} (compared as texts)" for line in lines]
        return True

    def _said(self, error: Exception, migration: Migration, state: State) -> str:
        private = known_names(state.schema, migration) if self._rows.real else None
        return describe_failure(error, migration, private)

    # The end

    def _at_the_end(self) -> None:
        applied = {m.revision for m in self._stage.done}
        if applied == set(self._place.graph.migrations):
            self._against_models()
            self._against_lock()
        if self._course.whole:
            self._to_base()

    def _against_models(self) -> None:
        bench = self._stage.bench
        try:
            metadata = self._project.metadata()
        except (ModelsError, ConfigError) as error:
            self._notes.append(f"not compared with the models: {error.message}")
            return
        desired = declare(metadata, bench.dialect, exclude=self._project.config.exclude_tables)
        lock = self._lock
        compared = bench.compared(desired, lock.declared if lock is not None else None)
        self._tell("models and migrations differ at the head", compared)

    def _against_lock(self) -> None:
        lock, graph = self._lock, self._place.graph
        if lock is None:
            self._notes.append("not compared with the lock file: there is none")
        elif (reason := lock_mismatch(lock, graph, self._stage.bench.dialect)) is not None:
            self._notes.append(f"not compared with the lock file: {reason}")
        else:
            compared = self._stage.bench.compared(lock.described, lock.declared)
            self._tell("lock file and migrations differ at the head", compared)

    def _tell(self, where: str, compared: Compared) -> None:
        lines = [f"{where}: {line}" for line in compared.lines]
        if compared.settled:
            self._problems += lines
        else:
            self._notes += [f"{line} (compared as texts)" for line in lines]

    def _to_base(self) -> None:
        """All the way back; as far as there is one."""
        steps = {step.revision: step for step in self._steps}
        for migration in reversed(self._stage.done):
            step = steps[migration.revision]
            if step.irreversible or any(p.startswith("downgrade") for p in step.problems):
                self._notes.append(f"the way back to the base ends at {migration.name}")
                return
            before = self._stage.state()
            try:
                self._stage.down()
            except Exception as error:
                reason = self._said(error, migration, before)
                place = self._steps.index(step)
                problem = f"downgrade from the head fails: {reason}"
                self._steps[place] = replace(step, problems=(*step.problems, problem))
                return
        self._problems += [f"left at the base: {line}" for line in self._stage.leftovers()]


def lock_mismatch(lock: Lock, graph: Graph, dialect: Dialect) -> str | None:
    """Why the lock file does not tell what the migrations come to here, None where it does."""
    if set(lock.heads) != set(graph.heads):
        return "it is for another head (autodiff lock writes it anew)"
    if lock.database.split()[:1] != dialect.kind.split()[:1]:
        return f"it was written for {lock.database}"
    return None
