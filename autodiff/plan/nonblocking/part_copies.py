"""Copy the constraints and indexes of columns to the columns that take their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from autodiff.dialects.base import Dialect
from autodiff.schema.apply import evolve, names_column
from autodiff.schema.objects import Constraint, ForeignKey, Index, PrimaryKey, Table
from autodiff.schema.operations import (
    AddConstraint,
    CreateIndex,
    DropConstraint,
    DropIndex,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    constraint_kind,
)
from autodiff.utils.object_names import temporary_name

__all__ = ["CopiedPart", "copied_parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedPart:
    """The operations that replace a constraint or an index by a copy over other columns.

    rename: gives the copy the name of the old part, once that is dropped.
    """

    copy: AddConstraint | CreateIndex
    drop: DropConstraint | DropIndex
    rename: RenameConstraint | RenameIndex


def copied_parts(
    table: Table, columns: Mapping[str, str], dialect: Dialect, *, suffix: str
) -> Iterator[CopiedPart]:
    """Yield the parts of a table that name one of the columns, foreign keys first.

    The primary key is left out. `columns` maps old names to new ones. The names of the copies end
    with `suffix`.
    """
    renamed = table
    for old, new in columns.items():
        renamed = evolve(renamed, RenameColumn(table=table.name, before=old, after=new))
    limit = dialect.features.max_name_length
    pairs = zip(table.constraints, renamed.constraints, strict=True)
    for before, after in sorted(pairs, key=lambda pair: not isinstance(pair[0], ForeignKey)):
        if isinstance(before, PrimaryKey) or not _names_any(before, columns):
            continue
        name = temporary_name(before.name or "", suffix, limit=limit)
        kind = constraint_kind(before)
        copy = replace(after, name=name, implicit=False)
        yield CopiedPart(
            copy=AddConstraint(table=table.name, constraint=copy),
            drop=DropConstraint(table=table.name, name=before.name, kind=kind, constraint=before),
            rename=RenameConstraint(
                table=table.name, before=name, after=before.name or "", kind=kind
            ),
        )
    for index, copied in zip(table.indexes, renamed.indexes, strict=True):
        if _names_any(index, columns) and not _is_implicit(index, table, dialect):
            name = temporary_name(index.name or "", suffix, limit=limit)
            yield CopiedPart(
                copy=CreateIndex(table=table.name, index=replace(copied, name=name)),
                drop=DropIndex(table=table.name, name=index.name or "", index=index),
                rename=RenameIndex(table=table.name, before=name, after=index.name or ""),
            )


def _names_any(part: Constraint | Index, columns: Mapping[str, str]) -> bool:
    return any(names_column(part, column) for column in columns)


def _is_implicit(index: Index, table: Table, dialect: Dialect) -> bool:
    return any(dialect.catalog.is_implicit_index(index, key) for key in table.foreign_keys)
