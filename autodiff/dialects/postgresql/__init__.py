"""PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect, Scope
from autodiff.dialects.postgresql import types
from autodiff.dialects.postgresql.features import FEATURES
from autodiff.schema import Check, Constraint, Name, Schema, Table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.operations import Operation

__all__ = ["PostgreSQL"]


class PostgreSQL(Dialect):
    """PostgreSQL 12 and later."""

    name = "postgresql"
    features = FEATURES
    usual_schema = "public"

    def canonical_type(self, sql: str) -> str:
        return types.canonical_type(sql)

    def type_python(self, sql: str) -> str:
        return types.type_python(sql)

    def normal_default(self, default: str, type_sql: str) -> str:
        return types.normal_default(default, type_sql)

    def align(self, current: Table, desired: Table) -> Table:
        """SQLAlchemy has no way to say NO INHERIT."""
        aligned = super().align(current, desired)
        constraints = tuple(_without_no_inherit(c, desired) for c in aligned.constraints)
        return replace(aligned, constraints=constraints)

    def is_serial_default(self, default: str, column: Any) -> bool:
        return types.is_serial_default(default, column.table.name, column.name)

    def keeps_default(self, before: str, after: str) -> bool:
        family = types.type_family(before)
        return family is not None and family == types.type_family(after)

    def keys_survive(self, before: str, after: str) -> bool:
        return self.keeps_default(before, after)

    def reflect(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.postgresql.reflect import reflect

        return reflect(connection, scope, self.default_schema or "public")

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        from autodiff.dialects.postgresql.statements import PostgreSQLDDL

        return PostgreSQLDDL(self).statements(operation, current)

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

    def scratch_dialect(self, connection: Connection) -> Dialect:
        from autodiff.dialects.postgresql.scratch import PREFIX

        return PostgreSQL(connection.dialect, server=self.server, default_schema=PREFIX)

    def scratch_name(self, name: Name) -> Name:
        from autodiff.dialects.postgresql.scratch import PREFIX

        return name if name.schema is None else Name(name.name, f"{PREFIX}_{name.schema}")

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        from autodiff.dialects.postgresql.locks import transaction

        with transaction(connection):
            yield


def _without_no_inherit(constraint: Constraint, desired: Table) -> Constraint:
    """A check that the desired table has too, without an option that it does not speak of."""
    other = desired.constraint(constraint.name or "")
    if not isinstance(constraint, Check) or not isinstance(other, Check):
        return constraint
    kept = {
        key: value
        for key, value in constraint.options.items()
        if key != "postgresql_no_inherit" or key in other.options
    }
    return replace(constraint, options=kept)
