"""The table after an operation, as a pure function: `evolve(table, operation)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import TypeVar

from autodiff.schema.naming import name_constraints, unnamed
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Table,
)
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    SetComment,
    SetTableOptions,
    SwapColumns,
)
from autodiff.schema.sqltext import (
    mentions,
    reads_column,
    rename_identifier,
    rename_in_default,
)

__all__ = [
    "CHARSET_OPTIONS",
    "columns_of",
    "evolve",
    "evolve_tables",
    "names_column",
    "rename_references",
    "rename_referred_column",
    "spelled_like",
    "with_table_of_index",
]

_T = TypeVar("_T")

CHARSET_OPTIONS = (
    *("mysql_charset", "mysql_collate", "mysql_default_charset", "mysql_default_collate"),
    *("mysql_character_set", "mysql_default_character_set"),
)
"""The options that set the default charset and collation for columns, with all their synonyms."""


def columns_of(constraint: Constraint) -> tuple[str, ...]:
    """Return the columns that a constraint names; none for a check or an exclusion (SQL texts)."""
    return () if isinstance(constraint, Check | Exclusion) else constraint.columns


def names_column(part: Constraint | Index, column: str) -> bool:
    """Return whether a constraint or an index names a column, or uses it in its SQL texts."""
    names: tuple[str, ...] = ()
    texts: list[str | None] = []
    match part:
        case Check(sql=sql):
            texts = [sql]
        case Exclusion(elements=elements, where=where):
            texts = [*(text for text, _ in elements), where]
        case Index(columns=columns, include=include, where=where):
            names = (*columns, *include)
            texts = [*(e.text for e in part.elements if e.is_expression), where]
        case _:
            names = part.columns
    return column in names or any(mentions(text, column) for text in texts if text)


def evolve(table: Table, operation: Operation) -> Table:
    """Return the table after an operation; an operation on other objects does not change it.

    Raises KeyError with the name of a column, constraint or index that does not exist.
    """
    match operation:
        case AddColumn(column=column):
            return replace(table, columns=(*table.columns, column))
        case DropColumn(name=name):
            return _without_column(table, name)
        case RenameColumn(before=before, after=after):
            return _rename_column(table, before, after)
        case SwapColumns(one=one, other=other):
            return _swap_columns(table, one, other)
        case AlterColumn(name=name, after=patch):
            return _replace_column(table, name, patch.apply(_column(table, name)))
        case AddConstraint(constraint=constraint):
            return _with_constraint(table, constraint, keep_null=operation.keep_null)
        case DropConstraint(name=name, kind=kind):
            return _without_constraint(table, name, primary=kind == "primary")
        case RenameConstraint(before=before, after=after, kind=kind):
            return _rename_constraint(table, before, after, primary=kind == "primary")
        case CreateIndex(if_not_exists=True, index=index) if table.index(index.name or ""):
            return table
        case CreateIndex(index=index):
            return replace(table, indexes=(*table.indexes, index))
        case DropIndex(name=name, if_exists=if_exists):
            if table.index(name) is None and not if_exists:
                raise KeyError(name)
            return replace(table, indexes=tuple(i for i in table.indexes if i.name != name))
        case RenameIndex(before=before, after=after):
            return _rename_index(table, before, after)
        case RenameTable(after=after):
            renamed = rename_references(replace(table, name=after), table.name, after)
            return _follow_names(table, renamed)
        case SetComment(kind="table", after=comment):
            return replace(table, comment=comment)
        case SetTableOptions(options=options):
            return replace(table, options=_with_options(table.options, options))
        case _:
            return table


def _with_options(
    before: Mapping[str, Option], changes: Iterable[tuple[str, Option | None, Option | None]]
) -> dict[str, Option]:
    """Return the options after changes; a new charset or collation replaces both of them."""
    changed = {name: after for name, _, after in changes}
    replaced = CHARSET_OPTIONS if any(name in changed for name in CHARSET_OPTIONS) else ()
    kept = {name: value for name, value in before.items() if name not in replaced}
    return {n: value for n, value in {**kept, **changed}.items() if value is not None}


def evolve_tables(tables: MutableMapping[Name, Table], operation: Operation) -> None:
    """Apply an operation to tables in place; an operation on an unknown table changes nothing.

    Raises KeyError as `evolve` does.
    """
    match operation:
        case CreateTable(table=table):
            tables[table.name] = table
        case DropTable(name=name):
            tables.pop(name, None)
        case RenameTable(before=before, after=after) if before in tables:
            tables[after] = evolve(tables.pop(before), operation)
            for name, table in tables.items():
                tables[name] = rename_references(table, before, after)
        case RenameColumn(table=owner, before=old, after=new):
            _evolve_one(tables, owner, operation)
            for name, table in tables.items():
                if name != owner:
                    tables[name] = rename_referred_column(table, owner, old, new)
        case SetComment(kind="table", name=name):
            _evolve_one(tables, name, operation)
        case _:
            altered = getattr(operation, "table", None)
            if isinstance(altered, Name):
                _evolve_one(tables, altered, operation)


def with_table_of_index(tables: Mapping[Name, Table], operation: Operation) -> Operation:
    """Return an operation on an index with the index's table, if it does not name it."""
    if not isinstance(operation, DropIndex | RenameIndex) or operation.table is not None:
        return operation
    wanted = operation.name if isinstance(operation, DropIndex) else operation.before
    owner = next((name for name, t in tables.items() if t.index(wanted) is not None), None)
    return operation if owner is None else replace(operation, table=owner)


