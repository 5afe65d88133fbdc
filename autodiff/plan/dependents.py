"""What stands in the way of a change: dropped before it, and made again behind it.

These changes are the plan's own: no summary tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TypeGuard

from autodiff.compare.apply_renames import schema_after_renames
from autodiff.compare.undeclared import with_unsaid
from autodiff.dialects.base import Dialect
from autodiff.plan.renames import made_anew
from autodiff.schema.apply import names_column
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ConstraintAltered,
    ConstraintRenamed,
    IndexAltered,
    IndexRenamed,
    ViewAdded,
    ViewAltered,
    ViewRemoved,
)
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Constraint, Index, Name, Schema, Table, View
from autodiff.schema.sqltext import mentions

__all__ = ["must_be_replaced", "replaced_apart", "with_surroundings"]

_NONE: Mapping[Name, Sequence[str]] = MappingProxyType({})


def with_surroundings(
    changes: Sequence[Change],
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    retyped: Mapping[Name, Sequence[str]] = _NONE,
) -> list[Change]:
    """The changes, and what makes room for them: views, computed columns, checks, indexes.

    `retyped` are columns, by table, whose enum type is made anew. They have the names that they
    get, as the tables of `current` have.
    """
    found = list(changes)
    moved = schema_after_renames(current, changes)
    if dialect.features.readers_hold_columns:
        found = [_made_anew(change, changes) for change in changes]
        found = [_not_retyped(change, retyped) for change in found]
        found += _views(changes, current, desired, retyped)
        found += _computed(changes, moved, desired, retyped)
        for table in sorted({*retyped} & {*moved.tables} & {*desired.tables}):
            old, new = moved.tables[table], desired.tables[table]
            aligned = dialect.align(old, new)
            parts = list(_in_texts(retyped[table], old, new, found))
            found += [with_unsaid(part, old, aligned) for part in parts]
    elif dialect.features.rebuilds_tables and replaced_apart(changes, dialect) != found:
        found += _views(changes, current, desired, retyped)  # SQLite looks at views then
    replaced = [c for c in found if isinstance(c, ColumnAltered) and must_be_replaced(c, dialect)]
    found = [_not_renamed(change, replaced) for change in found]
    return [*found, *_parts(found, replaced, moved, desired, dialect)]


def _not_renamed(change: Change, replaced: Iterable[ColumnAltered]) -> Change:
    """A part over a column that is replaced goes with it, and comes under its new name."""
    if not isinstance(change, ConstraintRenamed | IndexRenamed):
        return change
    names = (column.before.name for column in replaced if column.table == change.table)
    return made_anew(change) if any(names_column(change.before, name) for name in names) else change


def _not_retyped(change: Change, retyped: Mapping[Name, Sequence[str]]) -> Change:
    """A part with a column's values in its text goes aside, and comes under its new name."""
    if not isinstance(change, ConstraintRenamed | IndexRenamed):
        return change
    held = _mention(_texts_of(change.before), retyped.get(change.table, ()))
    return made_anew(change) if held else change


def must_be_replaced(change: ColumnAltered, dialect: Dialect) -> bool:
    """Whether the column must be dropped and added: how it is generated can't be altered.

    What was stored can stay as plain values, where it is computed no longer.
    """
    if "computed" not in change.fields:
        return False
    features = dialect.features
    before, after = change.before.computed, change.after.computed
    restated = features.rebuilds_tables or features.restates_columns
    return after is not None or not (restated or (before is not None and before.persisted))


def replaced_apart(changes: Iterable[Change], dialect: Dialect) -> list[Change]:
    """The changes, where a column that must be replaced is one that goes and one that comes."""
    apart: list[Change] = []
    for change in changes:
        if isinstance(change, ColumnAltered) and must_be_replaced(change, dialect):
            apart.append(ColumnRemoved(table=change.table, column=change.before))
            apart.append(ColumnAdded(table=change.table, column=change.after))
        else:
            apart.append(change)
    return apart


def _views(
    changes: Sequence[Change],
    current: Schema,
    desired: Schema,
    retyped: Mapping[Name, Sequence[str]],
) -> Iterator[Change]:
    """Views that read an altered table, or a view that is made anew."""
    told = {_view_name(c) for c in changes if isinstance(c, ViewAdded | ViewRemoved | ViewAltered)}
    names = NameMap.of_changes(changes)
    moved = {
        names.table_before(change.table)
        for change in changes
        if isinstance(change, ColumnAltered | ColumnRemoved)
    }
    moved |= told
    columns = {
        names.table_before(table): [*columns, *names.columns_before(table).values()]
        for table, columns in retyped.items()
    }
    while True:
        found = [
            name
            for name, view in current.views.items()
            if name not in moved and (_reads_any(view, moved) or _reads_columns(view, columns))
        ]
        if not found:
            return
        for name in found:
            view = current.views[name]
            after = desired.views.get(name, view)
            kept = replace(after, reads=view.reads, indexes=view.indexes, comment=view.comment)
            yield ViewAltered(before=view, after=kept)
        moved |= set(found)


