"""Remember the tables that were read from the catalog while a migration runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.scope import Scope
from autodiff.schema.apply import evolve
from autodiff.schema.objects import Column, Index, IndexElement, Name
from autodiff.schema.operations import (
    AFFECT_ONE_TABLE,
    AddColumn,
    AlterColumn,
    ColumnPatch,
    CreateIndex,
    CreateTable,
    DropColumn,
    Operation,
    Unset,
    tables_of,
)

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.schema.objects import Schema, Table

__all__ = ["TableCache"]

_ALONE = 8
"""Tables that are read one by one before all tables are read together."""
_SHARE = 25
"""Later, this part of all tables is read one by one, so that few are read many times."""


class TableCache:
    """Reads tables from the catalog: one by one, or all together if a migration needs many.

    Some databases need several queries for a table, or read all tables for each one.
    """

    def __init__(self, dialect: Dialect, read: Callable[[Scope], Schema]) -> None:
        self._dialect = dialect
        self._read = read
        self._tables: dict[str, dict[Name, Table]] = {}
        """By the name without schema: a migration can name the default schema or leave it out."""
        self._unsettled: dict[str, frozenset[str]] = {}
        """The columns that operations have defined: the catalog may spell them in another way."""
        self._new: dict[str, dict[Name, Table]] = {}
        """The tables that were created, and changed by nothing but new indexes since."""
        self._count = 0
        self._misses = 0
        self.is_disabled = False
        """Whether the migration can change tables at any time."""
        self._keeps = False

    @property
    def is_empty(self) -> bool:
        """Whether no table is remembered."""
        return not self._tables

    def find(self, name: Name, columns: Collection[str] | None = None) -> Table | None:
        """Return the current table, None if there is none.

        columns: those whose definitions must be current, with what uses them; None for all.
        """
        found = self._known(name)
        if found is not None and self._is_settled(name, columns):
            return found
        self._misses += 1
        if not self.is_disabled and self._misses > max(_ALONE, self._count // _SHARE):
            self._read_all(name)
            found = self._known(name)
            if found is not None:
                return found
        namespaces = (name.schema,) if name.schema else ()
        tables = self._read(Scope(namespaces=namespaces, only=(name,))).tables
        found = self._pick(tables, name)
        if found is not None:
            self._remember([found])
        return found

    def find_new(self, name: Name) -> Table | None:
        """Return a table as it was created, if only indexes were added since; None otherwise."""
        return self._pick(self._new.get(name.name.lower(), {}), name)

    def _is_settled(self, name: Name, columns: Collection[str] | None) -> bool:
        unsettled = self._unsettled.get(name.name.lower())
        if not unsettled or columns is None:
            return not unsettled
        return unsettled.isdisjoint(column.lower() for column in columns)

    def forget(self) -> None:
        """Note that a statement can have changed any table."""
        if not self._keeps:
            self._tables.clear()
            self._unsettled.clear()
            self._new.clear()
            self._misses = 0

    def disable(self) -> None:
        """Note that from now on the migration can change tables at any time."""
        self._tables.clear()
        self._unsettled.clear()
        self._new.clear()
        self.is_disabled = True

    @contextmanager
    def around(self, operations: Sequence[Operation]) -> Iterator[None]:
        """Remember, after operations that are run inside, the tables that they do not affect."""
        if not all(isinstance(item, AFFECT_ONE_TABLE) for item in operations):
            yield
            return
        self._keeps = True
        try:
            yield
        except BaseException:
            self._forget_affected(operations)
            raise
        finally:
            self._keeps = False
        evolved = self._evolved(operations[0]) if len(operations) == 1 else None
        self._forget_affected(operations)
        for operation in operations:
            if isinstance(operation, CreateTable) and not self.is_disabled:
                table = operation.table
                self._new.setdefault(table.name.name.lower(), {})[table.name] = table
        if evolved is not None:
            table, columns = evolved
            self._remember([table])
            self._unsettled[table.name.name.lower()] = columns

    def _forget_affected(self, operations: Sequence[Operation]) -> None:
        for name in {name for operation in operations for name in tables_of(operation)}:
            self._tables.pop(name.name.lower(), None)
            self._unsettled.pop(name.name.lower(), None)
            if not all(isinstance(operation, CreateIndex) for operation in operations):
                self._new.pop(name.name.lower(), None)

    def _evolved(self, operation: Operation) -> tuple[Table, frozenset[str]] | None:
        """Return the table after an operation, and its columns that are not settled then.

        None if the table must be read from the catalog.
        """
        owner = getattr(operation, "table", None)
        table = self._known(owner) if isinstance(owner, Name) else None
        if table is None:
            return None
        before = self._unsettled.get(table.name.name.lower(), frozenset[str]())
        match operation:
            case CreateIndex(index=index, if_not_exists=False) if _is_plain(index):
                if table.index(index.name or "") is not None or _can_replace(index, table):
                    return None
                indexes = sorted((*table.indexes, index), key=lambda item: item.name or "")
                return replace(table, indexes=tuple(indexes)), before
            case AddColumn(column=Column(autoincrement=False, name=name)):
                pass
            case DropColumn(name=name) if _is_ordinary(table, name):
                pass
            case AlterColumn(name=name, after=ColumnPatch(autoincrement=Unset.UNSET)) if (
                _is_ordinary(table, name)
            ):
                pass
            case _:
                return None
        return evolve(table, operation), before | {name.lower()}

    def _read_all(self, name: Name) -> None:
        namespaces = (name.schema,) if name.schema else ()
        tables = self._read(Scope(namespaces=namespaces)).tables
        self._remember(tables.values())
        self._count = len(tables)
        self._misses = 0

    def _known(self, name: Name) -> Table | None:
        return self._pick(self._tables.get(name.name.lower(), {}), name)

    def _remember(self, tables: Iterable[Table]) -> None:
        """Remember the tables, except those that change together with others."""
        if not self.is_disabled:
            for table in tables:
                self._unsettled.pop(table.name.name.lower(), None)
                if not table.inherits:
                    same_name = self._tables.setdefault(table.name.name.lower(), {})
                    same_name[table.name] = table

    def _pick(self, tables: Mapping[Name, Table], name: Name) -> Table | None:
        if not self._dialect.features.case_insensitive_tables:
            return tables.get(name)
        found = (table for table in tables.values() if _is_same_schema(table.name, name))
        return next(found, None)


def _is_plain(index: Index) -> bool:
    """Return whether the catalog has an index as it was declared."""
    columns_alone = index.elements == tuple(IndexElement(text=name) for name in index.columns)
    return columns_alone and index == Index(
        name=index.name, elements=index.elements, unique=index.unique
    )


def _is_ordinary(table: Table, name: str) -> bool:
    """Return whether a column of that spelling exists and does not number the rows."""
    column = table.column(name)
    return column is not None and not column.autoincrement


def _can_replace(index: Index, table: Table) -> bool:
    """Return whether an index that starts with the same column may be dropped for it.

    MySQL drops that of a foreign key, and autodiff that of a column with AUTO_INCREMENT.
    """
    taken = [other.columns[:1] for other in table.indexes]
    taken += [key.columns[:1] for key in table.foreign_keys]
    return index.columns[:1] in taken


def _is_same_schema(one: Name, other: Name) -> bool:
    return (one.schema or "").lower() == (other.schema or "").lower()
