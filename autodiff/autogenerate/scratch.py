"""A scratch, looked at: what is on it, and how that differs from what should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import find_difference
from autodiff.compare import wanted_again
from autodiff.dialects import Dialect, Scope
from autodiff.schema.changes import reverse_change
from autodiff.schema.describe import describe_change
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Bench", "Compared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Lines of what differs; `settled` is False where texts were compared as they are."""

    lines: tuple[str, ...]
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A connection to a scratch, and what of it is looked at."""

    connection: Connection
    dialect: Dialect
    scope: Scope

    def read(self) -> Schema:
        """What is there now."""
        found = self.dialect.reflect(self.connection, self.scope)
        self.connection.rollback()
        return found

    def compared(self, wanted: Schema, said: Schema | None, *, back: bool = False) -> Compared:
        """What is left to do to come to `wanted`; seen from the other side with `back`.

        `said` is a schema that models once spoke about, see `diffing.difference`.
        """
        found = find_difference(
            self.connection,
            self.dialect,
            self.read(),
            wanted,
            create_scratch=True,
            said_before=said,
        )
        self.connection.rollback()
        changes = [reverse_change(c) for c in found.changes] if back else found.changes
        return Compared(lines=tuple(map(describe_change, changes)), settled=found.settled)

    def restored(self, before: Schema) -> Compared:
        """What is left to do to come back to a schema that was read here."""
        return self.compared(wanted_again(before, self.dialect), self.read())
