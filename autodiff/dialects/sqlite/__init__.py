"""The SQLite dialect."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect
from autodiff.dialects.sqlite import types
from autodiff.dialects.sqlite.expressions import normal_default, normal_expression
from autodiff.dialects.sqlite.features import FEATURES
from autodiff.schema.objects import Column, ColumnType, Constraint, ForeignKey, PrimaryKey, Table
from autodiff.utils.sharing import replace_changed

if TYPE_CHECKING:
    from autodiff.dialects.sqlite.catalog.catalog import SQLiteCatalog
    from autodiff.dialects.sqlite.ddl.statements import SQLiteDDL
    from autodiff.dialects.sqlite.scratch import SQLiteScratch
    from autodiff.dialects.sqlite.session.session import SQLiteSession

__all__ = ["SQLite"]


class SQLite(Dialect):
    """SQLite 3.35 and later. Version 3.35 is the first one with ALTER TABLE DROP COLUMN.

    https://www.sqlite.org/releaselog/3_35_0.html
    """

    name = "sqlite"
    features = FEATURES
    standard_schema = "main"

    @cached_property
    def catalog(self) -> SQLiteCatalog:
        from autodiff.dialects.sqlite.catalog.catalog import SQLiteCatalog

        return SQLiteCatalog(self)

    @cached_property
    def ddl(self) -> SQLiteDDL:
        from autodiff.dialects.sqlite.ddl.statements import SQLiteDDL

        return SQLiteDDL(self)

    @cached_property
    def session(self) -> SQLiteSession:
        from autodiff.dialects.sqlite.session.session import SQLiteSession

        return SQLiteSession(self)

    @cached_property
    def scratch(self) -> SQLiteScratch:
        from autodiff.dialects.sqlite.scratch import SQLiteScratch

        return SQLiteScratch(self)

    def canonical_type(self, sql: str) -> str:
        return types.canonical_type(sql)

    def is_canonical_type(self, sql: str) -> bool:
        """Return True: SQLite stores the text of a type unchanged."""
        return True

    def type_python(self, sql: str) -> str:
        return types.type_python(sql)

    def adapt_table(self, table: Table) -> Table:
        """Return the table as SQLAlchemy creates it.

        A STRICT table has the types that SQLite allows there. AUTOINCREMENT is ignored unless the
        primary key is one integer column.
        """
        table = _without_ignored_autoincrement(table)
        if not table.options.get("sqlite_strict"):
            return table
        return replace(table, columns=tuple(self._strict(column) for column in table.columns))

    def _strict(self, column: Column) -> Column:
        sql = types.strict_type(column.type.sql)
        if sql == column.type.sql:
            return column
        return replace(column, type=ColumnType(sql=sql, python=self.type_python(sql)))

    def normalize(self, table: Table) -> Table:
        """Return the table with one spelling for definitions that SQLite treats as equal."""
        normal = super().normalize(table)
        columns = types.normal_columns(normal)
        constraints = normal.constraints
        if table.options.get("sqlite_autoincrement"):
            # SQLAlchemy omits the name of a PRIMARY KEY AUTOINCREMENT: it cannot be compared
            constraints = tuple(
                replace(c, name=None) if isinstance(c, PrimaryKey) else c for c in constraints
            )
        return replace_changed(normal, columns=columns, constraints=constraints)

    def normalize_default(self, default: str, type_sql: str) -> str:
        return normal_default(default, type_sql)

    def changed_texts(self, column: str, before: str, after: str) -> str | None:
        return types.changed_texts(column, before, after)

    def equating_collation(self, before: str, after: str) -> str | None:
        return types.equating_collation(before, after)

    def normalize_expression(self, sql: str) -> str:
        return normal_expression(sql)

    def _normalize_constraint(self, constraint: Constraint) -> Constraint:
        """Drop MATCH, which SQLite parses and ignores.

        https://www.sqlite.org/foreignkeys.html#fk_unsupported
        """
        normal = super()._normalize_constraint(constraint)
        return replace_changed(normal, match=None) if isinstance(normal, ForeignKey) else normal


def _without_ignored_autoincrement(table: Table) -> Table:
    if "sqlite_autoincrement" not in table.options:
        return table
    key = table.primary_key
    column = table.column(key.columns[0]) if key is not None and len(key.columns) == 1 else None
    if column is not None and types.affinity_type(column.type.sql, bare=True) == "INTEGER":
        return table
    options = {k: v for k, v in table.options.items() if k != "sqlite_autoincrement"}
    return replace(table, options=options)
