"""Write scripts for psql, the command-line client of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.dialects.migration_lock import lock_key
from autodiff.dialects.script import Actor, Guard, ScriptWriter
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from autodiff.dialects.timeouts import Limits

__all__ = ["PsqlWriter"]

_LOCKED = "another run holds the lock of this database's migrations"


class PsqlWriter(ScriptWriter):
    """Writes scripts for psql. https://www.postgresql.org/docs/current/app-psql.html"""

    call = "psql --no-psqlrc --file FILE"
    now = """to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')"""
    now_exactly = """to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"')"""
    actor = Actor(
        user="session_user",
        host="coalesce(host(inet_client_addr()), 'local')",
        session="pg_backend_pid()",
    )

    def opening(self, schema: str | None) -> list[str]:
        return [r"\set ON_ERROR_STOP on", r"\encoding UTF8"]

    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        """Return the commands that begin a transaction, set its limits and take the migration lock.

        Settings and lock belong to the transaction, so they also work behind a transaction pooler.
        """
        key = int.from_bytes(lock_key(schema, self.history_table)[:8], signed=True)
        lock = Guard(condition=f"NOT pg_try_advisory_xact_lock({key})", message=_LOCKED)
        return [
            "BEGIN;",
            "SET LOCAL client_min_messages = warning;",
            f"SET LOCAL lock_timeout = {round(limits.lock * 1000)};",
            f"SET LOCAL statement_timeout = {round(limits.statement * 1000)};",
            *self.guard(lock),
        ]

    def end(self) -> list[str]:
        return ["COMMIT;"]

    def leave(self) -> list[str]:
        return ["COMMIT;"]

    def guard(self, guard: Guard) -> list[str]:
        """Return a DO block that raises the message if the condition is true.

        https://www.postgresql.org/docs/current/plpgsql-errors-and-messages.html
        """
        tag = "$guard$"
        while tag in guard.condition or tag in guard.message:
            tag = f"{tag[:-1]}_$"
        message = self.dialect.literal(guard.message)
        return [
            f"DO {tag} BEGIN",
            f"  IF {guard.condition} THEN",
            f"    RAISE EXCEPTION USING MESSAGE = {message};",
            "  END IF;",
            f"END {tag};",
        ]

    def statement(self, sql: str) -> str:
        """Return the statement with a backslash before each colon.

        psql would otherwise replace a colon and a name by the value of a variable.
        https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-INTERPOLATION
        """
        parts = ["\\:" if token == ":" else token for _, token in tokens(sql)]
        return super().statement("".join(parts))
