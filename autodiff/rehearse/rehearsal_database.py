"""A scratch database on which the migrations are run, by the runner itself."""

from __future__ import annotations

from collections.abc import Sequence, Set
from contextlib import ExitStack
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from autodiff.autogenerate.scratch_inspector import ScratchComparison, ScratchInspector
from autodiff.autogenerate.scratch_sources import scratch_to_run
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.scope import OWN_TABLES
from autodiff.errors import DatabaseError, MigrationFailedError
from autodiff.migrations import Graph, Migration
from autodiff.rehearse.context import RehearsalContext
from autodiff.rehearse.measured import MeasuredStatement, open_recorder
from autodiff.rehearse.scratch_reader import ScratchReader, Snapshot
from autodiff.runner.events import Direction
from autodiff.runner.runner import Runner
from autodiff.schema.objects import Schema
from autodiff.schema.operations import CreateNamespace

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy.engine import Connection

__all__ = ["RehearsalDatabase", "RowSource"]


class RowSource(Protocol):
    """The rows to rehearse migrations with.

    is_live: whether they come from the live database, so that no value may be shown.
    label: the word for such rows in messages.
    notes: what could not be inserted, and why.
    """

    @property
    def is_live(self) -> bool: ...

    @property
    def label(self) -> str: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def fills(self, applied: Set[str]) -> bool:
        """Return whether there are rows for the tables, now that these revisions are applied."""

    def fill(self, inspector: ScratchInspector, tables: Schema) -> None:
        """Insert rows into some tables: those that were changed since the last call."""


