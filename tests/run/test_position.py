"""Test that the position of a backfill is serialized and read back unchanged."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from autodiff.runner.backfill_position import Position

ZONE = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    "key",
    [
        (1,),
        (2**63, "it's", "ö%s"),
        (True, 0.1, None),
        (Decimal("1.50"), UUID(int=7)),
        (dt.datetime(2020, 1, 2, 3, 4, 5, 6), dt.datetime(2020, 1, 2, tzinfo=ZONE)),
        (dt.date(2020, 1, 2), dt.time(3, 4), dt.timedelta(days=-1, microseconds=5)),
        (b"\x00\xff",),
    ],
)
def test_a_key_is_read_back_unchanged(key: tuple[Any, ...]) -> None:
    """Each value keeps its type, which the driver needs."""
    text = Position(key=key, done=12).encoded()
    assert text is not None
    position = Position.decoded(text)
    assert position == Position(key=key, done=12)
    assert [type(value) for value in position.key] == [type(value) for value in key]


def test_an_unsupported_value_is_not_serialized() -> None:
    """A batch cannot end at such a key."""
    assert Position(key=(1, object()), done=0).encoded() is None
