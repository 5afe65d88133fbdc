"""Report foreign keys whose target is not unique, which no database can enforce."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autodiff.dialects.base import Dialect
from autodiff.plan.migration_plan import Finding
from autodiff.schema.changes import Change, ConstraintAdded, ConstraintAltered, TableAdded
from autodiff.schema.objects import ForeignKey, Index, Name, PrimaryKey, Schema, Table, Unique

__all__ = ["key_target_findings"]


def key_target_findings(
    changes: Iterable[Change], desired: Schema, dialect: Dialect
) -> Iterator[Finding]:
    """Yield a finding for each new foreign key to columns that the database cannot find a row by.

    SQLite creates such a key, and refuses to write rows afterwards; other databases refuse it.
    """
    checked = dialect.features.checks_key_targets
    for name, key in _new_keys(changes):
        target = desired.tables.get(key.referred)
        if target is None or not key.referred_columns or _is_target(target, key, dialect):
            continue
        source, columns = ", ".join(key.columns), ", ".join(key.referred_columns)
        yield Finding(
            code="key-target",
            severity="error" if checked else "warning",
            message=f"the foreign key {name}.{source} references {key.referred}.{columns}, which "
            f"{'has no index' if dialect.features.keys_reference_indexes else 'is not unique'}",
            hint="reference the primary key, or declare the referenced columns as unique",
            place=f"{name}.{source}",
        )


def _new_keys(changes: Iterable[Change]) -> Iterator[tuple[Name, ForeignKey]]:
    for change in changes:
        match change:
            case TableAdded(table=table):
                yield from ((table.name, key) for key in table.foreign_keys)
            case (
                ConstraintAdded(table=name, constraint=ForeignKey() as key)
                | ConstraintAltered(table=name, after=ForeignKey() as key)
            ):
                yield name, key


def _is_target(table: Table, key: ForeignKey, dialect: Dialect) -> bool:
    """Return whether a key or index covers the columns; one that begins with them on MySQL."""
    wanted = key.referred_columns
    keys = [c for c in table.constraints if isinstance(c, PrimaryKey | Unique)]
    if dialect.features.keys_reference_indexes:
        found = [*(c.columns for c in keys), *map(_leading_columns, table.indexes)]
        return any(columns[: len(wanted)] == wanted for columns in found)
    unique = [index.columns for index in table.indexes if _is_unique(index)]
    return any(
        sorted(columns) == sorted(wanted) for columns in [*(c.columns for c in keys), *unique]
    )


def _leading_columns(index: Index) -> tuple[str, ...]:
    """Return the columns before the first expression or prefix of an index."""
    found: list[str] = []
    for element in index.elements:
        if element.is_expression or element.length or index.method is not None:
            break
        found.append(element.text)
    return tuple(found)


def _is_unique(index: Index) -> bool:
    whole = index.where is None and not any(element.is_expression for element in index.elements)
    return index.unique and whole
