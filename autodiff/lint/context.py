"""What a rule receives: the steps of a migration, each with the schema before it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from autodiff.lint.columns_by_table import NO_COLUMNS, ColumnsByTable
from autodiff.lint.statements import MaintainTable, Statement, Truncate
from autodiff.lint.stored_queries import StoredQueries
from autodiff.schema.objects import Column, Index, Name, Table
from autodiff.schema.operations import DropIndex, Operation, RenameTable, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from autodiff.dialects import Dialect
    from autodiff.migrations import Graph, LockFile, Migration

__all__ = ["Action", "History", "Script", "Step"]

Action: TypeAlias = Operation | Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an upgrade, and the known part of the schema before it.

    action: an operation, or a statement that no operation expresses.
    line: the line of the file.
    tables: the tables before the step.
    new_tables: those that the same migration created, by their current names.
    new_columns: the columns that the same migration added.
    outside: whether it runs outside of the migration's transaction.
    online: whether the server refuses it rather than block writes (op.online).
    position: its place among the steps of the script.
    queries: the views, triggers and routines that migrations have created before the step.
    filled: the columns that migrations have filled before the step, by their current names.
    """

    script: Script = field(repr=False, compare=False)
    action: Action
    line: int | None
    tables: Mapping[Name, Table] = field(repr=False)
    new_tables: Collection[Name] = frozenset()
    new_columns: ColumnsByTable = field(default_factory=lambda: NO_COLUMNS)
    outside: bool = False
    online: bool = False
    position: int = 0
    queries: StoredQueries = field(default_factory=dict, repr=False)
    filled: ColumnsByTable = field(default_factory=lambda: NO_COLUMNS)

    @property
    def dialect(self) -> Dialect:
        """The database for which the migration was read."""
        return self.script.dialect

    @property
    def earlier(self) -> list[Step]:
        """The steps before it in the same migration."""
        return self.script.steps[: self.position]

    @property
    def later(self) -> list[Step]:
        """The steps after it in the same migration."""
        return self.script.steps[self.position + 1 :]

    @property
    def same_transaction(self) -> list[Step]:
        """The earlier steps whose locks are still held: those in the same transaction."""
        return self.script.steps[self._transaction_start : self.position]

    def same_transaction_where(self, condition: Callable[[Step], bool]) -> list[Step]:
        """Return those of `same_transaction` that meet a condition, a function of a module."""
        return _from(self.script.select(condition), self._transaction_start, self.position)

    @property
    def _transaction_start(self) -> int:
        """The position of the first step in the transaction; that of this step if it has none."""
        if self.outside or not self.dialect.features.transactional_ddl:
            return self.position
        # op.autocommit() commits everything before it.
        before = _from(self.script.select(_is_outside), 0, self.position)
        return before[-1].position + 1 if before else 0

    def earlier_of(self, *types: type[Action]) -> list[Step]:
        """Return the earlier steps that do something of these types, without looking at others."""
        return _from(self.script.of_types(types), 0, self.position)

    def later_of(self, *types: type[Action]) -> list[Step]:
        """Return the later steps that do something of these types, without looking at others."""
        return _from(self.script.of_types(types), self.position + 1)

    def is_live(self, table: Name) -> bool:
        """Return whether a table existed before the migration, so that it can have rows."""
        return table not in self.new_tables

    def is_new_column(self, table: Name, column: str) -> bool:
        """Return whether the migration added a column, or the whole table."""
        return not self.is_live(table) or column in self.new_columns.get(table, ())

    def is_filled(self, table: Name, column: str) -> bool:
        """Return whether an earlier step or migration has filled a column."""
        return column in self.filled.get(table, ())

    def column(self, table: Name, name: str) -> Column | None:
        """Return a column before the step; None if it is not known."""
        found = self.tables.get(table)
        return None if found is None else found.column(name)

    def table_of_index(
        self, name: str, table: Name | None = None
    ) -> tuple[Name | None, Index | None]:
        """Return the table of an index, and the index; None for each that is not known."""
        names = [table] if table is not None else list(self.tables)
        for owner in names:
            found = self.tables.get(owner)
            index = found.index(name) if found is not None else None
            if index is not None:
                return owner, index
        return table, None

    def final_table(self, name: Name) -> Table | None:
        """Return the table at the end of the migration, through renames; None if it is gone."""
        for step in _from(self.script.of_types((RenameTable,)), self.position):
            if isinstance(step.action, RenameTable) and step.action.before == name:
                name = step.action.after
        return self.script.tables_after.get(name)

    def is_before_version(self, *version: int) -> bool:
        """Return whether the server is known to be older than a version.

        It is not if only the first parts of its version are known, and they are equal.
        """
        known = self.script.version
        return known is not None and known < version[: len(known)]

    @property
    def subjects(self) -> tuple[Name, ...]:
        """The known tables whose rows determine how long the step takes."""
        match self.action:
            case Truncate(tables=tables):
                return tables
            case MaintainTable(name=name):
                return () if name is None else (name,)
            case DropIndex(table=table, name=index):
                owner, _ = self.table_of_index(index, table)
                return () if owner is None else (owner,)
            case _ if isinstance(self.action, Operation):
                return tables_of(self.action)
            case _:
                table = getattr(self.action, "table", None)
                return () if table is None else (table,)

    def has_few_rows(self, most: int) -> bool:
        """Return whether the tables of the step are known to have at most so many rows."""
        counts = [self.script.rows.get(name) for name in self.subjects]
        return bool(counts) and all(count is not None and count <= most for count in counts)


