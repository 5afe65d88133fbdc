"""SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect, Scope
from autodiff.dialects.sqlite import types
from autodiff.dialects.sqlite.expressions import normal_default, standard_quotes
from autodiff.dialects.sqlite.features import FEATURES
from autodiff.dialects.timeouts import NO_LIMITS, Limits
from autodiff.dialects.unmanaged import LeftAlone
from autodiff.schema.objects import (
    Column,
    ColumnType,
    Constraint,
    ForeignKey,
    Name,
    PrimaryKey,
    Schema,
    Table,
)
from autodiff.utils.sharing import altered

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.sqlite.session.script import SqliteWriter
    from autodiff.schema.operations import Operation

__all__ = ["SQLite"]

_COUNTED = "sqlite_autoincrement"


class SQLite(Dialect):
    """SQLite 3.35 and later."""

    name = "sqlite"
    features = FEATURES

    def canonical_type(self, sql: str) -> str:
        return types.canonical_type(sql)

    def tells_type(self, sql: str) -> bool:
        """Always: it keeps the words."""
        return True

    def type_python(self, sql: str) -> str:
        return types.type_python(sql)

    def normalize(self, table: Table) -> Table:
        """The table, where what SQLite takes for one is spelled in one way."""
        normal = super().normalize(table)
        columns = types.normal_columns(normal)
        constraints = normal.constraints
        if table.options.get(_COUNTED):  # SQLAlchemy writes no name for PRIMARY KEY AUTOINCREMENT
            constraints = tuple(
                replace(c, name=None) if isinstance(c, PrimaryKey) else c for c in constraints
            )
        return altered(normal, columns=columns, constraints=constraints)

    def align(self, current: Table, desired: Table) -> Table:
        """As for each dialect; AUTOINCREMENT and WITHOUT ROWID go with their primary key, also
        where nobody speaks of them."""
        from autodiff.dialects.sqlite.catalog.align import align_parts

        aligned = super().align(current, desired)
        gone = {
            option: value
            for option, value in current.options.items()
            if not _stays(option, current, desired)
        }
        told = replace(aligned, options={**aligned.options, **gone}) if gone else aligned
        return align_parts(told, desired)

    def as_created(self, table: Table) -> Table:
        """The table, with types that a STRICT table can have."""
        if not table.options.get("sqlite_strict"):
            return table
        return replace(table, columns=tuple(self._strict(column) for column in table.columns))

    def _strict(self, column: Column) -> Column:
        sql = types.strict_type(column.type.sql)
        if sql == column.type.sql:
            return column
        return replace(column, type=ColumnType(sql=sql, python=self.type_python(sql)))

    def normal_default(self, default: str, type_sql: str) -> str:
        return normal_default(default, type_sql)

    def normal_text(self, sql: str) -> str:
        return super().normal_text(standard_quotes(sql))

    def _normal_constraint(self, constraint: Constraint) -> Constraint:
        """SQLite reads MATCH and does nothing about it."""
        normal = super()._normal_constraint(constraint)
        return altered(normal, match=None) if isinstance(normal, ForeignKey) else normal

    def reflect(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.sqlite.catalog.reflect import reflect

        return reflect(connection, scope)

    def unread(self, connection: Connection, scope: Scope) -> list[LeftAlone]:
        from autodiff.dialects.sqlite.catalog.reflect import unread

        return unread(connection, scope)

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        from autodiff.dialects.sqlite.ddl.statements import SQLiteDDL

        return SQLiteDDL(self).statements(operation, current)

    def needs_table(self, operation: Operation) -> Name | None:
        from autodiff.dialects.sqlite.ddl.statements import altered_table

        return altered_table(operation)

    def joins_rebuild(self, operation: Operation) -> bool:
        from autodiff.dialects.sqlite.ddl.statements import joins_rebuild

        return joins_rebuild(operation)

    def rebuild_needed(self, operation: Operation, current: Table) -> bool:
        from autodiff.dialects.sqlite.ddl.statements import rebuild_needed

        return rebuild_needed(operation, current)

    def rebuild(self, operations: Sequence[Operation], current: Table) -> list[str]:
        from autodiff.dialects.sqlite.ddl.statements import SQLiteDDL

        return SQLiteDDL(self).rebuild(operations, current)

    @contextmanager
    def scratch(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        from autodiff.dialects.sqlite.scratch import scratch

        with scratch(namespaces) as opened:
            yield opened

    def contents(self, connection: Connection) -> list[str]:
        from autodiff.dialects.sqlite.scratch import contents

        return contents(connection)

    def prepare_connection(self, connection: Connection) -> None:
        from autodiff.dialects.sqlite.session.transactions import prepare_connection

        prepare_connection(connection)

    @contextmanager
    def as_it_was(self, connection: Connection) -> Iterator[None]:
        from autodiff.dialects.sqlite.session.transactions import as_it_was

        with as_it_was(connection):
            yield

    @contextmanager
    def reading(self, connection: Connection, seconds: float) -> Iterator[None]:
        from autodiff.dialects.sqlite.session.transactions import reading

        with reading(connection, seconds):
            yield

    @contextmanager
    def asking(self, connection: Connection, seconds: float) -> Iterator[None]:
        from autodiff.dialects.sqlite.session.read_only import asking

        with asking(connection, seconds):
            yield

    @contextmanager
    def transaction(self, connection: Connection, limits: Limits = NO_LIMITS) -> Iterator[None]:
        from autodiff.dialects.sqlite.session.transactions import transaction

        with transaction(connection, limits):
            yield

    def met_lock(self, error: BaseException) -> bool:
        from autodiff.dialects.sqlite.session.transactions import met_lock

        return met_lock(error)

    def script(self) -> SqliteWriter:
        from autodiff.dialects.sqlite.session.script import SqliteWriter

        return SqliteWriter(self)

    def lock(self, connection: Connection, schema: str | None) -> Lock:
        from autodiff.dialects.sqlite.session.transactions import FileLock

        return FileLock(connection)


def _stays(option: str, current: Table, desired: Table) -> bool:
    """Whether an option can stay while the table becomes what is desired."""
    before, after = (t.primary_key.columns if t.primary_key else () for t in (current, desired))
    if option == _COUNTED:
        return before == after
    return option != "sqlite_with_rowid" or bool(after)
