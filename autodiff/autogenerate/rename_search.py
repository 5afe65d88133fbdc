"""Find the difference between two schemas once it is known what was renamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import Difference, find_difference
from autodiff.autogenerate.moved_tables import with_outside_tables
from autodiff.autogenerate.questions import Assume, Questioner
from autodiff.compare import (
    AnyRename,
    Candidate,
    Rename,
    Value,
    ValueRename,
    adopt_table_case,
    apply_all_renames,
    name_map_of,
    rename_before,
    rename_candidates,
    resolve_maps,
    temporary_renames,
    unambiguous_enum_renames,
    value_after,
    with_serials_as_declared,
    without_tables,
    without_temporary_names,
)
from autodiff.dialects import Dialect
from autodiff.errors import RenameUndecidedError
from autodiff.schema.changes import Change, TableRemoved
from autodiff.schema.objects import Name, Schema
from autodiff.utils.quoting import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["find_renamed_difference"]


def find_renamed_difference(
    connection: sa.Connection | None,
    dialect: Dialect,
    current: Schema,
    desired: Schema,
    renames: Sequence[AnyRename],
    questioner: Questioner,
    assume: Assume,
    *,
    create_scratch: bool,
    maps: Mapping[str, str] | None = None,
    declared_before: Schema | None = None,
    outside: Schema | None = None,
) -> Difference:
    """Return the difference between two schemas, with the renames among its changes.

    renames: the renames that are known.
    questioner: is asked about each rename that is as likely as a drop and an add.
    assume: "drop-and-add" treats such a rename as a drop and an add, and asks nobody.
    maps: the new value of rows whose enum value is removed, by the names in the current schema.
    create_scratch, declared_before: see `find_difference`.
    outside: tables of schemas that no model uses; they are left alone unless they are renamed.

    Raises RenameUndecidedError if the questioner has no answer.
    """
    current = with_serials_as_declared(current, desired, dialect)
    mapped, value_renames = resolve_maps(maps or {}, current, desired, renames)
    search = _RenameSearch(
        connection=connection,
        dialect=dialect,
        current=current,
        outside=outside or Schema(),
        desired=desired,
        create_scratch=create_scratch,
        declared_before=declared_before,
        maps=mapped,
        renames=[*renames, *value_renames],
    )
    while True:
        comparison = search.compare()
        if search.adopt_unambiguous(comparison):
            continue
        undecided = [] if assume == "drop-and-add" else search.undecided(comparison)
        if not search.adopt_one(undecided, questioner):
            return search.result(comparison)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """The difference that remains after the renames.

    renames: the renames as changes.
    others: the other changes; a column with a temporary name has its own name there.
    """

    difference: Difference
    renames: Sequence[Change]
    others: Sequence[Change]

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, the renames first."""
        return (*self.renames, *self.others)


@dataclass(slots=True, kw_only=True)
class _RenameSearch:
    """The renames that are known so far.

    Each adopted rename changes what is left to compare, and so which further renames are possible.
    Therefore the schemas are compared again after it.

    rejected: possible renames that are none.
    """

    connection: sa.Connection | None
    dialect: Dialect
    current: Schema
    outside: Schema
    desired: Schema
    create_scratch: bool
    declared_before: Schema | None
    maps: Mapping[Value, str]
    renames: list[AnyRename]
    rejected: set[AnyRename] = field(default_factory=set)

    @property
    def managed(self) -> Schema:
        """The current schema, with the tables outside that are renamed."""
        renamed = {item.table for item in self.renames if isinstance(item, Rename)}
        return with_outside_tables(self.current, self.outside, renamed)

    def compare(self) -> _Comparison:
        """Compare the schemas after the renames."""
        renamed, rename_changes = apply_all_renames(
            self.managed, self.desired, self.renames, self.dialect
        )
        difference = find_difference(
            self.connection,
            self.dialect,
            renamed,
            self.desired,
            create_scratch=self.create_scratch,
            declared_before=self.declared_before,
        )
        plain = [rename for rename in self.renames if isinstance(rename, Rename)]
        temporary = temporary_renames(self.managed, self.desired, plain)
        return _Comparison(
            difference=difference,
            renames=rename_changes,
            others=without_temporary_names(difference.changes, temporary),
        )

    def adopt_unambiguous(self, comparison: _Comparison) -> bool:
        """Add the renames of enum types that need no decision, and return whether there are any."""
        found = unambiguous_enum_renames(comparison.difference.changes)
        new = [rename for rename in found if rename not in self.renames]
        self.renames += new
        return bool(new)

    def undecided(self, comparison: _Comparison) -> list[Candidate]:
        """Return the possible renames that nobody decided yet, the most likely first."""
        names = name_map_of(self.renames)
        managed = self.managed.tables
        changes = [
            *comparison.changes,
            *(TableRemoved(table=t) for n, t in self.outside.tables.items() if n not in managed),
        ]
        return [
            candidate
            for candidate in rename_candidates(changes, self.dialect.default_schema)
            if not self._is_decided(rename_before(candidate.rename, names))
        ]

    def _is_decided(self, rename: AnyRename) -> bool:
        if isinstance(rename, ValueRename) and rename.value in self.maps:
            return True
        return rename in self.renames or rename in self.rejected

    def adopt_one(self, undecided: Sequence[Candidate], questioner: Questioner) -> bool:
        """Ask about possible renames until one is adopted, and return whether one was.

        A rejected rename changes nothing for the others.

        Raises RenameUndecidedError if there is no answer.
        """
        names = name_map_of(self.renames)
        for place, candidate in enumerate(undecided):
            answer = questioner.is_rename(candidate)
            if answer is None:
                left = undecided[place:]
                asked = (rename_before(candidate.rename, names) for candidate in left)
                raise RenameUndecidedError(
                    [one_line(str(rename)) for rename in asked],  # as --rename takes them
                    [candidate.reason for candidate in left],
                )
            rename = rename_before(candidate.rename, names)
            if answer:
                self.renames.append(rename)
                return True
            self.rejected.add(rename)
        return False

    def _in_case_of_models(self, renames: Sequence[Change]) -> Schema:
        """Return the current schema with the names that the changes have.

        A table that is renamed, or that has renamed columns, keeps its names: only their case may
        be what changes.
        """
        desired = self.desired
        if renames:
            named = {getattr(change, "table", None) for change in renames}
            named |= {getattr(change, "before", None) for change in renames}
            kept = {str(name).lower() for name in named if isinstance(name, Name)}
            left_out = [name for name in desired.tables if str(name).lower() in kept]
            desired = without_tables(desired, left_out)
        return adopt_table_case(self.managed, desired, self.dialect)

    def result(self, comparison: _Comparison) -> Difference:
        """Return the difference from the current schema, with the renames among its changes."""
        names = name_map_of(self.renames)
        return replace(
            comparison.difference,
            current=self._in_case_of_models(comparison.renames),
            changes=comparison.changes,
            maps={value_after(value, names): new for value, new in self.maps.items()},
        )
