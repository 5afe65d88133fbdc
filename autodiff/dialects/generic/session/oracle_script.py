"""Write scripts for sqlplus, the command-line client of Oracle Database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autodiff.dialects.script import Actor, Guard, ScriptWriter

if TYPE_CHECKING:
    from autodiff.dialects.timeouts import Limits

__all__ = ["SqlplusWriter"]

_UTC = "SYS_EXTRACT_UTC(SYSTIMESTAMP)"
_BLOCK = re.compile(
    r"\s*(?:BEGIN\b|DECLARE\b"
    r"|CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:NON)?EDITIONABLE\s+)?"
    r"(?:FUNCTION|PACKAGE|PROCEDURE|TRIGGER|TYPE)\b)",
    re.IGNORECASE,
)
_NAME_TAKEN = -955
"""ORA-00955: name is already used by an existing object."""


class SqlplusWriter(ScriptWriter):
    """Writes scripts for sqlplus, in which / runs a block of PL/SQL.

    Each DDL statement commits, so a script that fails stops between two statements. No lock is
    taken: those of DBMS_LOCK need a grant, and those of tables end with each DDL statement.
    https://docs.oracle.com/en/database/oracle/oracle-database/23/sqpug/
    """

    call = "sqlplus USER@DATABASE @FILE"
    now = f"""TO_CHAR({_UTC}, 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')"""
    now_exactly = f"""TO_CHAR({_UTC}, 'YYYY-MM-DD"T"HH24:MI:SS.FF3"+00:00"')"""
    actor = Actor(
        user="USER",
        host="COALESCE(SYS_CONTEXT('USERENV', 'HOST'), 'local')",
        session="TO_NUMBER(SYS_CONTEXT('USERENV', 'SID'))",
    )

    def opening(self, schema: str | None) -> list[str]:
        """Return the commands that stop at the first error and take & and empty lines literally."""
        return [
            "WHENEVER SQLERROR EXIT FAILURE ROLLBACK",
            "WHENEVER OSERROR EXIT FAILURE ROLLBACK",
            "SET DEFINE OFF",
            "SET SQLBLANKLINES ON",
        ]

    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        if not limits.lock:
            return []
        return [f"ALTER SESSION SET DDL_LOCK_TIMEOUT = {max(round(limits.lock), 1)};"]

    def end(self) -> list[str]:
        return []

    def leave(self) -> list[str]:
        return []

    def own_table(self, name: str, create: str) -> list[str]:
        """Return a block that creates the table, and ignores that it exists."""
        plain = create.replace("CREATE TABLE IF NOT EXISTS ", "CREATE TABLE ", 1)
        return [
            "BEGIN",
            f"  EXECUTE IMMEDIATE {self.dialect.literal(plain)};",
            "EXCEPTION WHEN OTHERS THEN",
            f"  IF SQLCODE != {_NAME_TAKEN} THEN RAISE; END IF;",
            "END;",
            "/",
        ]

    def record(self, statements: Sequence[str]) -> list[str]:
        return [*super().record(statements), "COMMIT;"]

    def guard(self, guard: Guard) -> list[str]:
        """Return a block that raises the message if the condition is true."""
        message = self.dialect.literal(" ".join(guard.message.split())[:1000])
        return [
            "DECLARE found NUMBER;",
            "BEGIN",
            f"  SELECT COUNT(*) INTO found FROM dual WHERE {guard.condition};",
            f"  IF found > 0 THEN RAISE_APPLICATION_ERROR(-20000, {message}); END IF;",
            "END;",
            "/",
        ]

    def statement(self, sql: str) -> str:
        """Return the statement with a semicolon, and with / after a block of PL/SQL."""
        text = super().statement(sql)
        return f"{text}\n/" if _BLOCK.match(sql) else text
