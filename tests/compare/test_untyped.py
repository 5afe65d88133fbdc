"""A column whose type nobody said keeps the one that it has."""

from __future__ import annotations

import pytest

from autodiff.compare import adopt_types
from autodiff.dialects import dialect_for
from autodiff.errors import ModelsError
from autodiff.schema.objects import Column, ColumnType, Name, Schema, Table

PLACES = Name("places")
POINT = ColumnType(sql="geometry(Point,4326)", python='op.sql_type("geometry(Point,4326)")')
UNSAID = ColumnType(sql="", python="sa.types.NullType()")


def of(type_: ColumnType) -> Schema:
    column = Column(name="spot", type=type_)
    return Schema(tables={PLACES: Table(name=PLACES, columns=(column,))})


def test_a_type_that_nobody_said_is_the_one_there_is() -> None:
    """So that a type which SQLAlchemy has no name for is no difference."""
    assert adopt_types(of(POINT), of(UNSAID), dialect_for("postgresql")) == of(POINT)


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "mariadb"])
def test_a_new_column_needs_a_type(dialect: str) -> None:
    """The error names table and column."""
    with pytest.raises(ModelsError) as caught:
        adopt_types(Schema(), of(UNSAID), dialect_for(dialect))
    assert caught.value.message == "cannot declare column places.spot: it has no type"
    assert caught.value.hint == "give the column a type"


def test_sqlite_has_columns_without_a_type() -> None:
    """There it says something of its own."""
    sqlite = dialect_for("sqlite")
    assert adopt_types(Schema(), of(UNSAID), sqlite) == of(UNSAID)
    assert adopt_types(of(POINT), of(UNSAID), sqlite) == of(UNSAID)
