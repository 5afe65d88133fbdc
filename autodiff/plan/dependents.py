"""Find what depends on a change: it is dropped before the change and created again after it.

These changes belong to the plan only: the summary of a migration does not list them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TypeGuard

from autodiff.compare.apply_renames import schema_after_renames
from autodiff.compare.undeclared import with_undeclared_attributes
from autodiff.dialects.base import Dialect
from autodiff.plan.renames import as_recreated
from autodiff.plan.replaced_columns import columns_to_replace, split_replaced_columns
from autodiff.schema.apply import names_column
from autodiff.schema.changes import (
    Change,
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
from autodiff.schema.objects import Constraint, Index, Name, Schema, Table, Unique, View
from autodiff.schema.sqltext import mentions
from autodiff.schema.view_reads import reads

__all__ = ["with_dependents"]

_PARTS = (ConstraintAltered, ConstraintRenamed, IndexAltered, IndexRenamed)

_NONE: Mapping[Name, Sequence[str]] = MappingProxyType({})


def with_dependents(
    changes: Sequence[Change],
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    retyped: Mapping[Name, Sequence[str]] = _NONE,
    *,
    downgrade: bool = False,
) -> list[Change]:
    """Return the changes, and those of the views, computed columns, checks and indexes around them.

    `retyped` are columns, by table, whose enum type is recreated, under their new names. The tables
    of `current` have their old names. For a downgrade, the changes are those to reverse.
    """
    all_changes = list(changes)
    renamed = schema_after_renames(current, changes, dialect)
    if dialect.features.dependents_block_columns:
        retyped = _with_new_text_types(retyped, changes, dialect)
        all_changes = [_with_recreated_expression(change, changes) for change in changes]
        all_changes = [_recreate_over_retyped(change, retyped) for change in all_changes]
        blocked = _blocked_columns(changes)
        all_changes += _dependent_views(changes, current, desired, retyped, blocked)
        all_changes += _dependent_computed(changes, renamed, desired, retyped)
        for table in sorted({*retyped} & {*renamed.tables} & {*desired.tables}):
            old, new = renamed.tables[table], desired.tables[table]
            aligned = dialect.catalog.align(old, new)
            parts = list(_parts_with_values(retyped[table], old, new, all_changes))
            all_changes += [with_undeclared_attributes(part, old, aligned) for part in parts]
    elif (
        dialect.features.rebuilds_tables and split_replaced_columns(changes, dialect) != all_changes
    ):
        # SQLite checks every view while a table is rebuilt.
        all_changes += _dependent_views(changes, current, desired, retyped)
    replaced = columns_to_replace(all_changes, dialect, downgrade=downgrade)
    all_changes = [_recreate_over_replaced(change, replaced) for change in all_changes]
    parts_of_replaced = _parts_of_replaced(all_changes, replaced, renamed, desired, dialect)
    return [*all_changes, *parts_of_replaced]


def _with_new_text_types(
    retyped: Mapping[Name, Sequence[str]], changes: Iterable[Change], dialect: Dialect
) -> Mapping[Name, Sequence[str]]:
    """Return `retyped` with the columns whose new type changes what an expression over them means.

    The database would keep the expression with a cast to the old type.
    """
    found = {table: [*columns] for table, columns in retyped.items()}
    for change in changes:
        if isinstance(change, ColumnAltered) and "type" in change.fields:
            before, after = change.before.type.sql, change.after.type.sql
            if dialect.casts_old_type(before, after):
                found.setdefault(change.table, []).append(change.after.name)
    return found


def _recreate_over_replaced(change: Change, replaced: Iterable[ColumnAltered]) -> Change:
    """Recreate a part that stays or is renamed, over a column that is dropped and added."""
    if not isinstance(change, _PARTS):
        return change
    names = (column.before.name for column in replaced if column.table == change.table)
    held = any(names_column(change.before, name) for name in names)
    return _as_recreated(change) if held else change


def _recreate_over_retyped(change: Change, retyped: Mapping[Name, Sequence[str]]) -> Change:
    """Recreate a part that stays or is renamed, if its SQL compares a column with its values."""
    if not isinstance(change, _PARTS):
        return change
    held = _mention(_texts_of(change.before), retyped.get(change.table, ()))
    return _as_recreated(change) if held else change


def _as_recreated(
    change: ConstraintAltered | ConstraintRenamed | IndexAltered | IndexRenamed,
) -> ConstraintAltered | IndexAltered:
    """Return a change that drops a part and adds it, even if only its comment or name changes."""
    if isinstance(change, ConstraintRenamed | IndexRenamed):
        return as_recreated(change)
    return replace(change, fields=())


def _dependent_views(
    changes: Sequence[Change],
    current: Schema,
    desired: Schema,
    retyped: Mapping[Name, Sequence[str]],
    blocked: Mapping[Name, Sequence[str]] | None = None,
) -> Iterator[Change]:
    """Yield a recreation of each view that reads what changes, or a view that is changed.

    blocked: the columns that views block, by the old name of their table; without it, views read
        each table of which a column changes.
    """
    names = NameMap.of_changes(changes)
    changed = {
        _view_name(change)
        for change in changes
        if isinstance(change, ViewAdded | ViewRemoved | ViewAltered)
    }
    if blocked is None:
        blocked = {}
        changed |= {
            names.table_before(change.table)
            for change in changes
            if isinstance(change, ColumnAltered | ColumnRemoved)
        }
    columns = {
        names.table_before(table): [*columns, *names.columns_before(table).values()]
        for table, columns in retyped.items()
    }
    while True:
        readers = [
            name
            for name, view in current.views.items()
            if name not in changed
            and (
                _reads_any(view, changed)
                or _reads_columns(view, columns)
                or _names_blocked(view, blocked)
            )
        ]
        if not readers:
            return
        for name in readers:
            view = current.views[name]
            after = desired.views.get(name, view)
            kept = replace(after, reads=view.reads, indexes=view.indexes, comment=view.comment)
            yield ViewAltered(before=view, after=kept)
        changed |= set(readers)


def _blocked_columns(changes: Sequence[Change]) -> Mapping[Name, Sequence[str]]:
    """Return the columns that are dropped or get another type, by the old name of their table.

    PostgreSQL refuses both if a view reads the column; other changes it allows.
    https://www.postgresql.org/docs/current/sql-altertable.html
    """
    names = NameMap.of_changes(changes)
    found: dict[Name, list[str]] = {}
    for change in changes:
        match change:
            case ColumnRemoved(table=table, column=column):
                pass
            case ColumnAltered(table=table, before=column, fields=fields) if (
                "type" in fields or "computed" in fields
            ):
                pass
            case _:
                continue
        old_names = found.setdefault(names.table_before(table), [])
        old_names += [column.name, names.column_before(table, column.name)]
    return found


def _names_blocked(view: View, blocked: Mapping[Name, Sequence[str]]) -> bool:
    """Return whether a view names one of the columns, as far as its text shows."""
    return any(
        reads(view.sql, table.name, column)
        for table, columns in blocked.items()
        if not view.reads or table in view.reads
        for column in columns
    )


def _reads_columns(view: View, columns: Mapping[Name, Sequence[str]]) -> bool:
    """Return whether a view reads one of the tables and names one of its columns."""
    return any(
        mentions(view.sql, column) for table in view.reads for column in columns.get(table, ())
    )


def _dependent_computed(
    changes: Sequence[Change],
    current: Schema,
    desired: Schema,
    retyped: Mapping[Name, Sequence[str]],
) -> Iterator[ColumnAltered]:
    """Yield a recreation of each computed column that reads, or has, a new type."""
    altered = {(c.table, c.after.name) for c in changes if isinstance(c, ColumnAltered)}
    typed: dict[Name, list[str]] = {name: [*columns] for name, columns in retyped.items()}
    for change in changes:
        if isinstance(change, ColumnAltered) and "type" in change.fields:
            typed.setdefault(change.table, []).append(change.before.name)
    for table, names in sorted(typed.items()):
        if table not in current.tables or table not in desired.tables:
            continue
        for column in current.tables[table].columns:
            computed, kept = column.computed, desired.tables[table].column(column.name)
            if computed is None or kept is None or (table, column.name) in altered:
                continue
            if column.name in names or any(mentions(computed.sql, name) for name in names):
                yield ColumnAltered(table=table, before=column, after=kept, fields=("computed",))


def _with_recreated_expression(change: Change, changes: Sequence[Change]) -> Change:
    """Recreate a changed computed column if a column that it reads gets another type."""
    if not isinstance(change, ColumnAltered) or change.before.computed is None:
        return change
    sql, table = change.before.computed.sql, change.table
    read = any(mentions(sql, c.before.name) for c in changes if _changes_type(c, table))
    fields = tuple(sorted({*change.fields, "computed"}))
    return replace(change, fields=fields) if read else change


def _changes_type(change: Change, table: Name) -> TypeGuard[ColumnAltered]:
    """Return whether a change gives a column of the table another type."""
    return isinstance(change, ColumnAltered) and change.table == table and "type" in change.fields


def _reads_any(view: View, names: Iterable[Name]) -> bool:
    """Return whether a view reads any of the names; by its text if the database reports no more."""
    if view.reads:
        return not set(names).isdisjoint(view.reads)
    return any(mentions(view.sql, name.name) for name in names)


def _parts_with_values(
    columns: Sequence[str], old: Table, new: Table, changes: Iterable[Change]
) -> Iterator[IndexAltered | ConstraintAltered]:
    """Yield checks and indexes whose SQL compares a column with values of its type."""
    return _kept_parts(old, new, changes, lambda part: _mention(_texts_of(part), columns))


def _mention(texts: Iterable[str], columns: Sequence[str]) -> bool:
    return any(mentions(text, column) for text in texts for column in columns)


def _texts_of(part: Index | Constraint) -> list[str]:
    """Return the SQL texts of a part that can contain an enum value."""
    texts = [getattr(part, "sql", None), getattr(part, "where", None)]
    if isinstance(part, Index):
        texts += [element.text for element in part.elements if element.is_expression]
    return [text for text in texts if text]


def _altered_names(table: Name, changes: Iterable[Change]) -> set[str | None]:
    """Return the names of the indexes and constraints of a table that change anyway."""
    return {
        change.before.name
        for change in changes
        if isinstance(change, IndexAltered | ConstraintAltered) and change.table == table
    }


def _view_name(change: ViewAdded | ViewRemoved | ViewAltered) -> Name:
    return change.before.name if isinstance(change, ViewAltered) else change.view.name


def _parts_of_replaced(
    changes: Sequence[Change],
    replaced: Iterable[ColumnAltered],
    current: Schema,
    desired: Schema,
    dialect: Dialect,
) -> Iterator[Change]:
    """Yield a recreation of each part over a replaced column, which is dropped with the column."""
    for change in replaced:
        old, new = current.tables.get(change.table), desired.tables[change.table]
        if old is not None:
            aligned = dialect.catalog.align(old, new)
            whole = _with_declared_uniques(old, aligned)
            is_dropped = partial(names_column, column=change.before.name)
            for part in _kept_parts(whole, new, changes, is_dropped):
                yield with_undeclared_attributes(part, old, aligned)


def _with_declared_uniques(table: Table, aligned: Table) -> Table:
    """Return the table with the unique constraints that were read as indexes (MySQL)."""
    known = {item.name for item in table.constraints if isinstance(item, Unique)}
    added = [c for c in aligned.constraints if isinstance(c, Unique) and c.name not in known]
    return replace(table, constraints=(*table.constraints, *added)) if added else table


def _kept_parts(
    old: Table,
    new: Table,
    changes: Iterable[Change],
    is_dropped: Callable[[Index | Constraint], bool],
) -> Iterator[IndexAltered | ConstraintAltered]:
    """Yield a recreation of each unchanged index and constraint that must be dropped."""
    altered = _altered_names(new.name, changes)
    for index in old.indexes:
        after = new.index(index.name or "")
        if after is not None and index.name not in altered and is_dropped(index):
            yield IndexAltered(table=new.name, before=index, after=after, fields=())
    for constraint in old.constraints:
        kept = new.constraint(constraint.name or "")
        if kept is not None and constraint.name not in altered and is_dropped(constraint):
            yield ConstraintAltered(table=new.name, before=constraint, after=kept, fields=())
