"""Tests for mapping removed enum values to remaining ones."""

from __future__ import annotations

import pytest

from autodiff.compare import Value
from autodiff.dialects import dialect_for
from autodiff.errors import PlanError
from autodiff.plan import maps_possible, parse_map
from autodiff.plan.enum_values import ValueUpdates, check_maps
from autodiff.schema.changes import EnumAltered
from autodiff.schema.objects import EnumType, Name, Schema

MOOD = Name("mood")
CHANGE = EnumAltered(
    before=EnumType(name=MOOD, values=("sad", "ok", "glad")),
    after=EnumType(name=MOOD, values=("ok", "glad")),
)


def mood_value(value: str = "sad") -> Value:
    return Value(owner=MOOD, value=value)


def test_parse_map() -> None:
    """The form is REMOVED=KEPT; everything after the first equals sign is the kept value."""
    assert parse_map("mood.sad=ok") == ("mood.sad", "ok")
    assert parse_map(" items.kind.a = b=c ") == ("items.kind.a", "b=c")


@pytest.mark.parametrize("text", ["mood.sad", "mood=ok", "mood.sad=", ""])
def test_invalid_map_is_rejected(text: str) -> None:
    """The hint shows an example."""
    with pytest.raises(PlanError) as caught:
        parse_map(text)
    assert caught.value.message == (
        f"invalid map {text!r}: expected TYPE.OLD=NEW or TABLE.COLUMN.OLD=NEW"
    )
    assert "--map mood.sad=ok" in (caught.value.hint or "")


def test_removed_values_can_be_mapped_to_remaining_ones() -> None:
    assert [(item.key, item.choices) for item in maps_possible([CHANGE], Schema(), Schema())] == [
        ("mood.sad", ("ok", "glad"))
    ]


@pytest.mark.parametrize(
    ("value", "to", "message", "hint"),
    [
        ("ok", "glad", "cannot map mood.ok: no such value is removed", "removed values: mood.sad"),
        (
            "sad",
            "low",
            "cannot map mood.sad to low: the models have no such value",
            "the models have ok, glad",
        ),
    ],
)
def test_wrong_map_is_rejected(value: str, to: str, message: str, hint: str) -> None:
    """The error lists the possible values."""
    with pytest.raises(PlanError) as caught:
        check_maps({mood_value(value): to}, maps_possible([CHANGE], Schema(), Schema()))
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_array_items_are_mapped() -> None:
    """Every array that contains a mapped value is updated."""
    moves = ValueUpdates(
        table=Name("t"),
        column="c",
        renamed={},
        mapped={"a": "x", "it's": "y"},
        is_array=True,
    )
    (update,) = moves.backfills(dialect_for("postgresql"))
    assert update.values == (("c", "array_replace(array_replace(c, 'a', 'x'), 'it''s', 'y')"),)
    assert update.where == "'a' = ANY (c) OR 'it''s' = ANY (c)"
    assert update.undo is None
