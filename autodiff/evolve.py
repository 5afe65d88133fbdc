"""What a table looks like after an operation, as a pure function: `evolve(table, operation)`."""

from __future__ import annotations

from dataclasses import replace

from autodiff.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateIndex,
    DropColumn,
    DropConstraint,
    DropIndex,
    Operation,
    RenameColumn,
    RenameTable,
    SetComment,
    SetTableOptions,
)
from autodiff.schema import (
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Table,
)

__all__ = ["columns_of", "evolve", "rename_references"]


def columns_of(constraint: Constraint) -> tuple[str, ...]:
    """The columns that a constraint names; none for a check or an exclusion (SQL texts)."""
    return () if isinstance(constraint, Check | Exclusion) else constraint.columns


def evolve(table: Table, operation: Operation) -> Table:
    """The table after the operation; operations on other things leave it as it is.

    Raises KeyError with the name of a column, constraint or index that is not there.
    """
    match operation:
        case AddColumn(column=column):
            return replace(table, columns=(*table.columns, column))
        case DropColumn(name=name):
            return _without_column(table, name)
        case RenameColumn(before=before, after=after):
            return _rename_column(table, before, after)
        case AlterColumn(name=name, after=patch):
            return _replace_column(table, name, patch.apply(_column(table, name)))
        case AddConstraint(constraint=constraint):
            return _with_constraint(table, constraint)
        case DropConstraint(name=name, kind=kind):
            return _without_constraint(table, name, primary=kind == "primary")
        case CreateIndex(index=index):
            return replace(table, indexes=(*table.indexes, index))
        case DropIndex(name=name):
            if table.index(name) is None:
                raise KeyError(name)
            return replace(table, indexes=tuple(i for i in table.indexes if i.name != name))
        case RenameTable(after=after):
            return replace(table, name=after)
        case SetComment(kind="table", after=comment):
            return replace(table, comment=comment)
        case SetTableOptions(options=options):
            merged = {**table.options, **{name: after for name, _, after in options}}
            kept = {name: value for name, value in merged.items() if value is not None}
            return replace(table, options=kept)
        case _:
            return table


def rename_references(table: Table, before: Name, after: Name) -> Table:
    """The table with foreign keys to `before` pointing at `after`."""
    return replace(
        table,
        constraints=tuple(
            replace(c, referred=after) if isinstance(c, ForeignKey) and c.referred == before else c
            for c in table.constraints
        ),
    )


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise KeyError(name)
    return column


def _replace_column(table: Table, name: str, column: Column) -> Table:
    columns = tuple(column if c.name == name else c for c in table.columns)
    return replace(table, columns=columns)


def _without_column(table: Table, name: str) -> Table:
    """Constraints and indexes of the column go with it, as they do in PostgreSQL."""
    _column(table, name)
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name != name),
        constraints=tuple(c for c in table.constraints if name not in columns_of(c)),
        indexes=tuple(i for i in table.indexes if name not in i.columns),
    )


def _rename_column(table: Table, before: str, after: str) -> Table:
    def swap(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(after if name == before else name for name in names)

    def element(part: IndexElement) -> IndexElement:
        renamed = not part.is_expression and part.text == before
        return replace(part, text=after) if renamed else part

    def constraint(item: Constraint) -> Constraint:
        if isinstance(item, Check | Exclusion):
            return item
        renamed = replace(item, columns=swap(item.columns))
        if isinstance(renamed, ForeignKey) and renamed.referred == table.name:
            return replace(renamed, referred_columns=swap(renamed.referred_columns))
        return renamed

    def index(item: Index) -> Index:
        elements = tuple(element(part) for part in item.elements)
        return replace(item, elements=elements, include=swap(item.include))

    return replace(
        _replace_column(table, before, replace(_column(table, before), name=after)),
        constraints=tuple(constraint(item) for item in table.constraints),
        indexes=tuple(index(item) for item in table.indexes),
    )


def _with_constraint(table: Table, constraint: Constraint) -> Table:
    table = replace(table, constraints=(*table.constraints, constraint))
    if not isinstance(constraint, PrimaryKey):
        return table
    for name in constraint.columns:
        table = _replace_column(table, name, replace(_column(table, name), nullable=False))
    return table


def _without_constraint(table: Table, name: str | None, *, primary: bool) -> Table:
    def dropped(constraint: Constraint) -> bool:
        is_primary = isinstance(constraint, PrimaryKey)
        return is_primary if primary else constraint.name == name

    kept = tuple(c for c in table.constraints if not dropped(c))
    if len(kept) == len(table.constraints):
        raise KeyError(name)
    return replace(table, constraints=kept)
