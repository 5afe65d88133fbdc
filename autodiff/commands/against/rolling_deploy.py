"""Check which statements fail while the old and the new code run beside pending migrations."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.against.models_process import Enums, ModelsProcess, start_models
from autodiff.commands.against.reasons import explain_failures
from autodiff.commands.against.report import MigrationSafety, RollingDeploy
from autodiff.errors import ConfigError, HistoryError
from autodiff.rehearse.context import RehearsalContext, open_rehearsal_context
from autodiff.rehearse.rehearsal_database import RehearsalDatabase
from autodiff.utils.git_worktree import check_out

if TYPE_CHECKING:
    from autodiff.commands.against.reasons import Failure
    from autodiff.commands.against.statements import Sent
    from autodiff.migrations import Graph, Migration
    from autodiff.schema.objects import Name, Schema
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
        label = f"git revision {revision}"
        old = stack.enter_context(start_models(project, checkout, context.dialect, label, config))
        _require_all_migrations(graph, old, revision)
        pending = _pending(project, graph, context, old)
        result = RollingDeploy(against=revision, commit=checkout.commit)
        if not pending:
            return result
        here = replace(checkout, tree=checkout.top)
        new = stack.enter_context(
            start_models(project, here, context.dialect, "the work tree", config)
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autodiff-")))
        database = stack.enter_context(RehearsalDatabase(context))
        return _check(result, _Scratch(database, graph, pending, folder), old, new)


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
        self.pending = pending
        self.folder = folder
        others = set(graph.migrations) - {migration.revision for migration in pending}
        first = graph.lineage(others)
        self._order = [*graph.in_order(first), *graph.in_order(set(graph.migrations) - first)]

    def states(self) -> Iterator[Schema]:
        """Yield the schema before the first pending migration, and after each one."""
        database = self.database
        if database.applied:
            database.reset()
        revisions = {migration.revision for migration in self.pending}
        started = False
        for migration in self._order:
            if migration.revision in revisions and not started:
                started = True
                yield database.inspector.read()
            if migration.is_alembic:
                database.upgrade_by_alembic([migration])
            else:
                database.upgrade(migration)
            if migration.revision in revisions:
                yield database.inspector.read()


def _check(
    result: RollingDeploy, scratch: _Scratch, old: ModelsProcess, new: ModelsProcess
) -> RollingDeploy:
    schemas = list(scratch.states())
    tables = _tables_concerned(schemas, (old, new))
    only_new, only_old = _other_values(new.enums, old.enums), _other_values(old.enums, new.enums)
    old_sent: list[list[Sent]] = []
    new_sent: list[list[Sent]] = []
    for schema in scratch.states() if tables else ():
        database = scratch.database
        shared = database.inspector.dialect.scratch.share(
            database.inspector.connection, scratch.folder
        )
        old_sent.append(old.send(shared, schema, tables, only_new))
        new_sent.append(new.send(shared, schema, tables, only_old))
    if not tables:
        old_sent = new_sent = [[] for _ in schemas]
    old_failures = _failures(old_sent, old_sent[0], schemas, old)
    new_failures = _failures(new_sent, new_sent[-1], schemas, new)
    steps = tuple(
        MigrationSafety(
            revision=migration.revision,
            name=migration.name,
            old_code=tuple(sorted(old_failures[place + 1] - old_failures[place])),
            new_code=tuple(sorted(new_failures[place] - new_failures[place + 1])),
        )
        for place, migration in enumerate(scratch.pending)
    )
    notes = (
        *_unchecked(old_sent[0], "before the migrations", old),
        *_unchecked(new_sent[-1], "after the migrations", new),
    )
    return replace(result, steps=steps, notes=notes)


def _tables_concerned(schemas: Sequence[Schema], codes: Sequence[ModelsProcess]) -> list[Name]:
    """Return the tables that a migration changes, and those that a foreign key joins to them."""
    changed: set[Name] = set()
    for before, after in itertools.pairwise(schemas):
        names = before.tables.keys() | after.tables.keys()
        enums = {
            name
            for name in before.enums.keys() | after.enums.keys()
            if before.enums.get(name) != after.enums.get(name)
        }
        for name in names:
            table, later = before.tables.get(name), after.tables.get(name)
            uses = {c.type.enum for t in (table, later) if t for c in t.columns}
            if table != later or uses & enums:
                changed.add(name)
    everything = [*schemas, *(code.declared for code in codes)]
    joined = {
        name
        for schema in everything
        for table in schema.tables.values()
        for key in table.foreign_keys
        if {table.name, key.referred} & changed
        for name in (table.name, key.referred)
    }
    return sorted(changed | joined)


def _other_values(other: Enums, own: Enums) -> Enums:
    """Return the values of Enums that only the other version of the code has."""
    found = {}
    for key, values in other.items():
        known = own.get(key, values)
        if rest := tuple(value for value in values if value not in known):
            found[key] = rest
    return found


def _key(sent: Sent) -> tuple[str, str, str]:
    return sent.statement, sent.subject, sent.variant


def _failures(
    every: Sequence[Sequence[Sent]],
    own: Sequence[Sent],
    schemas: Sequence[Schema],
    code: ModelsProcess,
) -> list[frozenset[Failure]]:
    """Return the failures on each schema of the statements that work on the code's own schema."""
    working = {_key(sent) for sent in own if sent.problem is None}
    return [
        explain_failures(
            (one for one in sent if _key(one) in working), schema, code.declared.tables
        )
        for sent, schema in zip(every, schemas, strict=True)
    ]


def _unchecked(own: Sequence[Sent], when: str, code: ModelsProcess) -> list[str]:
    """Return a note for each kind of statement that never works, so that nothing is known."""
    problems: dict[tuple[str, str], list[str | None]] = {}
    for sent in own:
        problems.setdefault((sent.statement, sent.subject), []).append(sent.problem)
    return [
        f"not checked with the models of {code.label}: {statement} of {subject} fails {when} too: "
        f"{found[0]}"
        for (statement, subject), found in problems.items()
        if all(found)
    ]
