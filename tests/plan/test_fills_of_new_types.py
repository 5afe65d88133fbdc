"""Test that rows are filled with a value of the new type if a column gets one with NOT NULL."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.support import opened

DAY = dt.datetime(2024, 5, 6, 7, 8, 9)


def models(type_: Any, *, name: str = "v", nullable: bool = True) -> sa.MetaData:
    metadata = sa.MetaData()
    column = sa.Column(name, type_, nullable=nullable)
    sa.Table("book", metadata, sa.Column("id", sa.Integer, primary_key=True), column)
    return metadata


@pytest.mark.parametrize("name", ["v", "renamed"])
@pytest.mark.parametrize(
    ("before", "after", "fill", "value"),
    [
        (sa.Integer(), sa.Numeric(8, 2), "0.25", Decimal("0.25")),
        (sa.Date(), sa.DateTime(), "2024-05-06 07:08:09", DAY),
        (sa.String(13), sa.String(17), "978-0-00-000000-0", "978-0-00-000000-0"),
        (sa.SmallInteger(), sa.BigInteger(), "5000000000", 5_000_000_000),
        (sa.Integer(), sa.String(20), "unknown", "unknown"),
    ],
)
def test_the_value_has_the_new_type(
    any_database: sa.URL,
    tmp_path: Path,
    before: Any,
    after: Any,
    fill: str,
    value: Any,
    name: str,
) -> None:
    """The old type could not hold it, or not all of it."""
    first = Project(any_database, models(before), tmp_path)
    first.generate("first")
    first.upgrade()
    with opened(any_database) as db:
        db.execute("INSERT INTO book VALUES (1, NULL)")
    metadata = models(after, name=name, nullable=False)
    project = Project(any_database, metadata, tmp_path)
    renames = () if name == "v" else (f"book.v:{name}",)
    project.generate("second", fills={f"book.{name}": fill}, renames=renames)
    project.upgrade()
    with opened(any_database) as db:
        assert db.connection.scalar(sa.select(metadata.tables["book"].c[name])) == value
    assert project.check().models == ()
