"""The first migration of a database that is there already: it makes what the database has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import Answers, find_difference, plan_difference
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.schemas import scope_for
from autodiff.commands.diff import desired_from_database, with_existing_names
from autodiff.commands.generate import (
    Draft,
    Request,
    described_schema,
    rehearse_draft,
    render_draft,
)
from autodiff.commands.new_revision import Spot
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.unmanaged import LeftAlone
from autodiff.errors import HistoryError
from autodiff.migrations import LOCK_NAME, Graph, Lock, Migration
from autodiff.models import declare
from autodiff.runner.runner import Runner
from autodiff.schema.objects import Schema
from autodiff.utils.files import restoring

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["Baseline", "create_baseline", "refuse_history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A first migration that is not written yet, for a database that has all of it.

    `left_out` is what the database has and the migration does not make, such as triggers.
    """

    project: Workspace
    draft: Draft
    left_out: tuple[LeftAlone, ...] = ()

    def write(self) -> Migration:
        """Writes the migration and the lock file, and records it as applied; all or nothing."""
        with restoring([*self.draft.texts, self.project.directory / LOCK_NAME]):
            migration = self.draft.write()
            with self.project.open_runner(None, create=True) as runner:
                runner.stamp(migration.revision)
        return migration


def create_baseline(project: Workspace, message: str, *, rehearse: bool = True) -> Baseline:
    """The migration that makes what the project's database has, out of nothing.

    Raises HistoryError where there are migrations already, in the folder or the database, or where
    the database is empty; RehearsalFailedError where a scratch shows that it makes something else.
    """
    request = Request(message=message, rehearse=rehearse)
    with project.connect() as connection:
        refuse_history(project, connection, project.graph())
        dialect = dialect_of(connection).with_scratch(project.scratch_url)
        models = _declared(project, dialect)
        scope = scope_for(models or Schema(), project.config.exclude_tables)
        current = dialect.reflect(connection, scope)
        if not current:
            raise HistoryError(
                "the database has no tables to begin with",
                hint='write the first migration from the models: autodiff generate -m "..."',
            )
        plan = _plan(connection, dialect, current)
        graph = project.graph()
        made = render_draft(project, graph, Spot(parents=()), request, plan)
        proof = rehearse_draft(connection, made, plan, request)
        if proof is None:
            made = render_draft(project, graph, Spot(parents=()), request, plan, "Not rehearsed.")
        lock = _lock(connection, dialect, current, models)
        return Baseline(
            project=project,
            draft=replace(made, proof=proof, lock=lock),
            left_out=tuple(dialect.unread(connection, scope)),
        )


def refuse_history(project: Workspace, connection: sa.Connection, graph: Graph) -> None:
    """Raises HistoryError where there are migrations, or the database has had some."""
    if len(graph):
        raise HistoryError(
            f"there are migrations in {project.directory} already: "
            + ", ".join(migration.path.name for migration in graph.migrations.values()),
            hint="if the database has what they make, record it: autodiff stamp",
        )
    applied = Runner(connection, graph, schema=project.config.history_schema).applied()
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
    return declare(project.metadata(), dialect, exclude=project.config.exclude_tables)


def _plan(connection: sa.Connection, dialect: Dialect, current: Schema) -> Plan:
    found = find_difference(
        connection, dialect, Schema(), with_existing_names(current, dialect), create_scratch=True
    )
    return plan_difference(found, {}, Answers())


def _lock(
    connection: sa.Connection, dialect: Dialect, current: Schema, models: Schema | None
) -> Lock:
    """What the database has. Where the models say something else they count as having said no
    more than its tables, so that what they never spoke of is left alone as before."""
    same = desired_from_database(current, current, dialect)
    bare = {name: replace(table, constraints=()) for name, table in same.tables.items()}
    declared = Schema(tables=bare)
    if models is not None:
        found = find_difference(connection, dialect, current, models, create_scratch=True)
        if not found.changes:
            declared = same = models
    found = find_difference(connection, dialect, current, same, create_scratch=True)
    description = described_schema(connection, dialect, found)
    return Lock(
        database=dialect.kind,
        declared=declared,
        described=description.schema,
        settled=description.settled,
    )
