"""The key of a row is written down, and read back as it was."""

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
def test_a_key_is_read_back(key: tuple[Any, ...]) -> None:
    """Each value with its type, which the driver needs."""
    text = Position(key=key, done=12).encoded()
    assert text is not None
    found = Position.decoded(text)
    assert found == Position(key=key, done=12)
    assert [type(value) for value in found.key] == [type(value) for value in key]


def test_a_value_of_another_kind_is_not_guessed_at() -> None:
    """A batch does not end there."""
    assert Position(key=(1, object()), done=0).encoded() is None
