"""Plan a difference: ask for missing values, query the live rows, and order the operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import Difference
from autodiff.autogenerate.domains import domain_findings
from autodiff.autogenerate.live_losses import count_losses
from autodiff.autogenerate.live_rows import row_findings, run_row_checks
from autodiff.autogenerate.moved_tables import read_outside_tables, with_outside_tables
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.questions import Assume, NoAnswers, Questioner
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.autogenerate.rewriting import RewritePlan, rewrite_with
from autodiff.autogenerate.schemas import read_schemas
from autodiff.compare import AnyRename, Rename, Value, parse_rename
from autodiff.dialects import dialect_of
from autodiff.dialects.scope import Selection
from autodiff.errors import AutodiffError, HookFailedError
from autodiff.models.renamed_from import declared_renames
from autodiff.models.scalar_defaults import default_fills
from autodiff.plan import (
    FillNeeded,
    RowCheck,
    fills_needed,
    find_data_loss,
    maps_possible,
    parse_fill,
    parse_map,
    plan_changes,
    split_replaced_columns,
)
from autodiff.schema.changes import Change
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Schema
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = [
    "NO_VALUE",
    "all_renames",
    "diff",
    "parse_fills",
    "parse_maps",
    "plan_difference",
    "rewritten_changes",
]


@pause_garbage_collection()
def diff(
    connection: sa.Connection,
    metadata: sa.MetaData | Sequence[sa.MetaData],
    *,
    renames: Iterable[str] = (),
    fills: Mapping[str, str] | Iterable[str] = (),
    maps: Mapping[str, str] | Iterable[str] = (),
    exclude: Sequence[str] = (),
    assume: Assume = None,
    questioner: Questioner | None = None,
    data_checks: bool = True,
) -> Plan:
    """Return the plan that makes the connection's database match the models.

    Nothing is changed: what must be tried on the server is tried in a transaction that is rolled
    back, or on a scratch database.

    renames: texts such as "users.nick:nickname".
    fills: values for existing rows, by "table.column".
    maps: the new value of rows whose enum value is removed, by "type.value" or
        "table.column.value".
    exclude: patterns of tables to leave out.
    data_checks: whether to query the live rows that prevent a change, and add findings for them.

    Raises ModelsError, RenameUndecidedError, FillNeededError, PlanError.
    """
    dialect = dialect_of(connection)
    renames = list(renames)
    selection = Selection.without(exclude)
    current, desired = read_schemas(connection, dialect, _as_list(metadata), selection)
    outside = read_outside_tables(
        connection, dialect, current, desired, renames=renames, selection=selection
    )
    questioner = questioner or NoAnswers()
    difference = find_renamed_difference(
        connection,
        dialect,
        current,
        desired,
        all_renames(renames, desired, current, dialect.default_schema, outside),
        questioner,
        assume,
        create_scratch=True,
        maps=parse_maps(maps),
        outside=outside,
    )
    live = connection if data_checks else None
    defaults = default_fills(_as_list(metadata), dialect) if difference.changes else {}
    plan = plan_difference(difference, parse_fills(fills), questioner, live, defaults)
    unmanaged = domain_findings(connection, dialect, desired)
    return replace(plan, findings=(*plan.findings, *unmanaged)) if unmanaged else plan


def _as_list(metadata: sa.MetaData | Sequence[sa.MetaData]) -> list[sa.MetaData]:
    import sqlalchemy as sa

    return [metadata] if isinstance(metadata, sa.MetaData) else list(metadata)


def plan_difference(
    difference: Difference,
    fills: Mapping[str, str],
    questioner: Questioner,
    live: sa.Connection | None = None,
    defaults: Mapping[str, str] = MappingProxyType({}),
    rewrite: RewritePlan | None = None,
) -> Plan:
    """Return the plan for a difference; the questioner is asked for missing values.

    defaults: the defaults of the models, by "table.column". They are values for existing rows, if
        `fills` has none.
    rewrite: rewrites the plan before anything is asked of the live rows.

    With a `live` connection, the plan has findings about the live rows that prevent its changes,
    the data that it loses is counted, and a table without rows needs no values.

    Raises FillNeededError if a value is needed and the questioner has none.
    """
    needed = fills_needed(split_replaced_columns(difference.changes, difference.dialect))
    fills = {**_defaults(needed, fills, defaults), **fills}
    missing = [item for item in needed if item.key not in fills]
    empty = _empty_tables(difference, missing, live)
    missing = [item for item in missing if item.table not in empty]
    fills = {**fills, **_ask_for_fills(missing, questioner)}
    maps = {**difference.maps, **_ask_for_maps(difference, questioner)}
    plan = rewrite_with(_plan(difference, fills, maps, empty), rewrite)
    if live is None:
        return _with_data_loss(plan)
    checks = (*plan.checks, *plan.reported_checks)
    if not checks:
        return _with_data_loss(plan, live)
    results = run_row_checks(live, difference.dialect, checks)
    nulls = [
        replace(result.check.fill, found=str(result.found))
        for result in results
        if result.check.fill is not None and result.found is not None and result.found.count
    ]
    if more_fills := _ask_for_fills(nulls, questioner):
        again = _plan(difference, {**fills, **more_fills}, maps, empty)
        plan = rewrite_with(again, rewrite)
        kept = (*plan.checks, *plan.reported_checks)
        results = [result for result in results if result.check in kept]
    plan = replace(plan, findings=(*plan.findings, *row_findings(results)))
    return _with_data_loss(plan, live)


NO_VALUE = "sql:NULL"
"""The fill of a column that has none, so that a plan can be shown without asking for values."""


def rewritten_changes(difference: Difference, rewrite: RewritePlan | None) -> tuple[Change, ...]:
    """Return the changes of a difference that are left after its plan was rewritten.

    A difference that cannot be planned is returned unchanged.

    Raises HookFailedError if the function that rewrites plans fails.
    """
    if rewrite is None or not difference.changes:
        return difference.changes
    fills = dict.fromkeys((item.key for item in fills_needed(difference.changes)), NO_VALUE)
    try:
        return plan_difference(difference, fills, NoAnswers(), rewrite=rewrite).changes
    except HookFailedError:
        raise
    except AutodiffError:
        return difference.changes


def _with_data_loss(plan: Plan, live: sa.Connection | None = None) -> Plan:
    """Return the plan with the data that it loses, counted if there is a live connection."""
    losses = find_data_loss(plan.operations, plan.current.tables, plan.dialect)
    if live is not None:
        losses = count_losses(live, plan.dialect, losses)
    return replace(plan, data_loss=losses)


def _ask_for_fills(needed: Iterable[FillNeeded], questioner: Questioner) -> dict[str, str]:
    """Return the values that the questioner has, by column."""
    answers = {item.key: questioner.fill(item) for item in needed}
    return {key: value for key, value in answers.items() if value is not None}


def _ask_for_maps(difference: Difference, questioner: Questioner) -> dict[Value, str]:
    """Ask for the new values of rows that the difference does not contain, and return them."""
    possible = maps_possible(difference.changes, difference.current, difference.desired)
    unknown = [item for item in possible if item.value not in difference.maps]
    answers = {item.value: questioner.map_value(item) for item in unknown}
    return {value: new for value, new in answers.items() if new is not None}


def _defaults(
    needed: Iterable[FillNeeded], fills: Mapping[str, str], defaults: Mapping[str, str]
) -> dict[str, str]:
    """Return the defaults of the models for columns that need a value and have none."""
    keys = (item.key for item in needed if item.key not in fills)
    return {key: defaults[key] for key in keys if key in defaults}


def _empty_tables(
    difference: Difference, needed: Sequence[FillNeeded], live: sa.Connection | None
) -> frozenset[Name]:
    """Return the tables that need a value and have no rows, by their names after the plan."""
    if live is None or not needed:
        return frozenset()
    names = NameMap.of_changes(difference.changes)
    tables = {item.table: names.table_before(item.table) for item in needed}
    checks = {
        name: RowCheck(
            query=f"SELECT 1 FROM {difference.dialect.quote_name(before)} LIMIT 1",
            message=f"{name} has rows",
            place=str(name),
            hint="",
        )
        for name, before in tables.items()
    }
    results = run_row_checks(live, difference.dialect, checks.values())
    return frozenset(
        name
        for name, result in zip(checks, results, strict=True)
        if result.found is not None and not result.found.count
    )


def _plan(
    difference: Difference,
    fills: Mapping[str, str],
    maps: Mapping[Value, str],
    empty: frozenset[Name],
) -> Plan:
    return Plan.of(
        plan_changes(
            difference.changes,
            current=difference.current,
            desired=difference.desired,
            dialect=difference.dialect,
            fills=fills,
            maps=maps,
            empty=empty,
        )
    )


def parse_fills(fills: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Return fills by column, from a mapping or from texts such as "comments.timestamp=now"."""
    if isinstance(fills, Mapping):
        return dict(fills)
    return dict(parse_fill(text) for text in fills)


def parse_maps(maps: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Return maps by value, from a mapping or from texts such as "mood.sad=ok"."""
    if isinstance(maps, Mapping):
        return dict(maps)
    return dict(parse_map(text) for text in maps)


def all_renames(
    texts: Iterable[str],
    desired: Schema,
    current: Schema,
    default_schema: str | None = None,
    outside: Schema | None = None,
) -> list[AnyRename]:
    """Return the renames in `texts`, and those in `info` of the models; `texts` take precedence.

    outside: tables of schemas that no model uses, which can be renamed too.
    """
    if outside is not None:
        current = with_outside_tables(current, outside, outside.tables)
    renames = [parse_rename(text, current, default_schema) for text in texts]
    known = {(item.table, item.column) for item in renames if isinstance(item, Rename)}
    for text in declared_renames(desired, current, default_schema):
        rename = parse_rename(text, current, default_schema)
        if isinstance(rename, Rename) and (rename.table, rename.column) not in known:
            renames.append(rename)
    return renames
