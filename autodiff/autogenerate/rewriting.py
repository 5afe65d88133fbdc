"""Let a function of the project rewrite a plan, and derive the rest of the plan from the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from autodiff.autogenerate.differences import find_difference
from autodiff.autogenerate.plan import Plan
from autodiff.compare import schema_as_desired
from autodiff.plan import RowCheck, find_data_loss
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.changes import Change
from autodiff.schema.describe import key_of_change
from autodiff.schema.objects import Name, Schema
from autodiff.schema.operations import Operation, Require, tables_of

__all__ = ["RewritePlan", "changed_objects", "merge_objects", "rewrite_with"]

RewritePlan: TypeAlias = Callable[[Plan], Plan]

_KINDS = ("tables", "enums", "sequences", "views")
_T = TypeVar("_T")


def rewrite_with(plan: Plan, rewrite: RewritePlan | None) -> Plan:
    """Return the plan after a function has rewritten it.

    The desired schema becomes the one that the operations lead to, and the changes become those
    that they make. Checks of rows and operations to reverse that belong to an operation that was
    removed are removed too.
    """
    if rewrite is None:
        return plan
    losses = find_data_loss(plan.operations, plan.current.tables, plan.dialect)
    result = rewrite(replace(plan, data_loss=losses))
    if result.operations == plan.operations:
        return result
    desired = _desired(plan, result.operations)
    checks = _checks(result.checks, result.operations)
    downgrade_checks = _checks(result.downgrade_checks, result.operations)
    gone = [check.require for check in result.checks if check not in checks]
    return replace(
        result,
        desired=desired,
        changes=_changes(plan, desired),
        operations=tuple(item for item in result.operations if item not in gone),
        reversible_operations=_reversible(plan, result),
        checks=checks,
        downgrade_checks=downgrade_checks,
        reported_checks=_checks(result.reported_checks, result.operations),
    )


def changed_objects(before: Schema, after: Schema) -> dict[str, frozenset[Name]]:
    """Return the names of the objects that differ between two schemas, by kind."""
    return {
        kind: frozenset(
            name
            for name in {*getattr(before, kind), *getattr(after, kind)}
            if getattr(before, kind).get(name) != getattr(after, kind).get(name)
        )
        for kind in _KINDS
    }


def merge_objects(base: Schema, other: Schema, names: Mapping[str, Iterable[Name]]) -> Schema:
    """Return a schema with the named objects, by kind, as another schema has them."""
    return replace(
        base,
        tables=_merged(base.tables, other.tables, names["tables"]),
        enums=_merged(base.enums, other.enums, names["enums"]),
        sequences=_merged(base.sequences, other.sequences, names["sequences"]),
        views=_merged(base.views, other.views, names["views"]),
    )


def _merged(
    base: Mapping[Name, _T], other: Mapping[Name, _T], names: Iterable[Name]
) -> dict[Name, _T]:
    wanted = set(names)
    kept = {name: item for name, item in base.items() if name not in wanted}
    return {**kept, **{name: item for name, item in other.items() if name in wanted}}


def _desired(plan: Plan, operations: Sequence[Operation]) -> Schema:
    """Return the schema that the operations lead to.

    An object that both lists of operations treat alike is as the models declare it. The others are
    derived from the current schema.
    """
    planned = _evolved(plan.current, plan.operations)
    rewritten = _evolved(plan.current, operations)
    differing = changed_objects(planned, rewritten)
    derived = merge_objects(plan.desired, schema_as_desired(rewritten, plan.dialect), differing)
    dropped = planned.namespaces - rewritten.namespaces
    added = rewritten.namespaces - planned.namespaces
    return replace(derived, namespaces=(plan.desired.namespaces | added) - dropped)


def _evolved(schema: Schema, operations: Iterable[Operation]) -> Schema:
    for operation in operations:
        schema = evolve_schema(schema, operation)
    return schema


def _changes(plan: Plan, desired: Schema) -> tuple[Change, ...]:
    """Return the changes of the plan that are left, and those that were added."""
    found = find_difference(None, plan.dialect, plan.current, desired, create_scratch=False).changes
    lines = {key_of_change(change) for change in found}
    kept = [change for change in plan.changes if key_of_change(change) in lines]
    known = {key_of_change(change) for change in plan.changes}
    altered = changed_objects(plan.desired, desired)["tables"]
    added = [
        change
        for change in found
        if key_of_change(change) not in known and _table_of(change) in altered
    ]
    return (*kept, *added)


def _table_of(change: Change) -> object:
    table = getattr(change, "table", None)
    return table if isinstance(table, Name) else getattr(table, "name", None)


def _reversible(plan: Plan, result: Plan) -> tuple[Operation, ...]:
    """Return the operations to reverse, if the function did not set them itself."""
    if not plan.reversible_operations:
        return result.reversible_operations
    if result.reversible_operations != plan.reversible_operations:
        return result.reversible_operations
    removed = [item for item in plan.operations if item not in result.operations]
    added = [item for item in result.operations if item not in plan.operations]
    kept = [item for item in plan.reversible_operations if item not in removed]
    return (*kept, *added)


def _checks(checks: Iterable[RowCheck], operations: Iterable[Operation]) -> tuple[RowCheck, ...]:
    """Return the checks of tables that an operation still alters."""
    tables = {
        f"{name}"
        for operation in operations
        if not isinstance(operation, Require)
        for name in tables_of(operation)
    }
    return tuple(
        check
        for check in checks
        if any(check.place == table or check.place.startswith(f"{table}.") for table in tables)
    )
