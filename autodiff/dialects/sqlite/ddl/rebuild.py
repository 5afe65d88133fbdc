"""Rebuild a table for changes that ALTER TABLE does not support.

A new table gets the rows of the old one, then the old one is dropped and the new one renamed. The
manual warns of the other order: renaming the old table first changes the references to it.
https://www.sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes

Each ALTER TABLE parses the definitions of all tables again, several times: 60 ms for 400 tables. A
scratch database therefore copies the rows back into a new table of the old name, if many tables are
altered.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.ddl.part import Part
from autodiff.errors import PlanError
from autodiff.schema.apply import evolve, spelled_like
from autodiff.schema.naming import name_constraints, unnamed
from autodiff.schema.objects import Check, Name, PrimaryKey, Table
from autodiff.schema.operations import (
    CreateIndex,
    DropColumn,
    DropConstraint,
    Operation,
    RenameColumn,
    RenameConstraint,
)
from autodiff.schema.sqltext import quote_identifier, reads_column
from autodiff.utils.object_names import name_between

if TYPE_CHECKING:
    from autodiff.dialects.sqlite.ddl.statements import SQLiteDDL

__all__ = ["RebuildDDL", "evolved"]


class RebuildDDL(Part):
    """Writes rebuilds.

    The caller has disabled foreign keys, so that dropping the old table does not delete rows that
    refer to it. Dropping it also drops its triggers and indexes, so they are created again.
    """

    ddl: SQLiteDDL

    def rebuild(
        self, operations: Collection[Operation], current: Table, *, copies_back: bool = False
    ) -> list[str]:
        """Return the statements of one rebuild that applies all operations.

        With `copies_back`, the new table is not renamed: its rows are copied once more. It is
        temporary then, unless it has a counter: those of temporary tables are kept apart.
        """
        desired, sources = current, {column.name: column.name for column in current.columns}
        for operation in operations:
            spelled = spelled_like(operation, desired)
            desired = evolved(desired, spelled)
            sources = _follow(sources, spelled)
        counts = any(table.options.get("sqlite_autoincrement") for table in (current, desired))
        schema = "temp" if copies_back and not counts else desired.name.schema
        spare = Name(name_between(desired.name.name), schema)
        copied = [
            column.name
            for column in desired.columns
            if column.computed is None and column.name in sources
        ]
        body = replace(_creatable(_with_stable_names(desired)), name=spare, indexes=())
        return [
            *self.ddl.tables.create(body),
            *(
                self._copy(current.name, spare, copied, sources)
                or self._copy_count(current.name, spare, desired)
            ),
            *self._copy_counter(current, current.name, spare),
            f"DROP TABLE {self.quote_name(current.name)}",
            *(
                self._copy_back(current, body, desired.name)
                if copies_back
                else self._rename(spare, desired.name)
            ),
            *self._indexes(desired),
            *current.triggers,
        ]

    def _rename(self, spare: Name, name: Name) -> list[str]:
        """Return the statements that give the new table its name.

        Without the pragma, the rename fails if a view or trigger refers to the table just dropped.
        https://www.sqlite.org/pragma.html#pragma_legacy_alter_table
        """
        return [
            "PRAGMA legacy_alter_table = ON",
            f"ALTER TABLE {self.quote_name(spare)} RENAME TO {self.quote(name.name)}",
            "PRAGMA legacy_alter_table = OFF",
        ]

    def _copy_back(self, current: Table, spare: Table, name: Name) -> list[str]:
        """Return the statements that move the rows into a new table, without ALTER TABLE."""
        stored = [column.name for column in spare.columns if column.computed is None]
        return [
            *self.ddl.tables.create(replace(spare, name=name)),
            *self._copy(spare.name, name, stored, {column: column for column in stored}),
            *self._copy_counter(current, spare.name, name),
            f"DROP TABLE {self.quote_name(spare.name)}",
        ]

    def _copy(
        self, old: Name, new: Name, copied: Sequence[str], sources: dict[str, str]
    ) -> list[str]:
        """Return the INSERT that copies the rows; none if no column is left to copy.

        Names are qualified: SQLite reads an unknown name in double quotes as a string.
        https://www.sqlite.org/quirks.html#double_quoted_string_literals_are_accepted
        """
        if not copied:
            return []
        source = quote_identifier(old.name)
        values = ", ".join(f"{source}.{quote_identifier(sources[name])}" for name in copied)
        return [
            f"INSERT INTO {self.quote_name(new)} ({self.quote_all(copied)}) "
            f"SELECT {values} FROM {self.quote_name(old)}"
        ]

    def _copy_count(self, old: Name, new: Name, desired: Table) -> list[str]:
        """Return an INSERT of one row of defaults for each old row, if no old column is left."""
        stored = next((column for column in desired.columns if column.computed is None), None)
        if stored is None:
            return []
        insert = f"INSERT INTO {self.quote_name(new)} ({self.quote(stored.name)}) "
        return [insert + f"SELECT {stored.default or 'NULL'} FROM {self.quote_name(old)}"]

    def _copy_counter(self, current: Table, source: Name, target: Name) -> list[str]:
        """Return statements that copy the counter of AUTOINCREMENT, which never reuses a number.

        https://www.sqlite.org/autoinc.html
        """
        if not current.options.get("sqlite_autoincrement"):
            return []
        counter = f"{self.quote(target.schema)}." if target.schema else ""
        new, old = (name.replace("'", "''") for name in (target.name, source.name))
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
    """Return the table after the operation.

    Raises PlanError if the table does not have the column or constraint that the operation changes,
    or several constraints of that name, or if a check of other columns reads a column that is
    dropped.
    """
    match operation:
        case DropColumn(name=name):
            _refuse_shared_checks(table, name)
        case DropConstraint(name=str(name), kind=kind) | RenameConstraint(before=name, kind=kind):
            if kind != "primary":
                _refuse_shared_names(table, name, operation)
    try:
        return evolve(table, operation)
    except KeyError as error:
        is_by_name = isinstance(operation, DropConstraint | RenameConstraint)
        names = _chosen_names(table) if is_by_name else ""
        raise PlanError(
            f"cannot {operation.describe()}: table {table.name} has no {error.args[0]}",
            hint=f"compare the migration with the database: autodiff check{names}",
        ) from error


def _refuse_shared_names(table: Table, name: str, operation: Operation) -> None:
    """Raise PlanError if several constraints have a name, as SQLite allows."""
    if sum(constraint.name == name for constraint in table.constraints) > 1:
        raise PlanError(
            f"cannot {operation.describe()}: table {table.name} has several constraints of that "
            "name",
            hint="give each constraint a name of its own when it is added",
        )


def _chosen_names(table: Table) -> str:
    """Return the end of a hint with the names by which a migration can mean unnamed constraints."""
    chosen = [c.name for c in table.constraints if c.implicit and not isinstance(c, PrimaryKey)]
    if not chosen:
        return ""
    names = ", ".join(sorted(filter(None, chosen)))
    return f"; constraints without a name, or with the same one, are called {names} in migrations"


def _refuse_shared_checks(table: Table, dropped: str) -> None:
    """Raise PlanError for a check that would be lost with a column, and is not only about it."""
    others = [column.name for column in table.columns if column.name != dropped]
    for check in table.constraints:
        if (
            isinstance(check, Check)
            and reads_column(check.sql, dropped)
            and any(reads_column(check.sql, name) for name in others)
        ):
            raise PlanError(
                f"cannot drop column {table.name}.{dropped}: the check {check.name} reads other "
                "columns too",
                hint="drop the check first with op.drop_constraint(), and add it again without "
                "the column",
            )


def _with_stable_names(table: Table) -> Table:
    """Return the table with explicit names for implicitly named constraints whose names changed.

    Implicit names are numbered in order, so adding or dropping a constraint can change the others.
    """
    renamed = name_constraints(unnamed(table)).constraints
    stable = (
        replace(c, implicit=c.implicit and c.name == other.name)
        for c, other in zip(table.constraints, renamed, strict=True)
    )
    return replace(table, constraints=tuple(stable))


def _creatable(table: Table) -> Table:
    """Return the table without WITHOUT ROWID if it has no primary key.

    SQLite refuses such a table (https://www.sqlite.org/withoutrowid.html). It only exists between
    two rebuilds of one migration, after the old key is dropped and before the new one is added.
    """
    if table.primary_key is not None or "sqlite_with_rowid" not in table.options:
        return table
    options = {k: value for k, value in table.options.items() if k != "sqlite_with_rowid"}
    return replace(table, options=options)


def _follow(sources: dict[str, str], operation: Operation) -> dict[str, str]:
    """Return the old column of each new column, after one more operation."""
    match operation:
        case RenameColumn(before=before, after=after):
            return {(after if name == before else name): old for name, old in sources.items()}
        case DropColumn(name=dropped):
            return {name: old for name, old in sources.items() if name != dropped}
        case _:
            return sources
