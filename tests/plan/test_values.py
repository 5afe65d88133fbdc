"""Maps of removed values: read, checked, and what becomes of the rows."""

from __future__ import annotations

import pytest

from autodiff.compare import Value
from autodiff.dialects import dialect_for
from autodiff.errors import PlanError
from autodiff.plan import maps_possible, parse_map
from autodiff.plan.enum_values import ValueUpdates, check_maps
from autodiff.schema.changes import EnumAltered
from autodiff.schema.objects import EnumType, Name

MOOD = Name("mood")
CHANGE = EnumAltered(
    before=EnumType(name=MOOD, values=("sad", "ok", "glad")),
    after=EnumType(name=MOOD, values=("ok", "glad")),
)


def sad(value: str = "sad") -> Value:
    return Value(owner=MOOD, value=value)


def test_a_map_is_read() -> None:
    """GONE=KEPT, with whatever stands behind the equals sign."""
    assert parse_map("mood.sad=ok") == ("mood.sad", "ok")
    assert parse_map(" items.kind.a = b=c ") == ("items.kind.a", "b=c")


@pytest.mark.parametrize("text", ["mood.sad", "mood=ok", "mood.sad=", ""])
def test_what_is_no_map_is_refused(text: str) -> None:
    """The hint shows how to write one."""
    with pytest.raises(PlanError) as caught:
        parse_map(text)
    assert (
        caught.value.message
        == f"invalid map {text!r}: expected TYPE.OLD=NEW or TABLE.COLUMN.OLD=NEW"
    )
    assert "--map mood.sad=ok" in (caught.value.hint or "")


def test_values_that_go_can_be_mapped() -> None:
    """To those that there will be."""
    assert [(item.key, item.choices) for item in maps_possible([CHANGE])] == [
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
def test_a_wrong_map_is_refused(value: str, to: str, message: str, hint: str) -> None:
    """The error lists what there is."""
    with pytest.raises(PlanError) as caught:
        check_maps({sad(value): to}, maps_possible([CHANGE]))
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_rows_of_an_array_are_moved_item_by_item() -> None:
    """Each array that has one of the values."""
    updates = ValueUpdates(
        table=Name("t"),
        column="c",
        renamed={},
        mapped={"a": "x", "it's": "y"},
        is_array=True,
    )
    (update,) = updates.backfills(dialect_for("postgresql"))
    assert update.values == (("c", "array_replace(array_replace(c, 'a', 'x'), 'it''s', 'y')"),)
    assert update.where == "'a' = ANY (c) OR 'it''s' = ANY (c)"
    assert update.undo is None
