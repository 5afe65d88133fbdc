"""Both sides of a comparison at once: what each of them would be alone."""

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
from autodiff.errors import ModelsError
from autodiff.models import declare
from autodiff.schema.objects import Name, Schema
from tests.benchmarks.shop import models
from tests.support import opened

LENGTH: ContextVar[int] = ContextVar("LENGTH", default=0)


class Sized(UserDefinedType[str]):
    """A type whose length an application keeps in its context, as Flask does its settings."""

    cache_ok = True

    def get_col_spec(self) -> str:
        return f"varchar({LENGTH.get()})"


def order_renames(
    connection: sa.Connection, metadata: sa.MetaData, exclude: tuple[str, ...] = ()
) -> tuple[Schema, Schema]:
    dialect = dialect_of(connection)
    desired = declare([metadata], dialect, exclude=exclude)
    return dialect.reflect(connection, scope_for(desired, exclude)), desired


def test_both_sides_are_what_each_is_alone(any_database: sa.URL) -> None:
    with opened(any_database) as db:
        models(5).create_all(db.connection)
        wanted = models(5, changed=2)
        found = read_schemas(db.connection, dialect_of(db.connection), [wanted])
        assert found == order_renames(db.connection, wanted)
        assert len(found[0].tables) == 5


def test_the_connection_stays_in_its_thread(any_database: sa.URL) -> None:
    threads: set[int] = set()
    with opened(any_database) as db:
        sa.event.listen(
            db.connection, "before_cursor_execute", lambda *_: threads.add(threading.get_ident())
        )
        read_schemas(db.connection, dialect_of(db.connection), [models(2)])
    assert threads == {threading.get_ident()}


def test_models_see_the_context_of_their_application(any_database: sa.URL) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("a", Sized()))
    token = LENGTH.set(20)
    with opened(any_database) as db:
        _, desired = read_schemas(db.connection, dialect_of(db.connection), [metadata])
    LENGTH.reset(token)
    assert desired.tables[Name("t")].columns[0].type.sql.endswith("(20)")


def test_threads_take_turns_as_before(database: Callable[[str], sa.URL]) -> None:
    """While both sides are read they change over sooner, whoever reads; then as they did."""
    usual, seen = sys.getswitchinterval(), []
    with opened(database("postgresql")) as db:
        dialect = dialect_of(db.connection)
        sa.event.listen(
            db.connection, "before_cursor_execute", lambda *_: seen.append(sys.getswitchinterval())
        )
        with _SHORT_SWITCH_INTERVAL:
            read_schemas(db.connection, dialect, [models(1)])
            assert sys.getswitchinterval() == seen[0] < usual
        with pytest.raises(ModelsError):
            read_schemas(db.connection, dialect, [models(1), models(1)])
    assert sys.getswitchinterval() == usual


def test_what_is_wrong_with_models_is_raised(any_database: sa.URL) -> None:
    with (
        opened(any_database) as db,
        pytest.raises(ModelsError, match="is declared in two MetaData"),
    ):
        read_schemas(db.connection, dialect_of(db.connection), [models(1), models(1)])


def test_what_the_database_refuses_is_raised(any_database: sa.URL) -> None:
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
        found = read_schemas(db.connection, dialect_of(db.connection), [metadata])
        assert found == order_renames(db.connection, metadata)
        assert list(found[0].enums) == [Name("kind", "kinds")]


@pytest.mark.parametrize("exclude", [(), ("apart.*",), ("t",)])
def test_schemas_are_looked_at_once(
    database: Callable[[str], sa.URL], exclude: tuple[str, ...]
) -> None:
    """Where the models' tables tell all schemas, nothing is asked for a second time."""
    asked: list[str] = []
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("a", sa.Integer))
    sa.Table("t", metadata, sa.Column("a", sa.Integer), schema="apart")
    with opened(database("postgresql")) as db:
        dialect = dialect_of(db.connection)
        sa.event.listen(db.connection, "before_cursor_execute", lambda *args: asked.append(args[2]))
        expected = order_renames(db.connection, metadata, exclude)
        alone = len(asked)
        assert read_schemas(db.connection, dialect, [metadata], exclude) == expected
    assert len(asked) == 2 * alone