def _evolve_one(tables: MutableMapping[Name, Table], name: Name, operation: Operation) -> None:
    if name in tables:
        tables[name] = evolve(tables[name], operation)


def spelled_like(operation: Operation, table: Table) -> Operation:
    """Return the operation with the names that the table has, if only their case differs."""
    columns = [column.name for column in table.columns]
    match operation:
        case AlterColumn(name=name) | DropColumn(name=name):
            return _with(operation, "name", _spelled(name, columns))
        case RenameColumn(before=before):
            return _with(operation, "before", _spelled(before, columns))
        case DropConstraint(name=str(name)) | DropIndex(name=name):
            return _with(operation, "name", _spelled(name, _part_names(table)))
        case RenameConstraint(before=before) | RenameIndex(before=before):
            return _with(operation, "before", _spelled(before, _part_names(table)))
        case AddConstraint(constraint=constraint):
            return _with(operation, "constraint", _with_columns(constraint, table.name, columns))
        case CreateIndex(index=index):
            elements = tuple(
                e if e.is_expression else _with(e, "text", _spelled(e.text, columns))
                for e in index.elements
            )
            return _with(operation, "index", _with(index, "elements", elements))
        case _:
            return operation


def _with_columns(constraint: Constraint, table: Name, columns: Sequence[str]) -> Constraint:
    """Return a constraint of a table with the spelling of its columns."""
    match constraint:
        case Check() | Exclusion():
            return constraint
        case ForeignKey(referred=referred) if referred == table:
            found = tuple(_spelled(name, columns) for name in constraint.referred_columns)
            constraint = _with(constraint, "referred_columns", found)
    own = tuple(_spelled(name, columns) for name in constraint.columns)
    return _with(constraint, "columns", own)


def _part_names(table: Table) -> list[str]:
    return [part.name for part in (*table.constraints, *table.indexes) if part.name]


def _spelled(name: str, known: Sequence[str]) -> str:
    """Return the known name that differs from a name at most in case, otherwise the name."""
    if name in known:
        return name
    return next((other for other in known if other.lower() == name.lower()), name)


def _with(item: _T, attribute: str, value: object) -> _T:
    """Return the item with another value of an attribute; the item itself if it has that one."""
    if getattr(item, attribute) == value:
        return item
    return replace(item, **{attribute: value})  # type: ignore[type-var]


def rename_references(table: Table, before: Name, after: Name) -> Table:
    """Return the table with foreign keys to `before` changed to reference `after`."""
    return replace(
        table,
        constraints=tuple(
            replace(c, referred=after) if isinstance(c, ForeignKey) and c.referred == before else c
            for c in table.constraints
        ),
    )


def rename_referred_column(table: Table, target: Name, before: str, after: str) -> Table:
    """Return the table with the new name of a referenced column in its foreign keys."""
    return replace(
        table,
        constraints=tuple(
            replace(c, referred_columns=_swapped(c.referred_columns, before, after))
            if isinstance(c, ForeignKey) and c.referred == target
            else c
            for c in table.constraints
        ),
    )


def _swapped(names: tuple[str, ...], before: str, after: str) -> tuple[str, ...]:
    return tuple(after if name == before else name for name in names)


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise KeyError(name)
    return column


def _replace_column(table: Table, name: str, column: Column) -> Table:
    columns = tuple(column if c.name == name else c for c in table.columns)
    return replace(table, columns=columns)


def _without_column(table: Table, name: str) -> Table:
    """Remove a column with its constraints and indexes, as PostgreSQL does."""
    _column(table, name)
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name != name),
        constraints=tuple(c for c in table.constraints if not _needs_column(c, name)),
        indexes=tuple(i for i in table.indexes if name not in i.columns),
    )


def _needs_column(constraint: Constraint, name: str) -> bool:
    if isinstance(constraint, Check):
        return reads_column(constraint.sql, name)
    return name in columns_of(constraint)


