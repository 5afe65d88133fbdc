"""Replace an adopted Alembic history with one migration, proved to lead to the same schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.commands.adopt.baseline import plan_creation
from autodiff.commands.new_revision import GraphPosition
from autodiff.commands.squash.replacement import draft_replacement
from autodiff.commands.unmanaged import left_out_objects
from autodiff.dialects.base import Dialect
from autodiff.dialects.unmanaged import UnmanagedObject
from autodiff.errors import HandWrittenError, HistoryError, RehearsalFailedError
from autodiff.migrations import LOCK_NAME, Migration, file_name, lock_text
from autodiff.migrations.alembic_history import ALEMBIC_FILE, AlembicHistory, alembic_text
from autodiff.rehearse.context import open_rehearsal_context
from autodiff.rehearse.draft import prove
from autodiff.rehearse.proof import Proof
from autodiff.rehearse.rehearsal_database import RehearsalDatabase
from autodiff.schema.objects import Name, Schema
from autodiff.utils.files import write_all

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["AlembicBaseline", "replace_alembic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlembicBaseline:
    """The migration that replaces Alembic's history, not written yet.

    texts: the migration, alembic.toml and the lock file.
    replaced: Alembic's revisions; their files stay, and are not used any more.
    with_rows: tables into which only the revisions insert rows.
    left_out: what the revisions create and the migration does not, such as triggers, and tables
        that the configuration leaves out.
    """

    migration: Migration
    texts: Mapping[Path, str]
    replaced: tuple[Migration, ...]
    with_rows: tuple[str, ...]
    left_out: tuple[UnmanagedObject, ...]
    plan: Plan
    proof: Proof

    def write(self) -> Migration:
        """Write the migration, alembic.toml and the lock file; all or nothing."""
        write_all(self.texts)
        return self.migration


def replace_alembic(
    project: Workspace, message: str = "baseline", *, without_data: bool = False
) -> AlembicBaseline:
    """Return one migration that replaces Alembic's history.

    Alembic runs its history on a scratch database; the migration creates the same schema.

    Args:
        project: The project.
        message: The purpose of the migration; its file is named after it.
        without_data: Whether to leave out the rows that the history inserts.

    Raises:
        HistoryError: The project has no Alembic history.
        HandWrittenError: The history inserts rows.
        RehearsalFailedError: The migration leads to another schema, or could not be tried.
        MigrationFailedError: Alembic cannot run the history.
    """
    graph = project.graph()
    old = tuple(m for m in graph.migrations.values() if m.is_alembic)
    if graph.alembic is None or not old:
        raise HistoryError(
            f"{project.directory} has no Alembic history to replace",
            hint="adopt one first: autodiff adopt",
        )
    lock = project.lock()
    with open_rehearsal_context(project, graph, lock) as context:
        with RehearsalDatabase(context) as database:
            database.upgrade_by_alembic(old)
            after = database.snapshot()
            dialect = database.inspector.dialect
            connection = database.inspector.connection
            creation = plan_creation(connection, dialect, after.schema, context.scope)
            plan = creation.plan
            not_managed = left_out_objects(
                connection, dialect, context.scope.declared or Schema(), project.selection()
            )
            records = {*project.selection().own_tables, _version_table(graph.alembic, dialect)}
            left_out = [item for item in not_managed if item.name not in records]
        with_rows = tuple(sorted(str(name) for name, rows in after.rows.items() if rows))
        if with_rows and not without_data:
            raise HandWrittenError(
                [f"Alembic's revisions insert rows into {name}" for name in with_rows],
                what="cannot replace Alembic's revisions: a baseline contains no rows",
                hint="keep the revisions; or leave the rows out with --without-data, and insert "
                "them in a later migration if new databases need them",
            )
        migration, text = draft_replacement(
            project,
            graph,
            plan,
            old,
            GraphPosition(parents=()),
            name=file_name(0, message),
            message=message,
        )
        proof = prove(context.live, plan, {migration.path: text})
    if not proof.passed:
        raise RehearsalFailedError(
            proof.problems or (f"it could not be tried: {proof.skipped}",),
            hint=proof.cure or "nothing was changed; please report this as a bug",
        )
    revisions = [m.revision for m in old]
    history = replace(
        graph.alembic,
        folder=None,
        database=None,
        x=(),
        configure=None,
        replaced_by=migration.revision,
        heads=graph.tips(revisions),
    )
    folder = project.directory
    texts = {migration.path: text, folder / ALEMBIC_FILE: alembic_text(history, folder)}
    if lock is not None:
        texts[folder / LOCK_NAME] = lock_text(lock.replacing(revisions, migration))
    return AlembicBaseline(
        migration=migration,
        texts=texts,
        replaced=old,
        with_rows=with_rows,
        left_out=(*left_out, *creation.left_out),
        plan=plan,
        proof=proof,
    )


def _version_table(history: AlembicHistory, dialect: Dialect) -> str:
    schema = history.version_table_schema
    return str(Name(history.version_table, None if schema == dialect.default_schema else schema))
