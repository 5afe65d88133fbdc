"""PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect, Scope
from autodiff.dialects.postgresql import types
from autodiff.dialects.postgresql.features import FEATURES
from autodiff.dialects.timeouts import NO_LIMITS, Blocker, Limits
from autodiff.dialects.unmanaged import LeftAlone, Reader
from autodiff.schema.objects import Check, Column, Constraint, Index, Name, Schema, Table
from autodiff.utils.sharing import altered, mapped

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.postgresql.session.script import PsqlWriter
    from autodiff.schema.operations import Operation

__all__ = ["PostgreSQL"]

_USUAL_OPTIONS = {"postgresql_using": "heap", "postgresql_tablespace": "pg_default"}
_PARTITION_KEY = "postgresql_partition_by"


class PostgreSQL(Dialect):
    """PostgreSQL 12 and later."""

    name = "postgresql"
    features = FEATURES
    usual_schema = "public"

    def canonical_type(self, sql: str) -> str:
        return types.canonical_type(sql)

    def tells_type(self, sql: str) -> bool:
        return types.tells_type(sql)

    def type_python(self, sql: str) -> str:
        return types.type_python(sql)

    def literal_bytes(self, value: bytes) -> str:
        return f"'\\x{value.hex()}'"

    def normal_default(self, default: str, type_sql: str) -> str:
        return types.normal_default(default, type_sql)

    def align(self, current: Table, desired: Table) -> Table:
        """SQLAlchemy has no way to say NO INHERIT."""
        aligned = super().align(current, desired)
        constraints = mapped(aligned.constraints, lambda c: _without_no_inherit(c, desired))
        return altered(aligned, constraints=constraints)

    def normalize(self, table: Table) -> Table:
        """Without options that say what the server does anyway; a partition key is a text."""
        normal = super().normalize(table)
        if not normal.options:
            return normal
        options = {k: v for k, v in normal.options.items() if v != _USUAL_OPTIONS.get(k)}
        if key := options.get(_PARTITION_KEY):
            options[_PARTITION_KEY] = self.normal_text(str(key))
        return replace(normal, options=options)

    def builds_concurrently(self, index: Index, table: Table) -> bool:
        """Not on a partitioned table, which PostgreSQL refuses."""
        return super().builds_concurrently(index, table) and _PARTITION_KEY not in table.options

    def is_serial_default(self, default: str, column: Any) -> bool:
        return types.is_serial_default(default, column.table.name, column.name)

    def keeps_default(self, before: str, after: str) -> bool:
        family = types.type_family(before)
        return family is not None and family == types.type_family(after)

    def keys_survive(self, before: str, after: str) -> bool:
        return self.keeps_default(before, after)

    def reflect(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.postgresql.catalog.reflect import reflect

        return reflect(connection, scope, self.default_schema or "public")

    def unread(self, connection: Connection, scope: Scope) -> list[LeftAlone]:
        from autodiff.dialects.postgresql.catalog.unmanaged import unread

        return unread(connection, scope, self.default_schema or "public")

    def readers(self, connection: Connection) -> list[Reader]:
        from autodiff.dialects.postgresql.catalog.unmanaged import readers

        return readers(connection, self.default_schema or "public")

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        from autodiff.dialects.postgresql.ddl.statements import PostgreSQLDDL

        return PostgreSQLDDL(self).statements(operation, current)

    def needs_table(self, operation: Operation) -> Name | None:
        """What a script resets or no longer names is found on the table."""
        from autodiff.schema.operations import SetTableOptions

        return operation.table if isinstance(operation, SetTableOptions) else None

    @contextmanager
    def scratch(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        from autodiff.dialects.postgresql.scratch import scratch

        assert connection is not None
        with scratch(connection, namespaces) as opened:
            yield opened

    @contextmanager
    def scratch_database(
        self, connection: Connection | None, *, namespaces: Sequence[str] = ()
    ) -> Iterator[Connection | None]:
        from autodiff.dialects.postgresql.scratch import database

        assert connection is not None
        with database(connection) as opened:
            yield opened

    def identity(self, connection: Connection) -> str:
        from autodiff.dialects.postgresql.scratch_url import identity

        return identity(connection)

    def claim(self, connection: Connection) -> bool:
        from autodiff.dialects.postgresql.scratch_url import claim

        return claim(connection)

    def furnish(self, live: Connection | None, scratch: Connection) -> None:
        from autodiff.dialects.postgresql.scratch import copy_extensions

        if live is not None:
            copy_extensions(live, scratch)

    def contents(self, connection: Connection) -> list[str]:
        from autodiff.dialects.postgresql.scratch_url import contents

        return contents(connection)

    def clear(self, connection: Connection) -> None:
        from autodiff.dialects.postgresql.scratch_url import clear

        clear(connection)

    def scratch_dialect(self, connection: Connection) -> Dialect:
        from autodiff.dialects.postgresql.scratch import PREFIX

        return PostgreSQL(connection.dialect, server=self.server, default_schema=PREFIX)

    def scratch_name(self, name: Name) -> Name:
        from autodiff.dialects.postgresql.scratch import PREFIX

        return name if name.schema is None else Name(name.name, f"{PREFIX}_{name.schema}")

    @contextmanager
    def held(self, connection: Connection, limits: Limits) -> Iterator[None]:
        from autodiff.dialects.postgresql.session.transactions import held

        with held(connection, limits):
            yield

    def prepare_connection(self, connection: Connection) -> None:
        from autodiff.dialects.postgresql.session.transactions import prepare_connection

        prepare_connection(connection)

    @contextmanager
    def reading(self, connection: Connection, seconds: float) -> Iterator[None]:
        from autodiff.dialects.postgresql.session.transactions import reading

        with reading(connection, seconds):
            yield

    @contextmanager
    def asking(self, connection: Connection, seconds: float) -> Iterator[None]:
        from autodiff.dialects.postgresql.session.read_only import asking

        with asking(connection, seconds):
            yield

    @contextmanager
    def keys_aside(self, connection: Connection, tables: Sequence[Table]) -> Iterator[None]:
        """Only a superuser may look away from keys: they are dropped, and made again."""
        from autodiff.schema.operations import AddConstraint, DropConstraint

        pairs = [(table.name, key) for table in tables for key in table.foreign_keys if key.name]
        for name, key in pairs:
            drop = DropConstraint(table=name, name=key.name or "", kind="foreignkey")
            self._run(connection, drop)
        yield
        for name, key in pairs:
            self._run(connection, AddConstraint(table=name, constraint=key))

    def _run(self, connection: Connection, operation: Operation) -> None:
        for sql in self.statements(operation):
            connection.exec_driver_sql(sql, execution_options={"no_parameters": True})

    def carried(self, column: Column) -> str:
        """As text: PostgreSQL takes each type back as it writes it, and drivers differ."""
        return f"CAST({self.quote(column.name)} AS text)"

    def received(self, column: Column, place: str) -> str:
        """A cast to a type with a length would cut texts short without a word."""
        text, type_ = f"CAST({place} AS text)", column.type.sql.partition(" COLLATE ")[0]
        is_text = type_.startswith("character") and not type_.endswith("]")
        return text if is_text else f"CAST({text} AS {type_})"

    def advance_numbers(self, connection: Connection, table: Table) -> None:
        for column in table.columns:
            if column.identity is not None or column.autoincrement:
                name, owner = self.quote(column.name), self.quote_name(table.name)
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence({self.literal(owner)}, "
                    f"{self.literal(column.name)}), max({name})) FROM {owner} "
                    f"HAVING max({name}) > 0",
                    execution_options={"no_parameters": True},
                )

    @contextmanager
    def transaction(self, connection: Connection, limits: Limits = NO_LIMITS) -> Iterator[None]:
        from autodiff.dialects.postgresql.session.transactions import transaction

        with transaction(connection, limits):
            yield

    @contextmanager
    def autocommit(self, connection: Connection, limits: Limits | None = None) -> Iterator[None]:
        from autodiff.dialects.postgresql.session.transactions import autocommit

        with autocommit(connection, limits):
            yield

    def look_in(self, engine: Engine, schemas: Sequence[str]) -> None:
        from autodiff.dialects.postgresql.session.search_path import look_in

        look_in(engine, [self.quote(schema) for schema in schemas])

    def met_lock(self, error: BaseException) -> bool:
        from autodiff.dialects.postgresql.session.transactions import met_lock

        return met_lock(error)

    def blockers(self, connection: Connection, tables: Sequence[Name]) -> list[Blocker]:
        from autodiff.dialects.postgresql.session.transactions import blockers

        return blockers(connection, self, tables)

    def cleanup(self, connection: Connection, operations: Sequence[Operation]) -> list[str]:
        from autodiff.dialects.postgresql.session.transactions import cleanup

        return cleanup(connection, self, operations)

    def script(self) -> PsqlWriter:
        from autodiff.dialects.postgresql.session.script import PsqlWriter

        return PsqlWriter(self)

    def lock(self, connection: Connection, schema: str | None) -> Lock:
        from autodiff.dialects.postgresql.session.transactions import AdvisoryLock

        return AdvisoryLock(connection, schema)


def _without_no_inherit(constraint: Constraint, desired: Table) -> Constraint:
    """A check that the desired table has too, without an option that it does not speak of."""
    if not isinstance(constraint, Check) or not constraint.options:
        return constraint
    other = desired.constraint(constraint.name or "")
    if not isinstance(other, Check):
        return constraint
    kept = {
        key: value
        for key, value in constraint.options.items()
        if key != "postgresql_no_inherit" or key in other.options
    }
    return replace(constraint, options=kept)
