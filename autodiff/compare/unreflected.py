"""Leave out constraints that models lack because SQLAlchemy does not reflect their kind."""

from __future__ import annotations

from dataclasses import replace

from autodiff.dialects.base import Dialect
from autodiff.schema.apply import names_column
from autodiff.schema.objects import Constraint, Schema, Table

__all__ = ["without_unreflected_constraints"]


def without_unreflected_constraints(
    current: Schema, desired: Schema, declared_before: Schema | None, dialect: Dialect
) -> Schema:
    """Return the current schema without constraints of kinds that the models do not use.

    SQLAlchemy does not reflect some kinds of constraints, so models generated from a database lack
    them. `declared_before` is what the models declared before, if it is known: a kind that they
    used then is compared.

    A constraint stays if the models drop its table, or a column that it names: the downgrade has
    to create it again.
    """
    unreflected = {
        n: found for n, t in current.tables.items() if (found := _unreflected(t, dialect))
    }
    if not unreflected:
        return current
    declared = [schema for schema in (desired, declared_before) if schema is not None]
    everywhere = {
        type(c) for s in declared for t in s.tables.values() for c in _unreflected(t, dialect)
    }
    by_folded_name = {name.folded: table for name, table in desired.tables.items()}
    tables = dict(current.tables)
    for name, found in unreflected.items():
        wanted = by_folded_name.get(name.folded)  # on some databases, case makes no difference
        if wanted is not None:
            table = current.tables[name]
            in_models = [schema.tables.get(name) for schema in declared]
            kept = _of_kept_columns(found, table, wanted)
            tables[name] = _without_unused_kinds(table, in_models, everywhere, kept)
    return replace(current, tables=tables)


def _of_kept_columns(
    constraints: list[Constraint], table: Table, wanted: Table
) -> list[Constraint]:
    """Return the constraints that name no column which the models drop."""
    names = {column.name.lower() for column in wanted.columns}
    dropped = [column.name for column in table.columns if column.name.lower() not in names]
    return [item for item in constraints if not any(names_column(item, c) for c in dropped)]


def _unreflected(table: Table, dialect: Dialect) -> list[Constraint]:
    is_omitted = dialect.catalog.omitted_by_sqlalchemy
    return [constraint for constraint in table.constraints if is_omitted(constraint)]


def _without_unused_kinds(
    table: Table, declared: list[Table | None], everywhere: set[type], unreflected: list[Constraint]
) -> Table:
    """Return the table without unreflected constraints of a kind that the models do not use."""
    kinds = everywhere | {type(c) for other in declared if other for c in other.constraints}
    left = [c for c in unreflected if type(c) not in kinds]
    if not left:
        return table
    return replace(table, constraints=tuple(c for c in table.constraints if c not in left))
