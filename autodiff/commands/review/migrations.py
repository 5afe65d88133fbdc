"""Review migrations: what they change, their SQL, what is lost, and what was found about them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.autogenerate.live_losses import count_losses
from autodiff.commands.lint import lint_databases, lint_revisions
from autodiff.commands.lint_folders import own_form, select_revisions, unread_revisions
from autodiff.commands.review.changes import change_of_step
from autodiff.dialects import dialect_of
from autodiff.errors import AutodiffError, DatabaseError, MigrationFileError, database_words
from autodiff.lint.reader import read_script
from autodiff.migrations import Graph, Migration
from autodiff.plan import DataLoss, DataLossFinder
from autodiff.rehearse import RehearsalRequest, RehearsedHistory, rehearse_history
from autodiff.report import MigrationSql, Picture, Problem, Review, ReviewedMigration
from autodiff.runner.alembic_versions import alembic_part
from autodiff.runner.loader import Loader
from autodiff.runner.operation_reader import read_operations
from autodiff.runner.replay import plain_statements
from autodiff.runner.script_sink import ScriptSink, open_script_sink
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Operation
from autodiff.utils.git import top_folder

if TYPE_CHECKING:
    from autodiff.dialects import Dialect
    from autodiff.lint import Finding
    from autodiff.lint.context import Script
    from autodiff.workspace import Workspace

__all__ = ["ReviewRequest", "problem_of", "relative_path", "review_migrations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """What to review.

    target: a migration, or a range such as `0002:head`; None is the newest migration, or with
        `diff_base` all that changed.
    diff_base: a git revision: only migrations that changed since the branch left it, and without
        a target what the branch did to merged migrations.
    rehearse: whether to run them in a scratch database.
    offline: whether to leave the database alone even if one is configured.
    """

    target: str | None = None
    diff_base: str | None = None
    rehearse: bool = False
    offline: bool = False


def review_migrations(project: Workspace, request: ReviewRequest) -> Review:
    """Return the review of migrations. A part that cannot be made is a problem of the review.

    Raises HistoryError if the migrations form no graph or there is no such range, and ConfigError
    if git knows no such revision.
    """
    problems: list[Problem] = []
    graph = _graph(project, problems)
    selection = _select(project, graph, request)
    dialects = lint_databases(project)
    readings = [_read(graph, selection, dialect, problems) for dialect in dialects]
    review = Review(
        subject="migrations",
        title=_title(selection.migrations),
        databases=tuple(map(str, dialects)),
        not_rehearsed="pass --rehearse to run the migrations in a scratch database",
    )
    live = project.has_database and not request.offline
    if selection.migrations:
        review = _with_migrations(review, selection, readings)
    if selection.migrations or selection.diff_base is not None:
        review = _with_findings(review, project, graph, selection, problems, live=live)
    if selection.migrations:
        review = _with_losses(review, project, graph, selection, readings[0], problems, live=live)
        if request.rehearse:
            review = _with_rehearsal(review, project, selection, problems)
        review = replace(review, notes=(*review.notes, *_unrehearsed(project, selection)))
    found = (_with_relative_paths(problem, selection.base) for problem in problems)
    return replace(review, problems=tuple(dict.fromkeys(found)))


def _graph(project: Workspace, problems: list[Problem]) -> Graph:
    """Return the migrations; a file that cannot be read is a problem."""
    errors: list[MigrationFileError] = []
    try:
        graph = project.graph(problems=errors)
    except AutodiffError:
        if errors:  # the place of its migration in the history is unknown
            raise errors[0] from None
        raise
    problems += [problem_of("a migration file", error) for error in errors]
    return graph


def problem_of(part: str, error: Exception) -> Problem:
    """Convert an error to a problem; the first line of its message describes the failure."""
    if isinstance(error, AutodiffError):
        return Problem(part=part, message=error.line, hint=error.hint)
    return Problem(part=part, message=database_words(error))


def _with_relative_paths(problem: Problem, base: Path) -> Problem:
    """Return a problem whose texts name the files below a folder from there."""
    hint = None if problem.hint is None else _without_folder(problem.hint, base)
    return replace(problem, message=_without_folder(problem.message, base), hint=hint)


def _without_folder(text: str, folder: Path) -> str:
    return text.replace(f"{folder}{os.sep}", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    """The migrations to review in order, those before them, and the folder of their paths.

    diff_base: the git revision with which the whole history is compared; None for a part of it.
    """

    migrations: tuple[Migration, ...]
    earlier: tuple[Migration, ...]
    base: Path
    diff_base: str | None

    @property
    def revisions(self) -> frozenset[str]:
        return frozenset(migration.revision for migration in self.migrations)


def _select(project: Workspace, graph: Graph, request: ReviewRequest) -> _Selection:
    if request.target is None and request.diff_base is None:
        revisions = set(graph.heads)
    else:
        revisions = select_revisions(project, graph, request.target, request.diff_base)
    revisions -= unread_revisions(graph)
    earlier = graph.lineage(revisions) - revisions - unread_revisions(graph)
    return _Selection(
        migrations=tuple(graph.in_order(revisions)),
        earlier=tuple(graph.in_order(earlier)),
        base=top_folder(project.directory) or Path.cwd(),
        diff_base=request.diff_base if request.target is None else None,
    )


def _title(migrations: Sequence[Migration]) -> str:
    if not migrations:
        return "no migrations"
    if len(migrations) == 1:
        return f"migration {migrations[0].name}"
    return f"{len(migrations)} migrations, {migrations[0].name} to {migrations[-1].name}"


def relative_path(path: Path, base: Path) -> Path:
    """Return a path from a folder, which can be above the current one."""
    resolved = path.resolve()
    if resolved.is_relative_to(base.resolve()):
        return resolved.relative_to(base.resolve())
    return Path(os.path.relpath(resolved, base))


# Contents of the files


@dataclass(slots=True)
class _Reading:
    """The migrations as read for one kind of database.

    before, after: the tables before the first and after the last migration.
    scripts: the scripts of those that are for the database, by revision.
    unreadable: why a file cannot be read, by revision.
    """

    dialect: Dialect
    before: Mapping[Name, Table] = field(default_factory=dict)
    after: Mapping[Name, Table] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    sql: dict[str, MigrationSql] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def operations(self) -> Iterator[Operation]:
        """Yield the operations of all scripts."""
        for script in self.scripts.values():
            for action in script.actions():
                if isinstance(action, Operation):
                    yield action


def _read(
    graph: Graph, selection: _Selection, dialect: Dialect, problems: list[Problem]
) -> _Reading:
    reading = _Reading(dialect=dialect)
    loader = Loader()
    tables: Mapping[Name, Table] = {}
    for migration in selection.earlier:
        script = _script(reading, migration, tables, loader, problems)
        tables = tables if script is None else script.tables_after
    reading.before = tables
    for migration in selection.migrations:
        script = _script(reading, migration, tables, loader, problems)
        if script is not None:
            reading.scripts[migration.revision] = script
            tables = script.tables_after
    reading.after = tables
    _write_sql(reading, graph, selection)
    return reading


def _script(
    reading: _Reading,
    migration: Migration,
    tables: Mapping[Name, Table],
    loader: Loader,
    problems: list[Problem],
) -> Script | None:
    """Return the script of a migration; None if it is for other databases or cannot be read."""
    if not migration.is_for(reading.dialect):
        return None
    try:
        return read_script(own_form(migration), reading.dialect, tables, loader)
    except AutodiffError as error:
        problems.append(problem_of(migration.name, error))
        reading.unreadable[migration.revision] = error.line
        return None


def _write_sql(reading: _Reading, graph: Graph, selection: _Selection) -> None:
    """Write down the SQL of each migration, or why it is not known."""
    database = str(reading.dialect)
    try:
        with _reasons(), open_script_sink(reading.dialect, alembic_part(graph)) as sink:
            sink.follow(selection.earlier)
            for migration in selection.migrations:
                if migration.revision in reading.scripts:
                    reading.sql[migration.revision] = _sql_of(sink, migration, reading.dialect)
    except _NoSqlError as error:
        for revision in reading.scripts:
            problem = f"the migrations before it have no SQL: {error}"
            reading.sql.setdefault(revision, MigrationSql(database=database, problem=problem))
    for revision, reason in reading.unreadable.items():
        problem = _without_folder(reason, selection.base)
        reading.sql[revision] = MigrationSql(database=database, problem=problem)


def _sql_of(sink: ScriptSink, migration: Migration, dialect: Dialect) -> MigrationSql:
    try:
        with _reasons():
            statements = plain_statements(sink.write(migration, "upgrade"), dialect)
    except _NoSqlError as error:
        return MigrationSql(database=str(dialect), problem=str(error))
    return MigrationSql(database=str(dialect), statements=tuple(statements))


class _NoSqlError(Exception):
    """A migration has no SQL without a connection."""


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn every error into one with its reason: the code of a migration can raise anything."""
    try:
        yield
    except _NoSqlError:
        raise
    except AutodiffError as error:
        raise _NoSqlError(error.line) from error
    except Exception as error:
        raise _NoSqlError(f"{type(error).__name__}: {database_words(error)}") from error


