"""Renames: those that were told, put into the current schema; and those that are likely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from autodiff.compare.enum_values import lists_that_change, replaced_in_place
from autodiff.compare.enums import EnumRename, ValueRename, told_enum_rename
from autodiff.errors import PlanError
from autodiff.schema.apply import evolve, rename_references, rename_referred_column
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnRemoved,
    ColumnRenamed,
    TableAdded,
    TableRemoved,
    TableRenamed,
)
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Column, Name, Schema, Table, in_order
from autodiff.schema.operations import RenameColumn, RenameTable

__all__ = ["AnyRename", "Candidate", "Rename", "candidates", "name_map_of", "one_by_one"]
__all__ += [
    "parse_rename",
    "rename_in",
    "rename_tables_and_columns",
    "set_aside",
    "spare_column",
    "spare_table",
]
__all__ += ["without_spares"]

T = TypeVar("T")
_LONGEST = 63
"""How long a name can be on each of the databases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A table (`column` None) or a column of the current table `table`, and its new name."""

    table: Name
    column: str | None = None
    to: str

    def __str__(self) -> str:
        column = f".{self.column}" if self.column else ""
        return f"{self.table}{column}:{self.to}"

    @property
    def what(self) -> str:
        """What is renamed, with the word for it."""
        return f"column {self.table}.{self.column}" if self.column else f"table {self.table}"

    @property
    def becomes(self) -> str:
        """The new name."""
        return f"{self.table}.{self.to}" if self.column else self.to


AnyRename: TypeAlias = Rename | EnumRename | ValueRename
"""A rename of any kind of thing."""


def name_map_of(renames: Iterable[AnyRename]) -> NameMap:
    """Return the names before and after the renames."""
    renames = list(renames)
    plain = [item for item in renames if isinstance(item, Rename)]
    return NameMap(
        tables={
            item.table: Name(item.to, item.table.schema) for item in plain if item.column is None
        },
        columns={(item.table, item.column): item.to for item in plain if item.column is not None},
        enums={item.before: item.after for item in renames if isinstance(item, EnumRename)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A rename that is possible, with the share of what both sides have in common (0 to 1)."""

    rename: AnyRename
    score: float
    reason: str

    def __str__(self) -> str:
        return str(self.rename)


def parse_rename(text: str, current: Schema) -> AnyRename:
    """The rename that "users.nick:nickname", "users:people" or "mood.sad:unhappy" tells.

    Raises PlanError where the text is no rename, or the current schema lacks the old name.
    """
    parts = text.split(":")
    told = [(":".join(parts[:n]), ":".join(parts[n:])) for n in range(1, len(parts))]
    if not any(old and new for old, new in told):
        raise PlanError(
            f"cannot read the rename {text!r}",
            hint="write OLD:NEW, as in --rename users.nick:nickname or --rename users:people",
        )
    unknown = PlanError(
        f"cannot rename {told[0][0]}: the database has no such table or column",
        hint="the old name stands left of the colon, as the database has it now",
    )
    for old, new in told:
        found = _named(old, current)
        if found is not None and new:
            table, column = found
            return Rename(table=table, column=column, to=new.rsplit(".", 1)[-1])
        try:
            other = told_enum_rename(old, new, current) if new else None
        except PlanError as error:
            unknown = error
            continue
        if other is not None:
            return other
    raise unknown


def _named(text: str, current: Schema) -> tuple[Name, str | None] | None:
    """The current table, or table and column, that a text such as users.nick names."""
    for name, table in current.tables.items():
        if text == str(name):
            return name, None
        for column in table.columns:
            if text == f"{name}.{column.name}":
                return name, column.name
    return None


def rename_tables_and_columns(
    current: Schema, desired: Schema, renames: Sequence[Rename]
) -> tuple[Schema, list[Change]]:
    """The current schema as it will be once the renames are done, and their changes.

    A column that is in the way of a new name, and that the models have no more, has a spare name.

    Raises PlanError where the models don't have the new name, or the database has it already.
    """
    changes: list[Change] = []
    names = name_map_of(renames)
    for before, after in names.tables.items():
        _require(after in desired.tables, str(after))
        changes.append(TableRenamed(before=before, after=after))
    for rename in (item for item in renames if item.column is not None):
        name = names.table_after(rename.table)
        wanted = desired.tables.get(name)
        _require(wanted is not None and wanted.column(rename.to) is not None, f"{name}.{rename.to}")
        assert rename.column is not None
        changes.append(ColumnRenamed(table=name, before=rename.column, after=rename.to))
    return rename_in(current, [*renames, *set_aside(current, desired, renames)]), changes


def set_aside(current: Schema, desired: Schema, renames: Sequence[Rename]) -> list[Rename]:
    """Renames to spare names, for columns whose names were told to go to other columns.

    Not where the models still have the old name too: then it is not the one of the new name.
    """
    names = name_map_of(renames)
    found: list[Rename] = []
    for rename in renames:
        table, wanted = rename.table, desired.tables.get(names.table_after(rename.table))
        if rename.column is None or wanted is None or (table, rename.to) in names.columns:
            continue
        refilled = any((r.table, r.to) == (table, rename.column) for r in renames)
        kept = wanted.column(rename.column) is not None and not refilled
        if current.tables[table].column(rename.to) is not None and not kept:
            found.append(Rename(table=table, column=rename.to, to=spare_column(rename.to)))
    return found


def without_spares(changes: Iterable[Change], aside: Iterable[Rename]) -> list[Change]:
    """The changes, where a column that was set aside is removed under its own name."""
    spare = {rename.to: rename.column for rename in aside if rename.column}
    return [
        replace(change, column=replace(change.column, name=spare[change.column.name]))
        if isinstance(change, ColumnRemoved) and change.column.name in spare
        else change
        for change in changes
    ]


