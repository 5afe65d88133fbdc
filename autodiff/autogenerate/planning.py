"""Plan a difference: ask for missing values, query the live rows, and order the operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import Difference
from autodiff.autogenerate.live_rows import row_findings, run_row_checks
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.questions import Assume, NoAnswers, Questioner
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.autogenerate.schemas import read_schemas
from autodiff.compare import AnyRename, Rename, Value, parse_rename
from autodiff.dialects import dialect_of
from autodiff.models.renamed_from import declared_renames
from autodiff.plan import (
    FillNeeded,
    fills_needed,
    maps_possible,
    parse_fill,
    parse_map,
    plan_changes,
    split_replaced_columns,
)
from autodiff.schema.objects import Schema
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["all_renames", "diff", "parse_fills", "parse_maps", "plan_difference"]


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
    current, desired = read_schemas(connection, dialect, _as_list(metadata), exclude)
    questioner = questioner or NoAnswers()
    difference = find_renamed_difference(
        connection,
        dialect,
        current,
        desired,
        all_renames(renames, desired, current),
        questioner,
        assume,
        create_scratch=True,
        maps=parse_maps(maps),
    )
    live = connection if data_checks else None
    return plan_difference(difference, parse_fills(fills), questioner, live)


def _as_list(metadata: sa.MetaData | Sequence[sa.MetaData]) -> list[sa.MetaData]:
    import sqlalchemy as sa

    return [metadata] if isinstance(metadata, sa.MetaData) else list(metadata)


def plan_difference(
    difference: Difference,
    fills: Mapping[str, str],
    questioner: Questioner,
    live: sa.Connection | None = None,
) -> Plan:
    """Return the plan for a difference; the questioner is asked for missing values.

    With a `live` connection, the plan has findings about the live rows that prevent its changes.

    Raises FillNeededError if a value is needed and the questioner has none.
    """
    needed = fills_needed(split_replaced_columns(difference.changes, difference.dialect))
    missing = [item for item in needed if item.key not in fills]
    fills = {**fills, **_ask_for_fills(missing, questioner)}
    maps = {**difference.maps, **_ask_for_maps(difference, questioner)}
    plan = _plan(difference, fills, maps)
    checks = (*plan.checks, *plan.loss_checks)
    if live is None or not checks:
        return plan
    results = run_row_checks(live, difference.dialect, checks)
    empty = [
        replace(result.check.fill, found=str(result.found))
        for result in results
        if result.check.fill is not None and result.found is not None and result.found.count
    ]
    if more_fills := _ask_for_fills(empty, questioner):
        plan = _plan(difference, {**fills, **more_fills}, maps)
        kept = (*plan.checks, *plan.loss_checks)
        results = [result for result in results if result.check in kept]
    return replace(plan, findings=(*plan.findings, *row_findings(results)))


def _ask_for_fills(needed: Iterable[FillNeeded], questioner: Questioner) -> dict[str, str]:
    """Return the values that the questioner has, by column."""
    answers = {item.key: questioner.fill(item) for item in needed}
    return {key: value for key, value in answers.items() if value is not None}


def _ask_for_maps(difference: Difference, questioner: Questioner) -> dict[Value, str]:
    """Return the new values of rows that the questioner knows and the difference does not."""
    possible = maps_possible(difference.changes)
    unknown = [item for item in possible if item.value not in difference.maps]
    answers = {item.value: questioner.map_value(item) for item in unknown}
    return {value: new for value, new in answers.items() if new is not None}


def _plan(difference: Difference, fills: Mapping[str, str], maps: Mapping[Value, str]) -> Plan:
    return Plan.of(
        plan_changes(
            difference.changes,
            current=difference.current,
            desired=difference.desired,
            dialect=difference.dialect,
            fills=fills,
            maps=maps,
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


def all_renames(texts: Iterable[str], desired: Schema, current: Schema) -> list[AnyRename]:
    """Return the renames in `texts`, and those in `info` of the models; `texts` take precedence."""
    renames = [parse_rename(text, current) for text in texts]
    known = {(item.table, item.column) for item in renames if isinstance(item, Rename)}
    for text in declared_renames(desired, current):
        rename = parse_rename(text, current)
        if isinstance(rename, Rename) and (rename.table, rename.column) not in known:
            renames.append(rename)
    return renames