class RehearsalDatabase:
    """A scratch with a part of the history applied; a context manager.

    Raises DatabaseError if no scratch database can be created.
    """

    def __init__(self, context: RehearsalContext) -> None:
        self._context = context
        self._stack = ExitStack()
        self._applied: dict[str, Migration] = {}
        self._open_or_close()

    def __enter__(self) -> RehearsalDatabase:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def applied(self) -> tuple[Migration, ...]:
        """The applied migrations, in order."""
        return tuple(self._applied.values())

    @property
    def applied_count(self) -> int:
        """How many migrations are applied."""
        return len(self._applied)

    def _open_or_close(self) -> None:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        context = self._context
        scratch = scratch_to_run(context.dialect, context.live, namespaces=context.namespaces)
        connection = self._stack.enter_context(scratch)
        if connection is None:
            raise _no_scratch(context)
        dialect = dialect_of(connection)
        self.inspector = ScratchInspector(
            connection=connection, dialect=dialect, scope=context.scope
        )
        self._runner = Runner(connection, context.graph)
        self._must_settle = False
        self._reader = ScratchReader(self.inspector, self._runner.take_changed_tables)
        self._recorder = self._stack.enter_context(open_recorder(connection, dialect))
        self._make_namespaces(dialect, connection)

    def _make_namespaces(self, dialect: Dialect, connection: Connection) -> None:
        """Create the schemas that no migration creates: they existed before the first one."""
        self._existing_namespaces: set[str] = set()
        if dialect.features.scratch_in_memory:
            return
        texts = [m.text for m in self._context.graph.migrations.values()]
        for name in self._context.namespaces:
            if not any(_creates(text, name) for text in texts):
                self._existing_namespaces.add(f"schema {name}")
                for sql in dialect.ddl.statements(CreateNamespace(name=name)):
                    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        connection.commit()

    @property
    def graph(self) -> Graph:
        """The migrations that can be applied."""
        return self._context.graph

    def reset(self) -> None:
        """Start again with a new scratch, with nothing applied."""
        self._stack.close()
        self._applied = {}
        self._open_or_close()

    def rebuild(self, migrations: Sequence[Migration], rows: RowSource) -> None:
        """Start again with a new scratch, with these migrations applied and rows inserted."""
        self.reset()
        for migration in self.upgrade_by_alembic(migrations):
            self.upgrade(migration)
            self.insert_rows(rows)

    def upgrade_by_alembic(self, migrations: Sequence[Migration]) -> Sequence[Migration]:
        """Apply Alembic's revisions at the start of a sequence, and return the other migrations.

        They are run without rows between them, because nobody can change them any more.

        Raises MigrationFailedError if env.py or a revision fails.
        """
        first = list(takewhile(lambda migration: migration.is_alembic, migrations))
        if first:
            try:
                self._runner.upgrade_by_alembic(first)
            except MigrationFailedError as error:
                raise _failed_on_scratch(error) from error
        self._applied |= {migration.revision: migration for migration in first}
        return migrations[len(first) :]

    def upgrade(self, migration: Migration) -> None:
        """Apply the next migration.

        Raises MigrationFailedError, or MigrationFileError for a file that cannot be run.
        """
        self._run(migration, "upgrade")
        self._applied[migration.revision] = migration

    def upgrade_measured(self, migration: Migration) -> tuple[MeasuredStatement, ...]:
        """Apply the next migration, and return its statements with what they did.

        Raises the same errors as `upgrade`.
        """
        if self._recorder is None:
            self.upgrade(migration)
            return ()
        with self._recorder.recording(migration) as found:
            self.upgrade(migration)
        return tuple(found)

    def insert_rows(self, rows: RowSource) -> None:
        """Insert rows into the tables that exist now and were changed since the last call."""
        if rows.fills(self._applied.keys()):
            rows.fill(self.inspector, self._reader.take_tables_to_fill())
            self.inspector.connection.commit()

    def downgrade(self) -> None:
        """Revert the last migration. Raises the same errors as `upgrade`."""
        migration = next(reversed(self._applied.values()))
        self._run(migration, "downgrade")
        del self._applied[migration.revision]

    def _run(self, migration: Migration, direction: Direction) -> None:
        """Run a migration; if the last one failed, let the runner settle first what it left."""
        must_settle, self._must_settle = self._must_settle, True
        if not must_settle and not migration.is_alembic:
            self._runner.step(migration, direction)
        elif direction == "upgrade":
            self._runner.upgrade(migration.revision)
        else:
            self._runner.downgrade("-1")
        self._must_settle = False

    def read(self) -> Schema:
        """Return the current schema."""
        return self._reader.read()

    def compare_with_earlier(self, earlier: Schema) -> ScratchComparison:
        """Return the changes that would restore a schema that was read from this scratch."""
        return self._reader.compare_with_earlier(earlier)

    def remaining_objects(self) -> list[str]:
        """Return all objects of the scratch that are not those of autodiff."""
        found = self.inspector.dialect.scratch.contents(self.inspector.connection)
        self.inspector.connection.rollback()
        return [
            line
            for line in found
            if line not in self._existing_namespaces
            and not line.partition(" ")[2].startswith(OWN_TABLES)
        ]

    def snapshot(self) -> Snapshot:
        """Return the current schema and rows."""
        return self._reader.snapshot()


def _creates(text: str, namespace: str) -> bool:
    lowered = text.lower()
    creates_schema = "create_schema" in lowered or "create schema" in lowered
    return creates_schema and namespace.lower() in lowered


def _failed_on_scratch(error: MigrationFailedError) -> MigrationFailedError:
    """Return the error of Alembic's revisions without what it says of the database and a new run.

    That is for the project's database.
    """
    return MigrationFailedError(
        [error.lines[0], "it ran on a scratch database: no other database has changed"],
        revision=error.revision,
        statement=error.statement,
        hint="env.py and the revisions must run on an empty database, as they do for alembic "
        "upgrade head: fix the cause. If the application creates tables before them, use "
        "autodiff adopt --baseline instead of autodiff adopt",
    )


def _no_scratch(context: RehearsalContext) -> DatabaseError:
    if context.dialect.scratch.reaches_other_databases(context.namespaces):
        return DatabaseError(
            "cannot rehearse the migrations: they name other databases of the server "
            f"({', '.join(context.namespaces)}), which a scratch database does not replace",
            hint="only migrations that name no schema can be rehearsed on this server",
        )
    privilege = context.dialect.features.scratch_privilege
    return DatabaseError(
        "cannot create a scratch database to run the migrations on",
        hint=(f"{privilege}; or " if privilege else "")
        + "set scratch_url in the configuration to an empty database, which is emptied after use",
    )
