"""The catalog of a SQLite database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.catalog import Catalog
from autodiff.dialects.sqlite.catalog.align import align_parts
from autodiff.dialects.type_names import is_rowid_type
from autodiff.schema.objects import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from autodiff.dialects.records import Records
    from autodiff.dialects.scope import Scope
    from autodiff.dialects.table_copies import TableCopies
    from autodiff.dialects.table_size import TableSize
    from autodiff.dialects.unmanaged import DependentObject, UnmanagedObject
    from autodiff.schema.objects import Name, Schema

__all__ = ["SQLiteCatalog"]

_OPTIONS_OF_THE_KEY = frozenset({"sqlite_autoincrement", "sqlite_with_rowid"})
"""Options for how a primary key numbers or stores the rows."""


class SQLiteCatalog(Catalog):
    """Reads sqlite_master and parses its CREATE statements.

    Reading has three phases: `reflect` builds tables from the parsed statements, `name_case`
    gives all references the case of the definition, and `align` drops what models cannot declare.
    Each module describes its phase and invariants at its top.
    """

    def read(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.sqlite.catalog.reflect import reflect_schema

        return reflect_schema(connection, scope)

    def read_fingerprint(
        self, connection: Connection, schemas: Sequence[str], records: Records
    ) -> str | None:
        from autodiff.dialects.sqlite.catalog.fingerprint import read_fingerprint

        return read_fingerprint(connection, schemas, records)

    def row_counts(self, connection: Connection, most: int) -> Mapping[Name, int]:
        from autodiff.dialects.sqlite.catalog.row_counts import read_row_counts

        return read_row_counts(connection, self.dialect, most)

    def table_copies(self, connection: Connection) -> TableCopies:
        from autodiff.dialects.sqlite.catalog.table_copies import SQLiteTableCopies

        return SQLiteTableCopies(connection, self.dialect)

    def unmanaged_objects(self, connection: Connection, scope: Scope) -> list[UnmanagedObject]:
        from autodiff.dialects.sqlite.catalog.reflect import unmanaged_objects

        return unmanaged_objects(connection, scope)

    def dependent_objects(self, connection: Connection) -> list[DependentObject]:
        from autodiff.dialects.sqlite.catalog.reflect import find_dependent_objects

        return find_dependent_objects(connection)

    def table_sizes(
        self, connection: Connection, names: Collection[Name]
    ) -> Mapping[Name, TableSize]:
        from autodiff.dialects.sqlite.catalog.sizes import table_sizes

        return table_sizes(connection, names)

    def align(self, current: Table, desired: Table) -> Table:
        """Keep AUTOINCREMENT and WITHOUT ROWID if the change replaces the primary key they need.

        They belong to that key, which identifies the rows and may number them. So they differ
        even if the model does not declare them. AUTOINCREMENT also needs the type INTEGER.
        """
        aligned = super().align(current, desired)
        lost = {
            option: value
            for option, value in current.options.items()
            if not _can_stay(option, current, desired)
        }
        restored = replace(aligned, options={**aligned.options, **lost}) if lost else aligned
        return align_parts(restored, desired)


def _can_stay(option: str, current: Table, desired: Table) -> bool:
    """Return whether an option is still valid after the current table becomes the desired one."""
    if option not in _OPTIONS_OF_THE_KEY:
        return True
    before, after = (t.primary_key.columns if t.primary_key else () for t in (current, desired))
    key_types = [column.type.sql for column in desired.columns if column.name in after]
    if option == "sqlite_autoincrement" and not all(map(is_rowid_type, key_types)):
        return False
    return before == after
