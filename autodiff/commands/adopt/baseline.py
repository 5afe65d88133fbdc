"""Generate the first migration of an existing database, which creates all of its objects."""

from __future__ import annotations

from collections.abc import Sequence
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
from autodiff.dialects.scope import Scope
from autodiff.dialects.unmanaged import Prerequisite, UnmanagedObject
from autodiff.errors import HistoryError, RehearsalFailedError
from autodiff.migrations import LOCK_NAME, Graph, LockFile, Migration
from autodiff.migrations.alembic_history import ALEMBIC_FILE
from autodiff.schema.objects import Schema
from autodiff.schema.operations import CreateTable, CreateView, Execute
from autodiff.utils.files import restore_on_error

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = [
    "Baseline",
    "Creation",
    "create_baseline",
    "plan_creation",
    "refuse_adopted",
    "refuse_history",
]


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
        creation = plan_creation(connection, dialect, current, scope)
        graph = project.graph()
        first = GraphPosition(parents=())
        try:
            draft = draft_plan(project, graph, first, request, creation.plan, connection)
        except RehearsalFailedError as error:
            raise _with_left_out(error, creation.left_out) from error
        lock = _lock(connection, dialect, current, models)
        return Baseline(
            project=project,
            draft=replace(draft, lock=lock),
            left_out=creation.left_out,
        )


def _with_left_out(
    error: RehearsalFailedError, left_out: Sequence[UnmanagedObject]
) -> RehearsalFailedError:
    """Return the error with the objects that the baseline does not create, if there are any."""
    if not left_out:
        return error
    return RehearsalFailedError(
        (*error.problems, *(f"left out of the baseline: {item}" for item in left_out)),
        hint="if the baseline needs what was left out, pass --no-rehearse and create it at the "
        "start of upgrade() with op.execute; otherwise please report this",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """The plan that creates what a database has, and the objects that the plan does not create."""

    plan: Plan
    left_out: tuple[UnmanagedObject, ...]


def plan_creation(
    connection: sa.Connection, dialect: Dialect, current: Schema, scope: Scope
) -> Creation:
    """Return the plan that creates the schema of a database, with its names of constraints.

    Unmanaged objects that the tables and views need, such as domains, are created before them.
    """
    needed = dialect.catalog.prerequisites(connection, scope)
    left_out = tuple(
        item
        for item in dialect.catalog.unmanaged_objects(connection, scope)
        if not any(prerequisite.is_same(item) for prerequisite in needed)
    )
    difference = find_difference(
        connection, dialect, Schema(), with_existing_names(current, dialect), create_scratch=True
    )
    plan = plan_difference(difference, {}, NoAnswers())
    return Creation(plan=_with_prerequisites(plan, needed), left_out=left_out)


def _with_prerequisites(plan: Plan, needed: Sequence[Prerequisite]) -> Plan:
    """Return the plan with the unmanaged objects before its first table or view.

    A function is not checked when it is created: it may name tables that come after it.
    """
    created = [Execute(sql=item.sql, reverse_sql=item.reverse_sql) for item in needed]
    if any(item.kind == "function" for item in needed):
        created.insert(0, Execute(sql="SET LOCAL check_function_bodies = off", reverse_sql=""))
    place = next(
        (n for n, item in enumerate(plan.operations) if isinstance(item, CreateTable | CreateView)),
        len(plan.operations),
    )
    operations = (*plan.operations[:place], *created, *plan.operations[place:])
    return replace(plan, operations=operations, stands_alone=True)


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
