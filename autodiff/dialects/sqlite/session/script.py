"""Scripts for sqlite3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.dialects.script import Actor, Guard, ScriptWriter
from autodiff.schema.sqltext import quote_identifier, tokens

if TYPE_CHECKING:
    from autodiff.dialects.timeouts import Limits

__all__ = ["SqliteWriter"]

_KEYS = (
    'SELECT "table" AS child, "parent" AS parent, count(*) AS rows FROM pragma_foreign_key_check'
)
_BEFORE = "temp.autodiff_violations"
_NEW_VIOLATIONS = Guard(
    condition=f"""EXISTS (
  SELECT 1 FROM ({_KEYS} GROUP BY 1, 2) AS found
  WHERE found.rows > coalesce((
    SELECT known.rows FROM {_BEFORE} AS known
    WHERE known.child = found.child AND known.parent IS found.parent
  ), 0)
)""",
    message="the migration leaves rows that point at nothing: PRAGMA foreign_key_check lists them",
)


class SqliteWriter(ScriptWriter):
    """Writes scripts for sqlite3. https://www.sqlite.org/cli.html"""

    call = "sqlite3 DATABASE < FILE"
    now = "strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now')"
    now_exactly = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
    actor = Actor(user="'sqlite3'", host="'script'", session="0")

    def opening(self, schema: str | None) -> list[str]:
        """Switch foreign keys off: else dropping a table deletes the rows that refer to it."""
        return [".bail on", "PRAGMA foreign_keys = OFF;"]

    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        """Begin a transaction that blocks other writers; a timeout of 0 would mean no waiting."""
        return [
            *([f".timeout {round(limits.lock * 1000)}"] if limits.lock else []),
            "BEGIN IMMEDIATE;",
            f"CREATE TEMP TABLE {_BEFORE.partition('.')[2]} AS {_KEYS} GROUP BY 1, 2;",
        ]

    def end(self) -> list[str]:
        return [*self.guard(_NEW_VIOLATIONS), f"DROP TABLE {_BEFORE};", "COMMIT;"]

    def leave(self) -> list[str]:
        return self.end()

    def guard(self, guard: Guard) -> list[str]:
        """Return lines that fail a check named like the message: only an error stops a script."""
        name = quote_identifier(" ".join(guard.message.split()))
        return [
            f"CREATE TEMP TABLE autodiff_guard (stop INTEGER CONSTRAINT {name} CHECK (NOT stop));",
            self.statement(f"INSERT INTO temp.autodiff_guard SELECT {guard.condition}"),
            "DROP TABLE temp.autodiff_guard;",
        ]

    def statement(self, sql: str) -> str:
        """Replace \\r\\n in strings by an expression: sqlite3 reads it as \\n."""
        parts = [
            _with_returns(token) if kind == "string" and "\r\n" in token else token
            for kind, token in tokens(sql)
        ]
        return super().statement("".join(parts))


def _with_returns(literal: str) -> str:
    """Return a string literal as an expression in which no line ends in \\r."""
    pieces = literal.replace("\r\n", "' || char(13, 10) || '")
    return f"({pieces})"
