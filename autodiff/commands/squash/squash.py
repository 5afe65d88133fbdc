"""Squashes a stretch of the history: builds both of its ends, plans between them, and proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import (
    Answers,
    all_renames,
    parse_fills,
    plan_difference,
    with_renames,
)
from autodiff.autogenerate.plan import Plan
from autodiff.commands.diff import desired_from_database, with_existing_names
from autodiff.commands.new_revision import revision_of
from autodiff.commands.squash.handwritten import HandWritten, Reader
from autodiff.commands.squash.range import Stretch, parse_squash_range
from autodiff.errors import (
    ConfigError,
    HandWrittenError,
    HistoryError,
    MigrationFailedError,
    RehearsalFailedError,
)
from autodiff.migrations import (
    LOCK_NAME,
    Graph,
    Lock,
    Migration,
    file_name,
    lock_text,
)
from autodiff.migrations.files import migration_from
from autodiff.plan import fills_needed
from autodiff.rehearse.draft import prove
from autodiff.rehearse.failures import describe_failure
from autodiff.rehearse.history import open_rehearsal_context
from autodiff.rehearse.proof import Proof
from autodiff.rehearse.stage import Place, Stage
from autodiff.render import render_bodies, render_migration
from autodiff.schema.objects import Schema
from autodiff.schema.operations import Require
from autodiff.utils.files import write_all

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["Squash", "SquashRequest", "squash_range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SquashRequest:
    """What `squash` was asked for: the range FROM:TO, and what its message says.

    without_data: leave out what was written by hand. renames, fills: what the operations of the
    range don't tell, as for `generate`.
    """

    target: str
    message: str
    without_data: bool = False
    renames: tuple[str, ...] = ()
    fills: Mapping[str, str] | Iterable[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Squash:
    """A squashed migration that is not written yet.

    `replaced` are those that it stands for, whose files go; `left_out` what was written by hand in
    them. `lock` is the lock file, None where there is none.
    """

    migration: Migration
    text: str
    replaced: tuple[Migration, ...]
    left_out: tuple[HandWritten, ...]
    lock: Lock | None
    plan: Plan
    proof: Proof

    @property
    def gone(self) -> list[Path]:
        """The files that will be deleted."""
        files = [path for m in self.replaced for path in _files(m)]
        return [path for path in files if path != self.migration.path]

    def write(self) -> Migration:
        """Writes the migration and the lock file, and deletes what it replaces; all or nothing."""
        path = self.migration.path
        texts = {path: self.text}
        if self.lock is not None:
            texts[path.parent / LOCK_NAME] = lock_text(self.lock)
        write_all(texts, removed=self.gone)
        return self.migration


def _files(migration: Migration) -> list[Path]:
    return [migration.path, migration.down_path] if migration.is_sql else [migration.path]


def squash_range(project: Workspace, request: SquashRequest) -> Squash:
    """One migration in place of those of a range: what they add up to, and proved to.

    Raises HistoryError where the range is no line, HandWrittenError where parts of it don't follow
    from schemas, RehearsalFailedError where a scratch shows that the end is not the same.
    """
    graph = project.graph()
    line = parse_squash_range(graph, request.target)
    with open_rehearsal_context(project, graph, project.lock()) as place:
        _refuse_elsewhere(line, place)
        start, end, reader = _ends(place, line)
        plan, left_out = _plan(place, start, end, reader, request)
        migration, text = _drafted(project, graph, line, plan, request)
        proof = prove(place.live, plan, {migration.path: text})
    if proof is None or not proof.passed:
        problems = proof.problems if proof is not None else ("no scratch could be had",)
        raise RehearsalFailedError(
            problems, hint="the migrations are as they were; please report it"
        )
    return Squash(
        migration=migration,
        text=text,
        replaced=line.migrations,
        left_out=left_out,
        lock=_lock(project.lock(), line, migration),
        plan=plan,
        proof=proof,
    )


def _refuse_elsewhere(line: Stretch, place: Place) -> None:
    last = line.migrations[-1]
    if not last.is_for(place.dialect):
        kinds = " and ".join(line.dialects)
        raise HistoryError(
            f"cannot squash {last.path.name} here: it is for {kinds}, and the database is "
            f"{place.dialect.word}",
            hint=f"give the URL of one that it is for: autodiff squash --url {line.dialects[0]}://...",
        )


def _ends(place: Place, line: Stretch) -> tuple[Schema, Schema, Reader]:
    """The schemas before and after the stretch, as a scratch has them; and what lies between."""
    graph = place.graph
    with Stage(place) as stage:
        for migration in graph.in_order(graph.lineage(line.before(graph))):
            _up(stage, migration)
        start = now = stage.bench.read()
        reader = Reader(start, stage.bench.dialect)
        for migration in line.migrations:
            reader.read(migration, now.tables)
            _up(stage, migration)
            now = stage.bench.read()
            reader.read_back(migration, now.tables)
    return start, now, reader


def _up(stage: Stage, migration: Migration) -> None:
    try:
        stage.up(migration)
    except MigrationFailedError as error:
        raise MigrationFailedError(
            f"cannot squash: on a scratch {migration.path.name} fails: "
            f"{describe_failure(error, migration, None)}",
            revision=migration.revision,
            statement=error.statement,
            hint=f"autodiff rehearse {migration.name} shows it too",
        ) from error


def _plan(
    place: Place, start: Schema, end: Schema, reader: Reader, request: SquashRequest
) -> tuple[Plan, tuple[HandWritten, ...]]:
    """What leads from one end to the other, and what of the stretch is left out.

    Where a part could not be read, a rename may have been missed: then one that is possible must
    be told.
    """
    _refuse(request, [part for part in reader.parts if part.check is None])
    texts = [*reader.trail.renames(), *request.renames]
    found = with_renames(
        place.live,
        place.dialect,
        start,
        _wanted(place, start, end, reader),
        all_renames(texts, Schema(), start),
        Answers(),
        None if reader.lost else "drop-and-add",
        create_scratch=True,
        said_before=start,
    )
    needed = {need.key for need in fills_needed(found.changes)}
    filled = reader.fills()
    given = {key: f"sql:{value}" for key, (value, _) in filled.items() if key in needed}
    plan = plan_difference(found, {**given, **parse_fills(request.fills)}, Answers())
    planned = {step.message for step in plan.operations if isinstance(step, Require)}
    by_hand = [part for part in reader.parts if part.check not in planned]
    by_hand += [part for key, (_, part) in filled.items() if key not in needed]
    _refuse(request, by_hand)
    return plan, tuple(dict.fromkeys(by_hand))


def _wanted(place: Place, start: Schema, end: Schema, reader: Reader) -> Schema:
    """The end of the stretch; names that nobody gave are kept where a table is new."""
    wanted, made = (
        desired_from_database(end, start, place.dialect),
        with_existing_names(end, place.dialect),
    )
    new = {name: table for name, table in made.tables.items() if reader.trail.is_new(name)}
    return replace(wanted, tables={**wanted.tables, **new})


def _refuse(request: SquashRequest, parts: Sequence[HandWritten]) -> None:
    if parts and not request.without_data:
        raise HandWrittenError([str(part) for part in parts])


def _drafted(
    project: Workspace, graph: Graph, line: Stretch, plan: Plan, request: SquashRequest
) -> tuple[Migration, str]:
    """The migration and its text; the text of the same stretch is always the same."""
    last = line.migrations[-1]
    name = file_name(last.number or graph.next_number(), request.message)
    depends_on, templates = line.depends_on(graph), project.config.templates_dir
    bodies = render_bodies(plan, templates)

    def text(revision: str) -> str:
        return render_migration(
            plan,
            message=request.message,
            revision=revision,
            parents=line.parents,
            labels=line.labels,
            depends_on=depends_on,
            replaces=line.revisions,
            dialects=line.dialects,
            templates=templates,
            bodies=bodies,
        )

    revision = revision_of(line.parents, name, text(""))
    path = project.directory / f"{name}.py"
    migration = migration_from(path, text(revision))
    if (migration.replaces, migration.dialects) != (line.revisions, line.dialects):
        left_out = "replaces" if migration.replaces != line.revisions else "dialects"
        raise ConfigError(
            f"the template migration.py.j2 leaves out `{left_out}` of a squashed migration",
            hint=f"compare it with the template that comes with autodiff: it writes `{left_out}`",
        )
    kept = [m for m in graph.migrations.values() if m not in line.migrations]
    Graph.of([*kept, migration])
    return migration, text(revision)


def _lock(lock: Lock | None, line: Stretch, migration: Migration) -> Lock | None:
    """The lock file, with the new migration in the place of the others."""
    if lock is None:
        return None
    names = dict.fromkeys(line.revisions, migration.revision)
    checksums = {names.get(r, r): checksum for r, checksum in lock.checksums.items()}
    if migration.revision in checksums:
        checksums[migration.revision] = migration.checksum
    heads = tuple(names.get(head, head) for head in lock.heads)
    return replace(lock, heads=heads, checksums=checksums)
