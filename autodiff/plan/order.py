"""Sort tables by their foreign keys, and views by what they read, with graphlib."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from autodiff.schema.objects import ForeignKey, Name, Table, View

__all__ = ["order_tables", "order_views"]


def order_tables(
    tables: Mapping[Name, Table], without: Iterable[tuple[Name, ForeignKey]] = ()
) -> tuple[list[Table], list[tuple[Name, ForeignKey]]]:
    """Return the tables, each after those it references, and the foreign keys that were left out.

    The foreign keys in `without` are left out, and one of each cycle. Tables that do not depend on
    each other are sorted by name, so that the same input gives the same file.
    """
    left_out = list(without)
    while True:
        graph = {name: _parents(table, tables, left_out) for name, table in tables.items()}
        try:
            order = _stable_order(graph)
        except CycleError as error:
            left_out.append(_key_to_leave_out(error.args[1], tables, left_out))
            continue
        return [_without_keys(tables[name], left_out) for name in order], left_out


def order_views(views: Mapping[Name, View]) -> list[View]:
    """Return the views, each after those that it reads."""
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
    return inherited | _referenced(table, tables, left_out)


def _referenced(
    table: Table, tables: Mapping[Name, Table], left_out: list[tuple[Name, ForeignKey]]
) -> set[Name]:
    return {
        key.referred
        for key in table.foreign_keys
        if key.referred in tables
        and key.referred != table.name
        and (table.name, key) not in left_out
    }


def _key_to_leave_out(
    cycle: list[Name], tables: Mapping[Name, Table], left_out: list[tuple[Name, ForeignKey]]
) -> tuple[Name, ForeignKey]:
    """Return the foreign key to leave out of a cycle: that of the first table by name."""
    pairs = sorted(
        (child, parent)
        for child in set(cycle)
        for parent in _referenced(tables[child], tables, left_out) & set(cycle)
    )
    child, parent = pairs[0]
    keys = [k for k in tables[child].foreign_keys if k.referred == parent]
    key = next(k for k in keys if (child, k) not in left_out)
    return child, key


def _without_keys(table: Table, left_out: list[tuple[Name, ForeignKey]]) -> Table:
    kept = tuple(
        c
        for c in table.constraints
        if not (isinstance(c, ForeignKey) and (table.name, c) in left_out)
    )
    return replace(table, constraints=kept) if len(kept) < len(table.constraints) else table
