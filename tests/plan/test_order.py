"""Tests for ordering tables by their foreign keys and views by the tables that they read."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from autodiff.plan.order import order_tables, order_views
from autodiff.schema.objects import Name, Table, View
from tests.nouns import column, foreign_key, table


def _tables(*items: Table) -> dict[Name, Table]:
    return {item.name: item for item in items}


def _referencing(name: str, *targets: str) -> Table:
    """Return a table with a column and a foreign key for each target."""
    parts = [
        (column(f"{target}_id"), foreign_key(f"fk_{name}_{target}", f"{target}_id", f"{target}.id"))
        for target in targets
    ]
    return table(name, *(part for pair in parts for part in pair))


def test_referenced_tables_come_first() -> None:
    """Independent tables are sorted by name; the order of the input does not matter."""
    items = (
        _referencing("a", "c"),
        _referencing("b"),
        _referencing("c", "d"),
        _referencing("d", "missing"),
    )
    for order in permutations(items):
        ordered, left_out = order_tables(_tables(*order))
        assert [item.name.name for item in ordered] == ["b", "d", "c", "a"]
        assert left_out == []


def test_self_reference_is_not_a_cycle() -> None:
    ordered, left_out = order_tables(_tables(_referencing("a", "a")))
    assert ([item.name.name for item in ordered], left_out) == (["a"], [])


def test_cycle_is_broken_at_a_deterministic_key() -> None:
    """The foreign key of the first table by name is removed from the table and returned."""
    items = (
        _referencing("a", "b"),
        _referencing("b", "c"),
        _referencing("c", "a"),
        _referencing("d", "a"),
    )
    for order in permutations(items):
        ordered, left_out = order_tables(_tables(*order))
        assert [item.name.name for item in ordered] == ["a", "c", "d", "b"]
        assert left_out == [(Name("a"), foreign_key("fk_a_b", "b_id", "b.id"))]
        assert [list(item.foreign_keys) == [] for item in ordered] == [True, False, False, False]


def test_inherited_tables_come_first() -> None:
    child = replace(table("a"), options={"postgresql_inherits": "b, missing"})
    ordered, left_out = order_tables(_tables(child, table("b")))
    assert ([item.name.name for item in ordered], left_out) == (["b", "a"], [])


def test_each_cycle_is_broken() -> None:
    items = (
        _referencing("a", "b"),
        _referencing("b", "a"),
        _referencing("x", "y"),
        _referencing("y", "x"),
    )
    _, left_out = order_tables(_tables(*items))
    assert [(name.name, key.name) for name, key in left_out] == [("a", "fk_a_b"), ("x", "fk_x_y")]


def test_excluded_keys_do_not_affect_the_order() -> None:
    child = _referencing("a", "b")
    [key] = child.foreign_keys
    ordered, left_out = order_tables(_tables(child, _referencing("b")), [(Name("a"), key)])
    assert [item.name.name for item in ordered] == ["a", "b"]
    assert list(ordered[0].foreign_keys) == []
    assert left_out == [(Name("a"), key)]


def test_views_come_after_the_views_that_they_read() -> None:
    outer = View(name=Name("a"), sql="", reads=(Name("b"), Name("users")))
    inner = View(name=Name("b"), sql="", reads=(Name("users"),))
    assert order_views({outer.name: outer, inner.name: inner}) == [inner, outer]
