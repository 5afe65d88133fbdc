"""Follow the views, triggers and routines that migrations create, and find what they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from autodiff.lint.statements import CreateRoutine, CreateTrigger, DropRoutine
from autodiff.schema.objects import Name
from autodiff.schema.operations import CreateView, DropView, RenameTable
from autodiff.schema.view_reads import reads

if TYPE_CHECKING:
    from autodiff.lint.context import Action

__all__ = ["NO_QUERIES", "StoredQueries", "StoredQuery", "stored_queries_after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuery:
    """A view, trigger, routine or event whose text names tables and columns.

    table: the table of a trigger.
    """

    kind: str
    name: Name
    sql: str
    table: Name | None = None

    def names(self, table: Name, column: str | None) -> bool:
        """Return whether its text names a table, or a column of the table."""
        is_own = table == self.table
        if column is None:
            return not is_own and reads(self.sql, table.name)
        row = ("new", "old") if is_own else ()
        return reads(self.sql, table.name, column, also=row)


StoredQueries: TypeAlias = Mapping[tuple[str, Name], StoredQuery]
NO_QUERIES: StoredQueries = MappingProxyType({})


def stored_queries_after(queries: StoredQueries, action: Action) -> StoredQueries:
    """Return the stored queries after a step, by their kind and name."""
    match action:
        case CreateView(view=view):
            return _with(queries, StoredQuery(kind="view", name=view.name, sql=view.sql))
        case CreateTrigger(table=table, name=name, sql=sql):
            query = StoredQuery(kind="trigger", name=Name(name, table.schema), sql=sql, table=table)
            return _with(queries, query)
        case CreateRoutine(kind=kind, name=name, sql=sql):
            return _with(queries, StoredQuery(kind=kind, name=name, sql=sql))
        case DropView(name=name):
            return _without(queries, ("view", name))
        case DropRoutine(kind=kind, name=name):
            return _without(queries, (kind, name))
        case RenameTable(before=before, after=after) if queries:
            return _renamed(queries, before, after)
        case _:
            return queries


def _with(queries: StoredQueries, query: StoredQuery) -> StoredQueries:
    return {**queries, (query.kind, query.name): query}


def _without(queries: StoredQueries, key: tuple[str, Name]) -> StoredQueries:
    return {other: query for other, query in queries.items() if other != key}


def _renamed(queries: StoredQueries, before: Name, after: Name) -> StoredQueries:
    """Return the queries after the rename of a table, which can be a view or have triggers."""
    renamed = queries.get(("view", before))
    if renamed is not None:
        return _with(_without(queries, ("view", before)), replace(renamed, name=after))
    return {
        key: replace(query, table=after) if query.table == before else query
        for key, query in queries.items()
    }
