"""Tests for altering sequences, which continue from their current value if the limits allow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.schema.objects import Name, Sequence
from autodiff.schema.operations import AlterSequence

BEFORE = Sequence(name=Name("no"), minvalue=-50, start=-50, increment=10)


@contextmanager
def _connected(database: Callable[[str], sa.URL]) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("after", "next_value"),
    [
        ({"minvalue": -100}, -39),
        ({"minvalue": -45}, -39),
        ({"minvalue": 5}, 5),
        ({"minvalue": 5, "start": 7}, 7),
        ({"minvalue": -500, "maxvalue": -300, "start": -400}, -400),
    ],
)
def test_sequence_restarts_only_if_its_value_is_outside_the_limits(
    database: Callable[[str], sa.URL], after: dict[str, int], next_value: int
) -> None:
    """PostgreSQL rejects limits that exclude the next value."""
    with _connected(database) as connection:
        connection.exec_driver_sql("CREATE SEQUENCE no MINVALUE -50 START -50 INCREMENT 10")
        connection.exec_driver_sql("SELECT nextval('no'), nextval('no')")
        operation = AlterSequence(before=BEFORE, after=Sequence(name=Name("no"), **after))
        for sql in dialect_of(connection).ddl.statements(operation):
            connection.exec_driver_sql(sql)
        assert connection.exec_driver_sql("SELECT nextval('no')").scalar_one() == next_value
