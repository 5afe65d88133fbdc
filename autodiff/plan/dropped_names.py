"""Free the names of parts of dropped tables: a table is dropped after the new ones are created."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from autodiff.compare.renames import temporary_column_name
from autodiff.compare.shared_names import names_of_new_tables
from autodiff.dialects.base import Dialect
from autodiff.schema.apply import evolve
from autodiff.schema.changes import Change, ConstraintAdded, IndexAdded, TableAdded
from autodiff.schema.objects import Constraint, ForeignKey, Index, Name, Table
from autodiff.schema.operations import RenameConstraint, RenameIndex, constraint_kind

__all__ = ["FreedNames", "free_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreedNames:
    """What frees the names that new parts take.

    tables: the dropped tables, with the temporary names of their parts.
    renames: the renames to those names.
    foreign_keys: the keys that are dropped before their tables instead: on MySQL, the only other
        way is to drop and add them.
    """

    tables: tuple[Table, ...]
    renames: tuple[RenameConstraint | RenameIndex, ...] = ()
    foreign_keys: tuple[tuple[Name, ForeignKey], ...] = ()


def free_names(tables: Iterable[Table], changes: Sequence[Change], dialect: Dialect) -> FreedNames:
    """Return how the parts of dropped tables give up the names that the changes need."""
    tables = tuple(tables)
    if not tables:
        return FreedNames(tables=())
    wanted = names_of_new_tables(_new_parts(changes), dialect)
    renames: list[RenameConstraint | RenameIndex] = []
    keys: list[tuple[Name, ForeignKey]] = []
    freed: list[Table] = []
    for table in tables:
        for part in (*table.constraints, *table.indexes):
            name = Name(part.name or "", table.name.schema)
            if name not in wanted or not dialect.catalog.has_schema_wide_name(part):
                continue
            if isinstance(part, ForeignKey):
                keys.append((table.name, part))
                continue
            rename = _rename(table.name, part)
            renames.append(rename)
            table = evolve(table, rename)
        freed.append(table)
    return FreedNames(tables=tuple(freed), renames=tuple(renames), foreign_keys=tuple(keys))


def _new_parts(changes: Iterable[Change]) -> Iterator[Table]:
    """Yield the new tables, and a table with each new part of another one."""
    for change in changes:
        match change:
            case TableAdded(table=table):
                yield table
            case IndexAdded(table=name, index=index):
                yield Table(name=name, indexes=(index,))
            case ConstraintAdded(table=name, constraint=constraint):
                yield Table(name=name, constraints=(constraint,))


def _rename(table: Name, part: Constraint | Index) -> RenameConstraint | RenameIndex:
    before = part.name or ""
    after = temporary_column_name(before)
    if isinstance(part, Index):
        return RenameIndex(table=table, before=before, after=after)
    return RenameConstraint(table=table, before=before, after=after, kind=constraint_kind(part))
