"""SQL scripts for a database's own client: psql, mariadb, sqlite3."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.schema.sqltext import terminate_statement

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.dialects.timeouts import Limits

__all__ = ["Actor", "Guard", "ScriptWriter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Stops a script with a message if the condition, an SQL expression, is true."""

    condition: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """SQL expressions for the user, the host and the session that run a script."""

    user: str
    host: str
    session: str


class ScriptWriter(ABC):
    """Writes the lines of a script; no method has side effects."""

    call: str
    """The command that runs the script FILE."""
    now: str
    """An SQL expression for the time in the format of the history table."""
    now_exactly: str
    """The same with milliseconds, in the format of the journal table."""
    actor: Actor

    def __init__(self, dialect: Dialect, history_table: str = HISTORY_TABLE) -> None:
        self.dialect = dialect
        self.history_table = history_table

    @abstractmethod
    def opening(self, schema: str | None) -> list[str]:
        """Return the first lines, which make the client stop at the first error.

        `schema` is the schema of the history table.
        """

    @abstractmethod
    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        """Return lines that begin a migration, within limits, if no other run holds the lock."""

    @abstractmethod
    def end(self) -> list[str]:
        """Return lines that end a migration."""

    @abstractmethod
    def leave(self) -> list[str]:
        """Return lines that leave the transaction of a migration, for op.autocommit()."""

    @abstractmethod
    def guard(self, guard: Guard) -> list[str]:
        """Return lines that stop the script if the condition of the guard is true."""

    def own_table(self, name: str, create: str) -> list[str]:
        """Return lines that create a table of autodiff, unless it exists.

        `create` is CREATE TABLE IF NOT EXISTS for the table of that name.
        """
        return [self.statement(create)]

    def record(self, statements: Sequence[str]) -> list[str]:
        """Return lines that record a migration as applied, in one transaction."""
        return [self.statement(sql) for sql in statements]

    def statement(self, sql: str) -> str:
        """Return one statement with its terminator, escaped for the client."""
        return terminate_statement(sql.strip())
