"""Read migrations without a database: their operations, and what was written by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.commands.squash.name_tracker import NameTracker, TrackedName
from autodiff.migrations import Migration
from autodiff.runner.operation_reader import read_operations
from autodiff.schema.objects import Name, Schema, Table
from autodiff.schema.operations import Backfill, CreateIndex, Execute, Operation, Require
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from types import FrameType

    from autodiff.dialects import Dialect

__all__ = ["HandWritten", "HandWrittenReader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandWritten:
    """A part of a migration that cannot be derived from the schemas, and its location.

    check: the message of an `op.require`, which plans write too.
    """

    name: str
    line: int | None
    what: str
    check: str | None = None

    def __str__(self) -> str:
        return f"{self.name}{f':{self.line}' if self.line else ''}: {self.what}"


class HandWrittenReader:
    """Reads migrations one after the other, and collects what it finds.

    parts: what was written by hand.
    fills: the values for new columns, and those that replace NULL in older ones.
    concurrent: the names of the indexes that are built without blocking writes.
    lost: whether a migration could not be read to its end, so that renames may be missing.
    """

    def __init__(self, start: Schema, dialect: Dialect) -> None:
        self.names = NameTracker(start)
        self.parts: list[HandWritten] = []
        self.lost = False
        self.concurrent: set[str | None] = set()
        self._fills: list[tuple[TrackedName, str, HandWritten]] = []
        self._dialect = dialect
        self._empty = not start.tables

    def read(self, migration: Migration, tables: Mapping[Name, Table]) -> None:
        """Read the upgrade of a migration, with the tables before it."""
        if not read_operations(
            migration, "upgrade", self._dialect, tables, lambda o: self._take(migration, o)
        ):
            self.lost = True

    def read_back(self, migration: Migration, tables: Mapping[Name, Table]) -> None:
        """Read the downgrade, with the tables after the migration; names are not tracked."""
        read_operations(
            migration, "downgrade", self._dialect, tables, lambda o: self._take_back(migration, o)
        )

    def fills(self) -> dict[str, tuple[str, HandWritten]]:
        """Return the values that columns got for existing rows, by their current names."""
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
            case CreateIndex(index=index, concurrently=True):
                self.concurrent.add(index.name)
            case _:
                self.names.follow(operation)

    def _take_back(self, migration: Migration, operation: Operation | str) -> None:
        """Collect what the downgrade does by hand; its values and checks are planned again."""
        if isinstance(operation, Execute):
            operation = _plain(operation).describe()
        if isinstance(operation, str):
            self._by_hand(migration, operation)

    def _fill(self, migration: Migration, backfill: Backfill) -> None:
        """Collect a backfill; only one that replaces NULL can be planned again."""
        part = self._part(migration, backfill.describe())
        filled = list(self.names.filled(backfill, self._dialect.quote))
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
