"""The PostgreSQL dialect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.dialects.narrowing import NO_ENUMS, EnumSides
from autodiff.dialects.postgresql import conversions, types
from autodiff.dialects.postgresql.constants import normal_default
from autodiff.dialects.postgresql.enum_casts import rename_casts, rename_literals
from autodiff.dialects.postgresql.features import FEATURES
from autodiff.schema.objects import INHERITS, ColumnType, Domain, EnumType, Name, Table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from autodiff.dialects.postgresql.catalog.catalog import PostgreSQLCatalog
    from autodiff.dialects.postgresql.ddl.statements import PostgreSQLDDL
    from autodiff.dialects.postgresql.meter import PostgreSQLMeter
    from autodiff.dialects.postgresql.row_copy import PostgreSQLRowCopy
    from autodiff.dialects.postgresql.scratch import PostgreSQLScratch
    from autodiff.dialects.postgresql.session.session import PostgreSQLSession

__all__ = ["PostgreSQL"]

_DEFAULT_OPTIONS = {"postgresql_using": "heap", "postgresql_tablespace": "pg_default"}
"""The values that options have by default, so that a model can omit them."""
_PARTITION_KEY = "postgresql_partition_by"
_BLANK_PADDED = re.compile(r"character(\(|\Z)")


class PostgreSQL(Dialect):
    """PostgreSQL 12 and later. Version 12 is the first one with generated columns.

    https://www.postgresql.org/docs/release/12.0/
    """

    name = "postgresql"
    features = FEATURES
    standard_schema = "public"

    @classmethod
    def prepare_engine(cls, engine: Engine, tables: Sequence[str], schema: str | None) -> None:
        from autodiff.dialects.postgresql.session.first_query import prepare_engine

        prepare_engine(engine, tables, schema)

    @cached_property
    def catalog(self) -> PostgreSQLCatalog:
        from autodiff.dialects.postgresql.catalog.catalog import PostgreSQLCatalog

        return PostgreSQLCatalog(self)

    @cached_property
    def ddl(self) -> PostgreSQLDDL:
        from autodiff.dialects.postgresql.ddl.statements import PostgreSQLDDL

        return PostgreSQLDDL(self)

    @cached_property
    def session(self) -> PostgreSQLSession:
        from autodiff.dialects.postgresql.session.session import PostgreSQLSession

        return PostgreSQLSession(self)

    @cached_property
    def scratch(self) -> PostgreSQLScratch:
        from autodiff.dialects.postgresql.scratch import PostgreSQLScratch

        return PostgreSQLScratch(self)

    @cached_property
    def row_copy(self) -> PostgreSQLRowCopy:
        from autodiff.dialects.postgresql.row_copy import PostgreSQLRowCopy

        return PostgreSQLRowCopy(self)

    @contextmanager
    def open_meter(self, connection: Connection) -> Iterator[PostgreSQLMeter | None]:
        """Open a second connection to the scratch database; None if the server allows none."""
        from sqlalchemy.exc import SQLAlchemyError

        from autodiff.dialects.postgresql.meter import PostgreSQLMeter

        try:
            observer = connection.engine.connect()
        except SQLAlchemyError:
            yield None
            return
        observer.execution_options(isolation_level="AUTOCOMMIT")
        meter = PostgreSQLMeter(connection, observer)
        connection.rollback()
        try:
            yield meter
        finally:
            meter.close()

    def unquoted_name(self, text: str) -> str:
        return text.lower()

    def literal_bytes(self, value: bytes) -> str:
        return f"'\\x{value.hex()}'"

    def canonical_type(self, sql: str) -> str:
        return types.canonical_type(sql)

    def is_canonical_type(self, sql: str) -> bool:
        return types.is_canonical_type(sql)

    def largest_integer(self, sql: str) -> int | None:
        return types.MAX_VALUES.get(sql)

    def type_python(self, sql: str) -> str:
        return types.type_python(sql)

    def enum_python(self, sql: str, enum: EnumType) -> str:
        return types.enum_python(sql, enum.values, enum.name)

    def neutral_value(self, type_: ColumnType, enum: EnumType | None) -> str | None:
        """Return an empty array, an enum type's first value, or the neutral value of the type."""
        if type_.sql.endswith("]"):
            return "'{}'"
        if enum is not None:
            return self.literal(enum.values[0])
        return super().neutral_value(type_, enum)

    def unconvertible(
        self, column: str, before: str, after: str, enums: EnumSides = NO_ENUMS
    ) -> str | None:
        return conversions.unconvertible(column, before, after, self.version, enums)

    def changed_texts(self, column: str, before: str, after: str) -> str | None:
        return conversions.changed_texts(column, before, after)

    def is_serial_default(self, default: str, column: Any) -> bool:
        return types.is_serial_default(default, column.table.name, column.name)

    def is_next_value(self, default: str) -> bool:
        return types.is_next_value(default)

    def domains_of(self, table: Any) -> list[Domain]:
        kinds = ("DOMAIN", "ARRAY", "type_decorator")
        columns = [c for c in table.c if getattr(c.type, "__visit_name__", None) in kinds]
        if not columns:
            return []
        from autodiff.dialects.postgresql.domains import declared_domain

        found = (declared_domain(c.type, f"{table.fullname}.{c.name}", self) for c in columns)
        return [domain for domain in found if domain is not None]

    def adapt_table(self, table: Table) -> Table:
        """Return the table, with no default schema in the names of its parents."""
        parents = table.options.get(INHERITS)
        if not parents:
            return table
        default = f"{self.default_schema}."
        names = ", ".join(name.removeprefix(default) for name in str(parents).split(", "))
        return replace(table, options={**table.options, INHERITS: names})

    def normalize(self, table: Table) -> Table:
        """Return the table without default options, and with a normalized partition key."""
        normal = super().normalize(table)
        if not normal.options:
            return normal
        options = {k: v for k, v in normal.options.items() if v != _DEFAULT_OPTIONS.get(k)}
        if key := options.get(_PARTITION_KEY):
            options[_PARTITION_KEY] = self.normalize_expression(str(key))
        return replace(normal, options=options)

    def casts_old_type(self, before: str, after: str) -> bool:
        """Return whether exactly one of the types is CHAR, which ignores trailing spaces.

        ALTER COLUMN TYPE parses the old text of an expression again, and that text has a cast.
        https://www.postgresql.org/docs/current/datatype-character.html
        """
        return bool(_BLANK_PADDED.match(before)) != bool(_BLANK_PADDED.match(after))

    def rename_enum_casts(self, sql: str, before: Name, after: Name) -> str:
        return rename_casts(sql, before, self.quote_name(after))

    def rename_enum_literals(self, sql: str, enum: Name | None, renamed: Mapping[str, str]) -> str:
        return rename_literals(sql, enum, renamed)

    def normalize_default(self, default: str, type_sql: str) -> str:
        return normal_default(default, type_sql)
