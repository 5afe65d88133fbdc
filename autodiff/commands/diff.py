"""Show the plan between two states: models, databases, and points of the history.

A point of the history is built on a scratch database by running the migrations up to it. The schema
at the head is read from the lock file, if that is for the same migrations. Nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.dependents import find_broken_dependents
from autodiff.autogenerate.differences import Difference
from autodiff.autogenerate.live_losses import count_losses
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.planning import NO_VALUE, all_renames, parse_fills, plan_difference
from autodiff.autogenerate.questions import Assume, NoAnswers
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.autogenerate.rewriting import RewritePlan
from autodiff.autogenerate.schemas import scope_for
from autodiff.compare import Candidate, rename_candidates, schema_as_desired
from autodiff.dialects import Dialect, dialect_of
from autodiff.errors import ConfigError
from autodiff.migrations import LockFile
from autodiff.plan import Finding, fills_needed, find_data_loss
from autodiff.rehearse.context import RehearsalContext, lock_mismatch, open_rehearsal_context
from autodiff.rehearse.rehearsal_database import RehearsalDatabase
from autodiff.schema.changes import NamespaceAdded, reverse_change
from autodiff.schema.objects import Constraint, Schema, Table
from autodiff.schema.operations import Backfill, DropNamespace, Operation
from autodiff.utils.connections import open_connection, parse_url

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["DiffRequest", "desired_from_database", "diff_states", "with_existing_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRequest:
    """The arguments of `diff`. A side is `models`, `database`, a URL, or a target."""

    current: str = "database"
    desired: str = "models"
    renames: tuple[str, ...] = ()
    fills: Mapping[str, str] | Iterable[str] = ()
    assume: Assume = None


def diff_states(project: Workspace, request: DiffRequest) -> Plan:
    """Return the plan that leads from one side to the other.

    An undecided rename becomes a drop and an add, and a missing value for existing rows is left
    out; the plan has a finding for each.

    Raises ConfigError for databases of different kinds, and the errors of reading each side.
    """
    with _open_sides(project, request) as sides:
        if request.current == "models":
            # Only the desired side can be the models, so plan the other way and reverse it.
            renames = _reversed_renames(request.renames)
            return _reversed_plan(sides.plan(request.desired, "models", renames))
        return sides.plan(request.current, request.desired, request.renames)


def _is_url(side: str) -> bool:
    return "://" in side


@contextmanager
def _open_sides(project: Workspace, request: DiffRequest) -> Iterator[_Sides]:
    """Connect to the databases that are compared.

    Scratch databases are created beside the first of them, or else beside the project's own.
    """
    sides = dict.fromkeys((request.current, request.desired))
    with ExitStack() as stack:
        connections = {
            side: stack.enter_context(open_connection(_url(project, side)))
            for side in sides
            if side == "database" or _is_url(side)
        }
        if connections:
            context = _context_at(project, next(iter(connections.values())))
            _refuse_kinds(connections)
        else:
            opened = open_rehearsal_context(project, project.graph(), project.lock())
            context = stack.enter_context(opened)
        yield _Sides(
            project=project,
            request=request,
            context=context,
            lock=project.lock(),
            connections=connections,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Reads the sides of a comparison and plans between them.

    context: where scratch databases are created.
    connections: the databases that are compared, by side.
    """

    project: Workspace
    request: DiffRequest
    context: RehearsalContext
    lock: LockFile | None
    connections: Mapping[str, sa.Connection]

    def plan(self, current: str, desired: str, renames: tuple[str, ...]) -> Plan:
        """Return the plan between two sides; the current one is not `models`."""
        if current == desired:
            old = new = Schema()
        else:
            old, new = self._schema(current), self._schema(desired)
        if desired == "models":
            declared_before = self.lock.declared if self.lock is not None else None
        else:
            declared_before = old
            new = desired_from_database(new, old, self._dialect)
        difference = find_renamed_difference(
            self.context.live,
            self._dialect,
            old,
            new,
            all_renames(renames, new, old, self._dialect.default_schema),
            NoAnswers(),
            "drop-and-add",
            create_scratch=True,
            declared_before=declared_before,
        )
        rewrite = self.project.rewrite_plan() if desired == "models" else None
        return self._plan_difference(difference, self.connections.get(current), rewrite)

    @property
    def _dialect(self) -> Dialect:
        return self.context.dialect

    def _schema(self, side: str) -> Schema:
        if side == "models":
            return self.project.declare(self._dialect)
        connection = self.connections.get(side)
        if connection is None:
            return self._schema_at(side)
        schema = dialect_of(connection).catalog.reflect(connection, self.context.scope)
        connection.rollback()
        return schema

    def _schema_at(self, target: str) -> Schema:
        """Return the schema that the migrations up to a target create."""
        graph = self.context.graph
        revisions = self._revisions(target)
        if not revisions:
            return Schema()
        lock, is_head = self.lock, revisions == set(graph.migrations)
        if lock is not None and is_head and self._describes_graph(lock):
            return lock.described
        with RehearsalDatabase(self.context) as database:
            for migration in graph.in_order(revisions):
                database.upgrade(migration)
            return database.read()

    def _describes_graph(self, lock: LockFile) -> bool:
        """Return whether the lock file was written for exactly these migrations."""
        graph = self.context.graph
        checksums = {revision: m.checksum for revision, m in graph.migrations.items()}
        is_same = dict(lock.checksums) == checksums
        return is_same and lock_mismatch(lock, graph, self._dialect) is None

    def _revisions(self, target: str) -> set[str]:
        """Return the revisions up to a target.

        A relative target such as `+1` starts at what the project's own database has.
        """
        is_relative = re.search(r"(\A|@)[+-]\d+\Z", target)
        return self.context.graph.reach(target, self._applied() if is_relative else ())

    def _applied(self) -> set[str]:
        with self.project.connect() as connection:
            return set(self.project.runner(connection, self.context.graph).verify())

    def _plan_difference(
        self,
        difference: Difference,
        connection: sa.Connection | None,
        rewrite: RewritePlan | None,
    ) -> Plan:
        """Return the plan of a difference, with a finding for each open question."""
        fills = parse_fills(self.request.fills)
        unfilled = [item.key for item in fills_needed(difference.changes) if item.key not in fills]
        fills |= dict.fromkeys(unfilled, NO_VALUE)
        plan = plan_difference(difference, fills, NoAnswers(), rewrite=rewrite)
        findings = [*plan.findings, *map(_missing_fill, unfilled)]
        losses = plan.data_loss
        if connection is not None:
            findings += find_broken_dependents(connection, plan)
            connection.rollback()
            losses = count_losses(connection, plan.dialect, losses)
        if self.request.assume is None:
            findings += map(_possible_rename, rename_candidates(difference.changes))
        if not difference.settled:
            findings.append(_NOT_SETTLED)
        operations = [item for item in plan.operations if not _fills_nothing(item)]
        return replace(
            plan, operations=tuple(operations), findings=tuple(findings), data_loss=losses
        )


