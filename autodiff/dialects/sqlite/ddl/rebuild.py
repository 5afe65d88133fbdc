"""The rebuild of a table, for what ALTER TABLE cannot do.

A new table gets the rows of the old one, then the old one is dropped and the new one renamed.
https://www.sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.ddl.part import Part
from autodiff.errors import PlanError
from autodiff.schema.apply import evolve
from autodiff.schema.naming import name_constraints, unnamed
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import CreateIndex, DropColumn, Operation, RenameColumn

if TYPE_CHECKING:
    from autodiff.dialects.sqlite.ddl.statements import SQLiteDDL

__all__ = ["RebuildDDL", "evolved"]


class RebuildDDL(Part):
    """Writes rebuilds.

    The caller has switched foreign keys off, so that dropping the old table deletes no rows that
    refer to it. Triggers and indexes go with the old table, so they are created again.
    """

    ddl: SQLiteDDL

    def rebuild(self, operations: Collection[Operation], current: Table) -> list[str]:
        """Return the statements of one rebuild that carries out the operations."""
        desired, sources = current, {column.name: column.name for column in current.columns}
        for operation in operations:
            desired = evolved(desired, operation)
            sources = _follow(sources, operation)
        spare = replace(desired.name, name=f"_autodiff_{desired.name.name}")
        copied = [
            column.name
            for column in desired.columns
            if column.computed is None and column.name in sources
        ]
        body = replace(_with_stable_names(desired), name=spare, indexes=())
        return [
            *self.ddl.tables.create(body),
            *(
                self._copy(current.name, spare, copied, sources)
                or self._copy_count(current.name, spare, desired)
            ),
            *self._copy_counter(current, spare),
            f"DROP TABLE {self.quote_name(current.name)}",
            # otherwise the rename fails if a view or trigger refers to the table just dropped
            "PRAGMA legacy_alter_table = ON",
            f"ALTER TABLE {self.quote_name(spare)} RENAME TO {self.quote(desired.name.name)}",
            "PRAGMA legacy_alter_table = OFF",
            *self._indexes(desired),
            *current.triggers,
        ]

    def _copy(
        self, old: Name, new: Name, copied: Sequence[str], sources: dict[str, str]
    ) -> list[str]:
        """Copy the rows, with qualified names: SQLite reads an unknown quoted name as a string."""
        if not copied:
            return []
        source = _quoted(old.name)
        values = ", ".join(f"{source}.{_quoted(sources[name])}" for name in copied)
        return [
            f"INSERT INTO {self.quote_name(new)} ({self.quote_all(copied)}) "
            f"SELECT {values} FROM {self.quote_name(old)}"
        ]

    def _copy_count(self, old: Name, new: Name, desired: Table) -> list[str]:
        """Insert as many rows of defaults as there were rows, if no column has stayed."""
        given = next((column for column in desired.columns if column.computed is None), None)
        if given is None:
            return []
        insert = f"INSERT INTO {self.quote_name(new)} ({self.quote(given.name)}) "
        return [insert + f"SELECT {given.default or 'NULL'} FROM {self.quote_name(old)}"]

    def _copy_counter(self, current: Table, spare: Name) -> list[str]:
        """Copy the counter of AUTOINCREMENT, which never gives a number twice."""
        if not current.options.get("sqlite_autoincrement"):
            return []
        counter = f"{self.quote(spare.schema)}." if spare.schema else ""
        new, old = (name.replace("'", "''") for name in (spare.name, current.name.name))
        return [
            f"DELETE FROM {counter}sqlite_sequence WHERE name = '{new}'",
            f"INSERT INTO {counter}sqlite_sequence (name, seq) "
            f"SELECT '{new}', seq FROM {counter}sqlite_sequence WHERE name = '{old}'",
        ]

    def _indexes(self, table: Table) -> list[str]:
        return [
            sql
            for index in sorted(table.indexes, key=lambda index: index.name or "")
            for sql in self.ddl.indexes.create(CreateIndex(table=table.name, index=index))
        ]


def evolved(table: Table, operation: Operation) -> Table:
    """Return the table after the operation; raises PlanError if the table lacks what it changes."""
    try:
        return evolve(table, operation)
    except KeyError as error:
        raise PlanError(
            f"cannot {operation.describe()}: table {table.name} has no {error.args[0]}",
            hint="compare the migration with the database: autodiff check",
        ) from error


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _with_stable_names(table: Table) -> Table:
    """Return the table with a name for each constraint that would be reflected under another one.

    Names of unnamed constraints are numbered in order, and constraints were added or dropped.
    """
    read = name_constraints(unnamed(table)).constraints
    stable = (
        replace(c, implicit=c.implicit and c.name == again.name)
        for c, again in zip(table.constraints, read, strict=True)
    )
    return replace(table, constraints=tuple(stable))


def _follow(sources: dict[str, str], operation: Operation) -> dict[str, str]:
    """Return the old column of each column, after one more operation."""
    match operation:
        case RenameColumn(before=before, after=after):
            return {(after if name == before else name): old for name, old in sources.items()}
        case DropColumn(name=dropped):
            return {name: old for name, old in sources.items() if name != dropped}
        case _:
            return sources
