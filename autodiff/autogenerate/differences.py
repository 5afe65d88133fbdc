"""The whole way from a connection and models to a plan: reflect, declare, compare, plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Literal, Protocol

from autodiff.autogenerate.canonical import describe_on_scratch
from autodiff.autogenerate.live_rows import row_findings, run_row_checks
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.schemas import both_sides
from autodiff.compare import (
    AnyRename,
    Candidate,
    Described,
    Rename,
    Value,
    ValueRename,
    adopt_case,
    adopt_current_names,
    adopt_types,
    apply_all_renames,
    candidates,
    certain_enum_renames,
    compare_schemas,
    find_possible_differences,
    name_map_of,
    parse_rename,
    partitions_left_alone,
    rename_before,
    resolve_maps,
    set_aside,
    tables_alike,
    unspoken_left_alone,
    value_after,
    with_tables,
    without_spares,
    without_tables,
)
from autodiff.dialects import Dialect, dialect_of
from autodiff.errors import RenameUndecidedError
from autodiff.models.renamed_from import told_renames
from autodiff.plan import (
    FillNeeded,
    MapPossible,
    fills_needed,
    maps_possible,
    parse_fill,
    parse_map,
    plan_changes,
    replaced_apart,
)
from autodiff.schema.changes import Change
from autodiff.schema.objects import Schema
from autodiff.utils.sharing import collected_later

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Answers", "Assume", "Difference", "Questioner", "diff", "find_difference"]

Assume = Literal["drop-and-add"] | None
"""What to take for granted where a rename is possible."""


class Questioner(Protocol):
    """Who is asked where the schemas alone don't say."""

    def is_rename(self, candidate: Candidate) -> bool | None:
        """Whether a candidate is a rename; None where nobody is there to say."""

    def fill(self, needed: FillNeeded) -> str | None:
        """A value for the existing rows of a column; None where nobody is there to say."""

    def map_value(self, possible: MapPossible) -> str | None:
        """What the rows get whose value goes away; None for nothing."""


class Answers:
    """A questioner that knows nothing: what was not told ends in an error."""

    def is_rename(self, candidate: Candidate) -> bool | None:
        """Nobody says."""
        return None

    def fill(self, needed: FillNeeded) -> str | None:
        """Nobody says."""
        return None

    def map_value(self, possible: MapPossible) -> str | None:
        """Nobody says."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two schemas and their changes.

    `desired` has a name for each constraint. `described` is what the database says of what was
    in doubt; `settled` is False where something was in doubt and no scratch could be had. `maps`
    are what rows get whose value goes away.
    """

    dialect: Dialect
    current: Schema
    desired: Schema
    changes: tuple[Change, ...]
    described: Described
    settled: bool = True
    maps: Mapping[Value, str] = field(default_factory=dict)


@collected_later()
def find_difference(
    connection: sa.Connection | None,
    dialect: Dialect,
    current: Schema,
    desired: Schema,
    *,
    create_scratch: bool,
    said_before: Schema | None = None,
) -> Difference:
    """What differs between two schemas; a scratch settles what cheap comparing leaves in doubt.

    Kinds of things that models need not speak about (views, exclusion constraints) are left alone
    where the desired schema has none of them, and `said_before`, what it once was, neither.
    """
    desired = partitions_left_alone(current, desired)
    current = unspoken_left_alone(current, desired, said_before, dialect)
    alike = tables_alike(current, desired, dialect)
    left, wanted = without_tables(current, alike), without_tables(desired, alike)
    left = adopt_case(left, wanted, dialect)
    wanted = adopt_types(left, wanted, dialect)
    named, described = adopt_current_names(left, wanted, dialect)
    unsure = find_possible_differences(left, named, dialect)
    settled = True
    if unsure:
        whole = with_tables(named, alike)  # what is in doubt may read what is not
        found = describe_on_scratch(connection, dialect, whole, unsure, create=create_scratch)
        settled = found is not None
        if found is not None:
            named, described = adopt_current_names(left, wanted, dialect, found, known=named)
    current = with_tables(left, {name: current.tables[name] for name in alike})
    named = with_tables(named, alike)
    changes = compare_schemas(
        current, named, dialect, described, said_before=said_before, unsure=unsure
    )
    return Difference(
        dialect=dialect,
        current=current,
        desired=named,
        changes=tuple(changes),
        described=described,
        settled=settled,
    )


