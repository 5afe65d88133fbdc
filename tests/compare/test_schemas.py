"""What models never spoke of is left alone, and seen again once they did."""

from __future__ import annotations

from autodiff.compare import without_unreflected_constraints
from autodiff.dialects import dialect_for
from autodiff.schema.objects import Exclusion, Name, Schema, Table

STAYS = Name("stays")
APART = Table(name=STAYS, constraints=(Exclusion(name="apart", elements=(("during", "&&"),)),))
BARE = Table(name=STAYS)
POSTGRESQL = dialect_for("postgresql")


def of(table: Table) -> Schema:
    return Schema(tables={table.name: table})


def test_an_exclusion_that_no_model_spoke_of_is_left_alone() -> None:
    """Models without any exclusion constraint do not want the database's away."""
    assert without_unreflected_constraints(of(APART), of(BARE), None, POSTGRESQL) == of(BARE)
    assert without_unreflected_constraints(of(APART), of(BARE), of(BARE), POSTGRESQL) == of(BARE)


def test_an_exclusion_that_the_models_had_is_seen_to_go() -> None:
    """The lock file knows that they had it once; and other models of theirs may have one."""
    other = Table(name=Name("other"), constraints=APART.constraints)
    both = Schema(tables={STAYS: BARE, other.name: other})
    assert without_unreflected_constraints(of(APART), of(BARE), of(APART), POSTGRESQL) == of(APART)
    assert without_unreflected_constraints(of(APART), both, None, POSTGRESQL) == of(APART)
