"""SQL for the triggers of MySQL and MariaDB.

https://dev.mysql.com/doc/refman/en/trigger-syntax.html
"""

from __future__ import annotations

from autodiff.dialects.ddl.triggers import TriggerDDL
from autodiff.schema.objects import Name
from autodiff.schema.operations import SyncColumns, UnsyncColumns

__all__ = ["MySQLTriggerDDL"]

_EVENTS = ("UPDATE", "INSERT")
"""The events in the order in which their triggers are created.

A row that is inserted in between has no value in the second column yet, which is noticed later. In
the other order, it would have its first value there, although it may have got another one since.
"""


class MySQLTriggerDDL(TriggerDDL):
    """Creates two triggers, which only assign to the new row: a trigger has one event."""

    def sync(self, operation: SyncColumns) -> list[str]:
        before, after = f"NEW.{self.quote(operation.before)}", f"NEW.{self.quote(operation.after)}"
        others = (f"OLD.{self.quote(operation.after)}", operation.default or "NULL")
        statements: list[str] = []
        follow = f"SET {after} = {before}"
        for event, other in zip(_EVENTS, others, strict=True):
            name = self._trigger(operation, event)
            sync = (
                f"IF {self.differs(after, other)} THEN SET {before} = {after}; "
                f"ELSE {follow}; END IF"
            )
            statements += [
                f"DROP TRIGGER IF EXISTS {name}",
                f"CREATE TRIGGER {name} BEFORE {event} ON {self.quote_name(operation.table)} "
                f"FOR EACH ROW {follow if operation.one_way else sync}",
            ]
        return statements

    def unsync(self, operation: UnsyncColumns) -> list[str]:
        return [
            f"DROP TRIGGER IF EXISTS {self._trigger(operation, event)}"
            for event in reversed(_EVENTS)
        ]

    def differs(self, one: str, other: str) -> str:
        """Return a comparison of bytes: most collations ignore the case of letters."""
        return f"NOT (CAST({one} AS BINARY) <=> CAST({other} AS BINARY))"

    def _trigger(self, operation: SyncColumns | UnsyncColumns, event: str) -> str:
        name = self.trigger_name(operation, event.lower())
        return self.quote_name(Name(name, operation.table.schema))
