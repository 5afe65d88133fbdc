"""Scripts for mariadb and mysql."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autodiff.dialects.migration_lock import lock_key
from autodiff.dialects.script import Actor, Guard, ScriptWriter, ends_in_comment
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from autodiff.dialects.timeouts import Limits

__all__ = ["MariadbWriter"]

_MODE = "NO_BACKSLASH_ESCAPES"
_DELIMITERS = ("//", "$$", "@@", "~~", "^^")
_MESSAGE_LENGTH = 190


class MariadbWriter(ScriptWriter):
    """Writes scripts for the mariadb and mysql clients.

    DDL commits, so the lock is held from the first line to the end of the session.
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
        lock = Guard(
            condition=f"coalesce(get_lock({_lock_name(schema)}, 0), 0) <> 1",
            message="another run holds the lock of this database's migrations",
        )
        return [
            "SET NAMES utf8mb4;",
            f"SET SESSION sql_mode = replace(@@sql_mode, '{_MODE}', '');",
            *self.guard(lock),
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
        """Return lines that cause a duplicate key error, which contains the message.

        Without a procedure, only an error can stop a script.
        """
        message = self.dialect.literal(" ".join(guard.message.split())[:_MESSAGE_LENGTH])
        twice = "(SELECT 1 AS place UNION ALL SELECT 2)"
        return [
            "CREATE TEMPORARY TABLE autodiff_guard "
            f"(message VARCHAR({_MESSAGE_LENGTH}) CHARACTER SET utf8mb4 PRIMARY KEY);",
            self.statement(
                f"INSERT INTO autodiff_guard SELECT {message} FROM {twice} AS twice\n"
                f"WHERE {guard.condition}"
            ),
            "DROP TEMPORARY TABLE autodiff_guard;",
        ]

    def statement(self, sql: str) -> str:
        """Change the delimiter around a body: the client ends a statement at each semicolon."""
        parts = [
            (kind, _escaped(token) if kind == "string" else token)
            for kind, token in tokens(sql.strip(), backslashes=True)
        ]
        text = "".join(token for _, token in parts)
        end = "\n" if ends_in_comment(text, backslashes=True) else ""
        if not any(token == ";" for _, token in parts):
            return f"{text}{end};"
        delimiter = next(mark for mark in _DELIMITERS if mark not in text)
        return f"DELIMITER {delimiter}\n{text}{end}{delimiter}\nDELIMITER ;"


def _escaped(literal: str) -> str:
    """Escape \\r, because the client reads \\r\\n as \\n, in strings too."""
    return literal.replace("\r", "\\r")


def _lock_name(schema: str | None) -> str:
    """Return SQL for the name of the runner's lock, which contains that of the database."""
    if schema:
        return f"'autodiff_{lock_key(schema).hex()[:32]}'"
    return "concat('autodiff_', left(sha2(concat('autodiff', char(0), database()), 256), 32))"
