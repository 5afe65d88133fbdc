"""What lies between two of: the models, databases, and points of the history. Nothing is written.

A point of the history is built on a scratch by running the migrations up to it; the head may be
read from the lock file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.dependent_views import readers_in_the_way
from autodiff.autogenerate.differences import (
    Answers,
    Assume,
    Difference,
    all_renames,
    parse_fills,
    plan_difference,
    with_renames,
)
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.schemas import scope_for
from autodiff.compare import candidates, wanted_again
from autodiff.dialects import Dialect, dialect_of
from autodiff.errors import ConfigError
from autodiff.migrations import Graph, Lock
from autodiff.models import declare
from autodiff.plan import Finding, fills_needed
from autodiff.rehearse.history import lock_mismatch, open_rehearsal_context
from autodiff.rehearse.stage import Place, Stage
from autodiff.runner.runner import Runner
from autodiff.schema.changes import NamespaceAdded, reverse_change
from autodiff.schema.objects import Constraint, Schema, Table
from autodiff.schema.operations import Backfill, DropNamespace, Operation
from autodiff.utils.connect import open_connection, readable_url

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["DiffRequest", "desired_from_database", "diff_states", "with_existing_names"]

_NOTHING = "sql:NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRequest:
    """What `diff` was asked for. A side is `models`, `database`, a URL, or a target."""

    current: str = "database"
    desired: str = "models"
    renames: tuple[str, ...] = ()
    fills: Mapping[str, str] | Iterable[str] = ()
    assume: Assume = None


def diff_states(project: Workspace, request: DiffRequest) -> Plan:
    """The plan that leads from one side to the other.

    Where a rename is possible and nobody said so, it drops and adds, and a finding tells; so does
    one where rows would need a value.

    Raises ConfigError for databases of different kinds, and what building a side raises.
    """
    with _Table.opened(project, request) as table:
        if request.current == "models":
            return _turned(table.plan(request.desired, "models", _turned_renames(request.renames)))
        return table.plan(request.current, request.desired, request.renames)


def _is_url(side: str) -> bool:
    return "://" in side


class _Table:
    """Where both sides are laid out: a place for scratches, and connections to the databases."""

    def __init__(self, project: Workspace, request: DiffRequest, place: Place) -> None:
        self._project = project
        self._request = request
        self._place = place
        self._lock = project.lock()
        self._connections: dict[str, sa.Connection] = {}

    @classmethod
    @contextmanager
    def opened(cls, project: Workspace, request: DiffRequest) -> Iterator[_Table]:
        """With the place beside a database that is compared, or else beside the project's own."""
        sides = dict.fromkeys((request.current, request.desired))
        with ExitStack() as stack:
            opened = {
                side: stack.enter_context(open_connection(_url(project, side)))
                for side in sides
                if side == "database" or _is_url(side)
            }
            if opened:
                first = next(iter(opened.values()))
                place = _place_at(project, first)
                _refuse_kinds(opened)
            else:
                place = stack.enter_context(
                    open_rehearsal_context(project, project.graph(), project.lock())
                )
            table = cls(project, request, place)
            table._connections = opened
            yield table

    def plan(self, current: str, desired: str, renames: tuple[str, ...]) -> Plan:
        """The plan from a side that is not the models to any."""
        if current == desired:
            old = new = Schema()
        else:
            old, new = self._schema(current), self._schema(desired)
        if desired == "models":
            said = self._lock.declared if self._lock is not None else None
        else:
            said = old
            new = desired_from_database(new, old, self._dialect)
        found = with_renames(
            self._place.live,
            self._dialect,
            old,
            new,
            all_renames(renames, new, old),
            Answers(),
            "drop-and-add",
            create_scratch=True,
            said_before=said,
        )
        return self._planned(found, current)

    @property
    def _dialect(self) -> Dialect:
        return self._place.dialect

    def _schema(self, side: str) -> Schema:
        exclude = self._project.config.exclude_tables
        if side == "models":
            return declare(self._project.metadata(), self._dialect, exclude=exclude)
        if side in self._connections:
            connection = self._connections[side]
            found = dialect_of(connection).reflect(connection, self._place.scope)
            connection.rollback()
            return found
        return self._at(side)

    def _at(self, target: str) -> Schema:
        """What the migrations up to a target come to."""
        graph = self._place.graph
        wanted = self._revisions(target)
        if not wanted:
            return Schema()
        lock = self._lock
        if lock is not None and wanted == set(graph.migrations) and self._tells(lock):
            return lock.described
        with Stage(self._place) as stage:
            for migration in graph.in_order(wanted):
                stage.up(migration)
            return stage.bench.read()

    def _tells(self, lock: Lock) -> bool:
        graph = self._place.graph
        return lock_mismatch(lock, graph, self._dialect) is None and _same_files(lock, graph)

    def _revisions(self, target: str) -> set[str]:
        graph = self._place.graph
        relative = re.search(r"(\A|@)[+-]\d+\Z", target)
        return graph.reach(target, self._applied() if relative else ())

    def _applied(self) -> set[str]:
        """What the project's own database has had: relative targets start there."""
        schema = self._project.config.history_schema
        with self._project.connect() as connection:
            return set(Runner(connection, self._place.graph, schema=schema).verify())

    def _planned(self, found: Difference, current: str) -> Plan:
        fills = parse_fills(self._request.fills)
        open_ = [need for need in fills_needed(found.changes) if need.key not in fills]
        given = {**fills, **{need.key: _NOTHING for need in open_}}
        plan = plan_difference(found, given, Answers())
        operations = [step for step in plan.operations if not _fills_nothing(step)]
        findings = [*plan.findings, *(_unfilled(need.key) for need in open_)]
        if (connection := self._connections.get(current)) is not None:
            findings += readers_in_the_way(connection, plan)
        if self._request.assume is None:
            findings += [
                Finding(
                    code="possible-rename",
                    severity="info",
                    message=f"{candidate} may be a rename ({candidate.reason}); "
                    "it is shown as a drop and an add",
                    hint=f"--rename {candidate}",
                )
                for candidate in candidates(found.changes)
            ]
        if not found.settled:
            findings.append(
                Finding(
                    code="unsettled",
                    severity="info",
                    message="no scratch database could be had; what was in doubt is compared as "
                    "text",
                )
            )
        return replace(plan, operations=tuple(operations), findings=tuple(findings))


