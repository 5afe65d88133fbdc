"""Write scripts for sqlite3, the command-line client of SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.dialects.script import Actor, Guard, ScriptWriter
from autodiff.schema.sqltext import quote_identifier, tokens

if TYPE_CHECKING:
    from autodiff.dialects.timeouts import Limits

__all__ = ["SqliteWriter"]

_VIOLATIONS = (
    'SELECT "table" AS child, "parent" AS parent, count(*) AS rows FROM pragma_foreign_key_check'
)
_BEFORE = "temp.autodiff_violations"
_NEW_VIOLATIONS = Guard(
    condition=f"""EXISTS (
  SELECT 1 FROM ({_VIOLATIONS} GROUP BY 1, 2) AS found
  WHERE found.rows > coalesce((
    SELECT known.rows FROM {_BEFORE} AS known
    WHERE known.child = found.child AND known.parent IS found.parent
  ), 0)
)""",
    message="the migration leaves rows that violate foreign keys: "
    "PRAGMA foreign_key_check lists them",
)


class SqliteWriter(ScriptWriter):
    """Writes scripts for sqlite3. https://www.sqlite.org/cli.html"""

    call = "sqlite3 DATABASE < FILE"
    now = "strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now')"
    now_exactly = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
    actor = Actor(user="'sqlite3'", host="'script'", session="0")

    def opening(self, schema: str | None) -> list[str]:
        """Return the commands that stop at the first error and disable foreign keys.

        While foreign keys are on, dropping a table deletes the rows that refer to it.
        https://www.sqlite.org/foreignkeys.html#fk_schemacommands
        """
        return [".bail on", "PRAGMA foreign_keys = OFF;"]

    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        """Return the commands that begin a transaction and record existing violations.

        BEGIN IMMEDIATE prevents other writers until the end of the transaction. No limit means no
        `.timeout` command, because `.timeout 0` would disable waiting.
        """
        return [
            *([f".timeout {round(limits.lock * 1000)}"] if limits.lock else []),
            "BEGIN IMMEDIATE;",
            f"CREATE TEMP TABLE {_BEFORE.partition('.')[2]} AS {_VIOLATIONS} GROUP BY 1, 2;",
        ]

    def end(self) -> list[str]:
        return [*self.guard(_NEW_VIOLATIONS), f"DROP TABLE {_BEFORE};", "COMMIT;"]

    def leave(self) -> list[str]:
        return self.end()

    def guard(self, guard: Guard) -> list[str]:
        """Return statements that violate a check if the condition is true.

        The name of the check is the message: sqlite3 prints it. RAISE() works in triggers only, so
        there is no other way to stop a script. https://www.sqlite.org/lang_createtrigger.html
        """
        name = quote_identifier(" ".join(guard.message.split()))
        return [
            f"CREATE TEMP TABLE autodiff_guard (stop INTEGER CONSTRAINT {name} CHECK (NOT stop));",
            self.statement(f"INSERT INTO temp.autodiff_guard SELECT {guard.condition}"),
            "DROP TABLE temp.autodiff_guard;",
        ]

    def statement(self, sql: str) -> str:
        """Return the statement, with char() for each \\r\\n in strings.

        sqlite3 reads \\r\\n as \\n, in strings too.
        """
        parts = [
            _expand_line_ends(token) if kind == "string" and "\r\n" in token else token
            for kind, token in tokens(sql)
        ]
        return super().statement("".join(parts))


def _expand_line_ends(literal: str) -> str:
    """Return a string literal as an expression that contains no line end with \\r."""
    pieces = literal.replace("\r\n", "' || char(13, 10) || '")
    return f"({pieces})"