def with_renames(
    connection: sa.Connection | None,
    dialect: Dialect,
    current: Schema,
    desired: Schema,
    told: Sequence[AnyRename],
    questioner: Questioner,
    assume: Assume,
    *,
    create_scratch: bool,
    maps: Mapping[str, str] | None = None,
    said_before: Schema | None = None,
) -> Difference:
    """As `difference`, once it is known what was renamed.

    `maps` are values that go away, as the current schema has them, and what their rows get.

    Raises RenameUndecidedError where a rename is as likely as a drop and an add, and nobody says.
    """
    mapped, as_renames = resolve_maps(maps or {}, current, desired, told)
    renames = [*told, *as_renames]
    refused: set[AnyRename] = set()
    while True:
        moved, renamed = apply_all_renames(current, desired, renames, dialect)
        found = find_difference(
            connection,
            dialect,
            moved,
            desired,
            create_scratch=create_scratch,
            said_before=said_before,
        )
        certain = [r for r in certain_enum_renames(found.changes) if r not in renames]
        if certain:
            renames += certain
            continue
        plain = [rename for rename in renames if isinstance(rename, Rename)]
        told_apart = without_spares(found.changes, set_aside(current, desired, plain))
        known = {*renames, *refused}
        names = name_map_of(renames)
        open_ = [
            candidate
            for candidate in candidates((*renamed, *told_apart))
            if (rename := rename_before(candidate.rename, names)) not in known
            and not (isinstance(rename, ValueRename) and rename.value in mapped)
        ]
        if not open_ or assume == "drop-and-add":
            return replace(
                found,
                current=current,
                changes=(*renamed, *told_apart),
                maps={value_after(value, names): to for value, to in mapped.items()},
            )
        answer = questioner.is_rename(open_[0])
        if answer is None:
            raise RenameUndecidedError([str(c) for c in open_], [c.reason for c in open_])
        rename = rename_before(open_[0].rename, names)
        if answer:
            renames.append(rename)
        else:
            refused.add(rename)


def plan_difference(
    found: Difference,
    fills: Mapping[str, str],
    questioner: Questioner,
    live: sa.Connection | None = None,
) -> Plan:
    """The plan for a difference, with values asked for where they are needed.

    With a `live` connection its findings tell the rows of now that stand in the way.

    Raises FillNeededError where nobody gives a value that is needed.
    """
    needed = fills_needed(replaced_apart(found.changes, found.dialect))
    unfilled = [item for item in needed if item.key not in fills]
    given = {**fills, **_asked(unfilled, questioner)}
    mapped = {**found.maps, **_mapped(found, questioner)}
    planned = _planned(found, given, mapped)
    if live is None or not planned.checks:
        return planned
    looks = run_row_checks(live, found.dialect, planned.checks)
    empty = [
        replace(look.check.fill, found=str(look.found))
        for look in looks
        if look.check.fill is not None and look.found is not None and look.found.count
    ]
    if more := _asked(empty, questioner):
        planned = _planned(found, {**given, **more}, mapped)
        looks = [look for look in looks if look.check in planned.checks]
    return replace(planned, findings=(*planned.findings, *row_findings(looks)))


def _asked(needed: Iterable[FillNeeded], questioner: Questioner) -> dict[str, str]:
    """The values that somebody gives, by column."""
    answers = {item.key: questioner.fill(item) for item in needed}
    return {key: value for key, value in answers.items() if value is not None}


def _mapped(found: Difference, questioner: Questioner) -> dict[Value, str]:
    """What rows get whose value goes, as far as nobody has told and somebody says."""
    possible = [p for p in maps_possible(found.changes) if p.value not in found.maps]
    answers = {item.value: questioner.map_value(item) for item in possible}
    return {value: to for value, to in answers.items() if to is not None}


def _planned(found: Difference, given: Mapping[str, str], mapped: Mapping[Value, str]) -> Plan:
    steps = plan_changes(
        found.changes,
        current=found.current,
        desired=found.desired,
        dialect=found.dialect,
        fills=given,
        maps=mapped,
    )
    return Plan(**{spec.name: getattr(steps, spec.name) for spec in fields(steps)})


def parse_fills(fills: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Fills by column, from a mapping or from texts such as "comments.timestamp=now"."""
    if isinstance(fills, Mapping):
        return dict(fills)
    return dict(parse_fill(text) for text in fills)


def parse_maps(maps: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Maps by value, from a mapping or from texts such as "mood.sad=ok"."""
    if isinstance(maps, Mapping):
        return dict(maps)
    return dict(parse_map(text) for text in maps)


def all_renames(texts: Iterable[str], desired: Schema, current: Schema) -> list[AnyRename]:
    """The renames that were told: on the command line, and by `info` in the models."""
    told = [parse_rename(text, current) for text in texts]
    known = {(rename.table, rename.column) for rename in told if isinstance(rename, Rename)}
    for text in told_renames(desired, current):
        rename = parse_rename(text, current)
        if isinstance(rename, Rename) and (rename.table, rename.column) not in known:
            told.append(rename)
    return told


@collected_later()
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
    """The plan that takes the connection's database to what the models say.

    Its findings tell the rows of now that stand in the way, unless `data_checks` is false.

    `renames` are texts such as "users.nick:nickname", `fills` values for existing rows by
    "table.column", `maps` what rows get whose value goes away, by "type.value" or
    "table.column.value", `exclude` patterns of tables to leave alone. Nothing is changed: what must
    be asked is asked inside a transaction that is rolled back, or on a database of its own.

    Raises ModelsError, RenameUndecidedError, FillNeededError, PlanError.
    """
    all_metadata = _as_list(metadata)
    dialect = dialect_of(connection)
    current, desired = both_sides(connection, dialect, all_metadata, exclude)
    asked = questioner or Answers()
    found = with_renames(
        connection,
        dialect,
        current,
        desired,
        all_renames(renames, desired, current),
        asked,
        assume,
        create_scratch=True,
        maps=parse_maps(maps),
    )
    live = connection if data_checks else None
    return plan_difference(found, parse_fills(fills), asked, live)


def _as_list(metadata: sa.MetaData | Sequence[sa.MetaData]) -> list[sa.MetaData]:
    import sqlalchemy as sa

    return [metadata] if isinstance(metadata, sa.MetaData) else list(metadata)
