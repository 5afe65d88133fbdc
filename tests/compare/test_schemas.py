"""Tests for exclusion constraints, which are ignored until the models declare one."""

from __future__ import annotations

from autodiff.compare import without_unreflected_constraints
from autodiff.dialects import dialect_for
from autodiff.schema.objects import Exclusion, Name, Schema, Table

BOOKINGS = Name("bookings")
EXCLUDING = Table(
    name=BOOKINGS, constraints=(Exclusion(name="no_overlap", elements=(("during", "&&"),)),)
)
PLAIN = Table(name=BOOKINGS)
POSTGRESQL = dialect_for("postgresql")


def schema_of(table: Table) -> Schema:
    return Schema(tables={table.name: table})


def test_exclusion_is_ignored_if_models_never_declared_one() -> None:
    assert without_unreflected_constraints(
        schema_of(EXCLUDING), schema_of(PLAIN), None, POSTGRESQL
    ) == schema_of(PLAIN)
    assert without_unreflected_constraints(
        schema_of(EXCLUDING), schema_of(PLAIN), schema_of(PLAIN), POSTGRESQL
    ) == schema_of(PLAIN)


def test_exclusion_that_models_declared_is_compared() -> None:
    """The lock file has one, or another table of the models has one."""
    other = Table(name=Name("other"), constraints=EXCLUDING.constraints)
    both = Schema(tables={BOOKINGS: PLAIN, other.name: other})
    assert without_unreflected_constraints(
        schema_of(EXCLUDING), schema_of(PLAIN), schema_of(EXCLUDING), POSTGRESQL
    ) == schema_of(EXCLUDING)
    assert without_unreflected_constraints(
        schema_of(EXCLUDING), both, None, POSTGRESQL
    ) == schema_of(EXCLUDING)
