"""Leave out unnamed constraints of the models that repeat a named one that the database has.

SQLAlchemy creates both if a column has a ForeignKey and its table a ForeignKeyConstraint over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autodiff.compare.constraint_names import same_contents
from autodiff.dialects.base import Dialect
from autodiff.schema.objects import Constraint, Name, PrimaryKey, Schema, Table

__all__ = ["without_repeated_constraints"]


def without_repeated_constraints(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the desired schema without unnamed constraints that another one makes redundant.

    An unnamed constraint matches any constraint of the database with its contents, also one that a
    named constraint of the models matches. Those that the database has besides are kept, and so are
    all constraints of a new table.
    """
    changed: dict[Name, Table] = {}
    for name, table in desired.tables.items():
        now = current.tables.get(name)
        if now is not None and _has_both(table.constraints):
            present = _normal(dialect.catalog.align(now, table), dialect)
            kept = _without_repeated(table, present, _normal(table, dialect))
            if len(kept) < len(table.constraints):
                changed[name] = replace(table, constraints=kept)
    return replace(desired, tables={**desired.tables, **changed}) if changed else desired


def _has_both(constraints: Sequence[Constraint]) -> bool:
    """Return whether there are two constraints of one kind, of which exactly one has a name."""
    kinds = {(type(item), item.name is None) for item in constraints}
    return any((kind, not unnamed) in kinds for kind, unnamed in kinds if kind is not PrimaryKey)


def _normal(table: Table, dialect: Dialect) -> list[Constraint]:
    """Return the normal forms of the constraints, in their order."""
    found: list[Constraint] = []
    for item in table.constraints:
        bare = Table(name=table.name, constraints=(item,), options=table.options)
        found += dialect.normalize(bare).constraints
    return found


def _without_repeated(
    table: Table, current: Sequence[Constraint], normal: Sequence[Constraint]
) -> tuple[Constraint, ...]:
    """Return the constraints that are not repeated; `normal` has their normal forms."""
    kept: list[Constraint] = []
    matched = {
        item.name
        for item in normal
        if item.name and any(item.name == o.name and same_contents(item, o) for o in current)
    }
    spare = [item for item in current if item.name not in matched]
    for declared, item in zip(table.constraints, normal, strict=True):
        found = next((other for other in spare if same_contents(other, item)), None)
        if declared.name is None and found is not None:
            spare.remove(found)
        elif declared.name is None and any(
            other.name in matched and same_contents(other, item) for other in normal
        ):
            continue
        kept.append(declared)
    return tuple(kept)
