"""Partitions follow their table, whatever the models say of them."""

from __future__ import annotations

from dataclasses import replace

from autodiff.compare import without_partitions
from autodiff.schema.objects import Name, Schema, Table
from tests.nouns import column, table

PARTS = (Name("y2023"), Name("deep"))
ROOT = replace(
    table("log", column("at", "date")),
    options={"postgresql_partition_by": "RANGE (at)"},
    partitions=PARTS,
)


def _schema(*tables: Table) -> Schema:
    return Schema(tables={item.name: item for item in tables})


def _child(name: str, parent: str) -> Table:
    return replace(table(name, column("at", "date")), options={"postgresql_inherits": parent})


def test_partitions_that_are_there_are_left_alone() -> None:
    """Also where the models describe them as tables of their own, at any level."""
    desired = _schema(ROOT, table("y2023", column("at", "date")), table("deep"), table("other"))
    left = without_partitions(_schema(ROOT), desired)
    assert sorted(map(str, left.tables)) == ["log", "other"]


def test_a_partition_that_is_not_there_has_no_bounds() -> None:
    """Whichever side says that its table is partitioned."""
    child, plain = _child("y2024", "log"), table("log", column("at", "date"))
    for current, root in ((_schema(), ROOT), (_schema(ROOT), plain)):
        left = without_partitions(current, _schema(root, child))
        assert sorted(map(str, left.tables)) == ["log"]


def test_a_table_that_inherits_is_none() -> None:
    """Its parent holds rows itself."""
    desired = _schema(table("places"), _child("capitals", "places"))
    assert without_partitions(_schema(), desired) is desired
