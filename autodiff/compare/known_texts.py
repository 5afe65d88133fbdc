"""Give models the texts by which a database described them before."""

from __future__ import annotations

from dataclasses import replace

from autodiff.schema.objects import Check, Column, Constraint, Exclusion, Index, Schema, Table

__all__ = ["with_known_texts"]


def with_known_texts(desired: Schema, declared: Schema, described: Schema) -> Schema:
    """Return the desired schema with what has not changed as the database described it.

    A database spells expressions in another way than the models. Two spellings of one expression
    look like a difference, unless the models still have the text that the database described.

    declared: the schema as the models declared it before.
    described: the same schema as the catalog describes it.
    """
    tables = {
        name: _table(table, declared.tables[name], described.tables[name])
        if name in declared.tables and name in described.tables
        else table
        for name, table in desired.tables.items()
    }
    views = {
        name: described.views[name]
        if view == declared.views.get(name) and name in described.views
        else view
        for name, view in desired.views.items()
    }
    return replace(desired, tables=tables, views=views)


def _table(table: Table, before: Table, known: Table) -> Table:
    if table == before:
        return known
    return replace(
        table,
        columns=tuple(_column(column, before, known) for column in table.columns),
        constraints=tuple(_constraint(item, before, known) for item in table.constraints),
        indexes=tuple(_index(index, before, known) for index in table.indexes),
    )


def _column(column: Column, before: Table, known: Table) -> Column:
    is_same = column == before.column(column.name)
    return (is_same and known.column(column.name)) or column


def _constraint(constraint: Constraint, before: Table, known: Table) -> Constraint:
    """Return a check or exclusion constraint as it was described; others have no expressions."""
    if not isinstance(constraint, Check | Exclusion) or constraint.name is None:
        return constraint
    is_same = constraint == before.constraint(constraint.name)
    return (is_same and known.constraint(constraint.name)) or constraint


def _index(index: Index, before: Table, known: Table) -> Index:
    is_same = index.name is not None and index == before.index(index.name)
    return (is_same and index.name and known.index(index.name)) or index