def _require(found: bool, name: str) -> None:
    if not found:
        raise PlanError(
            f"cannot rename to {name}: the models have no such table or column",
            hint="the new name stands right of the colon, as the models have it",
        )


def rename_in(schema: Schema, renames: Sequence[Rename]) -> Schema:
    """The schema with its tables and columns renamed, and what points at them.

    Raises PlanError where a new name is taken by what keeps it.
    """
    tables = dict(schema.tables)
    names = name_map_of(renames)
    for before, after in one_by_one(list(names.tables.items()), spare_table):
        _refuse_taken(after in tables, str(before), str(after))
        renamed = RenameTable(before=before, after=after)
        tables[after] = evolve(tables.pop(before), renamed)
        tables = {n: rename_references(table, before, after) for n, table in tables.items()}
    columns: dict[Name, list[tuple[str, str]]] = {}
    for rename in renames:
        if rename.column is not None:
            name = names.table_after(rename.table)
            columns.setdefault(name, []).append((rename.column, rename.to))
    for name, pairs in columns.items():
        for old, new in one_by_one(pairs, spare_column):
            tables = _rename_column(tables, name, old, new)
    return replace(schema, tables={name: tables[name] for name in in_order(tables)})


def one_by_one(pairs: Sequence[tuple[T, T]], spare: Callable[[T], T]) -> list[tuple[T, T]]:
    """Renames in an order in which each new name is free when its turn comes.

    Where names change places, one of them waits under a spare name.
    """
    waiting, ordered = dict(pairs), []
    wanted_by = {after: before for before, after in pairs}
    passed: set[T] = set()

    def rename(before: T, after: T) -> None:
        """Renames one, then what was passed over because it wants that name, and so on."""
        ordered.append((before, after))
        del waiting[before]
        while (follower := wanted_by.get(before)) in waiting and follower in passed:
            ordered.append((follower, before))
            del waiting[follower]
            before = follower

    for before, after in pairs:
        if after in waiting:
            passed.add(before)
        elif before in waiting:
            rename(before, after)
    while waiting:
        before, after = next(iter(waiting.items()))
        held = spare(after)
        waiting[held], wanted_by[after] = after, held
        passed.add(held)
        rename(before, held)
    return ordered


def spare_table(name: Name) -> Name:
    """A table's name for the time between two renames."""
    return replace(name, name=spare_column(name.name))


def spare_column(name: str) -> str:
    """A column's name for the time between two renames."""
    return f"_autodiff_{name}"[:_LONGEST]


def _refuse_taken(taken: bool, before: str, after: str) -> None:
    if taken:
        raise PlanError(
            f"cannot rename {before} to {after}: the database has a {after} already",
            hint="rename or drop that one in a migration before this one",
        )


def _rename_column(
    tables: dict[Name, Table], table: Name, before: str, after: str
) -> dict[Name, Table]:
    taken = tables[table].column(after) is not None
    _refuse_taken(taken, f"{table}.{before}", f"{table}.{after}")
    operation = RenameColumn(table=table, before=before, after=after)
    renamed = {**tables, table: evolve(tables[table], operation)}
    return {
        name: item if name == table else rename_referred_column(item, table, before, after)
        for name, item in renamed.items()
    }


def candidates(changes: Iterable[Change]) -> list[Candidate]:
    """Renames that are as likely as a drop and an add, best first."""
    changes = list(changes)
    found = [*_table_candidates(changes), *_column_candidates(changes)]
    found += _value_candidates(changes)
    return sorted(found, key=lambda item: (-item.score, str(item)))


def _table_candidates(changes: list[Change]) -> list[Candidate]:
    removed = [change.table for change in changes if isinstance(change, TableRemoved)]
    added = [change.table for change in changes if isinstance(change, TableAdded)]
    found = []
    for old in removed:
        for new in added:
            score = _table_score(old, new)
            if score >= 0.6 and old.name.schema == new.name.schema:
                found.append(
                    Candidate(
                        rename=Rename(table=old.name, to=new.name.name),
                        score=score,
                        reason=f"{score:.0%} of their columns are the same",
                    )
                )
    return found


def _table_score(old: Table, new: Table) -> float:
    before = {(column.name, column.type.sql) for column in old.columns}
    after = {(column.name, column.type.sql) for column in new.columns}
    return len(before & after) / max(len(before | after), 1)


def _column_candidates(changes: list[Change]) -> list[Candidate]:
    removed = [change for change in changes if isinstance(change, ColumnRemoved)]
    added: dict[Name, list[ColumnAdded]] = {}
    for change in changes:
        if isinstance(change, ColumnAdded):
            added.setdefault(change.table, []).append(change)
    return [
        Candidate(
            rename=Rename(table=old.table, column=old.column.name, to=new.column.name),
            score=_column_score(old.column, new.column),
            reason=f"both are {new.column.type.sql or 'without a type'}",
        )
        for old in removed
        for new in added.get(old.table, ())
        if _alike(old.column, new.column)
    ]


def _alike(old: Column, new: Column) -> bool:
    return old.type == new.type and (old.computed is None) == (new.computed is None)


def _column_score(old: Column, new: Column) -> float:
    same = (old.nullable == new.nullable) + (old.default == new.default)
    return 0.5 + same / 4


def _value_candidates(changes: list[Change]) -> list[Candidate]:
    return [
        Candidate(
            rename=ValueRename(value=listed.value(old), to=new),
            score=0.4,
            reason="one value goes and one comes at its place",
        )
        for listed in lists_that_change(changes)
        for old, new in replaced_in_place(listed.before, listed.after)
    ]
