"""Apply and revert migrations in a test, with rows in the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.project import Project

if TYPE_CHECKING:
    from autodiff.runner.runner import Runner

__all__ = ["Migrator"]


class Migrator:
    """Runs the migrations of a project on an engine.

    engine: the engine, for statements of the test. Connections must be closed before migrations
    run.
    """

    def __init__(self, project: Project, engine: sa.Engine) -> None:
        self._project = project
        self._graph = project.graph()
        self.engine = engine

    @property
    def migrations(self) -> tuple[str, ...]:
        """The names of all migrations, in order."""
        return tuple(migration.name for migration in self._graph.migrations.values())

    @property
    def applied(self) -> tuple[str, ...]:
        """The names of the applied migrations, in order."""
        with self._runner() as runner:
            revisions = set(runner.applied())
        return tuple(migration.name for migration in self._graph.in_order(revisions))

    def upgrade(self, target: str = "heads") -> None:
        """Apply migrations up to a target: a number, a name, a revision, `head` or `+1`."""
        with self._runner() as runner:
            runner.upgrade(target)

    def upgrade_before(self, target: str) -> None:
        """Apply all migrations that come before a migration, and not the migration itself."""
        for parent in self._graph.before(self._graph.find(target).revision):
            self.upgrade(parent)

    def downgrade(self, target: str = "-1") -> None:
        """Revert migrations down to a target, which stays applied."""
        with self._runner() as runner:
            runner.downgrade(target)

    def insert(self, table: str, *rows: Mapping[str, Any], schema: str | None = None) -> None:
        """Insert rows into the current version of a table."""
        with self.engine.begin() as connection:
            reflected = sa.Table(table, sa.MetaData(), schema=schema, autoload_with=connection)
            for row in rows:
                connection.execute(reflected.insert().values(**row))

    def rows(self, table: str, *, schema: str | None = None) -> list[dict[str, Any]]:
        """Return all rows of the current version of a table, ordered by its primary key."""
        with self.engine.connect() as connection:
            reflected = sa.Table(table, sa.MetaData(), schema=schema, autoload_with=connection)
            query = sa.select(reflected).order_by(*reflected.primary_key)
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _runner(self) -> Iterator[Runner]:
        with self.engine.connect() as connection:
            yield self._project.runner(connection, self._graph)
