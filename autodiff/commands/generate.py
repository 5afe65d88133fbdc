"""Draft the next migration: compare, plan, render and rehearse it, without writing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from autodiff.autogenerate.dependents import find_broken_dependents
from autodiff.autogenerate.differences import Difference
from autodiff.autogenerate.domains import DOMAIN_HINT, domain_findings
from autodiff.autogenerate.moved_tables import read_outside_tables
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.planning import all_renames, parse_fills, parse_maps, plan_difference
from autodiff.autogenerate.prerequisites import find_prerequisites
from autodiff.autogenerate.questions import Assume, NoAnswers, Questioner
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.autogenerate.rewriting import RewritePlan, changed_objects, merge_objects
from autodiff.autogenerate.schemas import read_schemas
from autodiff.commands.amend import Amended, find_amended, refuse_applied, refuse_options
from autodiff.commands.awaited import schema_after_awaited
from autodiff.commands.drop_guard import refuse_drops
from autodiff.commands.lock_schema import describe_desired
from autodiff.commands.new_revision import GraphPosition, file_texts, position_for
from autodiff.commands.online_drafts import online_plans, refuse_offline
from autodiff.compare import with_known_texts
from autodiff.dialects import Dialect, dialect_for, dialect_of
from autodiff.errors import HistoryError, PlanError, RehearsalFailedError
from autodiff.migrations import LOCK_NAME, Graph, LockFile, Migration, file_name, lock_text
from autodiff.migrations.files import parse_migration
from autodiff.models import declare
from autodiff.models.scalar_defaults import default_fills
from autodiff.plan.nonblocking.steps import WAY_OUT
from autodiff.rehearse.proof import Proof
from autodiff.render import render_bodies, render_empty, render_migration
from autodiff.runner.deploys import awaited_deploys
from autodiff.schema.objects import Schema
from autodiff.utils.files import write_all

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = [
    "UNWANTED",
    "Draft",
    "GenerateRequest",
    "checksums",
    "draft_empty",
    "draft_migration",
    "draft_plan",
    "refuse_failed",
    "refuse_unrehearsed",
    "rehearsal_notes",
]

UNWANTED = Proof(skipped="--no-rehearse was passed", cure="remove --no-rehearse")
"""The result of a rehearsal that the user declined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """The arguments of `generate`.

    parent: the migration to come after, or `base`; None is the head.
    labels: names of the branch that starts with the migration.
    depends_on: migrations that must be applied before it, without being its parents.
    source: compare the models with the database, or with the history in the lock file.
    allow_drop: the tables that may be dropped with their rows; `*` allows every table.
    amend: write the newest migration anew; an empty message keeps its message.
    discard_edits: amend a migration even if its file was edited.
    location: the migrations folder to write into, if there are several.
    online: write steps that do not block the reads and writes of the application.
    """

    message: str
    parent: str | None = None
    labels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    renames: tuple[str, ...] = ()
    fills: Mapping[str, str] | Iterable[str] = ()
    maps: Mapping[str, str] | Iterable[str] = ()
    source: Literal["database", "history"] = "database"
    format: Literal["python", "sql"] = "python"
    empty: bool = False
    assume: Assume = None
    allow_drop: tuple[str, ...] = ()
    questioner: Questioner | None = None
    rehearse: bool = True
    data_checks: bool = True
    amend: bool = False
    discard_edits: bool = False
    location: str | None = None
    online: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A migration that is not written yet.

    texts: the contents of its files, by path.
    lock: the lock file to write with it.
    settled: False if SQL texts were compared literally, because there was no scratch database.
    proof: the result of the rehearsal, or why there was none; None for an empty migration.
    is_live: whether it was compared with a database, which can be asked for evidence.
    amended: the migration in place of which it is written, if there is one.
    lock_folder: the folder of the lock file; by default that of the migration.
    previous: the drafts of the migrations that come before it, and are written with it.
    """

    revision: str
    texts: Mapping[Path, str]
    summary: tuple[str, ...]
    plan: Plan | None
    graph: Graph
    parents: tuple[str, ...]
    lock: LockFile = field(default_factory=LockFile)
    settled: bool = True
    proof: Proof | None = None
    is_live: bool = False
    amended: Amended | None = None
    lock_folder: Path | None = None
    previous: tuple[Draft, ...] = ()

    @property
    def path(self) -> Path:
        """The file of the migration; the up file of a pair of SQL files."""
        return next(iter(self.texts))

    def parsed(self) -> Migration:
        """Return the migration as it will be read from its files."""
        return parse_migration(self.path, *self.texts.values())

    def write(self) -> Migration:
        """Write the migration, those before it and the lock file, all or none."""
        drafts = (*self.previous, self)
        migrations = [draft.parsed() for draft in drafts]
        graph = Graph.of([*self.graph.migrations.values(), *migrations], self.graph.alembic)
        known = graph.migrations.keys() - {draft.revision for draft in drafts}
        unrehearsed = {r: why for r, why in self.lock.unrehearsed.items() if r in known}
        for draft in drafts:
            if draft.proof is not None and draft.proof.skipped is not None:
                unrehearsed[draft.revision] = draft.proof.skipped
        lock = replace(
            self.lock, heads=graph.heads, checksums=checksums(graph), unrehearsed=unrehearsed
        )
        removed = self.amended.paths if self.amended is not None else ()
        folder = self.lock_folder or self.path.parent
        texts = {path: text for draft in drafts for path, text in draft.texts.items()}
        write_all({**texts, folder / LOCK_NAME: lock_text(lock)}, removed=removed)
        return migrations[-1]


def checksums(graph: Graph) -> dict[str, str]:
    """Return the checksum of each migration, in the order of the graph."""
    return {revision: migration.checksum for revision, migration in graph.migrations.items()}


def draft_migration(project: Workspace, request: GenerateRequest) -> Draft | None:
    """Return the next migration, None if the models and the current schema are equal.

    Raises HistoryError if the database is behind the files, or the history has several heads and
    no parent is given.
    """
    graph = project.graph()
    if request.amend:
        return _draft_amended(project, graph, request)
    position = position_for(graph, request.parent, request.labels, request.depends_on)
    position = replace(position, folder=_location(project, request))
    if request.empty:
        lock = project.lock() or LockFile(database=_database_kind(project))
        dialect = dialect_for(lock.backend)
        return draft_empty(project, graph, position, dialect, request.message, lock, request.format)
    return _draft_difference(project, graph, position, request)


def _location(project: Workspace, request: GenerateRequest) -> Path | None:
    return None if request.location is None else project.location(request.location)


def _draft_amended(project: Workspace, graph: Graph, request: GenerateRequest) -> Draft:
    """Return the newest migration as it would be generated now.

    Raises HistoryError if it cannot be amended, or is not needed any more.
    """
    refuse_options(parent=request.parent, source=request.source, empty=request.empty)
    amended = find_amended(graph, project.lock(), discard_edits=request.discard_edits)
    migration = amended.migration
    more = position_for(amended.graph, "base", request.labels, request.depends_on)
    position = replace(
        amended.position,
        folder=_location(project, request) or amended.position.folder,
        labels=(*amended.position.labels, *more.labels),
        depends_on=(*amended.position.depends_on, *more.depends_on),
    )
    message = request.message or migration.message
    request = replace(request, message=message)
    draft = _draft_difference(project, amended.graph, position, request, amended)
    if draft is None:
        raise HistoryError(
            f"cannot amend {migration.path.name}: the database matches the models without it",
            hint=f"delete {migration.path.name} and run autodiff lock",
        )
    return replace(draft, amended=amended)


def _draft_difference(
    project: Workspace,
    graph: Graph,
    position: GraphPosition,
    request: GenerateRequest,
    amended: Amended | None = None,
) -> Draft | None:
    """Return the migration that makes the current schema match the models, None if it does."""
    with _open_sides(project, graph, request, amended) as sides:
        _refuse_domains(sides)
        if request.online:
            refuse_offline(sides.dialect, request.format)
        difference = _find_difference(sides, request)
        if not difference.changes:
            return None
        plan = _plan(sides, difference, request, graph, project.rewrite_plan())
        if not plan:
            return None
        if plan.desired != difference.desired:
            sides, difference = _rewritten(sides, difference, plan)
        plans = online_plans(sides.connection, plan) if request.online else (plan,)
        draft = _draft_plans(project, graph, position, request, plans, sides.connection)
        lock = _next_lock(sides, difference, draft.proof)
        is_live = sides.connection is not None and request.data_checks
        return replace(draft, settled=difference.settled, lock=lock, is_live=is_live)


def _database_kind(project: Workspace) -> str:
    """Return the kind and version of the project's database."""
    with project.connect() as connection:
        return str(dialect_of(connection))