@dataclass(slots=True, eq=False)
class Script:
    """The upgrade of a migration, as read for one kind of database.

    steps: what it does, in order.
    tables_after: the tables at its end.
    queries_after: the views, triggers and routines at its end.
    filled_after: the columns that migrations have filled until its end.
    lock_timeout: the seconds that a statement may wait for a lock; 0 is no limit.
    statement_timeout: the seconds that a statement may run; 0 is no limit.
    is_application: whether a module belongs to the application.
    version: the known parts of the server's version, such as (16,); None if it is unknown.
    downgrade_code: the code of downgrade(); None if it is no plain function of the file.
    rows: the number of rows of each table in the database, if known.
    """

    migration: Migration
    dialect: Dialect
    steps: list[Step] = field(default_factory=list)
    tables_after: Mapping[Name, Table] = field(default_factory=dict)
    queries_after: StoredQueries = field(default_factory=dict)
    filled_after: ColumnsByTable = field(default_factory=lambda: NO_COLUMNS)
    lock_timeout: float | None = None
    statement_timeout: float | None = None
    is_application: Callable[[str], bool] = lambda module: False
    version: tuple[int, ...] | None = None
    downgrade_code: CodeType | None = None
    rows: Mapping[Name, int] = field(default_factory=dict)
    _selected: dict[object, tuple[int, list[Step]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def of_types(self, types: tuple[type[Action], ...]) -> list[Step]:
        """Return the steps that do something of these types, in order."""
        return self._select(types, lambda step: isinstance(step.action, types))

    def select(self, condition: Callable[[Step], bool]) -> list[Step]:
        """Return the steps that meet a condition, in order.

        condition: a function of a module, which is called once for each step.
        """
        return self._select(condition, condition)

    def _select(self, key: object, condition: Callable[[Step], bool]) -> list[Step]:
        """Keep what was selected until there are more steps: thousands may ask the same."""
        count, found = self._selected.get(key, (-1, []))
        if count != len(self.steps):
            found = list(filter(condition, self.steps))
            self._selected[key] = (len(self.steps), found)
        return found

    def actions(self) -> Iterator[Action]:
        """Yield what each step does."""
        return (step.action for step in self.steps)


def _is_outside(step: Step) -> bool:
    return step.outside


def _from(steps: list[Step], start: int, end: int | None = None) -> list[Step]:
    """Return the steps from one position to before another; the last ones if that is None."""
    first = bisect_left(steps, start, key=_position)
    return steps[first : None if end is None else bisect_left(steps, end, key=_position)]


def _position(step: Step) -> int:
    return step.position


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All migrations, and the lock file; None if there is none.

    unread: the revisions whose files could not be read.
    base: the migrations at the point at which the branch left its base; empty if no base is known,
        or if none of their files was changed or deleted since then.
    lock_deleted: whether the branch deleted the lock file.
    """

    graph: Graph
    lock: LockFile | None
    unread: frozenset[str] = frozenset()
    base: tuple[Migration, ...] = ()
    lock_deleted: bool = False