_NOT_SETTLED = Finding(
    code="unsettled",
    severity="info",
    message="some SQL expressions were compared literally, because no scratch database could be "
    "created",
)


def _possible_rename(candidate: Candidate) -> Finding:
    return Finding(
        code="possible-rename",
        severity="info",
        message=f"{candidate} may be a rename ({candidate.reason}); "
        "it is shown as a drop and an add",
        hint=f"--rename {candidate}",
    )


def _missing_fill(key: str) -> Finding:
    return Finding(
        code="fill-needed",
        severity="warning",
        message=f"{key} is NOT NULL without a default: the SQL fails if the table has rows",
        hint=f"--fill {key}=VALUE",
    )


def _fills_nothing(operation: Operation) -> bool:
    return isinstance(operation, Backfill) and all(value == "NULL" for _, value in operation.values)


def _url(project: Workspace, side: str) -> sa.URL:
    if side != "database":
        return parse_url(side, project.config.root)
    project.announce()
    return project.url


def _context_at(project: Workspace, connection: sa.Connection) -> RehearsalContext:
    dialect = dialect_of(connection, scratch_url=project.scratch_url)
    lock = project.lock()
    namespaces = lock.declared.namespaces if lock is not None else frozenset[str]()
    models = project.declare(dialect) if project.has_models else Schema()
    known = replace(models, namespaces=models.namespaces | namespaces)
    scope = scope_for(known, project.selection())
    return RehearsalContext(live=connection, dialect=dialect, graph=project.graph(), scope=scope)


def _refuse_kinds(opened: Mapping[str, sa.Connection]) -> None:
    kinds = {dialect_of(connection).backend for connection in opened.values()}
    if len(kinds) > 1:
        raise ConfigError(
            f"cannot compare databases of different kinds: {' and '.join(sorted(kinds))}",
            hint="compare each with the models: autodiff diff URL models",
        )


def desired_from_database(schema: Schema, current: Schema, dialect: Dialect) -> Schema:
    """Return a schema that was read, as one that the current schema is to become."""
    return _any_name(schema_as_desired(schema, dialect), current)


def with_existing_names(schema: Schema, dialect: Dialect) -> Schema:
    """Return a schema that was read, as one to create, with the existing names.

    Names that the server chose are kept too, because later migrations use them on every database.
    """
    tables = {
        name: replace(
            dialect.catalog.without_implied(table),
            constraints=tuple(replace(c, implicit=False) for c in table.constraints),
        )
        for name, table in schema.tables.items()
    }
    return replace(schema, tables=tables)


def _any_name(desired: Schema, current: Schema) -> Schema:
    """Allow any name for constraints whose current name nobody chose."""
    tables = {
        name: replace(
            table,
            constraints=tuple(
                replace(c, name=None) if _without_name(c) in unnamed else c
                for c in table.constraints
            ),
        )
        for name, table in desired.tables.items()
        for unnamed in [_unnamed(current.tables.get(name))]
    }
    return replace(desired, tables=tables)


def _unnamed(table: Table | None) -> list[Constraint]:
    return [_without_name(c) for c in table.constraints if c.implicit] if table is not None else []


def _without_name(constraint: Constraint) -> Constraint:
    return replace(constraint, name=None, implicit=False)


def _reversed_plan(plan: Plan) -> Plan:
    """Return the plan in the other direction; namespaces are kept."""
    operations = tuple(o for o in plan.reverse() if not isinstance(o, DropNamespace))
    return Plan(
        dialect=plan.dialect,
        current=plan.desired,
        desired=plan.current,
        changes=tuple(
            reverse_change(change)
            for change in plan.changes
            if not isinstance(change, NamespaceAdded)
        ),
        operations=operations,
        findings=tuple(f for f in plan.findings if f.code != "view-reads"),
        data_loss=find_data_loss(operations, plan.desired.tables, plan.dialect),
    )


def _reversed_renames(renames: Iterable[str]) -> tuple[str, ...]:
    """Return users.nickname:nick for users.nick:nickname, and people:users for users:people."""
    reversed_texts = []
    for text in renames:
        old, _, new = text.partition(":")
        table, dot, column = old.rpartition(".")
        reversed_texts.append(f"{table}.{new}:{column}" if dot else f"{new}:{old}")
    return tuple(reversed_texts)
