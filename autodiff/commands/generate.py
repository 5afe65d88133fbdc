"""The next migration: compared, planned and rendered, then written together with the lock file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from autodiff.autogenerate.dependent_views import readers_in_the_way
from autodiff.autogenerate.differences import (
    Answers,
    Assume,
    Difference,
    Questioner,
    all_renames,
    parse_fills,
    parse_maps,
    plan_difference,
    with_renames,
)
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.schemas import both_sides
from autodiff.commands.new_revision import Spot, spot_for, texts_at
from autodiff.compare import Doubts
from autodiff.dialects import Dialect, dialect_for, dialect_of
from autodiff.errors import HistoryError, RehearsalFailedError
from autodiff.migrations import LOCK_NAME, Graph, Lock, Migration, file_name, lock_text
from autodiff.migrations.files import migration_from
from autodiff.models import declare
from autodiff.rehearse.proof import Proof
from autodiff.render import render_bodies, render_empty, render_migration
from autodiff.schema.changes import ColumnRenamed, EnumAltered, TableRenamed
from autodiff.schema.objects import Name, Schema, Table
from autodiff.utils.files import write_all

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = [
    "Description",
    "Draft",
    "Request",
    "checksums",
    "described_schema",
    "draft_migration",
    "empty_draft",
    "rehearse_draft",
    "render_draft",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `generate` was asked for.

    parent: the migration to come after, or `base`; None is the head. labels: names of the branch
    that begins here. depends_on: migrations that come before without being parents.
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
    questioner: Questioner | None = None
    rehearse: bool = True
    data_checks: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A migration that is not written yet: its texts by path, and the lock file that goes along.

    `settled` is False where something was in doubt and no scratch could be had; `proof` is what
    the rehearsal showed, None where there was none.
    """

    revision: str
    texts: Mapping[Path, str]
    summary: tuple[str, ...]
    plan: Plan | None
    graph: Graph
    parents: tuple[str, ...]
    lock: Lock = field(default_factory=Lock)
    settled: bool = True
    proof: Proof | None = None

    @property
    def path(self) -> Path:
        """The migration's file; of a pair of SQL files the up file."""
        return next(iter(self.texts))

    def write(self) -> Migration:
        """Writes the migration and the lock file; all of it or nothing."""
        migration = migration_from(self.path, *self.texts.values())
        graph = Graph.of([*self.graph.migrations.values(), migration])
        lock = replace(self.lock, heads=graph.heads, checksums=checksums(graph))
        write_all({**self.texts, self.path.parent / LOCK_NAME: lock_text(lock)})
        return migration


def checksums(graph: Graph) -> dict[str, str]:
    """The checksum of each migration, in the order of the graph."""
    return {revision: migration.checksum for revision, migration in graph.migrations.items()}


def draft_migration(project: Workspace, request: Request) -> Draft | None:
    """The next migration, None where the models and the current schema say the same.

    Raises HistoryError where the database is behind the files or the history has two heads.
    """
    graph = project.graph()
    spot = spot_for(graph, request.parent, request.labels, request.depends_on)
    if request.empty:
        lock = project.lock() or Lock(database=_kind(project))
        dialect = dialect_for(lock.database.split()[0])
        return empty_draft(project, graph, spot, dialect, request.message, lock, request.format)
    with _starting_point(project, graph, request) as start:
        found = _difference(start, request)
        if not found.changes:
            return None
        asked = request.questioner or Answers()
        live = _live(start.connection) if request.data_checks else None
        plan = plan_difference(found, parse_fills(request.fills), asked, live)
        if start.connection is not None:
            held = readers_in_the_way(start.connection, plan)
            plan = replace(plan, findings=(*plan.findings, *held))

        made = render_draft(project, graph, spot, request, plan)
        proof = rehearse_draft(start.connection, made, plan, request)
        if proof is None:
            made = render_draft(project, graph, spot, request, plan, "Not rehearsed.")
        lock = _lock(start, found, proof)
        return replace(made, proof=proof, settled=found.settled, lock=lock)


