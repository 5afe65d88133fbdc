"""Prove a migration: run it on a scratch database, up and down, with rows in the tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect
from autodiff.dialects.scope import Scope
from autodiff.errors import AutodiffError, MigrationFailedError, exception_words
from autodiff.rehearse.losses import find_losses
from autodiff.rehearse.measured import MeasuredStatement
from autodiff.rehearse.rates import Rates
from autodiff.rehearse.sample_rows import Rows, insert_samples, read_rows
from autodiff.rehearse.sample_values import SampleValues
from autodiff.rehearse.writer import StepWait
from autodiff.runner.events import Direction
from autodiff.runner.failures import driver_error
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import ColumnType, Name, Schema, Table
from autodiff.schema.operations import AlterColumn, Backfill, ColumnPatch, Operation

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = [
    "Proof",
    "ProofRun",
    "affected_tables",
    "is_limit",
    "select_tables",
    "with_referenced_tables",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The result of a rehearsal.

    problems: why the migration must not be written; empty if it passed.
    lost: rows and values that did not survive the upgrade or the downgrade.
    notes: what could not be tried.
    skipped: why the migration was not rehearsed; None if it was.
    cure: what makes a rehearsal possible, or lets it pass; None if it is not known.
    described: the tables and views of the scratch after the upgrade, as the database describes
        them.
    statements: the statements of the upgrade, with the locks and rewrites that were measured.
    rates: how fast the scratch database was, by the names of large tables.
    longest_wait: how many seconds a statement of a writer beside the upgrade took at most; None
        if there was no writer.
    waits: how long it waited during each statement of the upgrade.
    """

    problems: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str | None = None
    cure: str | None = None
    described: Schema | None = None
    statements: tuple[MeasuredStatement, ...] = ()
    rates: Mapping[Name, Rates] = field(default_factory=dict)
    longest_wait: float | None = None
    waits: tuple[StepWait, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the upgrade left nothing to do and the downgrade restored the schema."""
        return not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRun:
    """A migration to prove, and the functions that run and compare it.

    queries: find rows that prevent the migration; sample rows must not be among them.
    build: creates the schema before the migration on an empty scratch.
    upgrade, downgrade: run the migration.
    downgrade_in_parts: runs the downgrade in several transactions.
    left: returns a line for each difference to the desired schema.
    differs: returns a line for each difference to an earlier schema.
    values: the values for columns that list their values.
    """

    dialect: Dialect
    scope: Scope
    start: Schema
    goal: Schema
    operations: Sequence[Operation]
    queries: Sequence[str] = ()
    build: Callable[[Connection], None]
    upgrade: Callable[[Connection], None]
    downgrade: Callable[[Connection], None]
    downgrade_in_parts: Callable[[Connection], None] | None = None
    left: Callable[[Connection], Sequence[str]]
    differs: Callable[[Connection, Schema], Sequence[str]]
    values: SampleValues = field(default_factory=SampleValues)

    def run(self, connection: Connection, *, with_rows: bool = True) -> Proof:
        """Build the start, upgrade, compare, downgrade, compare."""
        self.build(connection)
        notes: list[str] = []
        if with_rows:
            notes = insert_samples(
                connection,
                self.dialect,
                self.start,
                self.goal,
                choices=self.values.choices,
                queries=self.queries,
                names=NameMap.of_operations(self.operations),
            )
            connection.commit()
        before = self._read(connection)
        rows = read_rows(connection, self.dialect, sorted(before.tables))
        connection.rollback()
        problems: list[str] = []
        lost: list[str] = []
        cure: str | None = None
        described: Schema | None = None
        try:
            self.upgrade(connection)
            described = self._read(connection)
            problems += [f"upgrade leaves: {line}" for line in self.left(connection)]
            lost += self._lost(connection, described, rows, "upgrade")
            if (limit := self._limit_of_downgrade(connection, notes)) is not None:
                notes.append(f"it cannot be reverted: {limit}")
            else:
                found = self.differs(connection, before)
                problems += [f"downgrade leaves: {line}" for line in found]
                lost += self._lost(connection, self._read(connection), rows, "downgrade")
        except Exception as error:  # the file's own code may raise anything
            connection.rollback()
            problems.append(_reason(error))
            cure = self._cure(connection, error)
        return Proof(
            problems=tuple(problems),
            lost=tuple(lost),
            notes=tuple(notes),
            cure=cure,
            described=described,
        )

    def _limit_of_downgrade(self, connection: Connection, notes: list[str]) -> str | None:
        """Run the downgrade; return the reason if the database cannot do what it does."""
        try:
            self.downgrade(connection)
        except MigrationFailedError as error:
            if self.downgrade_in_parts is not None and self._is_out_of_locks(error):
                connection.rollback()
                notes.append(_TOO_MANY_LOCKS)
                self.downgrade_in_parts(connection)
                return None
            if not is_limit(error, self.dialect):
                raise
            connection.rollback()
            return error.line
        return None

    def _cure(self, connection: Connection, error: Exception) -> str | None:
        """Return what to do about a failure that is not a fault of the migration."""
        if self._is_out_of_locks(error):
            return _MORE_LOCKS
        cause = driver_error(error)
        if cause is None:
            return None
        return self.dialect.session.cure(connection, cause) or self._cure_of_fill(error)

    def _cure_of_fill(self, error: Exception) -> str | None:
        """Return what to do if the failed statement is the fill of a column."""
        statement = getattr(error, "statement", None) or ""
        fills = (item for item in self.operations if isinstance(item, Backfill))
        for fill in fills:
            for column, value in fill.values:
                if value in statement and self.dialect.quote_name(fill.table) in statement:
                    return (
                        f"correct the value that fills {fill.table}.{column}: a literal, or SQL "
                        f"with the columns of the table (--fill {fill.table}.{column}=sql:...)"
                    )
        return None

    def _is_out_of_locks(self, error: Exception) -> bool:
        cause = driver_error(error)
        return cause is not None and self.dialect.session.is_out_of_locks(cause)

    def _read(self, connection: Connection) -> Schema:
        found = self.dialect.catalog.reflect(connection, self.scope)
        connection.rollback()
        return found

    def _lost(
        self, connection: Connection, now: Schema, before: Rows, direction: Direction
    ) -> list[str]:
        """Return a line for each table that lost rows, and each column that lost values.

        After a downgrade, tables, columns and values have the names of `before` again.
        """
        upgraded = direction == "upgrade"
        names = NameMap.of_operations(self.operations) if upgraded else NameMap()
        values = self.values.renamed if upgraded else {}
        tables = [name for name in map(names.table_after, before) if name in now.tables]
        after = read_rows(connection, self.dialect, tables)
        connection.rollback()
        return find_losses(
            before,
            after,
            direction,
            names,
            values,
            converted=self._converted() if upgraded else (),
            ignored=self._computed(),
        )

    def _converted(self) -> set[tuple[Name, str]]:
        """Return the columns that get another kind of type, by their names before the migration.

        Whether their values survive is known after the downgrade, when they have their type again.
        """
        names = NameMap.of_operations(self.operations)
        return {
            (names.table_before(item.table), names.column_before(item.table, item.name))
            for item in self.operations
            if isinstance(item, AlterColumn) and _word(item.before) != _word(item.after)
        }

    def _computed(self) -> set[tuple[Name, str]]:
        """Return the computed columns before the migration; no value of theirs can be lost."""
        return {
            (name, column.name)
            for name, table in self.start.tables.items()
            for column in table.columns
            if column.computed is not None
        }


def _word(patch: ColumnPatch) -> str:
    """Return the first word of a type: columns of the same word have the same kind of values."""
    return re.split(r"[ (]", patch.type.sql)[0] if isinstance(patch.type, ColumnType) else ""


def _reason(error: Exception) -> str:
    return error.line if isinstance(error, AutodiffError) else exception_words(error)


_TOO_MANY_LOCKS = (
    "the downgrade needs more locks than one transaction may have, and was rehearsed in parts: "
    "increase max_locks_per_transaction before you revert it"
)


_MORE_LOCKS = (
    "it changes more objects than one transaction may lock: increase max_locks_per_transaction on "
    "the server, or divide the migration into several"
)


def is_limit(error: Exception, dialect: Dialect) -> bool:
    """Return whether a migration failed because the database cannot do one of its operations."""
    statement = getattr(error, "statement", None)
    return statement is not None and dialect.ddl.reports_limit(statement)


def affected_tables(schema: Schema, names: Iterable[Name]) -> set[Name]:
    """Return the tables that a change of the named ones can affect.

    These are the named tables, the tables they reference or inherit from, those that reference or
    inherit from them, and those that views read.
    """
    wanted = {name for name in names if name in schema.tables}
    wanted |= {
        name
        for name, table in schema.tables.items()
        if not wanted.isdisjoint(_needed_tables(table))
    }
    wanted |= {
        read for view in schema.views.values() for read in view.reads if read in schema.tables
    }
    return with_referenced_tables(schema, wanted)


def with_referenced_tables(schema: Schema, names: Iterable[Name]) -> set[Name]:
    """Return the named tables and all tables that they reference or inherit from, recursively."""
    wanted = {name for name in names if name in schema.tables}
    waiting = list(wanted)
    while waiting:
        for name in _needed_tables(schema.tables[waiting.pop()]):
            if name not in wanted and name in schema.tables:
                wanted.add(name)
                waiting.append(name)
    return wanted


def _needed_tables(table: Table) -> tuple[Name, ...]:
    """Return the tables without which the table cannot be created."""
    return (*(key.referred for key in table.foreign_keys), *table.inherits)


def select_tables(schema: Schema, names: Iterable[Name]) -> Schema:
    """Return the schema with the named tables only."""
    wanted = set(names)
    kept = {name: table for name, table in schema.tables.items() if name in wanted}
    return replace(schema, tables=kept)
