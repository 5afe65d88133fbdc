"""Migrations followed without a database: their operations, and what people wrote by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff.commands.squash.names import Thing, Trail
from autodiff.errors import AutodiffError
from autodiff.migrations import Migration
from autodiff.runner.context import executing
from autodiff.runner.events import Direction
from autodiff.runner.executor import Executor
from autodiff.runner.loader import call_name, load_step
from autodiff.runner.sinks import RecordingSink
from autodiff.schema.objects import Name, Schema, Table
from autodiff.schema.operations import Backfill, Execute, Operation, Require
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from types import FrameType

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.dialects import Dialect

__all__ = ["HandWritten", "Reader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandWritten:
    """A part of a migration that does not follow from schemas: where it stands, and what it is.

    `check` is the message of an `op.require`, which plans write too.
    """

    name: str
    line: int | None
    what: str
    check: str | None = None

    def __str__(self) -> str:
        return f"{self.name}{f':{self.line}' if self.line else ''}: {self.what}"


class _StopError(Exception):
    """A migration can't be followed beyond this point."""


class Reader:
    """Reads migrations one after the other; what was found is in its attributes.

    parts: what was written by hand. fills: the values that new columns got, by column. lost:
    whether a migration could not be read to its end, so that renames may have been missed.
    """

    def __init__(self, start: Schema, dialect: Dialect) -> None:
        self.trail = Trail(start)
        self.parts: list[HandWritten] = []
        self.lost = False
        self._fills: list[tuple[Thing, str, HandWritten]] = []
        self._dialect = dialect
        self._empty = not start.tables

    def read(self, migration: Migration, tables: Mapping[Name, Table]) -> None:
        """Reads the way up of one, on tables as they are before it."""
        watcher = _Watcher(self._dialect, tables, lambda o: self._take(migration, o))
        if not self._read(migration, "upgrade", watcher):
            self.lost = True

    def read_back(self, migration: Migration, tables: Mapping[Name, Table]) -> None:
        """Reads the way back, on tables as they are after the migration: names are not followed."""
        watcher = _Watcher(self._dialect, tables, lambda o: self._take_back(migration, o))
        self._read(migration, "downgrade", watcher)

    def _read(self, migration: Migration, direction: Direction, watcher: _Watcher) -> bool:
        """Whether a function of a migration could be read to its end."""
        try:
            step = load_step(migration, direction)
            with executing(watcher):
                step()
                watcher.flush()
        except _StopError as stop:
            self._by_hand(migration, str(stop))
        except AutodiffError as error:
            self._by_hand(migration, f"it can't be followed: {error.message}")
        else:
            return True
        return False

    def fills(self) -> dict[str, tuple[str, HandWritten]]:
        """The values for rows that columns got when they came, by what they are called now."""
        found = ((self.trail.key(thing), value, part) for thing, value, part in self._fills)
        return {key: (value, part) for key, value, part in found if key is not None}

    def _take(self, migration: Migration, operation: Operation | str) -> None:
        """Sorts an operation, or something done by hand, that a migration hands over."""
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
                if not self._empty and not self.trail.is_new(table):
                    self._fill(migration, operation)
            case _:
                self.trail.follow(operation)

    def _take_back(self, migration: Migration, operation: Operation | str) -> None:
        """What is done by hand on the way back; values and checks are planned anew."""
        if isinstance(operation, Execute):
            operation = _plain(operation).describe()
        if isinstance(operation, str):
            self._by_hand(migration, operation)

    def _fill(self, migration: Migration, backfill: Backfill) -> None:
        """A value for a column that is new can be planned again; any other can't."""
        part = self._part(migration, backfill.describe())
        filled = list(self.trail.filled(backfill))
        if len(filled) < len(backfill.values):
            self.parts.append(part)
        self._fills += [(thing, value, part) for thing, value in filled]

    def _reads_old_rows(self, query: str) -> bool:
        """Whether a query names a table that may have rows of its own."""
        names = (re.escape(table.name) for table in self.trail.old_tables())
        return any(re.search(rf"(?<!\w){name}(?!\w)", query) for name in names)

    def _by_hand(self, migration: Migration, what: str, check: str | None = None) -> None:
        self.parts.append(self._part(migration, what, check))

    def _part(self, migration: Migration, what: str, check: str | None = None) -> HandWritten:
        line = None if migration.is_sql else _line(str(migration.path))
        return HandWritten(name=migration.path.name, line=line, what=what, check=check)


def _plain(operation: Execute) -> Execute:
    """The statement without its comments."""
    parts = (" " if kind == "space" else token for kind, token in tokens(operation.sql))
    return Execute(sql="".join(parts))


def _line(path: str) -> int | None:
    """The line of a file that is being run, or where it ended by an error."""
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
    """Hands over operations and what is done by hand; nothing is run."""

    def __init__(
        self,
        dialect: Dialect,
        tables: Mapping[Name, Table],
        take: Callable[[Operation | str], None],
    ) -> None:
        super().__init__(dialect, RecordingSink(dialect, tables))
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
        raise _StopError("~ get_bind: what is done with the connection")
