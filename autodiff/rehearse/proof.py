"""The proof of a migration: run on a scratch, up and down, with rows in the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect, Scope
from autodiff.errors import AutodiffError
from autodiff.rehearse.losses import find_losses
from autodiff.rehearse.sample_rows import Rows, insert_samples, read_rows
from autodiff.rehearse.sample_values import SampleValues
from autodiff.runner.events import Direction
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Schema
from autodiff.schema.operations import Operation

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Proof", "Rehearsal", "affected_tables", "select_tables", "with_referenced_tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a rehearsal showed.

    problems: why the migration must not be handed out; empty where it passed.
    lost: rows and values that did not survive, up or down.
    notes: what could not be tried.
    described: what the scratch said of its tables and views after the upgrade.
    """

    problems: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    described: Schema | None = None

    @property
    def passed(self) -> bool:
        """Whether upgrade left nothing to do and downgrade restored what was."""
        return not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A migration to prove. What runs and what compares is passed in.

    queries: find rows that stand in its way, which samples must not.
    build: creates the start on an empty scratch.
    upgrade, downgrade: run the migration.
    left: lines of what still differs from the models.
    differs: lines of what differs from a schema that was read before.
    values: what stands in the sample rows where a column lists its values.
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
    left: Callable[[Connection], Sequence[str]]
    differs: Callable[[Connection, Schema], Sequence[str]]
    values: SampleValues = field(default_factory=SampleValues)

    def run(self, connection: Connection, *, with_rows: bool = True) -> Proof:
        """Builds the start, goes up, compares, goes down, compares."""
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
            )
            connection.commit()
        before = self._read(connection)
        rows = read_rows(connection, self.dialect, sorted(before.tables))
        connection.rollback()
        problems: list[str] = []
        lost: list[str] = []
        described: Schema | None = None
        try:
            self.upgrade(connection)
            described = self._read(connection)
            problems += [f"upgrade leaves: {line}" for line in self.left(connection)]
            lost += self._lost(connection, rows, "upgrade")
            self.downgrade(connection)
            problems += [f"downgrade leaves: {line}" for line in self.differs(connection, before)]
            lost += self._lost(connection, rows, "downgrade")
        except Exception as error:  # the file's own code may raise anything
            connection.rollback()
            problems.append(_reason(error))
        return Proof(
            problems=tuple(problems), lost=tuple(lost), notes=tuple(notes), described=described
        )

    def _read(self, connection: Connection) -> Schema:
        found = self.dialect.reflect(connection, self.scope)
        connection.rollback()
        return found

    def _lost(self, connection: Connection, before: Rows, direction: Direction) -> list[str]:
        """Return a line for each table that lost rows, and each column that lost values.

        After a downgrade, tables, columns and values have the names of `before` again.
        """
        upgraded = direction == "upgrade"
        names = NameMap.of_operations(self.operations) if upgraded else NameMap()
        values = self.values.renamed if upgraded else {}
        now = self._read(connection)
        tables = [name for name in map(names.table_after, before) if name in now.tables]
        after = read_rows(connection, self.dialect, tables)
        connection.rollback()
        return find_losses(before, after, direction, names, values)


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, AutodiffError) else f"{type(error).__name__}: {error}"


def affected_tables(schema: Schema, names: Iterable[Name]) -> set[Name]:
    """The tables of a schema that a change of the named ones can touch.

    That is the tables themselves, what they point at, what points at them, and what views read.
    """
    wanted = {name for name in names if name in schema.tables}
    wanted |= {
        name
        for name, table in schema.tables.items()
        if any(key.referred in wanted for key in table.foreign_keys)
    }
    wanted |= {
        read for view in schema.views.values() for read in view.reads if read in schema.tables
    }
    return with_referenced_tables(schema, wanted)


def with_referenced_tables(schema: Schema, names: Iterable[Name]) -> set[Name]:
    """The named tables of a schema, and all that they point at, directly or through others."""
    wanted = {name for name in names if name in schema.tables}
    waiting = list(wanted)
    while waiting:
        for key in schema.tables[waiting.pop()].foreign_keys:
            if key.referred not in wanted and key.referred in schema.tables:
                wanted.add(key.referred)
                waiting.append(key.referred)
    return wanted


def select_tables(schema: Schema, names: Iterable[Name]) -> Schema:
    """The schema with those of its tables alone."""
    wanted = set(names)
    kept = {name: table for name, table in schema.tables.items() if name in wanted}
    return replace(schema, tables=kept)
