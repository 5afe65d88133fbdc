"""Write scripts for duckdb, the command-line client of DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autodiff.dialects.script import Actor, Guard, ScriptWriter

if TYPE_CHECKING:
    from autodiff.dialects.timeouts import Limits

__all__ = ["DuckDBWriter"]

_UTC = "now() AT TIME ZONE 'UTC'"


class DuckDBWriter(ScriptWriter):
    """Writes scripts for duckdb. https://duckdb.org/docs/stable/clients/cli/dot_commands

    The client holds the file alone while it runs, so no other lock is needed. Each statement
    commits, because DuckDB refuses many statements after others in one transaction.
    """

    call = "duckdb DATABASE < FILE"
    now = f"strftime({_UTC}, '%Y-%m-%dT%H:%M:%S+00:00')"
    now_exactly = f"strftime({_UTC}, '%Y-%m-%dT%H:%M:%S.%g+00:00')"
    actor = Actor(user="'duckdb'", host="'script'", session="0")

    def opening(self, schema: str | None) -> list[str]:
        return [".bail on"]

    def begin(self, schema: str | None, limits: Limits) -> list[str]:
        return []

    def end(self) -> list[str]:
        return []

    def leave(self) -> list[str]:
        return []

    def own_table(self, name: str, create: str) -> list[str]:
        """Return CREATE TABLE, with the sequence that numbers the rows of the journal."""
        sequence = self.dialect.quote(f"{name}_id_seq")
        numbered = "nextval(" in create
        created = [f"CREATE SEQUENCE IF NOT EXISTS {sequence};"] if numbered else []
        return [*created, self.statement(create)]

    def record(self, statements: Sequence[str]) -> list[str]:
        return ["BEGIN;", *super().record(statements), "COMMIT;"]

    def guard(self, guard: Guard) -> list[str]:
        """Return a SELECT that fails with the message if the condition is true."""
        message = self.dialect.literal(" ".join(guard.message.split()))
        return [self.statement(f"SELECT error({message}) WHERE {guard.condition}")]