def _kind(project: Workspace) -> str:
    """The kind and version of the project's database."""
    with project.connect() as connection:
        return dialect_of(connection).kind


def _live(connection: sa.Connection | None) -> sa.Connection | None:
    """The connection with no transaction begun, so that one can begin that only reads."""
    if connection is not None:
        connection.rollback()
    return connection


def rehearse_draft(
    connection: sa.Connection | None, drafted: Draft, plan: Plan, request: Request
) -> Proof | None:
    """What the draft's rehearsal showed; None where there was none.

    Raises RehearsalFailedError where it did not pass.
    """
    if not request.rehearse:
        return None
    from autodiff.rehearse.draft import prove

    proof = prove(connection, plan, drafted.texts)
    if proof is not None and not proof.passed:
        known = [finding.message for finding in plan.findings if finding.severity == "error"]
        raise RehearsalFailedError((*known, *proof.problems))
    return proof


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What the models are compared with."""

    connection: sa.Connection | None
    dialect: Dialect
    current: Schema
    desired: Schema
    known: Lock | None
    from_history: bool = False


@contextmanager
def _starting_point(project: Workspace, graph: Graph, request: Request) -> Iterator[_Start]:
    metadata = project.metadata()
    known = project.lock()
    if request.source == "history":
        yield _from_history(project, metadata, known)
        return
    with project.connect() as connection:
        _refuse_behind(project, graph, connection)
        dialect = dialect_of(connection).with_scratch(project.scratch_url)
        exclude = project.config.exclude_tables
        current, desired = both_sides(connection, dialect, metadata, exclude)
        yield _Start(
            connection=connection,
            dialect=dialect,
            current=current,
            desired=desired,
            known=known,
        )


def _from_history(project: Workspace, metadata: list[sa.MetaData], known: Lock | None) -> _Start:
    if known is None:
        raise HistoryError(
            f"there is no lock file in {project.directory} to compare with",
            hint="generate from a database once, or write it: autodiff lock",
        )
    dialect = dialect_for(known.database.split()[0]).with_scratch(project.scratch_url)
    return _Start(
        connection=None,
        dialect=dialect,
        current=known.described,
        desired=declare(metadata, dialect, exclude=project.config.exclude_tables),
        known=known,
        from_history=True,
    )


def _refuse_behind(project: Workspace, graph: Graph, connection: sa.Connection) -> None:
    from autodiff.runner.runner import Runner

    applied = Runner(connection, graph, schema=project.config.history_schema).verify()
    behind = graph.in_order(set(graph.migrations) - set(applied))
    if behind:
        names = ", ".join(migration.path.name for migration in behind)
        raise HistoryError(
            f"the database is behind the migrations: {names} not applied",
            hint="autodiff upgrade first; or compare with the files alone: --from history",
        )


def _difference(start: _Start, request: Request) -> Difference:
    return with_renames(
        start.connection,
        start.dialect,
        start.current,
        start.desired,
        all_renames(request.renames, start.desired, start.current),
        request.questioner or Answers(),
        request.assume,
        create_scratch=True,
        maps=parse_maps(request.maps),
        said_before=start.known.declared if start.known else None,
    )


def _lock(start: _Start, found: Difference, proof: Proof | None) -> Lock:
    description = described_schema(
        start.connection, start.dialect, found, proof.described if proof else None
    )
    before = start.known if start.from_history else None
    return Lock(
        database=start.dialect.kind
        if start.connection is not None or start.known is None
        else start.known.database,
        declared=start.desired,
        described=description.schema,
        settled=description.settled and (before is None or before.settled),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A schema as a database describes it; not `settled` where none could be asked."""

    schema: Schema
    settled: bool


