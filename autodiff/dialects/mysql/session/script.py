"""Write SQL scripts for the command-line clients `mariadb` and `mysql`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autodiff.dialects.migration_lock import lock_key
from autodiff.dialects.mysql.expressions import quote_string
from autodiff.dialects.mysql.session.sql_mode import NO_BACKSLASH_ESCAPES
from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.dialects.script import Actor, Guard, ScriptWriter
from autodiff.schema.sqltext import ends_in_comment, tokens

if TYPE_CHECKING:
    from autodiff.dialects.timeouts import Limits

__all__ = ["MariadbWriter"]

_DELIMITERS = ("//", "$$", "@@", "~~", "^^")
"""Delimiters for statements with semicolons. The first one that does not occur in it is used."""
_MESSAGE_LENGTH = 190
"""Characters of a guard's message, which is a key: 190 characters of 4 bytes fit into 767 bytes.

That is the limit for the row formats REDUNDANT and COMPACT.
https://dev.mysql.com/doc/refman/en/innodb-limits.html
"""


class MariadbWriter(ScriptWriter):
    """Writes scripts with the migration lock, guards and DELIMITER commands.

    Each DDL statement commits, so the lock cannot belong to a transaction: the session holds it
    from the first line to the end of the script.
    https://mariadb.com/kb/en/mariadb-command-line-client/
    """

    call = "mariadb DATABASE < FILE"
    now = "date_format(utc_timestamp(), '%Y-%m-%dT%H:%i:%s+00:00')"
    now_exactly = (
        "concat(left(date_format(utc_timestamp(3), '%Y-%m-%dT%H:%i:%s.%f'), 23), '+00:00')"
    )
    actor = Actor(
        user="substring_index(user(), '@', 1)",
        host="coalesce(nullif(substring_index(user(), '@', -1), ''), 'local')",
        session="connection_id()",
    )

    def opening(self, schema: str | None) -> list[str]:
        lock = _lock_name(schema, self.history_table)
        guard = Guard(
            condition=f"coalesce(get_lock({lock}, 0), 0) <> 1",
            message="another run holds the lock of this database's migrations",
        )
        return [
            "SET NAMES utf8mb4;",
            f"SET SESSION sql_mode = replace(@@sql_mode, '{NO_BACKSLASH_ESCAPES}', '');",
            *self.guard(guard),
        ]

    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        if not limits.lock:
            return []
        seconds = max(round(limits.lock), 1)
        names = ("lock_wait_timeout", "innodb_lock_wait_timeout")
        return [f"SET SESSION {', '.join(f'{name} = {seconds}' for name in names)};"]

    def end(self) -> list[str]:
        return []

    def leave(self) -> list[str]:
        return []

    def record(self, statements: Sequence[str]) -> list[str]:
        return ["START TRANSACTION;", *super().record(statements), "COMMIT;"]

    def guard(self, guard: Guard) -> list[str]:
        """Return statements that stop the script with the message if the condition is true.

        SIGNAL cannot be conditional outside of stored programs. Instead, the guard inserts the
        message twice into a table with a primary key: the error for the duplicate key contains it.
        """
        message = self.dialect.literal(" ".join(guard.message.split())[:_MESSAGE_LENGTH])
        two_rows = "(SELECT 1 AS place UNION ALL SELECT 2)"
        return [
            "CREATE TEMPORARY TABLE autodiff_guard "
            f"(message VARCHAR({_MESSAGE_LENGTH}) CHARACTER SET utf8mb4 PRIMARY KEY);",
            self.statement(
                f"INSERT INTO autodiff_guard SELECT {message} FROM {two_rows} AS twice\n"
                f"WHERE {guard.condition}"
            ),
            "DROP TEMPORARY TABLE autodiff_guard;",
        ]

    def statement(self, sql: str) -> str:
        """Return the statement with its delimiter.

        The client ends a statement at each semicolon, even in the body of a trigger. A statement
        that contains semicolons gets another delimiter.
        """
        parts = [
            (kind, _escaped(token) if kind == "string" else token)
            for kind, token in tokens(sql.strip(), backslashes=True)
        ]
        text = "".join(token for _, token in parts)
        end = "\n" if ends_in_comment(text, backslashes=True) else ""
        if not any(token == ";" for _, token in parts):
            return f"{text}{end};"
        delimiter = next(candidate for candidate in _DELIMITERS if candidate not in text)
        return f"DELIMITER {delimiter}\n{text}{end}{delimiter}\nDELIMITER ;"


def _escaped(literal: str) -> str:
    """Escape what the client does not read: it takes \\r\\n as \\n, and refuses NUL."""
    return literal.replace("\r", "\\r").replace("\0", "\\0")


def _lock_name(schema: str | None, history_table: str) -> str:
    """Return SQL for the name of the migration lock, which is the same as in NamedLock."""
    if schema:
        return f"'autodiff_{lock_key(schema, history_table).hex()[:32]}'"
    own = "" if history_table == HISTORY_TABLE else f", char(0), {quote_string(history_table)}"
    text = f"concat('autodiff', char(0), database(){own})"
    return f"concat('autodiff_', left(sha2({text}, 256), 32))"
