"""Tests for what models leave open: types of columns, and columns of indexes."""

from __future__ import annotations

import pytest

from autodiff.compare import adopt_unspecified
from autodiff.dialects import dialect_for
from autodiff.errors import ModelsError
from autodiff.schema.objects import Column, ColumnType, Index, Name, Schema, Table, plain_element

PLACES = Name("places")
POINT = ColumnType(sql="geometry(Point,4326)", python='op.sql_type("geometry(Point,4326)")')
NO_TYPE = ColumnType(sql="", python="sa.types.NullType()")


def schema_of(type_: ColumnType) -> Schema:
    column = Column(name="spot", type=type_)
    return Schema(tables={PLACES: Table(name=PLACES, columns=(column,))})


def test_untyped_column_adopts_existing_type() -> None:
    """Types that SQLAlchemy has no class for can be omitted from the models."""
    assert adopt_unspecified(
        schema_of(POINT), schema_of(NO_TYPE), dialect_for("postgresql")
    ) == schema_of(POINT)


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "mariadb"])
def test_a_new_column_needs_a_type(dialect: str) -> None:
    """The error names the table and the column."""
    with pytest.raises(ModelsError) as caught:
        adopt_unspecified(Schema(), schema_of(NO_TYPE), dialect_for(dialect))
    assert caught.value.message == "cannot declare column places.spot: it has no type"
    assert caught.value.hint == "give the column a type"


def test_sqlite_keeps_untyped_columns() -> None:
    """In SQLite, a column without a type counts as a separate type."""
    sqlite = dialect_for("sqlite")
    assert adopt_unspecified(Schema(), schema_of(NO_TYPE), sqlite) == schema_of(NO_TYPE)
    assert adopt_unspecified(schema_of(POINT), schema_of(NO_TYPE), sqlite) == schema_of(NO_TYPE)


def test_a_new_index_needs_columns() -> None:
    """An index that the database has not is not left out, but refused."""
    index = Index(name="ix_spot", elements=(plain_element("spot"),))
    known = Schema(tables={PLACES: Table(name=PLACES, indexes=(index,))})
    bare = Table(name=PLACES, indexes=(Index(name="ix_spot", elements=()),))
    desired = Schema(tables={PLACES: bare})
    dialect = dialect_for("postgresql")
    assert adopt_unspecified(known, desired, dialect) == known
    with pytest.raises(ModelsError) as caught:
        adopt_unspecified(schema_of(POINT), desired, dialect)
    assert caught.value.message == (
        "cannot declare index ix_spot of table places: it has no columns"
    )
    assert caught.value.hint == "name the columns, or remove the index from the models"
