"""SQL for the triggers of PostgreSQL.

https://www.postgresql.org/docs/current/plpgsql-trigger.html
"""

from __future__ import annotations

from autodiff.dialects.ddl.triggers import TriggerDDL
from autodiff.dialects.postgresql.ddl.do_blocks import dollar_quoted
from autodiff.schema.objects import Name
from autodiff.schema.operations import SyncColumns, UnsyncColumns

__all__ = ["PostgreSQLTriggerDDL"]


class PostgreSQLTriggerDDL(TriggerDDL):
    """Creates one trigger before INSERT and UPDATE, and its function.

    It only assigns to the new row, so that it causes no other trigger to run.
    """

    def sync(self, operation: SyncColumns) -> list[str]:
        """Return the statements. The first one fails if a column is missing; CREATE does not check.

        https://www.postgresql.org/docs/current/plpgsql-implementation.html
        """
        function, table = self._function(operation), self.quote_name(operation.table)
        columns = f"{self.quote(operation.before)}, {self.quote(operation.after)}"
        body = self._follow(operation) if operation.one_way else self._sync(operation)
        code = dollar_quoted(f"\nBEGIN\n{body}\n  RETURN NEW;\nEND\n", "autodiff")
        return [
            f"SELECT {columns} FROM {table} LIMIT 0",
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {code}",
            self._drop(operation),
            f"CREATE TRIGGER {self._trigger(operation)} BEFORE INSERT OR UPDATE ON "
            f"{table} FOR EACH ROW EXECUTE FUNCTION {function}()",
        ]

    def _sync(self, operation: SyncColumns) -> str:
        before, after = f"NEW.{self.quote(operation.before)}", f"NEW.{self.quote(operation.after)}"
        default = f"({operation.default or 'NULL'})"
        old = f"OLD.{self.quote(operation.after)}"
        return f"""  IF TG_OP = 'INSERT' THEN
    IF {self.differs(after, default)} THEN
      {before} := {after};
    ELSE
      {after} := {before};
    END IF;
  ELSIF {self.differs(after, old)} THEN
    {before} := {after};
  ELSE
    {after} := {before};
  END IF;"""

    def _follow(self, operation: SyncColumns) -> str:
        """Return the assignment of the new value, by an expression if one converts it."""
        value = f"NEW.{self.quote(operation.before)}"
        if operation.using is not None:
            value = f"(SELECT {operation.using} FROM (SELECT NEW.*) AS new_row)"
        return f"  NEW.{self.quote(operation.after)} := {value};"

    def unsync(self, operation: UnsyncColumns) -> list[str]:
        return [
            self._drop(operation),
            f"DROP FUNCTION IF EXISTS {self._function(operation)}()",
        ]

    def differs(self, one: str, other: str) -> str:
        return f"{one}::text IS DISTINCT FROM {other}::text"

    def _drop(self, operation: SyncColumns | UnsyncColumns) -> str:
        table = self.quote_name(operation.table)
        return f"DROP TRIGGER IF EXISTS {self._trigger(operation)} ON {table}"

    def _trigger(self, operation: SyncColumns | UnsyncColumns) -> str:
        """Return a name after those of other triggers, which run in the order of their names."""
        return self.quote(f"zz_{self.trigger_name(operation)}")

    def _function(self, operation: SyncColumns | UnsyncColumns) -> str:
        return self.quote_name(Name(self.trigger_name(operation), operation.table.schema))