def described_schema(
    connection: sa.Connection | None,
    dialect: Dialect,
    found: Difference,
    seen: Schema | None = None,
) -> Description:
    """The desired schema as the database will describe it once the migration is applied.

    What did not change is what the database has now; the rest is what was `seen` in a rehearsal,
    or else asked of a scratch.
    """
    from autodiff.autogenerate.canonical import describe_on_scratch

    over = seen if seen is not None else Schema()
    now = replace(
        found.current,
        tables={**found.current.tables, **over.tables},
        views={**found.current.views, **over.views},
    )
    asked = _to_ask(found, dialect, over)
    described = (
        describe_on_scratch(connection, dialect, found.desired, asked, create=True)
        if asked
        else None
    )
    asked_for = {table.name for table in asked.tables}
    tables = {}
    for name, table in found.desired.tables.items():
        if described is not None and name in described.tables:
            contents = described.tables[name]
            keys = tuple(table.foreign_keys)
            tables[name] = replace(
                contents,
                constraints=(*contents.constraints, *keys),
                options={k: contents.options.get(k, v) for k, v in table.options.items()},
                triggers=(),
                partitions=(),
            )
        elif name in asked_for:
            tables[name] = table
        else:
            tables[name] = replace(dialect.align(now.tables[name], table), partitions=())
    shown = {
        name: (described.views.get(name) if described else None) or now.views.get(name) or view
        for name, view in found.desired.views.items()
    }
    return Description(
        schema=replace(found.desired, tables=tables, views=shown),
        settled=described is not None or not asked,
    )


def _to_ask(found: Difference, dialect: Dialect, seen: Schema) -> Doubts:
    """What the database did not describe yet: tables that change, and new views.

    Names and enums change more tables than their own.
    """
    widely = any(isinstance(c, TableRenamed | ColumnRenamed | EnumAltered) for c in found.changes)
    places = (getattr(change, "table", None) for change in found.changes)
    changed = {place for place in places if isinstance(place, Name)}
    tables = []
    for name, table in found.desired.tables.items():
        current = found.current.tables.get(name)
        is_same = current is not None and not widely and name not in changed
        if name not in seen.tables and not is_same and _differs(current, table, dialect):
            tables.append(table)
    known = {*found.current.views, *seen.views}
    views = [view for name, view in found.desired.views.items() if name not in known]
    return Doubts(tables=tuple(tables), views=tuple(views))


def _differs(current: Table | None, table: Table, dialect: Dialect) -> bool:
    if current is None:
        return True
    return dialect.normalize(dialect.align(current, table)) != dialect.normalize(table)


def empty_draft(
    project: Workspace,
    graph: Graph,
    spot: Spot,
    dialect: Dialect,
    message: str,
    lock: Lock,
    format: Literal["python", "sql"] = "python",
) -> Draft:
    """A migration that does nothing yet, at a place in the graph."""

    def python(revision: str) -> str:
        return render_empty(
            dialect,
            message=message,
            revision=revision,
            parents=spot.parents,
            labels=spot.labels,
            depends_on=spot.depends_on,
            templates=project.config.templates_dir,
        )

    name = file_name(graph.next_number(), message)
    revision, texts = texts_at(project.directory / name, spot, message, format, python, None)
    return Draft(
        revision=revision,
        texts=texts,
        summary=(),
        plan=None,
        graph=graph,
        parents=spot.parents,
        lock=lock,
    )


def render_draft(
    project: Workspace, graph: Graph, spot: Spot, request: Request, plan: Plan, *notes: str
) -> Draft:
    """The draft of a plan that is known, with notes in its docstring; not rehearsed."""
    templates = project.config.templates_dir
    bodies = render_bodies(plan, templates) if request.format == "python" else None

    def python(revision: str) -> str:
        return render_migration(
            plan,
            message=request.message,
            revision=revision,
            parents=spot.parents,
            labels=spot.labels,
            depends_on=spot.depends_on,
            templates=templates,
            notes=notes if revision else (),
            bodies=bodies,
        )

    path = project.directory / file_name(graph.next_number(), request.message)
    revision, texts = texts_at(path, spot, request.message, request.format, python, plan, notes)
    return Draft(
        revision=revision,
        texts=texts,
        summary=tuple(plan.summary()),
        plan=plan,
        graph=graph,
        parents=spot.parents,
    )
