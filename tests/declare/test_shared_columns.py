"""Tests that columns which share a definition are as if each were converted alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from autodiff.dialects import Dialect, dialect_for
from autodiff.errors import ModelsError
from autodiff.models.columns import declare_column
from autodiff.models.expressions import Compiler
from autodiff.schema.objects import Column
from tests.scenarios.scenario import all_scenarios

CHANGED: dict[str, Callable[[], sa.Column[object]]] = {
    "name": lambda: sa.Column("b", sa.String(20)),
    "type": lambda: sa.Column("a", sa.Text()),
    "length": lambda: sa.Column("a", sa.String(21)),
    "collation": lambda: sa.Column("a", sa.String(20, collation="NOCASE")),
    "nullable": lambda: sa.Column("a", sa.String(20), nullable=False),
    "default": lambda: sa.Column("a", sa.String(20), server_default="x"),
    "expression": lambda: sa.Column("a", sa.String(20), server_default=sa.text("x")),
    "computed": lambda: sa.Column("a", sa.String(20), sa.Computed("1")),
    "identity": lambda: sa.Column("a", sa.Integer, sa.Identity()),
    "comment": lambda: sa.Column("a", sa.String(20), comment="x"),
    "key": lambda: sa.Column("a", sa.Integer, primary_key=True),
    "counting": lambda: sa.Column("a", sa.Integer, primary_key=True, autoincrement=False),
}


def declared(column: sa.Column[object], dialect: Dialect, compiler: Compiler) -> Column | str:
    """Return the column, or the error of one that the dialect cannot have."""
    try:
        return declare_column(column, dialect, compiler)
    except ModelsError as error:
        return error.line


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_columns_of_all_scenarios(kind: str) -> None:
    """Columns are the same if the compiler forgets each one before the next."""
    dialect = dialect_for(kind)
    shared, forgetful = Compiler(dialect.sqlalchemy), Compiler(dialect.sqlalchemy)
    server = "mariadb" if kind == "mysql" else kind
    scenarios = [scenario for scenario in all_scenarios() if scenario.database == server]
    assert scenarios
    for scenario in scenarios:
        for table in scenario.models().tables.values():
            for column in table.columns:
                forgetful.columns.clear()
                alone = declared(column, dialect, forgetful)
                found = declared(column, dialect, shared)
                assert found == alone, f"{scenario.name}: {table.name}.{column.name}"
                assert repr(found) == repr(alone)  # also what is never compared


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
@pytest.mark.parametrize("change", CHANGED)
def test_each_difference_is_seen(kind: str, change: str) -> None:
    """A column that differs in one thing does not get the definition of the other one."""
    dialect = dialect_for(kind)
    shared = Compiler(dialect.sqlalchemy)
    base = sa.Table("base", sa.MetaData(), sa.Column("a", sa.String(20)))
    other = sa.Table("other", sa.MetaData(), CHANGED[change]())
    declared(base.c[0], dialect, shared)
    alone = declared(other.c[0], dialect, Compiler(dialect.sqlalchemy))
    assert declared(other.c[0], dialect, shared) == alone


def test_columns_are_shared_after_the_tables_were_created() -> None:
    """Creating a table reads the options of its columns, and sets none."""
    metadata, dialect = sa.MetaData(), dialect_for("sqlite")
    one, other = (
        sa.Table(name, metadata, sa.Column("a", sa.String(20), nullable=False))
        for name in ("one", "other")
    )
    metadata.create_all(sa.create_engine("sqlite://"))
    assert "dialect_options" in vars(one.c.a)
    shared = Compiler(dialect.sqlalchemy)
    first = declare_column(one.c.a, dialect, shared)
    assert declare_column(other.c.a, dialect, shared) is first
