"""Fixtures that open a MariaDB database, and a MySQL one if AUTODIFF_TEST_MYSQL_URL is set."""

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
class Database:
    """A connection to an empty database, with helpers for tests."""

    connection: Connection
    dialect: Dialect

    @property
    def is_mariadb(self) -> bool:
        return bool(getattr(self.connection.dialect, "is_mariadb", False))

    def execute(self, *statements: str) -> None:
        """Run statements without parameters and commit."""
        for sql in statements:
            self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        self.connection.commit()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        result = self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        return [tuple(row) for row in result]

    def reflect(self, *namespaces: str) -> Schema:
        return self.dialect.catalog.reflect(self.connection, Scope(namespaces=namespaces))

    def table(self, name: str) -> Table:
        schema = self.reflect()
        return next(table for key, table in schema.tables.items() if key.name == name)

    def run(self, *operations: Operation) -> list[str]:
        """Run operations as the executor does and return their statements.

        Each operation gets the current definition of its table.
        """
        statements: list[str] = []
        for operation in operations:
            name = self.dialect.ddl.required_table(operation)
            current = self.reflect().tables.get(name) if name is not None else None
            statements += self.dialect.ddl.statements(operation, current)
            self.execute(*self.dialect.ddl.statements(operation, current))
        return statements


@pytest.fixture(params=["mariadb", "mysql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of server; the test runs once for each."""
    param: str = request.param
    return param


@pytest.fixture
def new_db(database: Callable[[str], URL]) -> Iterator[Callable[[str], Database]]:
    """Yield a function that opens an empty database of a kind, "mariadb" or "mysql"."""
    with ExitStack() as stack:

        def new(kind: str) -> Database:
            engine = create_engine(database(kind), poolclass=NullPool)
            stack.callback(engine.dispose)
            connection = stack.enter_context(engine.connect())
            return Database(connection, dialect_of(connection))

        yield new


@pytest.fixture
def db(new_db: Callable[[str], Database], kind: str) -> Database:
    """Return an empty database; the test runs once on MariaDB and once on MySQL."""
    return new_db(kind)


@pytest.fixture
def mariadb(new_db: Callable[[str], Database]) -> Database:
    return new_db("mariadb")


@pytest.fixture
def mysql(new_db: Callable[[str], Database]) -> Database:
    return new_db("mysql")


@pytest.fixture(params=[False, True], ids=["mysql", "mariadb"])
def offline(request: pytest.FixtureRequest) -> Dialect:
    """Return a dialect that has no connection."""
    from autodiff.dialects import dialect_for

    return dialect_for("mariadb" if request.param else "mysql")


def differences(dialect: Dialect, first: Sequence[Table], second: Sequence[Table]) -> list[str]:
    """Return the differences between normalized tables as messages for a failed test."""
    return [
        f"{value} != {other_value}"
        for table, other_table in zip(first, second, strict=True)
        for value, other_value in _parts(dialect.normalize(table), dialect.normalize(other_table))
        if value != other_value
    ]


def _parts(one: Table, other: Table) -> Iterator[tuple[object, object]]:
    for field in ("columns", "constraints", "indexes"):
        before, after = getattr(one, field), getattr(other, field)
        if len(before) == len(after):
            yield from zip(before, after, strict=True)
        else:
            yield before, after
    yield (one.name, one.comment, one.options), (other.name, other.comment, other.options)
