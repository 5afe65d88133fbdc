"""Scratch databases: in memory for an embedded database, otherwise that of `scratch_url`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from autodiff.dialects.generic.abilities import Abilities
from autodiff.dialects.generic.catalog import optional
from autodiff.dialects.scratch import Scratch, SharedScratch
from autodiff.errors import DatabaseError
from autodiff.utils.connections import OWN_ENGINE

__all__ = ["GenericScratch"]


class GenericScratch(Scratch):
    """Opens databases in memory; on a server there is only the database of `scratch_url`."""

    @property
    def _abilities(self) -> Abilities:
        found: Abilities = self.dialect.abilities  # type: ignore[attr-defined]
        return found

    @contextmanager
    def open(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """Open a new database in memory with the namespaces; yield None if there is no such."""
        url = self._abilities.memory_url
        if url is None:
            yield None
            return
        engine = sa.create_engine(url, poolclass=sa.pool.StaticPool, execution_options=OWN_ENGINE)
        if not self.dialect.features.transactional_ddl:
            # one statement that fails would end a transaction with those before it
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        if not self.dialect.features.savepoints:
            _replace_savepoints(engine)
        try:
            with engine.connect() as opened:
                for namespace in namespaces:
                    opened.exec_driver_sql(f"CREATE SCHEMA {self.dialect.quote(namespace)}")
                opened.commit()
                yield opened
        finally:
            engine.dispose()

    def share(self, connection: Connection, folder: Path) -> SharedScratch:
        """Return the URL of a scratch on a server.

        Raises DatabaseError for a database in memory, which no other process can open.
        """
        if self.dialect.features.scratch_in_memory:
            raise DatabaseError(
                f"cannot check a rolling deploy on {self.dialect.name}: its scratch database is in "
                "memory, where no other process can open it",
                hint="check --against supports SQLite, PostgreSQL, MySQL and MariaDB",
            )
        return super().share(connection, folder)

    def identity(self, connection: Connection) -> str:
        """Return the URL without its user, password and options."""
        url = connection.engine.url
        return url.set(username=None, password=None, query={}).render_as_string()

    def claim(self, connection: Connection) -> bool:
        """Return whether no other run uses the database, by the lock of migrations."""
        return self.dialect.session.migration_lock(connection, None).holder() is None

    def contents(self, connection: Connection) -> list[str]:
        """List the tables, views and sequences of the default schema."""
        inspector = sa.inspect(connection)
        kinds = (
            ("table", inspector.get_table_names),
            ("view", inspector.get_view_names),
            ("sequence", inspector.get_sequence_names),
        )
        return sorted(f"{kind} {name}" for kind, read in kinds for name in optional(read))

    @property
    def inventory(self) -> str:
        """A query for the tables and views, by the information schema of the SQL standard."""
        return (
            "SELECT CASE table_type WHEN 'VIEW' THEN 'view ' ELSE 'table ' END || table_name "
            "FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA"
        )

    def clear(self, connection: Connection) -> None:
        """Drop the tables and views of the default schema."""
        inspector = sa.inspect(connection)
        for view in optional(inspector.get_view_names):
            connection.exec_driver_sql(f"DROP VIEW {self.dialect.quote(view)}")
        metadata = sa.MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)
        connection.commit()


def _replace_savepoints(engine: sa.Engine) -> None:
    """Let a savepoint in autocommit mode be a transaction, so that begin_nested() works."""

    def sends(sql: str) -> Any:
        return lambda connection, name: connection.exec_driver_sql(sql)

    engine.dialect.do_savepoint = sends("BEGIN")  # type: ignore[method-assign]
    engine.dialect.do_release_savepoint = sends("COMMIT")  # type: ignore[method-assign]
    engine.dialect.do_rollback_to_savepoint = sends("ROLLBACK")  # type: ignore[method-assign]
