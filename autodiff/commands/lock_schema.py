"""The desired schema as the database describes it, for the lock file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.canonical import describe_on_scratch
from autodiff.autogenerate.differences import Difference
from autodiff.compare import DescribedObjects, PossibleDifferences
from autodiff.dialects import Dialect
from autodiff.schema.changes import (
    ColumnRenamed,
    EnumAltered,
    EnumRenamed,
    EnumValueRenamed,
    TableRenamed,
)
from autodiff.schema.objects import Name, Schema, Table, View

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["DescribedSchema", "describe_desired"]

_ENUM_RENAMES = EnumRenamed | EnumValueRenamed


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedSchema:
    """A schema as a database describes it; `settled` is False if no database could be asked."""

    schema: Schema
    settled: bool


def describe_desired(
    connection: sa.Connection | None,
    dialect: Dialect,
    difference: Difference,
    rehearsed: Schema | None = None,
) -> DescribedSchema:
    """Return the desired schema as the database will describe it after the migration.

    An object that does not change keeps its current description. The others are taken from
    `rehearsed`, the schema of the scratch after the upgrade, or described on a new scratch.
    """
    rehearsed = rehearsed or Schema()
    known = replace(
        difference.current,
        tables={**difference.current.tables, **rehearsed.tables},
        views={**difference.current.views, **rehearsed.views},
    )
    missing = _not_described(difference, dialect, rehearsed)
    described = None
    if missing:
        described = describe_on_scratch(
            connection, dialect, difference.desired, missing, create=True
        )
    return DescribedSchema(
        schema=replace(
            difference.desired,
            tables=_described_tables(difference, dialect, known, missing, described),
            views=_described_views(difference, known, described),
        ),
        settled=described is not None or not missing,
    )


def _described_tables(
    difference: Difference,
    dialect: Dialect,
    known: Schema,
    missing: PossibleDifferences,
    described: DescribedObjects | None,
) -> dict[Name, Table]:
    """Return the description of each desired table, or its declaration if there is none."""
    new_tables = described.tables if described is not None else {}
    undescribed = {table.name for table in missing.tables} - set(new_tables)
    tables: dict[Name, Table] = {}
    for name, declared in difference.desired.tables.items():
        if name in new_tables:
            tables[name] = _completed(new_tables[name], declared)
        elif name in undescribed:
            tables[name] = declared
        else:
            tables[name] = replace(
                dialect.catalog.align(known.tables[name], declared), partitions=()
            )
    return tables


def _completed(described: Table, declared: Table) -> Table:
    """Return a table of a scratch with its foreign keys, which the scratch does not have."""
    options = {name: described.options.get(name, value) for name, value in declared.options.items()}
    return replace(
        described,
        constraints=(*described.constraints, *declared.foreign_keys),
        options=options,
        triggers=(),
        partitions=(),
    )


def _described_views(
    difference: Difference, known: Schema, described: DescribedObjects | None
) -> dict[Name, View]:
    new_views = described.views if described is not None else {}
    return {
        name: new_views.get(name) or known.views.get(name) or declared
        for name, declared in difference.desired.views.items()
    }


def _not_described(
    difference: Difference, dialect: Dialect, rehearsed: Schema
) -> PossibleDifferences:
    """Return the tables that change and the new views, without those in `rehearsed`.

    A change of a name or an enum type can alter the description of any table.
    """
    affects_all = any(
        isinstance(change, TableRenamed | ColumnRenamed | EnumAltered | _ENUM_RENAMES)
        for change in difference.changes
    )
    altered = (getattr(change, "table", None) for change in difference.changes)
    changed = {table for table in altered if isinstance(table, Name)}
    tables: list[Table] = []
    for name, table in difference.desired.tables.items():
        current = difference.current.tables.get(name)
        is_unchanged = current is not None and not affects_all and name not in changed
        if name not in rehearsed.tables and not is_unchanged and _differs(current, table, dialect):
            tables.append(table)
    known_views = {*difference.current.views, *rehearsed.views}
    views = [view for name, view in difference.desired.views.items() if name not in known_views]
    return PossibleDifferences(tables=tuple(tables), views=tuple(views))


def _differs(current: Table | None, table: Table, dialect: Dialect) -> bool:
    if current is None:
        return True
    return dialect.normalize(dialect.catalog.align(current, table)) != dialect.normalize(table)
