"""Compare two schemas, and use a scratch database for what cannot be compared as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autodiff.autogenerate.canonical import describe_on_scratch
from autodiff.compare import (
    DescribedObjects,
    Value,
    adopt_case,
    adopt_current_names,
    adopt_unspecified,
    compare_schemas,
    equal_tables,
    find_possible_differences,
    with_current_case,
    with_names_for_new_tables,
    with_serials_as_declared,
    with_tables,
    without_inherited_columns,
    without_merged_uniques,
    without_partitions,
    without_repeated_constraints,
    without_tables,
    without_unreflected_constraints,
)
from autodiff.dialects import Dialect
from autodiff.schema.changes import Change
from autodiff.schema.objects import Schema
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Difference", "find_difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two schemas and the changes between them.

    desired: the desired schema, with a name for each constraint.
    described: how the database describes the desired objects that could not be compared as text.
    settled: False if such objects were compared literally, because there was no scratch database.
    maps: the new value of rows whose enum value is removed.
    """

    dialect: Dialect
    current: Schema
    desired: Schema
    changes: tuple[Change, ...]
    described: DescribedObjects
    settled: bool = True
    maps: Mapping[Value, str] = field(default_factory=dict)


@pause_garbage_collection()
def find_difference(
    connection: sa.Connection | None,
    dialect: Dialect,
    current: Schema,
    desired: Schema,
    *,
    create_scratch: bool,
    declared_before: Schema | None = None,
) -> Difference:
    """Return the changes from the current schema to the desired one.

    Tables that are equal at first sight are left out of every further step, because most tables
    are equal most of the time.

    create_scratch: whether a scratch database may be created for what cannot be compared as text.
    declared_before: what the models declared before. Objects that models need not declare (views,
        exclusion constraints) are compared only if the models declare some, or did before.
    """
    desired = without_partitions(current, desired)
    desired = without_merged_uniques(current, desired, dialect)
    current = without_inherited_columns(current, desired)
    current = with_serials_as_declared(current, desired, dialect)
    desired = with_names_for_new_tables(current, desired, dialect)
    current = without_unreflected_constraints(current, desired, declared_before, dialect)
    in_current_case = current
    equal = equal_tables(current, desired, dialect)
    other_desired = without_tables(desired, equal)
    other_current = adopt_case(without_tables(current, equal), other_desired, dialect)
    other_desired = without_repeated_constraints(other_current, other_desired, dialect)
    other_desired = adopt_unspecified(other_current, other_desired, dialect)
    named, described = adopt_current_names(other_current, other_desired, dialect)
    possible = find_possible_differences(other_current, named, dialect)
    settled = True
    if possible:
        # An object in doubt can use a table that is equal, so the scratch gets the whole schema.
        whole = with_tables(named, equal)
        found = describe_on_scratch(connection, dialect, whole, possible, create=create_scratch)
        settled = found is not None
        if found is not None:
            named, described = adopt_current_names(
                other_current, other_desired, dialect, found, known=named
            )
    current = with_tables(other_current, {name: current.tables[name] for name in equal})
    desired = with_tables(named, equal)
    changes = compare_schemas(
        current, desired, dialect, described, declared_before=declared_before, possible=possible
    )
    return Difference(
        dialect=dialect,
        current=current,
        desired=desired,
        changes=tuple(with_current_case(changes, in_current_case, dialect)),
        described=described,
        settled=settled,
    )
