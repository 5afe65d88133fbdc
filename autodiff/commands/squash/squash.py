"""Squash a range of the history into one migration, and prove it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.planning import all_renames, parse_fills, plan_difference
from autodiff.autogenerate.questions import NoAnswers
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.commands.diff import desired_from_database, with_existing_names
from autodiff.commands.generate import refuse_unrehearsed, rehearsal_notes
from autodiff.commands.new_revision import GraphPosition
from autodiff.commands.squash.handwritten import HandWritten, HandWrittenReader
from autodiff.commands.squash.range import SquashRange, parse_squash_range
from autodiff.commands.squash.replacement import draft_replacement
from autodiff.errors import (
    HandWrittenError,
    HistoryError,
    MigrationFailedError,
    RehearsalFailedError,
)
from autodiff.migrations import (
    LOCK_NAME,
    Graph,
    LockFile,
    Migration,
    file_name,
    lock_text,
)
from autodiff.plan import fills_needed
from autodiff.rehearse.context import RehearsalContext, open_rehearsal_context
from autodiff.rehearse.draft import prove
from autodiff.rehearse.failures import describe_failure
from autodiff.rehearse.proof import Proof
from autodiff.rehearse.rehearsal_database import RehearsalDatabase
from autodiff.schema.changes import Change, ColumnAltered
from autodiff.schema.objects import Schema, Table
from autodiff.schema.operations import Require
from autodiff.utils.files import write_all
from autodiff.utils.sharing import map_shared, replace_changed

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["Squash", "SquashRequest", "squash_range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SquashRequest:
    """The arguments of `squash`.

    target: the range FROM:TO.
    without_data: leave out what was written by hand.
    renames, fills: what the operations of the range do not show, as for `generate`.
    """

    target: str
    message: str
    without_data: bool = False
    renames: tuple[str, ...] = ()
    fills: Mapping[str, str] | Iterable[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Squash:
    """A squashed migration that is not written yet.

    replaced: the migrations that it replaces, whose files are deleted.
    left_out: what was written by hand in them.
    lock: the lock file to write; None if there is none.
    """

    migration: Migration
    text: str
    replaced: tuple[Migration, ...]
    left_out: tuple[HandWritten, ...]
    lock: LockFile | None
    plan: Plan
    proof: Proof

    @property
    def gone(self) -> list[Path]:
        """The files that will be deleted."""
        files = [path for m in self.replaced for path in _files(m)]
        return [path for path in files if path != self.migration.path]

    def write(self) -> Migration:
        """Write the migration and the lock file, and delete what it replaces; all or nothing."""
        path = self.migration.path
        texts = {path: self.text}
        if self.lock is not None:
            texts[path.parent / LOCK_NAME] = lock_text(self.lock)
        write_all(texts, removed=self.gone)
        return self.migration


def _files(migration: Migration) -> list[Path]:
    return [migration.path, migration.down_path] if migration.is_sql else [migration.path]


def squash_range(project: Workspace, request: SquashRequest) -> Squash:
    """Return one migration that replaces those of a range, proved to be equivalent.

    Raises HistoryError if the range is not a range_, HandWrittenError if parts of it cannot be
    derived from the schemas, RehearsalFailedError if the result differs on a scratch database.
    """
    graph, lock = project.graph(), project.lock()
    range_ = parse_squash_range(graph, request.target)
    with open_rehearsal_context(project, graph, lock) as context:
        _refuse_other_database(range_, context)
        start, end, reader = _read_range(context, range_)
        plan, left_out = _plan(context, start, end, reader, request)
        migration, text = _draft(project, graph, range_, plan, request)
        proof = prove(context.live, plan, {migration.path: text})
    if not proof.passed:
        raise RehearsalFailedError(
            proof.problems, hint=proof.cure or "nothing was changed; please report this as a bug"
        )
    refuse_unrehearsed(proof, required=project.config.require_rehearsal)
    if proof.skipped is not None:
        migration, text = _draft(project, graph, range_, plan, request, proof)
    return Squash(
        migration=migration,
        text=text,
        replaced=range_.migrations,
        left_out=left_out,
        lock=_lock(lock, range_, migration, proof),
        plan=plan,
        proof=proof,
    )


def _refuse_other_database(range_: SquashRange, context: RehearsalContext) -> None:
    last = range_.migrations[-1]
    if not last.is_for(context.dialect):
        kinds = " and ".join(range_.dialects)
        raise HistoryError(
            f"cannot squash {last.path.name}: it is for {kinds}, and the database is "
            f"{context.dialect.backend}",
            hint=f"pass the URL of such a database: autodiff squash --url {range_.dialects[0]}://...",
        )


def _read_range(
    context: RehearsalContext, range_: SquashRange
) -> tuple[Schema, Schema, HandWrittenReader]:
    """Return the schemas before and after the range, and a reader of its migrations."""
    graph = context.graph
    with RehearsalDatabase(context) as database:
        for migration in graph.in_order(graph.lineage(range_.before(graph))):
            _up(database, migration)
        start = now = database.read()
        reader = HandWrittenReader(start, database.inspector.dialect)
        for migration in range_.migrations:
            reader.read(migration, now.tables)
            _up(database, migration)
            now = database.read()
            reader.read_back(migration, now.tables)
    return start, now, reader


def _up(database: RehearsalDatabase, migration: Migration) -> None:
    try:
        database.upgrade(migration)
    except MigrationFailedError as error:
        raise MigrationFailedError(
            f"cannot squash: {migration.path.name} fails on a scratch database: "
            f"{describe_failure(error, migration, None)}",
            revision=migration.revision,
            statement=error.statement,
            hint=f"run autodiff rehearse {migration.name} for details",
        ) from error


def _plan(
    context: RehearsalContext,
    start: Schema,
    end: Schema,
    reader: HandWrittenReader,
    request: SquashRequest,
) -> tuple[Plan, tuple[HandWritten, ...]]:
    """Return the plan between the two schemas, and what it leaves out.

    If a migration could not be read to its end, a rename may be missing. Then a possible rename is
    an error, unless the request decides it.
    """
    _refuse(request, [part for part in reader.parts if part.check is None])
    texts = [*reader.names.renames(), *request.renames]
    difference = find_renamed_difference(
        context.live,
        context.dialect,
        start,
        _desired(context, start, end, reader),
        all_renames(texts, Schema(), start),
        NoAnswers(),
        None if reader.lost else "drop-and-add",
        create_scratch=True,
        declared_before=start,
    )
    needed = set(_filled_columns(difference.changes))
    filled = reader.fills()
    given = {key: f"sql:{value}" for key, (value, _) in filled.items() if key in needed}
    plan = plan_difference(difference, {**given, **parse_fills(request.fills)}, NoAnswers())
    planned = {step.message for step in plan.operations if isinstance(step, Require)}
    by_hand = [part for part in reader.parts if part.check not in planned]
    by_hand += [part for key, (_, part) in filled.items() if key not in needed]
    _refuse(request, by_hand)
    return plan, tuple(dict.fromkeys(by_hand))


def _filled_columns(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the columns that may not be NULL any more, as `--fill` names them."""
    yield from (need.key for need in fills_needed(changes))
    for change in changes:
        if isinstance(change, ColumnAltered) and change.before.nullable > change.after.nullable:
            yield f"{change.table}.{change.after.name}"


