"""The order of tables by their foreign keys, with graphlib; cycles are cut at a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from autodiff.schema.objects import ForeignKey, Name, Table, View

__all__ = ["order_tables", "order_views"]


def order_tables(
    tables: Mapping[Name, Table], without: Iterable[tuple[Name, ForeignKey]] = ()
) -> tuple[list[Table], list[tuple[Name, ForeignKey]]]:
    """The tables, each behind those that it points at; and the keys that had to be left out.

    Keys are left out where tables point at each other in a circle, and those in `without`. Among
    tables that don't depend on each other the order is that of their names.
    """
    left_out = list(without)
    while True:
        graph = {name: _parents(table, tables, left_out) for name, table in tables.items()}
        try:
            order = _stable_order(graph)
        except CycleError as error:
            left_out.append(_cut(error.args[1], tables, left_out))
            continue
        return [_without(tables[name], left_out) for name in order], left_out


def order_views(views: Mapping[Name, View]) -> list[View]:
    """The views, each behind those that it reads."""
    graph = {
        name: {read for read in view.reads if read in views and read != name}
        for name, view in views.items()
    }
    return [views[name] for name in _stable_order(graph)]


def _stable_order(graph: Mapping[Name, set[Name]]) -> list[Name]:
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    order: list[Name] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _parents(
    table: Table, tables: Mapping[Name, Table], left_out: list[tuple[Name, ForeignKey]]
) -> set[Name]:
    inherited = {name for name in table.inherits if name in tables}
    return inherited | _pointed_at(table, tables, left_out)


def _pointed_at(
    table: Table, tables: Mapping[Name, Table], left_out: list[tuple[Name, ForeignKey]]
) -> set[Name]:
    return {
        key.referred
        for key in table.foreign_keys
        if key.referred in tables
        and key.referred != table.name
        and (table.name, key) not in left_out
    }


def _cut(
    cycle: list[Name], tables: Mapping[Name, Table], left_out: list[tuple[Name, ForeignKey]]
) -> tuple[Name, ForeignKey]:
    """A key to leave out: that of the first table of the cycle by name, so that it is stable."""
    pairs = sorted(
        (child, parent)
        for child in set(cycle)
        for parent in _pointed_at(tables[child], tables, left_out) & set(cycle)
    )
    child, parent = pairs[0]
    keys = [k for k in tables[child].foreign_keys if k.referred == parent]
    key = next(k for k in keys if (child, k) not in left_out)
    return child, key


def _without(table: Table, left_out: list[tuple[Name, ForeignKey]]) -> Table:
    kept = tuple(
        c
        for c in table.constraints
        if not (isinstance(c, ForeignKey) and (table.name, c) in left_out)
    )
    return replace(table, constraints=kept) if len(kept) < len(table.constraints) else table
