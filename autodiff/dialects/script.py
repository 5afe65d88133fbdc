"""How SQL stands in a script for a database's own client: psql, mariadb, sqlite3."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.dialects.timeouts import Limits

__all__ = ["Actor", "Guard", "ScriptWriter", "ends_in_comment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Stops a script where the condition, an SQL expression, is true; `message` says why."""

    condition: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """SQL expressions for who runs a script: the user, the host and the number of the session."""

    user: str
    host: str
    session: str


class ScriptWriter(ABC):
    """Writes what a client reads; each method gives the text of lines, pure."""

    call: str
    """How the client is called, with FILE for the script."""
    now: str
    """The time as the history has it, as an SQL expression."""
    now_exactly: str
    """The same with milliseconds, as the journal has it."""
    actor: Actor

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    @abstractmethod
    def opening(self, schema: str | None) -> list[str]:
        """The first lines: stop at the first error. `schema` is that of the history."""

    @abstractmethod
    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        """Begins a migration, within limits, where nobody else is at one."""

    @abstractmethod
    def end(self) -> list[str]:
        """Ends a migration."""

    @abstractmethod
    def leave(self) -> list[str]:
        """Ends its transaction in the middle: each statement commits by itself."""

    @abstractmethod
    def guard(self, guard: Guard) -> list[str]:
        """What stops the script."""

    def record(self, statements: Sequence[str]) -> list[str]:
        """The rows that say that a migration is done, as a whole or not at all."""
        return [self.statement(sql) for sql in statements]

    def statement(self, sql: str) -> str:
        """One statement with what ends it, so that the client takes it as it is."""
        text = sql.strip()
        return f"{text}\n;" if ends_in_comment(text) else f"{text};"


def ends_in_comment(sql: str, *, backslashes: bool = False) -> bool:
    """Whether what follows on the same line would be part of a comment."""
    last = ""
    for kind, token in tokens(sql, backslashes=backslashes):
        last = token if kind == "space" else ""
    return last.startswith(("--", "#")) and not last.endswith("\n")
