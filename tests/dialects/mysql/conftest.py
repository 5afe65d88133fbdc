"""A MariaDB database, and a MySQL one where AUTODIFF_TEST_MYSQL_URL names a server."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from autodiff.dialects import Scope, dialect_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import URL

    from autodiff.dialects import Dialect
    from autodiff.schema.objects import Schema, Table
    from autodiff.schema.operations import Operation


@dataclass(frozen=True)
class Place:
    """A connection to a database of its own, and what to do with it."""

    connection: Connection
    dialect: Dialect

    @property
    def is_mariadb(self) -> bool:
        return bool(getattr(self.connection.dialect, "is_mariadb", False))

    def execute(self, *statements: str) -> None:
        for sql in statements:
            self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        self.connection.commit()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        found = self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        return [tuple(row) for row in found]

    def reflect(self, *namespaces: str) -> Schema:
        return self.dialect.catalog.reflect(self.connection, Scope(namespaces=namespaces))

    def table(self, name: str) -> Table:
        found = self.reflect()
        return next(table for key, table in found.tables.items() if key.name == name)

    def run(self, *operations: Operation) -> list[str]:
        """Runs operations as the executor does: each with its table as it stands now."""
        done: list[str] = []
        for operation in operations:
            name = self.dialect.ddl.required_table(operation)
            current = self.reflect().tables.get(name) if name is not None else None
            done += self.dialect.ddl.statements(operation, current)
            self.execute(*self.dialect.ddl.statements(operation, current))
        return done


@pytest.fixture(params=["mariadb", "mysql"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def places(database: Callable[[str], URL]) -> Iterator[Callable[[str], Place]]:
    """A function from mariadb or mysql to a new, empty database with a connection."""
    with ExitStack() as stack:

        def new(kind: str) -> Place:
            engine = create_engine(database(kind), poolclass=NullPool)
            stack.callback(engine.dispose)
            connection = stack.enter_context(engine.connect())
            return Place(connection, dialect_of(connection))

        yield new


@pytest.fixture
def place(places: Callable[[str], Place], kind: str) -> Place:
    """A new, empty database on MariaDB and on MySQL in turn."""
    return places(kind)


@pytest.fixture
def mariadb(places: Callable[[str], Place]) -> Place:
    return places("mariadb")


@pytest.fixture
def mysql(places: Callable[[str], Place]) -> Place:
    return places("mysql")


@pytest.fixture(params=[False, True], ids=["mysql", "mariadb"])
def offline(request: pytest.FixtureRequest) -> Dialect:
    """The dialect where there is no server to ask."""
    from autodiff.dialects import dialect_for

    return dialect_for("mariadb" if request.param else "mysql")


def differences(dialect: Dialect, first: Sequence[Table], second: Sequence[Table]) -> list[str]:
    """What differs between tables after normalising, in words for a failed test."""
    return [
        f"{one} != {other}"
        for table, twin in zip(first, second, strict=True)
        for one, other in _parts(dialect.normalize(table), dialect.normalize(twin))
        if one != other
    ]


def _parts(one: Table, other: Table) -> Iterator[tuple[object, object]]:
    for field in ("columns", "constraints", "indexes"):
        before, after = getattr(one, field), getattr(other, field)
        if len(before) == len(after):
            yield from zip(before, after, strict=True)
        else:
            yield before, after
    yield (one.name, one.comment, one.options), (other.name, other.comment, other.options)
