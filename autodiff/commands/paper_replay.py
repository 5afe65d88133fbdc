"""Find the schema that migrations make from their operations, without a database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from autodiff.compare.enums import with_enum_changes
from autodiff.dialects import Dialect
from autodiff.lint.replay import tables_after
from autodiff.lint.sql import parse_sql
from autodiff.lint.statements import UseIndex, ValidateConstraint
from autodiff.migrations import Graph, LockFile, Migration
from autodiff.runner.operation_reader import read_operations
from autodiff.runner.statement_effect import changes_only_rows
from autodiff.schema.apply import evolve_tables, spelled_like, with_table_of_index
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.changes import EnumRenamed, EnumValueRenamed
from autodiff.schema.objects import Name, Schema, Table
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterEnum,
    AlterSequence,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropEnum,
    DropIndex,
    DropNamespace,
    DropSequence,
    DropView,
    Execute,
    Operation,
    RenameEnum,
    RenameEnumValue,
    tables_of,
)

__all__ = ["PaperReplay", "PaperSchema", "replay_on_paper"]

_OF_CONSTRAINT = re.compile(r"\b(?:VALIDATE\s+CONSTRAINT|USING\s+INDEX)\b", re.IGNORECASE)
_EXECUTED = "~ execute "
"""How the reader describes a SQLAlchemy statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSchema:
    """A schema that was derived from operations.

    start: the schema of the lock file, to which the operations were applied; empty without one.
    gaps: what the operations do not show, each with its migration.
    """

    schema: Schema
    start: Schema
    gaps: tuple[str, ...] = ()


def replay_on_paper(graph: Graph, dialect: Dialect, known: LockFile | None) -> PaperSchema:
    """Return the schema after all migrations of a graph, for one kind of database.

    The lock file gives the schema of the migrations that it knows, so only the others are read.
    """
    start = Schema()
    later = set(graph.migrations)
    if known is not None and _is_part_of(known, graph, dialect):
        start = known.described
        later -= known.checksums.keys()
    replay = PaperReplay(dialect, start)
    for migration in graph.in_order(later):
        if migration.is_for(dialect):
            replay.read(migration)
    return PaperSchema(schema=replay.schema, start=start, gaps=tuple(dict.fromkeys(replay.gaps)))


def _is_part_of(lock: LockFile, graph: Graph, dialect: Dialect) -> bool:
    """Return whether the lock file is for a first part of the graph, in its current form."""
    revisions = set(lock.checksums)
    same = all(r in graph and graph[r].checksum == lock.checksums[r] for r in revisions)
    return same and lock.backend == dialect.backend and graph.lineage(revisions) == revisions


@dataclass(slots=True)
class PaperReplay:
    """The schema after the operations so far."""

    dialect: Dialect
    schema: Schema
    gaps: list[str] = field(default_factory=list)

    def read(self, migration: Migration) -> None:
        """Apply the operations of a migration."""

        def take(step: Operation | str) -> None:
            try:
                if not self._apply(step):
                    words = step if isinstance(step, str) else step.describe()
                    self.gaps.append(f"{migration.name}: {words}")
            except KeyError as error:
                self.gaps.append(f"{migration.name}: there is no {error.args[0]}")

        read_operations(migration, "upgrade", self.dialect, self.schema.tables, take)

    def _apply(self, step: Operation | str) -> bool:
        """Apply a step, and return whether its effect is known."""
        backslashes = self.dialect.features.backslash_escapes
        match step:
            case str():
                sql = step.removeprefix(_EXECUTED)
                return sql != step and changes_only_rows(sql, backslashes=backslashes)
            case Execute(sql=sql):
                known = changes_only_rows(sql, backslashes=backslashes)
                return known or self._apply_constraint(sql)
            case RenameEnum(before=before, after=after):
                renamed: EnumRenamed | EnumValueRenamed = EnumRenamed(before=before, after=after)
                self.schema = with_enum_changes(self.schema, [renamed], self.dialect)
            case RenameEnumValue(enum=name, before=old, after=new):
                renamed = EnumValueRenamed(enum=name, before=old, after=new)
                self.schema = with_enum_changes(self.schema, [renamed], self.dialect)
            case (
                (CreateNamespace() | DropNamespace() | CreateView() | DropView())
                | (CreateSequence() | AlterSequence() | DropSequence())
                | (CreateEnum() | AlterEnum() | DropEnum())
            ):
                self.schema = evolve_schema(self.schema, step)
            case _:
                return self._apply_to_tables(step)
        return True

    def _apply_constraint(self, sql: str) -> bool:
        """Apply VALIDATE CONSTRAINT, or ADD CONSTRAINT ... USING INDEX."""
        if not _OF_CONSTRAINT.search(sql):
            return False
        actions = parse_sql(sql, self.dialect)
        if not all(isinstance(action, ValidateConstraint | UseIndex) for action in actions):
            return False
        for action in actions:
            self.schema = replace(self.schema, tables=tables_after(self.schema.tables, action))
        return True

    def _apply_to_tables(self, step: Operation) -> bool:
        tables = dict(self.schema.tables)
        step = with_table_of_index(tables, step)
        if isinstance(step, DropIndex) and step.table is None and step.if_exists:
            return True
        if isinstance(step, CreateTable):
            if step.table.name in tables:
                return False
        elif any(name not in tables for name in tables_of(step)[:1]) or _exists(tables, step):
            return isinstance(step, CreateIndex) and step.if_not_exists
        for name in tables_of(step) if self.dialect.features.case_insensitive_names else ():
            if name in tables:
                step = spelled_like(step, tables[name])
        evolve_tables(tables, step)
        self.schema = replace(self.schema, tables=tables)
        return True


def _exists(tables: dict[Name, Table], step: Operation) -> bool:
    """Return whether a table has the part already that an operation adds."""
    match step:
        case AddColumn(table=owner, column=column):
            return tables[owner].column(column.name) is not None
        case CreateIndex(table=owner, index=index) if index.name is not None:
            return tables[owner].index(index.name) is not None
        case AddConstraint(table=owner, constraint=constraint) if constraint.name is not None:
            return tables[owner].constraint(constraint.name) is not None
        case _:
            return False
