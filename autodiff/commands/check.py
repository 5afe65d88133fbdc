"""Report drift between the models, the migrations and the database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.commands.drift import Drift
from autodiff.migrations import Graph, LockFile, Migration
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.autogenerate.rewriting import RewritePlan
    from autodiff.dialects import Dialect
    from autodiff.dialects.scope import Selection
    from autodiff.schema.changes import Change
    from autodiff.schema.objects import Schema
    from autodiff.workspace import Workspace

__all__ = ["check_drift", "check_drift_offline"]


@pause_garbage_collection()
def check_drift_offline(project: Workspace) -> Drift:
    """Compare the models with the lock file. Nothing connects to a database."""
    graph = project.graph()
    graph.check_heads()
    lock = project.lock()
    if lock is None:
        return _without_lock(project, graph)
    dialect = project.dialect_of_lock(lock)
    return Drift(
        models=_missing_migration(project, lock, dialect),
        edited=_edited_since_lock(graph, lock),
    )


def _without_lock(project: Workspace, graph: Graph) -> Drift:
    tables = [table for metadata in project.metadata() for table in metadata.tables]
    if len(graph) or not tables:
        notes = (f"there is no lock file in {project.directory}: run autodiff lock to write it",)
        return Drift(notes=notes if len(graph) else ())
    return Drift(models=tuple(f"+ table {name}" for name in sorted(tables)))


def _edited_since_lock(graph: Graph, lock: LockFile) -> tuple[str, ...]:
    lines = [
        f"{migration.path.name} "
        + (
            "differs from the lock file"
            if revision in lock.checksums
            else "is not in the lock file"
        )
        for revision, migration in graph.migrations.items()
        if lock.checksums.get(revision) != migration.checksum
    ]
    lines += [f"{r} is in the lock file only" for r in lock.checksums if r not in graph]
    return tuple(lines)


def _missing_migration(project: Workspace, lock: LockFile, dialect: Dialect) -> tuple[str, ...]:

    desired = project.declare(dialect)
    if desired == lock.declared:
        return ()
    from autodiff.compare import with_known_texts, without_declared_partitions

    desired = with_known_texts(desired, lock.declared, lock.described)
    desired = without_declared_partitions(lock.declared, lock.described, desired)
    comparer = _Comparer(None, dialect, lock, project.rewrite_plan())
    return comparer.model_lines(lock.described, desired)


class _Comparer:
    """Compares schemas without creating a database.

    unsettled: whether SQL texts had to be compared literally, because there was no scratch
        database.
    ignored: whether differences were ignored in texts that no server has described yet.
    """

    def __init__(
        self,
        connection: sa.Connection | None,
        dialect: Dialect,
        lock: LockFile | None,
        rewrite: RewritePlan | None = None,
    ) -> None:
        self._rewrite = rewrite
        self._connection = connection
        self._dialect = dialect
        self._lock = lock
        self._declared_before = lock.declared if lock else None
        self.unsettled = False
        self.ignored = False

    def changes(
        self, current: Schema, desired: Schema, rewrite: RewritePlan | None = None
    ) -> tuple[Change, ...]:
        """Return the changes between two schemas that are left after their plan was rewritten.

        A difference in SQL texts that no server has described yet is ignored: the server may
        describe both texts as the same.
        """
        from autodiff.autogenerate.differences import find_difference
        from autodiff.autogenerate.planning import rewritten_changes
        from autodiff.schema.changes import is_of_texts

        found = find_difference(
            self._connection,
            self._dialect,
            current,
            desired,
            create_scratch=False,
            declared_before=self._declared_before,
        )
        found = replace(found, changes=rewritten_changes(found, rewrite))
        if found.settled:
            return found.changes
        lock = self._lock
        if lock is None or lock.settled or lock.described not in (current, desired):
            self.unsettled = True
            return found.changes
        kept = tuple(change for change in found.changes if not is_of_texts(change))
        self.ignored = self.ignored or len(kept) < len(found.changes)
        return kept

    def lines(self, current: Schema, desired: Schema, *, reverse: bool = False) -> tuple[str, ...]:
        """Return the changes as lines, in the opposite direction with `reverse`."""
        from autodiff.schema.changes import reverse_change
        from autodiff.schema.describe import describe_change

        changes = self.changes(current, desired)
        shown = (reverse_change(change) for change in changes) if reverse else changes
        return tuple(describe_change(change) for change in shown)

    def model_lines(self, current: Schema, models: Schema) -> tuple[str, ...]:
        """Return the changes that `generate` would make, as lines."""
        from autodiff.schema.describe import describe_change

        return tuple(map(describe_change, self.changes(current, models, self._rewrite)))


@pause_garbage_collection()
def check_drift(project: Workspace, *, cache: bool = False) -> Drift:
    """Report all three kinds of drift.

    cache: whether a check without drift is remembered, and a remembered one used.

    Raises the errors of `Workspace.connect` and `Workspace.metadata`.
    """
    from autodiff.commands.check_cache import CheckCache

    metadata = project.metadata()
    found = CheckCache.of(project) if cache else None
    if found is None:
        return _check(project, metadata).drift
    with project.connect(to_read=True) as connection:
        before = found.fingerprints(connection, metadata)
        known = None if before is None else found.find(before)
        if known is not None:
            return known
        checked = _check(project, metadata, connection)
    if before is not None and checked.is_repeatable and checked.schemas <= before.schemas:
        found.remember(before, checked.drift)
    return checked.drift


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """The result of a check, whether it can be remembered, and the schemas that it read."""

    drift: Drift
    is_repeatable: bool
    schemas: frozenset[str]


def _check(
    project: Workspace,
    metadata: Sequence[sa.MetaData],
    connection: sa.Connection | None = None,
) -> _Checked:
    """Compare models, migrations and database, on a connection to read or on a new one."""
    graph = project.graph()
    graph.check_heads()
    lock, selection = project.lock(), project.selection()
    with nullcontext(connection) if connection is not None else project.connect() as opened:
        return _check_connected(project, graph, lock, metadata, selection, opened)


def _check_connected(
    project: Workspace,
    graph: Graph,
    lock: LockFile | None,
    metadata: Sequence[sa.MetaData],
    selection: Selection,
    connection: sa.Connection,
) -> _Checked:
    from autodiff.autogenerate.domains import domain_findings
    from autodiff.autogenerate.schemas import read_schemas
    from autodiff.commands.awaited import schema_after_awaited
    from autodiff.dialects import dialect_of
    from autodiff.runner.deploys import awaited_deploys

    dialect = dialect_of(connection, scratch_url=project.scratch_url)
    with dialect.session.reading(connection):
        behind, history = _against_database(project, graph, connection)
        awaited = awaited_deploys(behind)
        pending = tuple(migration.path.name for migration in behind[len(awaited) :])
        current, desired = read_schemas(connection, dialect, metadata, selection)
    current = schema_after_awaited(current, behind, dialect)
    comparer = _Comparer(connection, dialect, lock, project.rewrite_plan())
    found = _three_ways(comparer, current, desired, _usable(lock, dialect))
    pushed = _is_pushed(project, graph, connection, desired) if found.models else False
    domains = tuple(item.message for item in domain_findings(connection, dialect, desired))
    edited = _edited_since_lock(graph, lock) if lock is not None else ()
    if pushed and not found.database:
        found = replace(found, models=())
    if pending or history or edited:
        # The lock file describes another history than the one that the database has, so that a
        # difference between them can be the work of a migration.
        found = replace(found, by_hand=())
    if lock is None and not len(graph):
        found = replace(found, models=found.database)
    drift = replace(
        found,
        database=(*found.database, *domains),
        pending=pending,
        has_several_heads=len(graph.heads) > 1,
        history=history,
        edited=edited,
        notes=(
            *_notes(graph, lock, dialect, comparer),
            *([_PUSHED] if pushed else []),
            *(f"{item.path.name} waits for the deploy of the new version" for item in awaited),
        ),
    )
    # Migrations that wait are replayed, and can import anything; Alembic has its own records; a
    # scratch on another server can describe the models in another way the next time.
    other_server = project.scratch_url is not None and not dialect.features.transactional_ddl
    is_repeatable = not (drift or behind or graph.alembic or other_server)
    return _Checked(drift=drift, is_repeatable=is_repeatable, schemas=desired.namespaces)


_PUSHED = (
    "the models have changes that were pushed to this database and that no migration covers: run "
    'autodiff generate --from history -m "..." and then autodiff stamp'
)


def _is_pushed(project: Workspace, graph: Graph, connection: sa.Connection, models: Schema) -> bool:
    """Return whether the last push to the database was of these models."""
    from autodiff.commands.push import push_key

    return project.runner(connection, graph).last_push() == push_key(models)


def _usable(lock: LockFile | None, dialect: Dialect) -> LockFile | None:
    """Return the lock file if it was written for this kind of server, else None."""
    return lock if lock is not None and lock.matches(dialect) else None


def _three_ways(
    comparer: _Comparer, current: Schema, desired: Schema, lock: LockFile | None
) -> Drift:
    """Compare models, lock file and database with each other.

    A change that the database and the models have in common was not made by hand: a migration for
    it is missing.
    """
    from autodiff.compare import with_known_texts, without_partitions

    if lock is None:
        return Drift(database=comparer.model_lines(current, desired))
    same = desired == lock.declared
    desired = with_known_texts(desired, lock.declared, lock.described)
    desired = without_partitions(current, desired)  # the lock file describes no partitions
    models = () if same else comparer.model_lines(lock.described, desired)
    by_hand = comparer.lines(current, lock.described, reverse=True)
    return Drift(
        models=models,
        by_hand=tuple(line for line in by_hand if line not in models),
        database=comparer.model_lines(current, lock.described if same else desired),
    )


def _same_kind(locked: str, live: str) -> bool:
    """Return whether two servers are of one kind and major version."""

    def major(text: str) -> tuple[str, str]:
        name, _, version = text.partition(" ")
        return name, version.split(".")[0]

    return major(locked) == major(live)


def _notes(
    graph: Graph, lock: LockFile | None, dialect: Dialect, comparer: _Comparer
) -> tuple[str, ...]:
    notes: list[str] = []
    if lock is None and len(graph):
        notes.append("there is no lock file: run autodiff lock to write it")
    elif lock is not None and _usable(lock, dialect) is None:
        notes.append(
            f"the lock file was written for {lock.database}, and the database is {dialect}"
        )
    if comparer.unsettled:
        notes.append(
            "some SQL expressions were compared literally, because check does not create a scratch "
            "database"
        )
    if comparer.ignored:
        notes.append(
            "no server has described some SQL expressions in the lock file, so differences in them "
            "are not reported: run autodiff lock to describe them"
        )
    return tuple(notes)


def _against_database(
    project: Workspace, graph: Graph, connection: sa.Connection
) -> tuple[tuple[Migration, ...], tuple[str, ...]]:
    """Return the migrations that are not applied, and the problems of the history."""

    runner = project.runner(connection, graph)
    applied = runner.applied()
    pending = graph.in_order(set(graph.migrations) - set(applied))
    wrong = tuple(problem.message for problem in runner.problems(applied))
    return tuple(pending), wrong
