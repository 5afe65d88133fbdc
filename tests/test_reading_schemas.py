"""Test reading the schemas of the models and of the database at the same time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar

import pytest
import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from autodiff.autogenerate.schemas import _SHORT_SWITCH_INTERVAL, read_schemas, scope_for
from autodiff.dialects import dialect_of
from autodiff.dialects.scope import Selection
from autodiff.errors import ModelsError
from autodiff.models import declare
from autodiff.schema.objects import Name, Schema
from tests.benchmarks.shop import models
from tests.support import opened

LENGTH: ContextVar[int] = ContextVar("LENGTH", default=0)


class Sized(UserDefinedType[str]):
    """A type whose length is kept in a context variable, as Flask keeps its settings."""

    cache_ok = True

    def get_col_spec(self) -> str:
        return f"varchar({LENGTH.get()})"


def read_separately(
    connection: sa.Connection, metadata: sa.MetaData, exclude: tuple[str, ...] = ()
) -> tuple[Schema, Schema]:
    """Return the reflected and the declared schema, read one after the other."""
    dialect = dialect_of(connection)
    desired = declare([metadata], dialect, Selection.without(exclude))
    return dialect.catalog.reflect(
        connection, scope_for(desired, Selection.without(exclude))
    ), desired


def test_schemas_are_the_same_as_when_read_separately(any_database: sa.URL) -> None:
    with opened(any_database) as db:
        models(5).create_all(db.connection)
        metadata = models(5, changed=2)
        schemas = read_schemas(db.connection, dialect_of(db.connection), [metadata])
        assert schemas == read_separately(db.connection, metadata)
        assert len(schemas[0].tables) == 5


def test_the_connection_stays_in_its_thread(any_database: sa.URL) -> None:
    threads: set[int] = set()
    with opened(any_database) as db:
        sa.event.listen(
            db.connection, "before_cursor_execute", lambda *_: threads.add(threading.get_ident())
        )
        read_schemas(db.connection, dialect_of(db.connection), [models(2)])
    assert threads == {threading.get_ident()}


def test_models_see_context_variables(any_database: sa.URL) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("a", Sized()))
    token = LENGTH.set(20)
    with opened(any_database) as db:
        _, desired = read_schemas(db.connection, dialect_of(db.connection), [metadata])
    LENGTH.reset(token)
    assert desired.tables[Name("t")].columns[0].type.sql.endswith("(20)")


def test_the_thread_switch_interval_is_restored(database: Callable[[str], sa.URL]) -> None:
    """It is shorter while both schemas are read, and is restored after an error too."""
    default_interval, intervals = sys.getswitchinterval(), []
    with opened(database("postgresql")) as db:
        dialect = dialect_of(db.connection)
        sa.event.listen(
            db.connection,
            "before_cursor_execute",
            lambda *_: intervals.append(sys.getswitchinterval()),
        )
        with _SHORT_SWITCH_INTERVAL:
            read_schemas(db.connection, dialect, [models(1)])
            assert sys.getswitchinterval() == intervals[0] < default_interval
        with pytest.raises(ModelsError):
            read_schemas(db.connection, dialect, [models(1), models(1, changed=1)])
    assert sys.getswitchinterval() == default_interval


def test_errors_in_the_models_are_raised(any_database: sa.URL) -> None:
    with (
        opened(any_database) as db,
        pytest.raises(ModelsError, match="is declared in two MetaData"),
    ):
        read_schemas(db.connection, dialect_of(db.connection), [models(1), models(1, changed=1)])


def test_errors_of_the_database_are_raised(any_database: sa.URL) -> None:
    with opened(any_database) as db:
        dialect = dialect_of(db.connection)
        db.connection.close()
        with pytest.raises(sa.exc.ResourceClosedError):
            read_schemas(db.connection, dialect, [models(1)])


def test_a_type_in_a_schema_without_tables_is_found(database: Callable[[str], sa.URL]) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("a", sa.Enum("x", "y", name="kind", schema="kinds")))
    with opened(database("postgresql")) as db:
        db.connection.execute(sa.schema.CreateSchema("kinds"))
        metadata.create_all(db.connection)
        schemas = read_schemas(db.connection, dialect_of(db.connection), [metadata])
        assert schemas == read_separately(db.connection, metadata)
        assert list(schemas[0].enums) == [Name("kind", "kinds")]


@pytest.mark.parametrize("exclude", [(), ("apart.*",), ("t",)])
def test_no_query_is_repeated(database: Callable[[str], sa.URL], exclude: tuple[str, ...]) -> None:
    """The models' tables name every schema, so the catalog is queried once."""
    queries: list[str] = []
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("a", sa.Integer))
    sa.Table("t", metadata, sa.Column("a", sa.Integer), schema="apart")
    with opened(database("postgresql")) as db:
        dialect = dialect_of(db.connection)
        sa.event.listen(
            db.connection, "before_cursor_execute", lambda *args: queries.append(args[2])
        )
        expected = read_separately(db.connection, metadata, exclude)
        query_count = len(queries)
        assert (
            read_schemas(db.connection, dialect, [metadata], Selection.without(exclude)) == expected
        )
    assert len(queries) == 2 * query_count
