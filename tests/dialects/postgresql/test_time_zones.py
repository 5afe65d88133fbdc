"""Test that conversions between types with and without a time zone do not depend on the session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import diff
from autodiff.migrations import load_graph
from autodiff.runner.runner import Runner

LOCAL, ZONED = sa.DateTime(), sa.DateTime(timezone=True)
PAIRS = {
    "timestamp to zoned": (LOCAL, ZONED, "2024-07-01 23:30:00", "2024-07-01 23:30:00+00"),
    "timestamp to local": (ZONED, LOCAL, "2024-07-01 23:30:00+00", "2024-07-01 23:30:00"),
    "date to zoned": (sa.Date(), ZONED, "2024-07-01", "2024-07-01 00:00:00+00"),
    "zoned to date": (ZONED, sa.Date(), "2024-07-01 00:00:00+00", "2024-07-01"),
    "zoned to time": (ZONED, sa.Time(), "2024-07-01 23:30:00+00", "23:30:00"),
    "zoned to zoned time": (
        ZONED,
        sa.Time(timezone=True),
        "2024-07-01 23:30:00+00",
        "23:30:00+00",
    ),
    "time to zoned": (sa.Time(), sa.Time(timezone=True), "23:30:00", "23:30:00+00"),
    "time to local": (sa.Time(timezone=True), sa.Time(), "23:30:00+00", "23:30:00"),
}
ONE_WAY = ("zoned to time", "zoned to zoned time")
"""Conversions that lose the date, so that no value can be converted back."""


def models(kind: sa.types.TypeEngine[object]) -> sa.MetaData:
    """Return models of events at a time of that type."""
    metadata = sa.MetaData()
    sa.Table("events", metadata, sa.Column("id", sa.Integer), sa.Column("at", kind))
    return metadata


def value(connection: sa.Connection) -> str:
    """Return the time as text, in UTC."""
    connection.exec_driver_sql("SET LOCAL TimeZone = 'UTC'")
    found: str = connection.exec_driver_sql("SELECT at::text FROM events").scalar_one()
    connection.rollback()
    return found


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_conversion_uses_utc(
    pair: str, zone: str, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Times are taken as UTC in both directions, and a finding reports it."""
    before, after, old, new = PAIRS[pair]
    options = {"options": f"-c TimeZone={zone}"}
    url = database("postgresql")
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=options)
    with engine.connect() as connection:
        models(before).create_all(connection)
        connection.exec_driver_sql(f"INSERT INTO events VALUES (1, '{old}')")
        connection.commit()
        plan = diff(connection, models(after))
        connection.rollback()
        assert [finding.code for finding in plan.findings] == ["time-zone"]
        (tmp_path / "0001_zone.py").write_text(plan.source("zone", revision="zone"))
        runner = Runner(connection, load_graph(tmp_path))
        runner.upgrade()
        assert value(connection) == new
        if pair not in ONE_WAY:
            runner.downgrade()
            assert value(connection) == old
    engine.dispose()
