"""Tests for partitions, which are managed through their partitioned table."""

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


def test_existing_partitions_are_ignored() -> None:
    """The models may describe partitions of any level as tables."""
    desired = _schema(ROOT, table("y2023", column("at", "date")), table("deep"), table("other"))
    remaining = without_partitions(_schema(ROOT), desired)
    assert sorted(map(str, remaining.tables)) == ["log", "other"]


def test_missing_partitions_are_ignored() -> None:
    """The bounds of the partition are unknown; either side may define the partitioned table."""
    child, plain = _child("y2024", "log"), table("log", column("at", "date"))
    for current, root in ((_schema(), ROOT), (_schema(ROOT), plain)):
        remaining = without_partitions(current, _schema(root, child))
        assert sorted(map(str, remaining.tables)) == ["log"]


def test_inheriting_table_is_not_a_partition() -> None:
    desired = _schema(table("places"), _child("capitals", "places"))
    assert without_partitions(_schema(), desired) is desired