def _reads_columns(view: View, columns: Mapping[Name, Sequence[str]]) -> bool:
    """Whether a view reads one of the tables and names one of its columns."""
    return any(
        mentions(view.sql, column) for table in view.reads for column in columns.get(table, ())
    )


def _computed(
    changes: Sequence[Change],
    current: Schema,
    desired: Schema,
    retyped: Mapping[Name, Sequence[str]],
) -> Iterator[ColumnAltered]:
    """Computed columns over a column that gets another type, or that get one themselves."""
    told = {(c.table, c.after.name) for c in changes if isinstance(c, ColumnAltered)}
    typed: dict[Name, list[str]] = {name: [*columns] for name, columns in retyped.items()}
    for change in changes:
        if isinstance(change, ColumnAltered) and "type" in change.fields:
            typed.setdefault(change.table, []).append(change.before.name)
    for table, names in sorted(typed.items()):
        if table not in current.tables or table not in desired.tables:
            continue
        for column in current.tables[table].columns:
            computed, kept = column.computed, desired.tables[table].column(column.name)
            if computed is None or kept is None or (table, column.name) in told:
                continue
            if column.name in names or any(mentions(computed.sql, name) for name in names):
                yield ColumnAltered(table=table, before=column, after=kept, fields=("computed",))


def _made_anew(change: Change, changes: Sequence[Change]) -> Change:
    """A computed column that differs goes too, where one that it reads gets another type."""
    if not isinstance(change, ColumnAltered) or change.before.computed is None:
        return change
    sql, table = change.before.computed.sql, change.table
    read = any(mentions(sql, c.before.name) for c in changes if _is_typed(c, table))
    fields = tuple(sorted({*change.fields, "computed"}))
    return replace(change, fields=fields) if read else change


def _is_typed(change: Change, table: Name) -> TypeGuard[ColumnAltered]:
    """Whether a change gives a column of the table another type."""
    return isinstance(change, ColumnAltered) and change.table == table and "type" in change.fields


def _reads_any(view: View, names: Iterable[Name]) -> bool:
    """Whether a view reads any of them; by its text, where the database tells no more."""
    if view.reads:
        return not set(names).isdisjoint(view.reads)
    return any(mentions(view.sql, name.name) for name in names)


def _in_texts(
    columns: Sequence[str], old: Table, new: Table, changes: Iterable[Change]
) -> Iterator[IndexAltered | ConstraintAltered]:
    """Checks, and indexes with an expression, that compare a column with values of its type."""
    return _kept_parts(old, new, changes, lambda part: _mention(_texts_of(part), columns))


def _mention(texts: Iterable[str], columns: Sequence[str]) -> bool:
    return any(mentions(text, column) for text in texts for column in columns)


def _texts_of(part: Index | Constraint) -> list[str]:
    """The SQL texts of a part in which a value may stand."""
    texts = [getattr(part, "sql", None), getattr(part, "where", None)]
    if isinstance(part, Index):
        texts += [element.text for element in part.elements if element.is_expression]
    return [text for text in texts if text]


def _told(table: Name, changes: Iterable[Change]) -> set[str | None]:
    """The indexes and constraints of a table that are altered already."""
    return {
        change.before.name
        for change in changes
        if isinstance(change, IndexAltered | ConstraintAltered) and change.table == table
    }


def _view_name(change: ViewAdded | ViewRemoved | ViewAltered) -> Name:
    return change.before.name if isinstance(change, ViewAltered) else change.view.name


def _parts(
    changes: Sequence[Change],
    replaced: Iterable[ColumnAltered],
    current: Schema,
    desired: Schema,
    dialect: Dialect,
) -> Iterator[Change]:
    """Indexes and constraints over a column that is replaced, which would go with it."""
    for change in replaced:
        old, new = current.tables.get(change.table), desired.tables[change.table]
        if old is not None:
            aligned = dialect.align(old, new)
            column = change.before.name
            for part in _kept_parts(old, new, changes, partial(names_column, column=column)):
                yield with_unsaid(part, old, aligned)


def _kept_parts(
    old: Table, new: Table, changes: Iterable[Change], goes: Callable[[Index | Constraint], bool]
) -> Iterator[IndexAltered | ConstraintAltered]:
    """Indexes and constraints that go and come back, and that nothing alters by itself."""
    told = _told(new.name, changes)
    for index in old.indexes:
        after = new.index(index.name or "")
        if after is not None and index.name not in told and goes(index):
            yield IndexAltered(table=new.name, before=index, after=after, fields=())
    for constraint in old.constraints:
        kept = new.constraint(constraint.name or "")
        if kept is not None and constraint.name not in told and goes(constraint):
            yield ConstraintAltered(table=new.name, before=constraint, after=kept, fields=())