# Compare


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """The schemas to compare.

    connection: None if the current schema comes from the lock file.
    lock: the current lock file.
    outside: tables of schemas that no model uses, from which a table could have moved.
    defaults: the defaults of the models, as values for existing rows.
    """

    connection: sa.Connection | None
    dialect: Dialect
    current: Schema
    desired: Schema
    lock: LockFile | None
    defaults: Mapping[str, str]
    outside: Schema = field(default_factory=Schema)


@contextmanager
def _open_sides(
    project: Workspace, graph: Graph, request: GenerateRequest, amended: Amended | None
) -> Iterator[_Sides]:
    """Read both schemas, and keep the connection open for the rehearsal."""
    metadata = project.metadata()
    lock = project.lock()
    if request.source == "history":
        yield _sides_from_lock(project, metadata, lock or _empty_lock(project, graph))
        return
    with project.connect() as connection:
        if amended is not None:
            refuse_applied(project, amended, connection)
        awaited = _refuse_pending(project, graph, connection)
        dialect = dialect_of(connection, scratch_url=project.scratch_url)
        selection = project.selection()
        current, desired = read_schemas(connection, dialect, metadata, selection)
        current = schema_after_awaited(current, awaited, dialect)
        outside = read_outside_tables(
            connection,
            dialect,
            current,
            desired,
            renames=request.renames,
            selection=selection,
            declared_before=lock.declared if lock else None,
        )
        yield _Sides(
            connection=connection,
            dialect=dialect,
            current=current,
            desired=desired,
            lock=lock,
            outside=outside,
            defaults=default_fills(metadata, dialect),
        )


