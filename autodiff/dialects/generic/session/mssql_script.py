"""Write scripts for sqlcmd, the command-line client of SQL Server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.dialects.migration_lock import lock_key
from autodiff.dialects.script import Actor, Guard, ScriptWriter

if TYPE_CHECKING:
    from autodiff.dialects.timeouts import Limits

__all__ = ["SqlcmdWriter"]

_CLOCK = "SYSUTCDATETIME()"


class SqlcmdWriter(ScriptWriter):
    """Writes scripts for sqlcmd, in which GO ends a batch.

    Each statement is a separate batch: a batch is compiled as a whole, before an earlier
    statement of it has added the column that a later one uses.
    https://learn.microsoft.com/en-us/sql/tools/sqlcmd/sqlcmd-utility
    """

    call = "sqlcmd -S SERVER -d DATABASE -b -x -i FILE"
    now = f"CONVERT(varchar(19), {_CLOCK}, 126) + '+00:00'"
    now_exactly = f"CONVERT(varchar(23), CAST({_CLOCK} AS datetime2(3)), 126) + '+00:00'"
    actor = Actor(user="SUSER_SNAME()", host="COALESCE(HOST_NAME(), 'local')", session="@@SPID")

    def opening(self, schema: str | None) -> list[str]:
        """Return the commands that stop at the first error and roll the transaction back.

        https://learn.microsoft.com/en-us/sql/t-sql/statements/set-xact-abort-transact-sql
        """
        return [":on error exit", *self._batch("SET XACT_ABORT ON;\nSET QUOTED_IDENTIFIER ON;")]

    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        """Return the batches that begin a transaction and take the migration lock in it.

        https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql
        """
        name = f"autodiff_{lock_key(schema, self.history_table).hex()[:32]}"
        timeout = round(limits.lock * 1000) if limits.lock else -1
        lock = (
            "DECLARE @locked int;\n"
            f"EXEC @locked = sp_getapplock @Resource = N'{name}', @LockMode = 'Exclusive', "
            "@LockOwner = 'Transaction', @LockTimeout = 0;\n"
            "IF @locked < 0 THROW 50000, "
            "N'another run holds the lock of this database''s migrations', 1;"
        )
        return [
            *self._batch(f"SET LOCK_TIMEOUT {timeout};"),
            *self._batch("BEGIN TRANSACTION;"),
            *self._batch(lock),
        ]

    def end(self) -> list[str]:
        return self._batch("COMMIT TRANSACTION;")

    def leave(self) -> list[str]:
        return self.end()

    def own_table(self, name: str, create: str) -> list[str]:
        """Return CREATE TABLE, unless the table exists; SQL Server has no IF NOT EXISTS."""
        plain = create.replace("CREATE TABLE IF NOT EXISTS ", "CREATE TABLE ", 1)
        table = plain.removeprefix("CREATE TABLE ").partition(" (")[0].strip()
        exists = f"IF OBJECT_ID(N{self.dialect.literal(table)}, N'U') IS NULL"
        return self._batch(f"{exists}\n{plain};")

    def guard(self, guard: Guard) -> list[str]:
        message = self.dialect.literal(" ".join(guard.message.split())[:2000])
        return self._batch(f"IF {guard.condition}\n  THROW 50000, N{message}, 1;")

    def statement(self, sql: str) -> str:
        return "\n".join(self._batch(super().statement(sql)))

    def _batch(self, sql: str) -> list[str]:
        return [sql, "GO"]
