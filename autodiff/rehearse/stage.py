"""A scratch on which migrations of the folder are run, by the real runner."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from autodiff.autogenerate.schemas import OWN_TABLES
from autodiff.autogenerate.scratch import Bench
from autodiff.autogenerate.scratch_sources import scratch_to_run
from autodiff.dialects import Dialect, Scope, dialect_of
from autodiff.errors import DatabaseError
from autodiff.migrations import Graph, Migration
from autodiff.rehearse.sample_rows import Rows, read_plain_rows
from autodiff.runner.runner import Runner
from autodiff.schema.objects import Schema
from autodiff.schema.operations import CreateNamespace

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy.engine import Connection

__all__ = ["Place", "RowSource", "Stage", "State"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where scratches are made: beside the live database, or where its dialect knows a place.

    scope: what is looked at. namespaces: schemas that a scratch needs, or the migrations make.
    """

    live: Connection | None
    dialect: Dialect
    graph: Graph
    scope: Scope

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The schemas beside the default one."""
        return self.scope.namespaces


class RowSource(Protocol):
    """Where the rows come from that migrations are rehearsed with.

    real: whether they hold what people wrote, which must never be told.
    word: what to call them. notes: what could not be put in, and why.
    """

    @property
    def real(self) -> bool: ...

    @property
    def word(self) -> str: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def fill(self, bench: Bench, applied: frozenset[str]) -> None:
        """Puts rows into tables, now that these revisions were applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A scratch at one moment: its schema and all its rows."""

    schema: Schema
    rows: Rows


class Stage:
    """A scratch with a part of the history applied; a context manager.

    Raises DatabaseError where no scratch can be had.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stack = ExitStack()
        self._done: list[Migration] = []
        self._open_or_close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def done(self) -> tuple[Migration, ...]:
        """What is applied, in order."""
        return tuple(self._done)

    def _open_or_close(self) -> None:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        place = self._place
        held = scratch_to_run(place.dialect, place.live, namespaces=place.namespaces)
        connection = self._stack.enter_context(held)
        if connection is None:
            raise _no_scratch(place)
        dialect = dialect_of(connection)
        self.bench = Bench(connection=connection, dialect=dialect, scope=place.scope)
        self._runner = Runner(connection, place.graph)
        self._make_namespaces(dialect, connection)

    def _make_namespaces(self, dialect: Dialect, connection: Connection) -> None:
        """Schemas that no migration makes: somebody made them before the first one."""
        self._given: set[str] = set()
        if dialect.features.scratch_in_memory:
            return
        texts = [m.text for m in self._place.graph.migrations.values()]
        for name in self._place.namespaces:
            if not any(_makes(text, name) for text in texts):
                self._given.add(f"schema {name}")
                for sql in dialect.ddl.statements(CreateNamespace(name=name)):
                    connection.exec_driver_sql(sql)
        connection.commit()

    @property
    def graph(self) -> Graph:
        """The migrations that can be applied."""
        return self._place.graph

    def empty(self) -> None:
        """A new scratch, with nothing applied."""
        self._stack.close()
        self._done = []
        self._open_or_close()

    def restart(self, migrations: Sequence[Migration], rows: RowSource) -> None:
        """A new scratch, with these migrations applied, and rows in it."""
        self.empty()
        for migration in migrations:
            self.up(migration)
            self.fill(rows)

    def up(self, migration: Migration) -> None:
        """Applies the next migration.

        Raises MigrationFailedError, and MigrationFileError for a file that can't be run.
        """
        self._runner.upgrade(migration.revision)
        self._done.append(migration)

    def fill(self, rows: RowSource) -> None:
        """Puts rows into what was made since."""
        rows.fill(self.bench, frozenset(m.revision for m in self._done))
        self.bench.connection.commit()

    def down(self) -> None:
        """Takes the last migration back; raises as `up`."""
        self._runner.downgrade("-1")
        self._done.pop()

    def leftovers(self) -> list[str]:
        """All that is on the scratch and is not autodiff's own."""
        found = self.bench.dialect.scratch.contents(self.bench.connection)
        self.bench.connection.rollback()
        return [
            line
            for line in found
            if line not in self._given and not line.partition(" ")[2].startswith(OWN_TABLES)
        ]

    def state(self) -> State:
        """What is there now."""
        schema = self.bench.read()
        tables = [schema.tables[name] for name in sorted(schema.tables)]
        rows = read_plain_rows(self.bench.connection, self.bench.dialect, tables)
        self.bench.connection.rollback()
        return State(schema=schema, rows=rows)


def _makes(text: str, namespace: str) -> bool:
    lowered = text.lower()
    made = "create_schema" in lowered or "create schema" in lowered
    return made and namespace.lower() in lowered


def _no_scratch(place: Place) -> DatabaseError:
    if place.dialect.scratch.reaches_other_databases(place.namespaces):
        return DatabaseError(
            "the migrations can't be tried out: they name other databases of the server "
            f"({', '.join(place.namespaces)}), and a scratch would not keep them away from those",
            hint="migrations that name no schema can be rehearsed",
        )
    return DatabaseError(
        "no scratch database can be had to run the migrations on",
        hint=f"{place.dialect.features.scratch_privilege}; or name an empty database that autodiff "
        'may use and empty: scratch_url = "..." in the configuration',
    )