def _empty_lock(project: Workspace, graph: Graph) -> LockFile:
    """Return the lock file of a history without migrations.

    Raises HistoryError if there are migrations, so that the lock file is missing.
    """
    if graph.migrations or graph.alembic is not None:
        raise HistoryError(
            f"cannot compare with the history: there is no lock file in {project.directory}",
            hint="run autodiff lock, or generate from the database once",
        )
    return LockFile(database=str(project.offline_dialect()))


def _sides_from_lock(project: Workspace, metadata: list[sa.MetaData], lock: LockFile) -> _Sides:
    dialect = project.dialect_of_lock(lock, scratch_url=project.scratch_url)
    return _Sides(
        connection=None,
        dialect=dialect,
        current=lock.described,
        desired=declare(metadata, dialect, project.selection()),
        lock=lock,
        defaults=default_fills(metadata, dialect),
    )


def _refuse_pending(
    project: Workspace, graph: Graph, connection: sa.Connection
) -> Sequence[Migration]:
    """Return the pending migrations that wait for a deploy.

    Raises HistoryError if the database lacks others, which would be generated again.
    """

    applied = project.runner(connection, graph).verify()
    behind = graph.in_order(set(graph.migrations) - set(applied))
    awaited = awaited_deploys(behind)
    if pending := behind[len(awaited) :]:
        names = ", ".join(migration.path.name for migration in pending)
        raise HistoryError(
            f"the database is behind the migrations: {names} not applied",
            hint="run autodiff upgrade first, delete the files if they are not needed, or pass "
            "--from history",
        )
    return awaited


def _refuse_domains(sides: _Sides) -> None:
    """Raise PlanError if the database lacks a domain of the models, or has another one."""
    if sides.connection is None:
        return
    problems = domain_findings(sides.connection, sides.dialect, sides.desired)
    if problems:
        raise PlanError("; ".join(item.message for item in problems), hint=DOMAIN_HINT)


