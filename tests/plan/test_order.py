"""Tables by their foreign keys, views by what they read."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from autodiff.plan.order import order_tables, order_views
from autodiff.schema.objects import Name, Table, View
from tests.nouns import column, foreign_key, table


def _tables(*items: Table) -> dict[Name, Table]:
    return {item.name: item for item in items}


def _pointing(name: str, *targets: str) -> Table:
    """A table with a column and a key for each table that it points at."""
    parts = [
        (column(f"{to}_id"), foreign_key(f"fk_{name}_{to}", f"{to}_id", f"{to}.id"))
        for to in targets
    ]
    return table(name, *(part for pair in parts for part in pair))


def test_parents_come_before_their_children() -> None:
    """However they were handed in; otherwise by name."""
    items = (
        _pointing("a", "c"),
        _pointing("b"),
        _pointing("c", "d"),
        _pointing("d", "elsewhere"),
    )
    for order in permutations(items):
        ordered, left_out = order_tables(_tables(*order))
        assert [item.name.name for item in ordered] == ["b", "d", "c", "a"]
        assert left_out == []


def test_a_table_may_point_at_itself() -> None:
    """That is no circle."""
    ordered, left_out = order_tables(_tables(_pointing("a", "a")))
    assert ([item.name.name for item in ordered], left_out) == (["a"], [])


def test_a_circle_is_cut_at_the_same_key_each_time() -> None:
    """The key of the first table by name is left out of its table and handed back."""
    items = (_pointing("a", "b"), _pointing("b", "c"), _pointing("c", "a"), _pointing("d", "a"))
    for order in permutations(items):
        ordered, left_out = order_tables(_tables(*order))
        assert [item.name.name for item in ordered] == ["a", "c", "d", "b"]
        assert left_out == [(Name("a"), foreign_key("fk_a_b", "b_id", "b.id"))]
        assert [list(item.foreign_keys) == [] for item in ordered] == [True, False, False, False]


def test_tables_come_behind_those_that_they_inherit_from() -> None:
    """As if they pointed at them."""
    child = replace(table("a"), options={"postgresql_inherits": "b, elsewhere"})
    ordered, left_out = order_tables(_tables(child, table("b")))
    assert ([item.name.name for item in ordered], left_out) == (["b", "a"], [])


def test_two_circles_lose_a_key_each() -> None:
    """Until no circle is left."""
    items = (_pointing("a", "b"), _pointing("b", "a"), _pointing("x", "y"), _pointing("y", "x"))
    _, left_out = order_tables(_tables(*items))
    assert [(name.name, key.name) for name, key in left_out] == [("a", "fk_a_b"), ("x", "fk_x_y")]


def test_keys_can_be_left_out_from_the_start() -> None:
    """They don't count for the order either."""
    child = _pointing("a", "b")
    [key] = child.foreign_keys
    ordered, left_out = order_tables(_tables(child, _pointing("b")), [(Name("a"), key)])
    assert [item.name.name for item in ordered] == ["a", "b"]
    assert list(ordered[0].foreign_keys) == []
    assert left_out == [(Name("a"), key)]


def test_a_view_comes_behind_those_that_it_reads() -> None:
    """Tables that it reads are no matter."""
    one = View(name=Name("a"), sql="", reads=(Name("b"), Name("users")))
    two = View(name=Name("b"), sql="", reads=(Name("users"),))
    assert order_views({one.name: one, two.name: two}) == [two, one]
