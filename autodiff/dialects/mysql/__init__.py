"""MySQL and MariaDB."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect, Scope
from autodiff.dialects.mysql import expressions as texts
from autodiff.dialects.mysql import types
from autodiff.dialects.mysql.features import FEATURES, MARIADB_FEATURES
from autodiff.dialects.timeouts import NO_LIMITS, Blocker, Limits
from autodiff.dialects.unmanaged import LeftAlone
from autodiff.schema.objects import (
    Check,
    Constraint,
    ForeignKey,
    Index,
    Name,
    Option,
    Schema,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.mysql.session.script import MariadbWriter
    from autodiff.schema.operations import Operation

__all__ = ["MySQL"]


class MySQL(Dialect):
    """MySQL 8 and later, and MariaDB 10.6 and later, which `is_mariadb` tells apart."""

    name = "mysql"
    features = FEATURES

    def __init__(
        self,
        sqlalchemy_dialect: SQLAlchemyDialect,
        *,
        server: str | None = None,
        default_schema: str | None = None,
    ) -> None:
        super().__init__(sqlalchemy_dialect, server=server, default_schema=default_schema)
        self.is_mariadb = bool(getattr(sqlalchemy_dialect, "is_mariadb", False))
        if self.is_mariadb:
            self.features = MARIADB_FEATURES

    @property
    def kind(self) -> str:
        name = "mariadb" if self.is_mariadb else self.name
        return f"{name} {self.server}" if self.server else name

    def answers_to(self, name: str) -> bool:
        """MariaDB is a MySQL too, and not the other way round."""
        return name == self.name or (name == "mariadb" and self.is_mariadb)

    def literal(self, value: str) -> str:
        return texts.quote_string(value)

    def literal_value(self, sql: str) -> str | None:
        return texts.string_value(sql.strip()) if texts.is_string(sql) else None

    def canonical_type(self, sql: str) -> str:
        return types.canonical_type(sql)

    def tells_type(self, sql: str) -> bool:
        return types.tells_type(sql)

    def type_python(self, sql: str) -> str:
        return types.type_python(sql)

    def normal_text(self, sql: str) -> str:
        return texts.normal_text(sql)

    def normal_default(self, default: str, type_sql: str) -> str:
        return texts.normal_default(default, type_sql)

    def align(self, current: Table, desired: Table) -> Table:
        from autodiff.dialects.mysql.catalog.align import align

        return align(current, desired, json_is_text=self.is_mariadb)

    def without_implied(self, table: Table) -> Table:
        from autodiff.dialects.mysql.catalog.align import without_implied

        return without_implied(table)

    def is_unseen(self, constraint: Constraint) -> bool:
        """MariaDB's checks in the definition of a column."""
        from autodiff.dialects.mysql.ddl.clauses import is_in_column

        return isinstance(constraint, Check) and is_in_column(constraint)

    def altered_by_options(
        self, options: Sequence[tuple[str, Option | None, Option | None]], table: Table
    ) -> tuple[str, ...]:
        from autodiff.dialects.mysql.ddl.statements import follows_charset, is_charset

        if not any(is_charset(name) for name, _, _ in options):
            return ()
        return tuple(column.name for column in table.columns if follows_charset(column))

    def goes_with_key(self, index: Index, key: ForeignKey) -> bool:
        from autodiff.dialects.mysql.catalog.implicit_indexes import goes_with

        return goes_with(index, key)

    def reflect(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.mysql.catalog.reflect import reflect

        return reflect(connection, scope, self.default_schema or "")

    def unread(self, connection: Connection, scope: Scope) -> list[LeftAlone]:
        from autodiff.dialects.mysql.catalog.unmanaged import unread

        return unread(connection, scope, self.default_schema or "")

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        from autodiff.dialects.mysql.ddl.statements import MySQLDDL

        return MySQLDDL(self).statements(operation, current)

    def needs_table(self, operation: Operation) -> Name | None:
        from autodiff.dialects.mysql.ddl.statements import altered_table

        return altered_table(operation)

    @contextmanager
    def scratch(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        from autodiff.dialects.mysql.scratch import scratch

        if connection is None:
            yield None
            return
        with scratch(connection, namespaces, create=create) as opened:
            yield opened

    @contextmanager
    def scratch_database(
        self, connection: Connection | None, *, namespaces: Sequence[str] = ()
    ) -> Iterator[Connection | None]:
        """None where there are namespaces: they are databases of the server, and the real ones."""
        if self.reaches_beyond(namespaces):
            yield None
            return
        with self.scratch(connection, create=True) as opened:
            yield opened

    def reaches_beyond(self, namespaces: Sequence[str]) -> bool:
        return bool(namespaces)

    def identity(self, connection: Connection) -> str:
        from autodiff.dialects.mysql.scratch_url import identity

        return identity(connection)

    def claim(self, connection: Connection) -> bool:
        from autodiff.dialects.mysql.scratch_url import claim

        return claim(connection)

    def furnish(self, live: Connection | None, scratch: Connection) -> None:
        from autodiff.dialects.mysql.scratch_url import furnish

        if live is not None:
            furnish(live, scratch)

    def contents(self, connection: Connection) -> list[str]:
        from autodiff.dialects.mysql.scratch_url import contents

        return contents(connection)

    def clear(self, connection: Connection) -> None:
        from autodiff.dialects.mysql.scratch_url import clear

        clear(connection)

    def scratch_name(self, name: Name) -> Name:
        """Ask the dialect of the scratch connection: its default schema tells the others."""
        from autodiff.dialects.mysql.scratch import namespace_name

        if name.schema is None:
            return name
        return Name(name.name, namespace_name(self.default_schema, name.schema))

    @contextmanager
    def reading(self, connection: Connection, seconds: float) -> Iterator[None]:
        from autodiff.dialects.mysql.session.transactions import reading

        with reading(connection, seconds, is_mariadb=self.is_mariadb):
            yield

    @contextmanager
    def asking(self, connection: Connection, seconds: float) -> Iterator[None]:
        from autodiff.dialects.mysql.session.read_only import asking

        with asking(connection, seconds, is_mariadb=self.is_mariadb):
            yield

    @contextmanager
    def keys_aside(self, connection: Connection, tables: Sequence[Table]) -> Iterator[None]:
        from autodiff.dialects.mysql.session.transactions import keys_aside

        with keys_aside(connection):
            yield

    @contextmanager
    def transaction(self, connection: Connection, limits: Limits = NO_LIMITS) -> Iterator[None]:
        from autodiff.dialects.mysql.session.transactions import transaction

        with transaction(connection, limits, is_mariadb=self.is_mariadb):
            yield

    def met_lock(self, error: BaseException) -> bool:
        from autodiff.dialects.mysql.session.transactions import met_lock

        return met_lock(error)

    def blockers(self, connection: Connection, tables: Sequence[Name]) -> list[Blocker]:
        from autodiff.dialects.mysql.session.transactions import blockers

        return blockers(connection)

    def script(self) -> MariadbWriter:
        from autodiff.dialects.mysql.session.script import MariadbWriter

        return MariadbWriter(self)

    def lock(self, connection: Connection, schema: str | None) -> Lock:
        from autodiff.dialects.mysql.session.transactions import NamedLock

        return NamedLock(connection, schema)
