"""Read migrations without a database: their operations, and what was written by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff.commands.squash.name_tracker import NameTracker, TrackedName
from autodiff.errors import AutodiffError
from autodiff.migrations import Migration
from autodiff.runner.context import executing
from autodiff.runner.events import Direction
from autodiff.runner.executor import Executor
from autodiff.runner.loader import call_name, load_step
from autodiff.runner.sinks import Recording
from autodiff.schema.objects import Name, Schema, Table
from autodiff.schema.operations import Backfill, Execute, Operation, Require
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from types import FrameType

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.dialects import Dialect

__all__ = ["HandWritten", "HandWrittenReader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandWritten:
    """A part of a migration that cannot be derived from the schemas, and where it is.

    check: the message of an `op.require`, which plans write too.
    """

    name: str
    line: int | None
    what: str
    check: str | None = None

    def __str__(self) -> str:
        return f"{self.name}{f':{self.line}' if self.line else ''}: {self.what}"


class _StopError(Exception):
    """A migration cannot be read beyond this point."""


class HandWrittenReader:
    """Reads migrations one after the other, and collects what it finds.

    parts: what was written by hand.
    fills: the values for new columns.
    lost: whether a migration could not be read to its end, so that renames may be missing.
    """

    def __init__(self, start: Schema, dialect: Dialect) -> None:
        self.names = NameTracker(start)
        self.parts: list[HandWritten] = []
        self.lost = False
        self._fills: list[tuple[TrackedName, str, HandWritten]] = []
        self._dialect = dialect
        self._empty = not start.tables

    def read(self, migration: Migration, tables: Mapping[Name, Table]) -> None:
        """Read the upgrade of a migration, with the tables before it."""
        watcher = _Watcher(self._dialect, tables, lambda o: self._take(migration, o))
        if not self._read(migration, "upgrade", watcher):
            self.lost = True

    def read_back(self, migration: Migration, tables: Mapping[Name, Table]) -> None:
        """Read the downgrade, with the tables after the migration; names are not tracked."""
        watcher = _Watcher(self._dialect, tables, lambda o: self._take_back(migration, o))
        self._read(migration, "downgrade", watcher)

    def _read(self, migration: Migration, direction: Direction, watcher: _Watcher) -> bool:
        """Read a function of a migration and return whether that worked to its end."""
        try:
            step = load_step(migration, direction)
            with executing(watcher):
                step()
                watcher.flush()
        except _StopError as stop:
            self._by_hand(migration, str(stop))
        except AutodiffError as error:
            self._by_hand(migration, f"cannot be read: {error.message}")
        else:
            return True
        return False

    def fills(self) -> dict[str, tuple[str, HandWritten]]:
        """Return the values that new columns got for existing rows, by their current names."""
        found = ((self.names.key(tracked), value, part) for tracked, value, part in self._fills)
        return {key: (value, part) for key, value, part in found if key is not None}

    def _take(self, migration: Migration, operation: Operation | str) -> None:
        """Collect an operation, or the description of something done by hand."""
        match operation:
            case str() as what:
                self._by_hand(migration, what)
            case Execute():
                self.lost = True
                self._by_hand(migration, _plain(operation).describe())
            case Require(query=query, message=message):
                if self._reads_old_rows(query):
                    self._by_hand(migration, operation.describe(), message)
            case Backfill(table=table):
                if not self._empty and not self.names.is_new(table):
                    self._fill(migration, operation)
            case _:
                self.names.follow(operation)

    def _take_back(self, migration: Migration, operation: Operation | str) -> None:
        """Collect what the downgrade does by hand; its values and checks are planned again."""
        if isinstance(operation, Execute):
            operation = _plain(operation).describe()
        if isinstance(operation, str):
            self._by_hand(migration, operation)

    def _fill(self, migration: Migration, backfill: Backfill) -> None:
        """Collect a backfill; only that of a new column can be planned again."""
        part = self._part(migration, backfill.describe())
        filled = list(self.names.filled(backfill))
        if len(filled) < len(backfill.values):
            self.parts.append(part)
        self._fills += [(tracked, value, part) for tracked, value in filled]

    def _reads_old_rows(self, query: str) -> bool:
        """Return whether a query names a table that existed before, and so can have rows."""
        names = (re.escape(table.name) for table in self.names.old_tables())
        return any(re.search(rf"(?<!\w){name}(?!\w)", query) for name in names)

    def _by_hand(self, migration: Migration, what: str, check: str | None = None) -> None:
        self.parts.append(self._part(migration, what, check))

    def _part(self, migration: Migration, what: str, check: str | None = None) -> HandWritten:
        line = None if migration.is_sql else _line(str(migration.path))
        return HandWritten(name=migration.path.name, line=line, what=what, check=check)


def _plain(operation: Execute) -> Execute:
    """Return the statement without comments."""
    parts = (" " if kind == "space" else token for kind, token in tokens(operation.sql))
    return Execute(sql="".join(parts))


def _line(path: str) -> int | None:
    """Return the line of a file that is running, or at which it failed."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename != path:
        frame = frame.f_back
    if frame is not None:
        return frame.f_lineno
    trace = error.__traceback__ if (error := sys.exception()) else None
    found = None
    while trace is not None:
        found = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else found
        trace = trace.tb_next
    return found


class _Watcher(Executor):
    """Passes on operations and descriptions; nothing is run."""

    def __init__(
        self,
        dialect: Dialect,
        tables: Mapping[Name, Table],
        take: Callable[[Operation | str], None],
    ) -> None:
        super().__init__(dialect, Recording(dialect, tables))
        self._take = take

    def submit(self, operation: Operation) -> None:
        self._take(operation)
        if not isinstance(operation, Execute | Require | Backfill):
            super().submit(operation)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self._take(f"~ execute {' '.join(str(clause).split())[:60]}")

    def call(
        self,
        function: Callable[[Connection], object],
        reverse: Callable[[Connection], object] | None = None,
    ) -> None:
        self._take(f"~ run {call_name(function).rpartition('.')[2]}")

    def connection(self) -> Connection:
        raise _StopError("~ get_bind: statements on the connection")