def _with_migrations(review: Review, selection: _Selection, readings: Sequence[_Reading]) -> Review:
    migrations = tuple(
        _migration(migration, readings, selection.base) for migration in selection.migrations
    )
    first = readings[0]
    return replace(
        review,
        migrations=migrations,
        changes=tuple(change for migration in migrations for change in migration.changes),
        picture=Picture(
            before=first.before,
            after=first.after,
            names=NameMap.of_operations(first.operations()),
        ),
    )


def _migration(migration: Migration, readings: Sequence[_Reading], base: Path) -> ReviewedMigration:
    scripts = [r.scripts[migration.revision] for r in readings if migration.revision in r.scripts]
    steps = scripts[0].steps if scripts else []
    changes = [change_of_step(step) for step in steps]
    return ReviewedMigration(
        name=migration.name,
        revision=migration.revision,
        message=migration.message,
        file=relative_path(migration.path, base).as_posix(),
        phase=migration.phase,
        changes=tuple(change for change in changes if change is not None),
        sql=tuple(r.sql[migration.revision] for r in readings if migration.revision in r.sql),
    )


# What was found about them


def _with_findings(
    review: Review,
    project: Workspace,
    graph: Graph,
    selection: _Selection,
    problems: list[Problem],
    *,
    live: bool,
) -> Review:
    broken = _broken(graph, problems) | unread_revisions(graph)
    try:
        result = lint_revisions(
            project,
            graph,
            selection.revisions,
            unreadable=broken,
            diff_base=selection.diff_base,
            evidence=live,
        )
    except AutodiffError as error:
        problems.append(problem_of("lint", error))
        return review
    problems += [
        problem_of("the database" if isinstance(error, DatabaseError) else "lint", error)
        for error in result.problems
    ]
    found = tuple(_with_relative_file(finding, selection.base) for finding in result.findings)
    return replace(review, findings=found)