def _find_difference(sides: _Sides, request: GenerateRequest) -> Difference:
    lock, desired = sides.lock, sides.desired
    if sides.connection is None and lock is not None:
        desired = with_known_texts(desired, lock.declared, lock.described)
    return find_renamed_difference(
        sides.connection,
        sides.dialect,
        sides.current,
        desired,
        all_renames(
            request.renames,
            sides.desired,
            sides.current,
            sides.dialect.default_schema,
            sides.outside,
        ),
        request.questioner or NoAnswers(),
        request.assume,
        create_scratch=True,
        maps=parse_maps(request.maps),
        declared_before=lock.declared if lock else None,
        outside=sides.outside,
    )


# Plan and render


def _rewritten(sides: _Sides, difference: Difference, plan: Plan) -> tuple[_Sides, Difference]:
    """Return the sides and the difference for a plan that does not lead to the models.

    The lock file then declares what the migration makes, so that the rest stays a difference.
    """
    names = changed_objects(difference.desired, plan.desired)
    declared = merge_objects(sides.desired, plan.desired, names)
    declared = replace(declared, namespaces=plan.desired.namespaces)
    return (
        replace(sides, desired=declared),
        replace(difference, desired=plan.desired, changes=plan.changes),
    )


def _plan(
    sides: _Sides,
    difference: Difference,
    request: GenerateRequest,
    graph: Graph,
    rewrite: RewritePlan | None,
) -> Plan:
    """Return the plan, with findings about the live database if there is a connection."""
    live = sides.connection if request.data_checks else None
    if live is not None:
        # The queries run in a separate read-only transaction.
        live.rollback()
    questioner = request.questioner or NoAnswers()
    fills = parse_fills(request.fills)
    plan = plan_difference(difference, fills, questioner, live, sides.defaults, rewrite)
    if sides.connection is not None:
        broken_dependents = find_broken_dependents(sides.connection, plan)
        texts = [migration.text for migration in graph.migrations.values()]
        by_hand = find_prerequisites(sides.connection, plan, texts)
        plan = replace(plan, findings=(*plan.findings, *broken_dependents, *by_hand))
    refuse_drops(plan, request.allow_drop, questioner)
    return plan


def _draft_plans(
    project: Workspace,
    graph: Graph,
    position: GraphPosition,
    request: GenerateRequest,
    plans: Sequence[Plan],
    connection: sa.Connection | None,
) -> Draft:
    """Return the draft of the last plan, with those of the plans before it."""
    previous: list[Draft] = []
    first = graph.next_number() if position.number is None else position.number
    for number, plan in enumerate(plans, first):
        message = f"{request.message}: {plan.phase}" if plan.phase else request.message
        asked = replace(request, message=message)
        draft = draft_plan(
            project, graph, replace(position, number=number), asked, plan, connection
        )
        previous.append(draft)
        position = replace(position, parents=(draft.revision,), labels=(), depends_on=())
    return replace(previous[-1], previous=tuple(previous[:-1]))


def draft_plan(
    project: Workspace,
    graph: Graph,
    position: GraphPosition,
    request: GenerateRequest,
    plan: Plan,
    connection: sa.Connection | None,
) -> Draft:
    """Return the rehearsed draft of a plan; a draft that is not rehearsed says why in its file.

    Raises RehearsalFailedError if the rehearsal did not pass, PlanError if there was none although
    the configuration requires one.
    """
    draft = _render(project, graph, position, request, plan)
    if request.rehearse:
        project.announce_step("running the migration up and down in a scratch database")
    proof = _rehearse(connection, draft, plan) if request.rehearse else UNWANTED
    if proof.skipped is None:
        return replace(draft, proof=proof)
    refuse_unrehearsed(proof, required=project.config.require_rehearsal)
    return replace(
        _render(project, graph, position, request, plan, *rehearsal_notes(proof)), proof=proof
    )


def refuse_unrehearsed(proof: Proof, *, required: bool) -> None:
    """Raise PlanError for a migration that was not rehearsed, if a rehearsal is required."""
    if proof.skipped is not None and required:
        raise PlanError(
            f"the migration was not rehearsed, because {proof.skipped}; require_rehearsal does not "
            "allow that, so it was not written",
            hint=proof.cure,
        )