def _url(project: Workspace, side: str) -> sa.URL:
    return project.url if side == "database" else readable_url(side, project.config.root)


def _place_at(project: Workspace, connection: sa.Connection) -> Place:
    dialect = dialect_of(connection).with_scratch(project.scratch_url)
    lock = project.lock()
    namespaces = lock.declared.namespaces if lock is not None else frozenset[str]()
    exclude = project.config.exclude_tables
    if project.has_models:
        namespaces |= declare(project.metadata(), dialect, exclude=exclude).namespaces
    scope = scope_for(Schema(namespaces=namespaces), exclude)
    return Place(live=connection, dialect=dialect, graph=project.graph(), scope=scope)


def _refuse_kinds(opened: Mapping[str, sa.Connection]) -> None:
    kinds = {dialect_of(connection).kind.split()[0] for connection in opened.values()}
    if len(kinds) > 1:
        raise ConfigError(
            f"databases of different kinds can't be compared: {' and '.join(sorted(kinds))}",
            hint="compare each with the models: autodiff diff URL models",
        )


def desired_from_database(schema: Schema, current: Schema, dialect: Dialect) -> Schema:
    """A schema that was read, as one that the current schema is to become."""
    return _any_name(wanted_again(schema, dialect), current)


def with_existing_names(schema: Schema, dialect: Dialect) -> Schema:
    """A schema that was read, as one to be made anew, with the names that things have.

    Also those that the server gave: later migrations are to find them on each database.
    """
    tables = {
        name: replace(
            dialect.without_implied(table),
            constraints=tuple(replace(c, implicit=False) for c in table.constraints),
        )
        for name, table in schema.tables.items()
    }
    return replace(schema, tables=tables)


def _any_name(desired: Schema, current: Schema) -> Schema:
    """The desired schema; its constraints may have any name where nobody gave the current one."""
    tables = {
        name: replace(
            table,
            constraints=tuple(
                replace(c, name=None) if _bare(c) in unnamed else c for c in table.constraints
            ),
        )
        for name, table in desired.tables.items()
        for unnamed in [_unnamed(current.tables.get(name))]
    }
    return replace(desired, tables=tables)


def _unnamed(table: Table | None) -> list[Constraint]:
    return [_bare(c) for c in table.constraints if c.implicit] if table is not None else []


def _bare(constraint: Constraint) -> Constraint:
    return replace(constraint, name=None, implicit=False)


def _same_files(lock: Lock, graph: Graph) -> bool:
    """Whether the lock file was written for these very migrations."""
    return dict(lock.checksums) == {r: m.checksum for r, m in graph.migrations.items()}


def _fills_nothing(step: Operation) -> bool:
    return isinstance(step, Backfill) and all(value == "NULL" for _, value in step.values)


def _unfilled(key: str) -> Finding:
    return Finding(
        code="fill-needed",
        severity="warning",
        message=f"{key} is NOT NULL without a default: the SQL fails where the table has rows",
        hint=f"--fill {key}=VALUE",
    )


def _turned(plan: Plan) -> Plan:
    """The plan in the other direction; schemas (namespaces) stay."""
    return Plan(
        dialect=plan.dialect,
        current=plan.desired,
        desired=plan.current,
        changes=tuple(
            reverse_change(change)
            for change in plan.changes
            if not isinstance(change, NamespaceAdded)
        ),
        operations=tuple(o for o in plan.reverse() if not isinstance(o, DropNamespace)),
        findings=tuple(f for f in plan.findings if f.code != "view-reads"),
    )


def _turned_renames(renames: Iterable[str]) -> tuple[str, ...]:
    """users.nick:nickname as users.nickname:nick, and users:people as people:users."""
    turned = []
    for text in renames:
        old, _, new = text.partition(":")
        table, dot, column = old.rpartition(".")
        turned.append(f"{table}.{new}:{column}" if dot else f"{new}:{old}")
    return tuple(turned)