def _broken(graph: Graph, problems: Collection[Problem]) -> set[str]:
    """Return the revisions of the migrations that a problem names."""
    names = {problem.part for problem in problems}
    return {revision for revision, migration in graph.migrations.items() if migration.name in names}


def _with_relative_file(finding: Finding, base: Path) -> Finding:
    if finding.file is None:
        return finding
    return replace(finding, file=relative_path(finding.file, base))


def _with_losses(
    review: Review,
    project: Workspace,
    graph: Graph,
    selection: _Selection,
    reading: _Reading,
    problems: list[Problem],
    *,
    live: bool,
) -> Review:
    """Add the data that is lost, counted if the database is at the point before the migrations."""
    finder = DataLossFinder(reading.before, reading.dialect)
    for migration in selection.migrations:
        if migration.revision in reading.scripts:
            operations: list[Operation | str] = []
            read_operations(
                own_form(migration),
                "upgrade",
                reading.dialect,
                finder.tables,
                operations.append,
            )
            finder.add(operations)
    review = replace(review, losses=finder.found)
    if not live:
        return review
    try:
        return _counted(review, project, graph, selection, reading.dialect)
    except (AutodiffError, SQLAlchemyError) as error:
        problems.append(problem_of("the database", error))
        return review


def _counted(
    review: Review,
    project: Workspace,
    graph: Graph,
    selection: _Selection,
    read_for: Dialect,
) -> Review:
    with project.connect() as connection:
        dialect = dialect_of(connection)
        databases = tuple(
            str(dialect) if name.split(" ")[0] == str(read_for).split(" ")[0] else name
            for name in review.databases
        )
        if dialect.backend != read_for.backend:
            return review
        applied = set(project.runner(connection, graph).applied())
        losses: tuple[DataLoss, ...] = review.losses
        notes = review.notes
        if selection.revisions & applied:
            which = "these" if selection.revisions <= applied else "some of these"
            notes = (*notes, f"the database has {which} migrations already: no rows were counted")
        elif not {migration.revision for migration in selection.earlier} <= applied:
            notes = (
                *notes,
                "the database lacks earlier migrations: no rows were counted",
            )
        else:
            losses = count_losses(connection, dialect, losses)
    return replace(review, losses=losses, notes=notes, databases=databases)


# The rehearsal


def _with_rehearsal(
    review: Review, project: Workspace, selection: _Selection, problems: list[Problem]
) -> Review:
    first, last = selection.migrations[0], selection.migrations[-1]
    target = first.revision if first is last else f"{first.revision}:{last.revision}"
    try:
        result: RehearsedHistory = rehearse_history(project, RehearsalRequest(target=target))
    except (AutodiffError, SQLAlchemyError) as error:
        problems.append(problem_of("the rehearsal", error))
        return replace(review, not_rehearsed="the rehearsal could not run")
    return replace(review, rehearsal=result, not_rehearsed=None)


def _unrehearsed(project: Workspace, selection: _Selection) -> Iterator[str]:
    """Yield a note for each migration that was generated without a rehearsal."""
    lock = project.lock()
    for migration in selection.migrations:
        if lock is not None and (reason := lock.unrehearsed.get(migration.revision)):
            yield f"{migration.name} was generated without a rehearsal, because {reason}"
