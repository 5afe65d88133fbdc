"""Read and write Alembic's version table, which has the last applied revision of each branch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.errors import HistoryError
from autodiff.migrations.alembic_history import AlembicHistory
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from autodiff.runner.history_table import Applied

__all__ = ["AlembicPart", "alembic_part", "version_rows", "version_table"]


def version_table(name: str, schema: str | None = None) -> sa.Table:
    """Return a version table as Alembic creates it."""
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("version_num", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("version_num", name=f"{name}_pkc"),
        schema=schema,
    )


def version_rows(connection: Connection, table: sa.Table) -> tuple[str, ...] | None:
    """Return the revisions in a version table, None if there is no such table."""
    if not dialect_of(connection).catalog.has_table(connection, table.name, table.schema):
        return None
    return tuple(sorted(connection.execute(sa.select(table.c.version_num)).scalars()))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlembicPart:
    """The part of a graph that Alembic runs, and its version table.

    The version table is the truth about this part, because Alembic may still be used directly.
    autodiff's own records of it follow.
    """

    history: AlembicHistory
    graph: Graph

    @property
    def table(self) -> sa.Table:
        """The version table, as Alembic creates it."""
        return version_table(self.history.version_table, self.history.version_table_schema)

    def rows(self, connection: Connection) -> tuple[str, ...] | None:
        """Return the revisions in the version table, None if there is no such table."""
        return version_rows(connection, self.table)

    def applied(self, connection: Connection) -> set[str] | None:
        """Return the revisions of this part that are applied, None if there is no version table.

        Raises HistoryError if the version table names a revision that has no file.
        """
        rows = self.rows(connection)
        if rows is None:
            return None
        if self.history.replaced_by is not None:
            return self._applied_before_baseline(rows)
        unknown = [row for row in rows if row not in self.graph]
        if unknown:
            raise HistoryError(
                f"the table {self.history.version_table} is at {', '.join(unknown)}, which has no "
                f"file in {self.history.location}",
                hint="check out the branch that has the file, or upgrade with the version of the "
                f"code that has it{self._locations_hint}",
            )
        return self.graph.lineage(rows)

    @property
    def _locations_hint(self) -> str:
        folder = self.history.folder
        if folder is None:
            return ""
        return f"; if the application sets version_locations in code, {folder.locations_hint}"

    def _applied_before_baseline(self, rows: Sequence[str]) -> set[str] | None:
        """Return the baseline if the database has everything that it replaces."""
        if not rows:
            return None
        if set(rows) == set(self.history.heads):
            return {self.history.replaced_by or ""}
        raise HistoryError(
            f"the table {self.history.version_table} is at {', '.join(rows)}, and the baseline "
            f"replaces Alembic's history up to {', '.join(self.history.heads)}",
            hint="upgrade this database with the last version of the code that has Alembic's "
            "files, and then run this command again",
        )

    def merged(
        self,
        connection: Connection,
        records: Mapping[str, Applied],
        recorded: Callable[[Migration], Applied],
    ) -> dict[str, Applied]:
        """Return the records, with those of this part according to the version table.

        Args:
            connection: A connection to the database.
            records: The records of autodiff's history table.
            recorded: Makes the record of a migration that has none yet.
        """
        known = {self.history.replaced_by, *self.graph.replaced}
        if self.history.replaced_by is not None and known.intersection(records):
            return dict(records)
        there = self.applied(connection)
        if there is None:
            return dict(records)
        if self.history.replaced_by is not None:
            return {**{r: recorded(self.graph[r]) for r in there if r in self.graph}, **records}
        found = {r: row for r, row in records.items() if r in there or not self.owns(r)}
        return found | {
            revision: recorded(migration)
            for revision, migration in self.graph.migrations.items()
            if revision in there and revision not in found
        }

    def owns(self, revision: str) -> bool:
        """Return whether a revision is one of Alembic's."""
        return revision in self.graph and self.graph[revision].is_alembic

    def write(self, connection: Connection, applied: Collection[str]) -> None:
        """Let the version table name the last of the applied revisions of this part.

        It is created if it is missing and there is something to write.
        """
        heads = self.graph.tips([revision for revision in applied if self.owns(revision)])
        rows = self.rows(connection)
        if rows is None and not heads:
            return
        table = self.table
        if rows is None:
            table.create(connection, checkfirst=False)
        if set(rows or ()) != set(heads):
            connection.execute(sa.delete(table))
            if heads:
                connection.execute(sa.insert(table), [{"version_num": head} for head in heads])


def alembic_part(graph: Graph) -> AlembicPart | None:
    """Return the part of a graph that Alembic runs, None if there is none."""
    if graph.alembic is None:
        return None
    return AlembicPart(history=graph.alembic, graph=graph)