def _desired(
    context: RehearsalContext, start: Schema, end: Schema, reader: HandWrittenReader
) -> Schema:
    """Return the schema after the range.

    A new table keeps the names that the server chose. Catalogs do not have how indexes were built.
    """
    wanted, made = (
        desired_from_database(end, start, context.dialect),
        with_existing_names(end, context.dialect),
    )
    tables = {
        name: made.tables[name]
        if reader.names.is_new(name)
        else _with_concurrent_indexes(table, reader.concurrent)
        for name, table in wanted.tables.items()
    }
    return replace(wanted, tables=tables)


def _with_concurrent_indexes(table: Table, names: Collection[str | None]) -> Table:
    """Return the table with indexes that are built without blocking writes, as in the range."""
    indexes = map_shared(
        table.indexes, lambda index: replace_changed(index, concurrently=index.name in names)
    )
    return replace_changed(table, indexes=indexes)


def _refuse(request: SquashRequest, parts: Sequence[HandWritten]) -> None:
    if parts and not request.without_data:
        raise HandWrittenError([str(part) for part in parts])


def _lock(
    lock: LockFile | None, range_: SquashRange, migration: Migration, proof: Proof
) -> LockFile | None:
    """Return the lock file with the new migration, and why it was not rehearsed."""
    if lock is None:
        return None
    new = lock.replacing(range_.revisions, migration)
    if proof.skipped is None:
        return new
    return replace(new, unrehearsed={**new.unrehearsed, migration.revision: proof.skipped})


def _draft(
    project: Workspace,
    graph: Graph,
    range_: SquashRange,
    plan: Plan,
    request: SquashRequest,
    proof: Proof | None = None,
) -> tuple[Migration, str]:
    last = range_.migrations[-1]
    position = GraphPosition(
        parents=range_.parents, labels=range_.labels, depends_on=range_.depends_on(graph)
    )
    return draft_replacement(
        project,
        graph,
        plan,
        range_.migrations,
        position,
        name=file_name(last.number or graph.next_number(), request.message),
        message=request.message,
        dialects=range_.dialects,
        notes=rehearsal_notes(proof),
    )
