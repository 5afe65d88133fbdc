"""Read the schema of a scratch database and compare it with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import find_difference
from autodiff.autogenerate.planning import rewritten_changes
from autodiff.autogenerate.rewriting import RewritePlan
from autodiff.compare import schema_as_desired
from autodiff.dialects import Dialect, Scope
from autodiff.schema.changes import reverse_change
from autodiff.schema.describe import describe_change
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["ScratchComparison", "ScratchInspector"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchComparison:
    """A line for each difference; `settled` is False if SQL texts were compared literally."""

    lines: tuple[str, ...]
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchInspector:
    """A connection to a scratch database, and the part of it to read."""

    connection: Connection
    dialect: Dialect
    scope: Scope

    def read(self) -> Schema:
        """Return the current schema of the scratch."""
        schema = self.dialect.catalog.reflect(self.connection, self.scope)
        self.connection.rollback()
        return schema

    def compare_with(
        self,
        desired: Schema,
        declared_before: Schema | None,
        *,
        reverse: bool = False,
        rewrite: RewritePlan | None = None,
    ) -> ScratchComparison:
        """Return the changes that would turn the scratch into `desired`, or back with `reverse`.

        declared_before: what models declared before; see `find_difference`.
        rewrite: rewrites the plan of the changes; those that it removes are not returned.
        """
        difference = find_difference(
            self.connection,
            self.dialect,
            self.read(),
            desired,
            create_scratch=True,
            declared_before=declared_before,
        )
        self.connection.rollback()
        changes = rewritten_changes(difference, rewrite)
        if reverse:
            changes = tuple(reverse_change(change) for change in changes)
        return ScratchComparison(
            lines=tuple(map(describe_change, changes)), settled=difference.settled
        )

    def compare_with_earlier(self, earlier: Schema) -> ScratchComparison:
        """Return the changes that would restore a schema that was read from this scratch."""
        return self.compare_with(schema_as_desired(earlier, self.dialect), self.read())
