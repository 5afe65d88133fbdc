"""Renames of tables and columns: parse and apply them, and find likely ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from autodiff.compare.enum_values import replaced_in_place, value_list_changes
from autodiff.compare.enums import EnumRename, ValueRename, parse_enum_rename
from autodiff.compare.similar import related_types, similar_names
from autodiff.dialects.base import Dialect
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
from autodiff.schema.operations import RenameColumn, RenameIndex, RenameTable
from autodiff.utils.object_names import name_between

__all__ = ["AnyRename", "Candidate", "Rename", "name_map_of", "order_renames", "rename_candidates"]
__all__ += [
    "parse_rename",
    "rename_in",
    "rename_tables_and_columns",
    "temporary_column_name",
    "temporary_renames",
    "temporary_table_name",
]
__all__ += ["without_temporary_names"]

T = TypeVar("T")
_ColumnTypes: TypeAlias = dict[str, str]
"""The types of the columns of a table, by name."""
_MIN_TABLE_SCORE = 0.6
"""How many columns two tables must share to be offered as a rename.

A table with a few new columns passes; two unrelated tables that share id and timestamps do not.
"""
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A table (`column` is None) or a column of the current table `table`, and its new name.

    moved_to: the new name of a table that gets another schema; `to` has that schema too.
    """

    table: Name
    column: str | None = None
    to: str
    moved_to: Name | None = None

    def __str__(self) -> str:
        column = f".{self.column}" if self.column else ""
        return f"{self.table}{column}:{self.to}"

    @property
    def what(self) -> str:
        """The renamed thing, with its kind."""
        return f"column {self.table}.{self.column}" if self.column else f"table {self.table}"

    @property
    def becomes(self) -> str:
        """The new name."""
        return f"{self.table}.{self.to}" if self.column else self.to

    @property
    def new_table(self) -> Name:
        """The name of the table after the rename of a table."""
        return self.moved_to or Name(self.to, self.table.schema)


AnyRename: TypeAlias = Rename | EnumRename | ValueRename
"""A rename of any kind of thing."""


