"""Find the steps that a finding is about, with the names that things have in the live database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from autodiff.lint.reader import read_script
from autodiff.runner.loader import Loader
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import (
    Operation,
    RenameColumn,
    RenameEnum,
    RenameTable,
    tables_of,
)

if TYPE_CHECKING:
    from autodiff.dialects import Dialect
    from autodiff.lint import Finding, Step
    from autodiff.lint.context import Action
    from autodiff.migrations import Migration

__all__ = ["FollowedStep", "follow_steps", "steps_of", "tables_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedStep:
    """A step of a migration that is not applied yet.

    names: maps the names before the first of these migrations to those before the step.
    """

    step: Step
    migration: str
    names: NameMap

    def live_name(self, table: Name) -> Name:
        """Return the name that a table has before the first migration."""
        return self.names.table_before(table)


def follow_steps(
    migrations: Iterable[Migration], dialect: Dialect, tables: Mapping[Name, Table]
) -> list[FollowedStep]:
    """Return the steps of migrations, in order; `tables` are those before the first one."""
    loader = Loader()
    renames: list[Operation] = []
    names = NameMap()
    found: list[FollowedStep] = []
    for migration in migrations:
        if not migration.is_for(dialect):
            continue
        script = read_script(migration, dialect, tables, loader)
        tables = script.tables_after
        for step in script.steps:
            found.append(FollowedStep(step=step, migration=migration.name, names=names))
            if isinstance(step.action, RenameTable | RenameColumn | RenameEnum):
                renames.append(step.action)
                names = NameMap.of_operations(renames)
    return found


def steps_of(finding: Finding, steps: Iterable[FollowedStep]) -> list[FollowedStep]:
    """Return the steps that a finding is about: those on its line that name its object best."""
    same_line = [
        each
        for each in steps
        if each.migration == finding.migration and each.step.line == finding.line is not None
    ]
    matches = [(_match(finding.object or "", each.step.action), each) for each in same_line]
    best = max((match for match, _ in matches), default=0)
    return [each for match, each in matches if match == best]


def tables_in(action: Action) -> tuple[Name, ...]:
    """Return the tables that a step names, without those that a foreign key refers to."""
    if _is_operation(action):
        return tables_of(action)
    named: Sequence[object] = (
        *getattr(action, "tables", ()),
        getattr(action, "table", None),
        getattr(action, "name", None),
    )
    return tuple(name for name in named if isinstance(name, Name))


def _is_operation(action: Action) -> TypeGuard[Operation]:
    return isinstance(action, Operation)


def _match(name: str, action: Action) -> int:
    """Return how well a step fits an object: 2 for the object itself, 1 for its table."""
    tables = [str(table) for table in tables_in(action)]
    parts = [getattr(action, "name", None)]
    parts += [
        getattr(getattr(action, kind, None), "name", None)
        for kind in ("column", "constraint", "index")
    ]
    if name in tables or name in [f"{table}.{part}" for table in tables for part in parts]:
        return 2
    return int(any(name.startswith(f"{table}.") for table in tables))
