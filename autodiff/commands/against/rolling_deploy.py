"""Check which statements fail while the old and the new code run beside pending migrations."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.against.models_process import ModelsProcess, start_models
from autodiff.commands.against.report import RollingDeploy
from autodiff.commands.against.verdicts import judge_migrations
from autodiff.errors import ConfigError, HistoryError
from autodiff.rehearse.context import RehearsalContext, open_rehearsal_context
from autodiff.rehearse.rehearsal_database import RehearsalDatabase
from autodiff.utils.git_worktree import Checkout, check_out

if TYPE_CHECKING:
    from autodiff.dialects.scratch import SharedScratch
    from autodiff.migrations import Graph, Migration
    from autodiff.schema.objects import Schema
    from autodiff.workspace import Workspace

__all__ = ["check_rolling_deploy"]


def check_rolling_deploy(project: Workspace, revision: str) -> RollingDeploy:
    """Send the statements of old and new models to the schemas of the pending migrations.

    A migration is pending if the git revision does not have it and, with a database, if it is not
    applied.

    Raises ConfigError for an unknown revision, ModelsError if models cannot be loaded, HistoryError
    if the revision has migrations that the work tree lacks.
    """
    config = project.config_path
    if config is None:
        raise ConfigError(
            "cannot check a rolling deploy: the project has no configuration file",
            hint="use Project.load: the settings of the git revision are read from its file",
        )
    graph = project.graph()
    with ExitStack() as stack:
        checkout = stack.enter_context(check_out(project.config.root, revision))
        context = stack.enter_context(open_rehearsal_context(project, graph, project.lock()))
        _copy_env_files(project, checkout)
        label = f"git revision {revision}"
        old = stack.enter_context(start_models(project, checkout, context.dialect, label, config))
        _require_all_migrations(graph, old, revision)
        pending = _pending(project, graph, context, old)
        result = RollingDeploy(against=revision, commit=checkout.commit)
        if not pending:
            note = f"there are no migrations in {project.directory}"
            return result if len(graph) else replace(result, notes=(note,))
        here = replace(checkout, tree=checkout.top)
        new = stack.enter_context(
            start_models(project, here, context.dialect, "the work tree", config)
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autodiff-")))
        database = stack.enter_context(RehearsalDatabase(context))
        scratch = _Scratch(database, graph, pending, folder)
        schemas = list(scratch.states())
        steps, notes = judge_migrations(scratch.pending, schemas, scratch.shared(), old, new)
        return replace(result, steps=steps, notes=notes)


def _copy_env_files(project: Workspace, checkout: Checkout) -> None:
    """Copy the files with environment variables into the checkout: git usually ignores them."""
    for source in (project.config.env_file, project.config.root / ".env"):
        if source is not None and source.is_file():
            target = checkout.counterpart(source)
            if not target.exists() and target.parent.is_dir():
                shutil.copyfile(source, target)


def _require_all_migrations(graph: Graph, old: ModelsProcess, revision: str) -> None:
    replaced = {name for migration in graph.migrations.values() for name in migration.replaces}
    missing = sorted(old.revisions - set(graph.migrations) - replaced)
    if missing:
        raise HistoryError(
            f"git revision {revision} has migrations that the work tree lacks: "
            f"{', '.join(missing)}",
            hint="merge or rebase first; or name the commit at which this branch began: "
            f"git merge-base {revision} HEAD",
        )


def _pending(
    project: Workspace, graph: Graph, context: RehearsalContext, old: ModelsProcess
) -> list[Migration]:
    """Return the migrations that the old code does not know and the database does not have."""
    known = old.revisions | old.replaced
    applied: Iterable[str] = ()
    if context.live is not None and project.has_database:
        applied = project.runner(context.live, graph).applied()
        context.live.rollback()
    found = [
        migration
        for revision, migration in graph.migrations.items()
        if revision not in known
        and not (migration.replaces and known.issuperset(migration.replaces))
        and revision not in set(applied)
        and migration.is_for(context.dialect)
    ]
    return graph.in_order({migration.revision for migration in found})


class _Scratch:
    """A scratch database that is taken through the pending migrations, more than once."""

    def __init__(
        self, database: RehearsalDatabase, graph: Graph, pending: Sequence[Migration], folder: Path
    ) -> None:
        self.database = database
        self.folder = folder
        revisions = {migration.revision for migration in pending}
        first = graph.lineage(set(graph.migrations) - revisions)
        self._order = [*graph.in_order(first), *graph.in_order(set(graph.migrations) - first)]
        self.pending = [m for m in self._order if m.revision in revisions]

    def states(self) -> Iterator[Schema]:
        """Yield the schema before the first pending migration, and after each one."""
        database = self.database
        if database.applied:
            database.reset()
        revisions = {migration.revision for migration in self.pending}
        started = False
        database.upgrade_by_alembic(
            list(takewhile(lambda migration: migration.revision not in revisions, self._order))
        )
        for migration in self._order[database.applied_count :]:
            if migration.revision in revisions and not started:
                started = True
                yield database.read()
            if migration.is_alembic:
                database.upgrade_by_alembic([migration])
            else:
                database.upgrade(migration)
            if migration.revision in revisions:
                yield database.read()

    def shared(self) -> Iterator[SharedScratch]:
        """Yield how to connect to the scratch in each of the states, which is then current."""
        for _ in self.states():
            inspector = self.database.inspector
            yield inspector.dialect.scratch.share(inspector.connection, self.folder)