def name_map_of(renames: Iterable[AnyRename]) -> NameMap:
    """Return the names before and after the renames."""
    renames = list(renames)
    plain = [item for item in renames if isinstance(item, Rename)]
    return NameMap(
        tables={item.table: item.new_table for item in plain if item.column is None},
        columns={(item.table, item.column): item.to for item in plain if item.column is not None},
        enums={item.before: item.after for item in renames if isinstance(item, EnumRename)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A possible rename; `score` is the share that both sides have in common, from 0 to 1."""

    rename: AnyRename
    score: float
    reason: str

    def __str__(self) -> str:
        return str(self.rename)


def parse_rename(text: str, current: Schema, default_schema: str | None = None) -> AnyRename:
    """Return the rename that "users.nick:nickname", "users:people" or "mood.sad:unhappy" means.

    Raises PlanError for a text of another form, or if the current schema lacks the old name.
    """
    parts = text.split(":")
    splits = [(":".join(parts[:n]), ":".join(parts[n:])) for n in range(1, len(parts))]
    if not any(old and new for old, new in splits):
        raise PlanError(
            f"invalid rename {text!r}: expected OLD:NEW",
            hint="for example --rename users.nick:nickname or --rename users:people",
        )
    unknown = PlanError(
        f"cannot rename {splits[0][0]}: the database has no such table or column",
        hint="write --rename OLD:NEW, with the old name from the database",
    )
    for old, new in splits:
        found = _named(old, current, default_schema)
        if found is not None and new:
            table, column = found
            if column is None:
                return _table_rename(table, new, default_schema)
            return Rename(table=table, column=column, to=new.rsplit(".", 1)[-1])
        try:
            other = parse_enum_rename(old, new, current) if new else None
        except PlanError as error:
            unknown = error
            continue
        if other is not None:
            return other
    raise unknown


def _table_rename(table: Name, new: str, default_schema: str | None) -> Rename:
    """Return the rename of a table; a new name without a schema leaves it in its own."""
    schema, _, plain = new.rpartition(".")
    after = Name(plain, None if schema == default_schema else schema)
    if not schema or after.schema == table.schema:
        return Rename(table=table, to=plain)
    return Rename(table=table, to=new, moved_to=after)


def _named(
    text: str, current: Schema, default_schema: str | None
) -> tuple[Name, str | None] | None:
    """Return the current table, or table and column, that a text such as users.nick names.

    The text may name the default schema, which the names of tables lack.
    """
    if default_schema is not None and text.startswith(f"{default_schema}."):
        plain = _named(text.removeprefix(f"{default_schema}."), current, None)
        if plain is not None and plain[0].schema is None:
            return plain
    for name, table in current.tables.items():
        if text == str(name):
            return name, None
        for column in table.columns:
            if text == f"{name}.{column.name}":
                return name, column.name
    return None


def rename_tables_and_columns(
    current: Schema, desired: Schema, renames: Sequence[Rename], dialect: Dialect
) -> tuple[Schema, list[Change]]:
    """Return the current schema after the renames, and the renames as changes.

    A column whose name is given to another column, and that the models no longer have, gets a
    temporary name.

    Raises PlanError if the models lack the new name, or the database has it already.
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
    together = [*renames, *temporary_renames(current, desired, renames)]
    return rename_in(current, together, dialect), changes


def temporary_renames(current: Schema, desired: Schema, renames: Sequence[Rename]) -> list[Rename]:
    """Return renames to temporary names, for columns whose names are given to other columns.

    None for a column whose new name the models have in addition to the old one: then the rename is
    wrong, and the name that is taken is reported.
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
            found.append(Rename(table=table, column=rename.to, to=temporary_column_name(rename.to)))
    return found


def without_temporary_names(changes: Iterable[Change], temporary: Iterable[Rename]) -> list[Change]:
    """Return the changes, with removed columns under their own instead of a temporary name."""
    own_names = {rename.to: rename.column for rename in temporary if rename.column}
    return [
        replace(change, column=replace(change.column, name=own_names[change.column.name]))
        if isinstance(change, ColumnRemoved) and change.column.name in own_names
        else change
        for change in changes
    ]


def _require(found: bool, name: str) -> None:
    if not found:
        raise PlanError(
            f"cannot rename to {name}: the models have no such table or column",
            hint="write --rename OLD:NEW, with the new name from the models",
        )


def rename_in(schema: Schema, renames: Sequence[Rename], dialect: Dialect | None = None) -> Schema:
    """Return the schema with renamed tables and columns, and the references to them.

    dialect: if given, indexes that it renames along with columns get their new names too.

    Raises PlanError if a new name is taken by a table or column that keeps it.
    """
    if not renames:
        return schema
    tables = dict(schema.tables)
    names = name_map_of(renames)
    for before, after in order_renames(list(names.tables.items()), temporary_table_name):
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
        for old, new in order_renames(pairs, temporary_column_name):
            if dialect is not None:
                tables[name] = _with_renamed_index(tables[name], old, new, dialect)
            tables = _rename_column(tables, name, old, new)
    return replace(schema, tables={name: tables[name] for name in in_order(tables)})


def order_renames(pairs: Sequence[tuple[T, T]], temporary: Callable[[T], T]) -> list[tuple[T, T]]:
    """Return the renames in an order in which each new name is free.

    If names are swapped, one of them gets a temporary name in between.
    """
    waiting, ordered = dict(pairs), []
    wanted_by = {after: before for before, after in pairs}
    passed: set[T] = set()

    def rename(before: T, after: T) -> None:
        """Rename one, then the rename that waits for its old name, and so on."""
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
        held = temporary(after)
        waiting[held], wanted_by[after] = after, held
        passed.add(held)
        rename(before, held)
    return ordered


def temporary_table_name(name: Name) -> Name:
    """Return the name of a table between two renames."""
    return name._replace(name=temporary_column_name(name.name))


def temporary_column_name(name: str) -> str:
    """Return the name of a column between two renames."""
    return name_between(name)


def _refuse_taken(taken: bool, before: str, after: str) -> None:
    if taken:
        raise PlanError(
            f"cannot rename {before} to {after}: the database already has {after}",
            hint="rename or drop it in an earlier migration",
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


def _with_renamed_index(table: Table, old: str, new: str, dialect: Dialect) -> Table:
    names = dialect.catalog.renamed_index(old, new, table)
    if names is None:
        return table
    return evolve(table, RenameIndex(table=table.name, before=names[0], after=names[1]))


def rename_candidates(
    changes: Iterable[Change], default_schema: str | None = None
) -> list[Candidate]:
    """Return the renames that are as likely as a drop and an add, the most likely first."""
    changes = list(changes)
    found = [*_table_candidates(changes, default_schema), *_column_candidates(changes)]
    found += _value_candidates(changes)
    return sorted(found, key=lambda item: (-item.score, str(item)))


def _table_candidates(changes: list[Change], default_schema: str | None) -> list[Candidate]:
    removed = [change.table for change in changes if isinstance(change, TableRemoved)]
    added = [change.table for change in changes if isinstance(change, TableAdded)]
    likely = _TablesByColumn(added)
    found = []
    for old in removed:
        before = _column_types(old)
        for new, after in likely.sharing_columns(before):
            score = _table_score(before, after)
            moved = old.name.schema != new.name.schema
            if score >= _MIN_TABLE_SCORE and (not moved or old.name.name == new.name.name):
                to = f"{new.name.schema or default_schema}.{new.name.name}"
                found.append(
                    Candidate(
                        rename=Rename(table=old.name, to=to, moved_to=new.name)
                        if moved
                        else Rename(table=old.name, to=new.name.name),
                        score=score,
                        reason=f"{score:.0%} of their columns are the same",
                    )
                )
    return found


class _TablesByColumn:
    """Finds the tables that can have enough columns in common with another one.

    To compare each pair would take a minute for thousands of tables.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = [(table, _column_types(table)) for table in tables]
        self._places: dict[str, list[int]] = {}
        for place, (_, types) in enumerate(self._tables):
            for name in types:
                self._places.setdefault(name, []).append(place)

    def sharing_columns(self, types: _ColumnTypes) -> list[tuple[Table, _ColumnTypes]]:
        """Return all tables whose score can be high enough, in their order, with their columns.

        At most a share of `1 - _MIN_TABLE_SCORE` of the columns may be missing in another table, so
        one more than that must include one that is not; the rarest ones are in few tables.
        """
        rarest = sorted(types, key=lambda name: (len(self._places.get(name, ())), name))
        most_missing = math.floor(len(types) * (1 - _MIN_TABLE_SCORE) + _ROUNDING)
        places = {
            place for name in rarest[: most_missing + 1] for place in self._places.get(name, ())
        }
        return [self._tables[place] for place in sorted(places)]


def _table_score(before: _ColumnTypes, after: _ColumnTypes) -> float:
    """Return the share of columns in common, 0 for few; one whose type only changed counts half."""
    fewer, more = sorted((len(before), len(after)))
    if fewer < _MIN_TABLE_SCORE * more - _ROUNDING:
        return 0
    shared: float = len(before.items() & after.items())
    common = before.keys() & after.keys()
    if shared < len(common):
        other = [name for name in common if before[name] != after[name]]
        shared += sum(related_types(before[name], after[name]) for name in other) / 2
    return shared / max(len(before) + len(after) - len(common), 1)


def _column_types(table: Table) -> _ColumnTypes:
    """Return the types; an enum type without its schema, which often moves with the table."""
    return {
        column.name: column.type.sql
        if column.type.enum is None
        else column.type.sql.rpartition(".")[2]
        for column in table.columns
    }


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
            reason=_reason(old.column, new.column),
        )
        for old in removed
        for new in added.get(old.table, ())
        if _could_be_renamed(old.column, new.column)
    ]


def _could_be_renamed(old: Column, new: Column) -> bool:
    """Return whether a column can have got another name, and another type at the same time."""
    if (old.computed is None) != (new.computed is None):
        return False
    if old.type == new.type or related_types(old.type.sql, new.type.sql):
        return True
    return similar_names(old.name, new.name)


def _column_score(old: Column, new: Column) -> float:
    same = (old.nullable == new.nullable) + (old.default == new.default)
    if old.type == new.type:
        return 0.5 + same / 4
    related = related_types(old.type.sql, new.type.sql) + similar_names(old.name, new.name)
    return (related + same / 2) / 8


def _reason(old: Column, new: Column) -> str:
    if old.type == new.type:
        return f"both are {new.type.sql or 'without a type'}"
    return f"the type changes too: {old.type.sql or 'no type'} -> {new.type.sql or 'no type'}"


def _value_candidates(changes: list[Change]) -> list[Candidate]:
    return [
        Candidate(
            rename=ValueRename(value=listed.value(old), to=new),
            score=0.4,
            reason="one value is removed and one is added at its position",
        )
        for listed in value_list_changes(changes)
        for old, new in replaced_in_place(listed.before, listed.after)
    ]