def _rehearse(connection: sa.Connection | None, draft: Draft, plan: Plan) -> Proof:
    """Return the result of the rehearsal, or why there was none."""
    from autodiff.rehearse.draft import prove

    proof = prove(connection, plan, draft.texts)
    refuse_failed(plan, proof)
    return proof


def refuse_failed(plan: Plan, proof: Proof) -> None:
    """Raise RehearsalFailedError if a migration did not pass its rehearsal.

    Findings about the live database that can be the cause come first, and their hints are given.
    """
    if proof.passed:
        return
    errors = [finding for finding in plan.findings if finding.severity == "error"]
    problems = (*(finding.message for finding in errors), *proof.problems)
    if hints := list(filter(None, (*(finding.hint for finding in errors), proof.cure))):
        raise RehearsalFailedError(problems, hint="; ".join(hints))
    if plan.online is not None:
        raise RehearsalFailedError(problems, hint=WAY_OUT)
    raise RehearsalFailedError(problems)


def _render(
    project: Workspace,
    graph: Graph,
    position: GraphPosition,
    request: GenerateRequest,
    plan: Plan,
    *notes: str,
) -> Draft:
    """Return the draft of a plan, with notes in the docstring of its file."""
    templates = project.config.templates_dir
    is_python = request.format == "python"
    bodies = render_bodies(plan, templates, project.render_type()) if is_python else None

    def python(revision: str) -> str:
        return render_migration(
            plan,
            message=request.message,
            revision=revision,
            parents=position.parents,
            labels=position.labels,
            depends_on=position.depends_on,
            templates=templates,
            notes=notes if revision else (),
            bodies=bodies,
        )

    path = _path(project, graph, position, request.message)
    revision, texts = file_texts(
        path, position, request.message, request.format, python, plan, notes
    )
    return Draft(
        revision=revision,
        texts=texts,
        summary=tuple(plan.summary()),
        plan=plan,
        graph=graph,
        parents=position.parents,
        lock_folder=project.directory,
    )


def _path(project: Workspace, graph: Graph, position: GraphPosition, message: str) -> Path:
    """Return the path of a new migration, without a suffix."""
    number = graph.next_number() if position.number is None else position.number
    return (position.folder or project.directory) / file_name(number, message)


def draft_empty(
    project: Workspace,
    graph: Graph,
    position: GraphPosition,
    dialect: Dialect,
    message: str,
    lock: LockFile,
    format: Literal["python", "sql"] = "python",
    proof: Proof | None = None,
) -> Draft:
    """Return a migration without operations, at a position in the graph."""
    notes = rehearsal_notes(proof)

    def python(revision: str) -> str:
        return render_empty(
            dialect,
            message=message,
            revision=revision,
            parents=position.parents,
            labels=position.labels,
            depends_on=position.depends_on,
            templates=project.config.templates_dir,
            notes=notes,
        )

    path = _path(project, graph, position, message)
    revision, texts = file_texts(path, position, message, format, python, None, notes)
    return Draft(
        revision=revision,
        texts=texts,
        summary=(),
        plan=None,
        graph=graph,
        parents=position.parents,
        lock=lock,
        lock_folder=project.directory,
        proof=proof,
    )


def rehearsal_notes(proof: Proof | None) -> tuple[str, ...]:
    """Return the note about a missing rehearsal for the file."""
    skipped = proof.skipped if proof is not None else None
    return () if skipped is None else (f"Not rehearsed, because {skipped}.",)


# The lock file


def _next_lock(sides: _Sides, difference: Difference, proof: Proof | None) -> LockFile:
    """Return the lock file for the models, without heads and checksums."""
    rehearsed = proof.described if proof is not None else None
    described = describe_desired(sides.connection, sides.dialect, difference, rehearsed)
    settled, database = described.settled, str(sides.dialect)
    if sides.connection is None and sides.lock is not None:
        # Nothing new is known about what the old lock file compared literally.
        settled, database = settled and sides.lock.settled, sides.lock.database
    return LockFile(
        database=database,
        unrehearsed=sides.lock.unrehearsed if sides.lock is not None else {},
        declared=sides.desired,
        described=described.schema,
        settled=settled,
    )
