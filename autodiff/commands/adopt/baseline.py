"""Generate the first migration of an existing database, which creates all of its objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import find_difference
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.planning import plan_difference
from autodiff.autogenerate.questions import NoAnswers
from autodiff.autogenerate.schemas import scope_for
from autodiff.commands.diff import desired_from_database, with_existing_names
from autodiff.commands.generate import Draft, GenerateRequest, draft_plan
from autodiff.commands.lock_schema import describe_desired
from autodiff.commands.new_revision import GraphPosition
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.unmanaged import UnmanagedObject
from autodiff.errors import HistoryError
from autodiff.migrations import LOCK_NAME, Graph, LockFile, Migration
from autodiff.migrations.alembic_history import ALEMBIC_FILE
from autodiff.schema.objects import Schema
from autodiff.utils.files import restore_on_error

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["Baseline", "create_baseline", "plan_creation", "refuse_adopted", "refuse_history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A first migration that is not written yet, for a database that has all of it.

    left_out: objects of the database that the migration does not create, such as triggers.
    """

    project: Workspace
    draft: Draft
    left_out: tuple[UnmanagedObject, ...] = ()

    def write(self) -> Migration:
        """Write the migration and the lock file, and record it as applied; all or nothing."""
        with restore_on_error([*self.draft.texts, self.project.directory / LOCK_NAME]):
            migration = self.draft.write()
            with self.project.open_runner(create=True) as runner:
                runner.stamp(migration.revision)
        return migration


def create_baseline(project: Workspace, message: str, *, rehearse: bool = True) -> Baseline:
    """Return the migration that creates what the project's database has.

    Raises HistoryError if there are migrations already, in the folder or the database, or the
    database is empty; RehearsalFailedError if the migration creates something else.
    """
    request = GenerateRequest(message=message, rehearse=rehearse)
    with project.connect() as connection:
        refuse_history(project, connection, project.graph())
        dialect = dialect_of(connection, scratch_url=project.scratch_url)
        models = _declared(project, dialect)
        scope = scope_for(models or Schema(), project.selection())
        current = dialect.catalog.reflect(connection, scope)
        if not current:
            raise HistoryError(
                "cannot create a baseline: the database has no tables",
                hint='generate the first migration from the models: autodiff generate -m "..."',
            )
        plan = plan_creation(connection, dialect, current)
        graph = project.graph()
        first = GraphPosition(parents=())
        draft = draft_plan(project, graph, first, request, plan, connection)
        lock = _lock(connection, dialect, current, models)
        return Baseline(
            project=project,
            draft=replace(draft, lock=lock),
            left_out=tuple(dialect.catalog.unmanaged_objects(connection, scope)),
        )


def refuse_adopted(project: Workspace) -> None:
    """Raise HistoryError if the project has adopted an Alembic history."""
    path = project.directory / ALEMBIC_FILE
    if path.is_file():
        raise HistoryError(
            f"the project has adopted an Alembic history: {path}",
            hint="to adopt another one, or to convert it, delete this file first",
        )


def refuse_history(project: Workspace, connection: sa.Connection, graph: Graph) -> None:
    """Raise HistoryError if there are migrations, in the folder or the database."""
    if len(graph):
        raise HistoryError(
            f"cannot adopt the database: there are migrations in {project.directory}: "
            + ", ".join(migration.path.name for migration in graph.migrations.values()),
            hint="if the database has their changes, run autodiff stamp",
        )
    applied = project.runner(connection, graph).applied()
    if applied:
        names = ", ".join(sorted(row.name for row in applied.values()))
        raise HistoryError(
            f"cannot adopt the database: {project.directory} lacks applied migrations: {names}",
            hint="check out the files; or run autodiff repair --missing to remove their records",
        )


def _declared(project: Workspace, dialect: Dialect) -> Schema | None:
    if not project.has_models:
        return None
    return project.declare(dialect)


def plan_creation(connection: sa.Connection, dialect: Dialect, current: Schema) -> Plan:
    """Return the plan that creates the schema of a database, with its names of constraints."""
    difference = find_difference(
        connection, dialect, Schema(), with_existing_names(current, dialect), create_scratch=True
    )
    return plan_difference(difference, {}, NoAnswers())


def _lock(
    connection: sa.Connection, dialect: Dialect, current: Schema, models: Schema | None
) -> LockFile:
    """Return the lock file with the schema of the database.

    If the models differ, the lock file declares only tables, so that other kinds of objects which
    the models do not declare are still not compared.
    """
    same = desired_from_database(current, current, dialect)
    bare = {name: replace(table, constraints=()) for name, table in same.tables.items()}
    declared = Schema(tables=bare)
    if models is not None:
        difference = find_difference(connection, dialect, current, models, create_scratch=True)
        if not difference.changes:
            declared = same = models
    difference = find_difference(connection, dialect, current, same, create_scratch=True)
    description = describe_desired(connection, dialect, difference)
    return LockFile(
        database=str(dialect),
        declared=declared,
        described=description.schema,
        settled=description.settled,
    )