def _rename_column(table: Table, before: str, after: str) -> Table:
    """Rename a column, also in keys, indexes and SQL texts."""
    columns = tuple(_column_after_rename(column, before, after) for column in table.columns)
    renamed = replace(
        table,
        columns=tuple(replace(c, name=after) if c.name == before else c for c in columns),
        constraints=tuple(_constraint_after_rename(c, before, after) for c in table.constraints),
        indexes=tuple(_index_after_rename(index, before, after) for index in table.indexes),
    )
    _column(table, before)
    return _follow_names(table, rename_referred_column(renamed, table.name, before, after))


def _swap_columns(table: Table, one: str, other: str) -> Table:
    """Exchange the names of two columns; each stays at its place, with its keys and indexes."""
    between = "\0"
    for before, after in ((one, between), (other, one), (between, other)):
        table = _rename_column(table, before, after)
    return table


def _column_after_rename(column: Column, before: str, after: str) -> Column:
    if column.default is not None:
        default = rename_in_default(column.default, before, after)
        return column if default == column.default else replace(column, default=default)
    if column.computed is None:
        return column
    sql = rename_identifier(column.computed.sql, before, after)
    return replace(column, computed=replace(column.computed, sql=sql))


def _constraint_after_rename(item: Constraint, before: str, after: str) -> Constraint:
    match item:
        case Check(sql=sql):
            return replace(item, sql=rename_identifier(sql, before, after))
        case Exclusion(elements=elements, where=where):
            return replace(
                item,
                elements=tuple((rename_identifier(e, before, after), o) for e, o in elements),
                where=where and rename_identifier(where, before, after),
            )
        case _:
            return replace(item, columns=_swapped(item.columns, before, after))


def _index_after_rename(index: Index, before: str, after: str) -> Index:
    def element(part: IndexElement) -> IndexElement:
        if part.is_expression:
            return replace(part, text=rename_identifier(part.text, before, after))
        return replace(part, text=after) if part.text == before else part

    return replace(
        index,
        elements=tuple(element(part) for part in index.elements),
        where=index.where and rename_identifier(index.where, before, after),
        include=_swapped(index.include, before, after),
    )


def _follow_names(before: Table, after: Table) -> Table:
    """Update names that the database chose to the new names of the table and its columns."""
    sides = (before.constraints, after.constraints, _chosen(before), _chosen(after))
    followed = [
        replace(new, name=name if old.name == chosen else _with_prefix(old.name, before, after))
        if old.implicit
        else new
        for old, new, chosen, name in zip(*sides, strict=True)
    ]
    return replace(after, constraints=tuple(followed))


def _chosen(table: Table) -> list[str | None]:
    """Return the names that the database would choose for the implicitly named constraints."""
    return [constraint.name for constraint in name_constraints(unnamed(table)).constraints]


def _with_prefix(name: str | None, before: Table, after: Table) -> str | None:
    prefix = f"{before.name.name}_"
    if name is None or not name.startswith(prefix):
        return name
    return f"{after.name.name}_{name.removeprefix(prefix)}"


def _with_constraint(table: Table, constraint: Constraint, *, keep_null: bool) -> Table:
    added = replace(constraint, implicit=False)
    table = replace(table, constraints=(*table.constraints, added))
    if keep_null or not isinstance(constraint, PrimaryKey):
        return table
    for name in constraint.columns:
        table = _replace_column(table, name, replace(_column(table, name), nullable=False))
    return table


def _is_meant(constraint: Constraint, name: str | None, *, primary: bool) -> bool:
    return isinstance(constraint, PrimaryKey) if primary else constraint.name == name


def _rename_constraint(table: Table, before: str, after: str, *, primary: bool) -> Table:
    """Rename a constraint, or the unique index that MySQL reports in place of it."""
    meant = [c for c in table.constraints if _is_meant(c, before, primary=primary)]
    if not meant:
        return _rename_index(table, before, after)
    renamed = (
        replace(c, name=after, implicit=False) if c in meant else c for c in table.constraints
    )
    return replace(table, constraints=tuple(renamed))


def _rename_index(table: Table, before: str, after: str) -> Table:
    if table.index(before) is None:
        raise KeyError(before)
    renamed = (replace(i, name=after) if i.name == before else i for i in table.indexes)
    return replace(table, indexes=tuple(renamed))


def _without_constraint(table: Table, name: str | None, *, primary: bool) -> Table:
    """Remove a constraint, or the unique index that MySQL reports in place of it."""
    kept = tuple(c for c in table.constraints if not _is_meant(c, name, primary=primary))
    if len(kept) < len(table.constraints):
        return replace(table, constraints=kept)
    indexes = tuple(i for i in table.indexes if i.name != name or not i.unique)
    if len(indexes) == len(table.indexes):
        raise KeyError(name)
    return replace(table, indexes=indexes)
