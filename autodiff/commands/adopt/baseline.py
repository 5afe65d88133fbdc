"""The first migration of a database that is there already: it makes what the database has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.diff import Answers, difference, plan_difference
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.schemas import scope_for
from autodiff.commands.diff import as_made, as_wanted
from autodiff.commands.generate import Draft, Request, described_schema, drafted, proved
from autodiff.commands.new_revision import Spot
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.unmanaged import UnmanagedObject
from autodiff.errors import HistoryError
from autodiff.migrations import LOCK_NAME, Graph, LockFile, Migration
from autodiff.schema.objects import Schema
from autodiff.utils.files import restore_on_error

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["Baseline", "baseline", "refuse_history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A first migration that is not written yet, for a database that has all of it.

    `left_out` is what the database has and the migration does not make, such as triggers.
    """

    project: Workspace
    draft: Draft
    left_out: tuple[UnmanagedObject, ...] = ()

    def write(self) -> Migration:
        """Writes the migration and the lock file, and records it as applied; all or nothing."""
        with restore_on_error([*self.draft.texts, self.project.directory / LOCK_NAME]):
            migration = self.draft.write()
            with self.project.open_runner(create=True) as runner:
                runner.stamp(migration.revision)
        return migration


def baseline(project: Workspace, message: str, *, rehearse: bool = True) -> Baseline:
    """The migration that makes what the project's database has, out of nothing.

    Raises HistoryError where there are migrations already, in the folder or the database, or where
    the database is empty; RehearsalFailedError where a scratch shows that it makes something else.
    """
    request = Request(message=message, rehearse=rehearse)
    with project.connect() as connection:
        refuse_history(project, connection, project.graph())
        dialect = dialect_of(connection, scratch_url=project.scratch_url)
        models = _declared(project, dialect)
        scope = scope_for(models or Schema(), project.config.exclude_tables)
        current = dialect.catalog.reflect(connection, scope)
        if not current:
            raise HistoryError(
                "the database has no tables to begin with",
                hint='write the first migration from the models: autodiff generate -m "..."',
            )
        plan = _plan(connection, dialect, current)
        graph = project.graph()
        made = drafted(project, graph, Spot(parents=()), request, plan)
        proof = proved(connection, made, plan, request)
        if proof is None:
            made = drafted(project, graph, Spot(parents=()), request, plan, "Not rehearsed.")
        lock = _lock(connection, dialect, current, models)
        return Baseline(
            project=project,
            draft=replace(made, proof=proof, lock=lock),
            left_out=tuple(dialect.catalog.unmanaged_objects(connection, scope)),
        )


def refuse_history(project: Workspace, connection: sa.Connection, graph: Graph) -> None:
    """Raises HistoryError where there are migrations, or the database has had some."""
    if len(graph):
        raise HistoryError(
            f"there are migrations in {project.directory} already: "
            + ", ".join(migration.path.name for migration in graph.migrations.values()),
            hint="if the database has what they make, record it: autodiff stamp",
        )
    applied = project.runner(connection, graph).applied()
    if applied:
        names = ", ".join(sorted(row.name for row in applied.values()))
        raise HistoryError(
            f"the database has had migrations whose files are not in {project.directory}: {names}",
            hint="check out the files; or, to begin anew, let it forget them: "
            "autodiff repair --missing",
        )


def _declared(project: Workspace, dialect: Dialect) -> Schema | None:
    if not project.has_models:
        return None
    return project.declare(dialect)


def _plan(connection: sa.Connection, dialect: Dialect, current: Schema) -> Plan:
    found = difference(
        connection, dialect, Schema(), as_made(current, dialect), create_scratch=True
    )
    return plan_difference(found, {}, Answers())


def _lock(
    connection: sa.Connection, dialect: Dialect, current: Schema, models: Schema | None
) -> LockFile:
    """What the database has. Where the models say something else they count as having said no
    more than its tables, so that what they never spoke of is left alone as before."""
    same = as_wanted(current, current, dialect)
    bare = {name: replace(table, constraints=()) for name, table in same.tables.items()}
    declared = Schema(tables=bare)
    if models is not None:
        found = difference(connection, dialect, current, models, create_scratch=True)
        if not found.changes:
            declared = same = models
    found = difference(connection, dialect, current, same, create_scratch=True)
    description = described_schema(connection, dialect, found)
    return LockFile(
        database=str(dialect),
        declared=declared,
        described=description.schema,
        settled=description.settled,
    )
