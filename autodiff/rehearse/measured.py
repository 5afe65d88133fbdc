"""Measure the statements of a migration while it is rehearsed."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from autodiff.dialects.meter import Effects, Meter
from autodiff.dialects.scope import OWN_TABLES
from autodiff.errors import one_line
from autodiff.lint.sql import statements_with_lines
from autodiff.runner.failures import flat_sql
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from types import FrameType

    from sqlalchemy.engine import Connection

    from autodiff.dialects import Dialect
    from autodiff.migrations import Migration

__all__ = ["MeasuredStatement", "StatementRecorder", "is_of_migration", "open_recorder"]

_COMMENT = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_CHANGES = re.compile(
    rf"{_COMMENT}(?:ALTER|CREATE|DROP|TRUNCATE|RENAME|REINDEX|CLUSTER|VACUUM|ANALYZE|REFRESH|LOCK"
    r"|UPDATE|DELETE|INSERT|MERGE|WITH|COMMENT|DO|CALL)\b",
    re.IGNORECASE | re.DOTALL,
)
"""Statements that can lock or write anything."""
_SHOWN = 200
"""How many characters of a statement a line shows."""
_KEYWORDS = re.compile(r"\b[A-Z]{2,}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStatement:
    """A statement of an upgrade, and what it did to the scratch database.

    line: the line of the migration's file; None if it is unknown.
    """

    sql: str
    line: int | None = None
    effects: Effects

    def lines(self) -> list[str]:
        """Return the statement, and an indented line for each fact."""
        text = flat_sql(self.sql)
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        place = f"line {self.line}: " if self.line is not None else ""
        facts = [one_line(sentence) for _, _, sentence in self.effects.facts()]
        return [f"{place}{shown}", *(f"  {fact}" for fact in facts)]

    def without_values(self) -> MeasuredStatement:
        """Return the statement with its first words only: the rest can contain live values."""
        words = [token for kind, token in tokens(self.sql) if kind == "word"]
        return replace(self, sql=" ".join([*words[:2], "..."]))

    def to_data(self) -> dict[str, Any]:
        """Return plain data, for --json."""
        return {"sql": self.sql, "line": self.line, **asdict(self.effects)}


class StatementRecorder:
    """Measures the statements that are sent while `recording` is active."""

    def __init__(self, connection: Connection, dialect: Dialect, meter: Meter) -> None:
        self._connection = connection
        self._dialect = dialect
        self._meter = meter
        self._found: list[MeasuredStatement] | None = None
        self._sql: str | None = None
        self._kinds: Counter[str] = Counter()
        self._path = ""
        self._lines: dict[str, int] = {}
        event.listen(connection, "before_cursor_execute", self._before, retval=True)
        event.listen(connection, "after_cursor_execute", self._after)

    @contextmanager
    def recording(self, migration: Migration | None) -> Iterator[list[MeasuredStatement]]:
        """Yield a list that the statements are added to; `migration` has their lines."""
        self._meter.reset()
        self._kinds.clear()
        self._path = str(migration.path) if migration is not None else ""
        self._lines = {}
        if migration is not None and migration.is_sql:
            found = list(statements_with_lines(migration.text, self._dialect))
            self._lines = dict(reversed(found))
        found_statements: list[MeasuredStatement] = []
        self._found = found_statements
        try:
            yield found_statements
        finally:
            self._found = self._sql = None
            with suppress(Exception):
                self._meter.reset()

    def _before(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, *_: Any
    ) -> tuple[str, Any]:
        self._sql = None
        if self._found is None or not is_of_migration(statement):
            return statement, parameters
        sql = _sent(statement, parameters, context)
        if sql is None:
            return statement, parameters
        with suppress(Exception):  # the statement itself shows what is wrong
            replaced = self._meter.begin(sql, with_locks=self._needs_locks(sql))
            self._sql = sql
            return statement if replaced == sql else replaced, parameters
        return statement, parameters

    def _needs_locks(self, sql: str) -> bool:
        """Return whether few statements with the same keywords have come before."""
        keywords = " ".join(_KEYWORDS.findall(sql))
        self._kinds[keywords] += 1
        most = self._meter.most_locks
        return most is None or self._kinds[keywords] <= most

    def _after(self, *_: Any) -> None:
        sql, self._sql = self._sql, None
        if sql is None or self._found is None:
            return
        with suppress(Exception):
            effects = self._meter.end(sql)
            line = self._lines.get(sql) if self._lines else _running_line(self._path)
            self._found.append(MeasuredStatement(sql=sql, line=line, effects=effects))


@contextmanager
def open_recorder(connection: Connection, dialect: Dialect) -> Iterator[StatementRecorder | None]:
    """Yield a recorder for a scratch database; None if nothing can be measured there."""
    with dialect.open_meter(connection) as meter:
        yield None if meter is None else StatementRecorder(connection, dialect, meter)


def _sent(statement: str, parameters: Any, context: Any) -> str | None:
    """Return the SQL that the server receives; None if it has parameters.

    SQLAlchemy doubles percent signs, which the driver undoes unless it gets no parameters at all.
    """
    if parameters:
        return None
    is_plain = context is not None and context.execution_options.get("no_parameters")
    doubles = context is not None and context.dialect.paramstyle in ("format", "pyformat")
    return statement.replace("%%", "%") if doubles and not is_plain else statement


def is_of_migration(statement: str) -> bool:
    """Return whether a statement is one of a migration, and not of the runner."""
    return bool(_CHANGES.match(statement)) and not any(name in statement for name in OWN_TABLES)


def _running_line(path: str) -> int | None:
    """Return the line of a file that is running, None if none is."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename != path:
        frame = frame.f_back
    return None if frame is None else frame.f_lineno
