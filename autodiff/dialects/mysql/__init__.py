"""The dialect for MySQL and MariaDB.

`catalog` reads schemas, `ddl` writes SQL statements, `session` controls locks and transactions, and
`scratch` opens temporary databases. They are imported when they are first used.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect
from autodiff.dialects.mysql import conversions, expressions, types
from autodiff.dialects.mysql.declared_options import register_options
from autodiff.dialects.mysql.features import FEATURES, MARIADB_FEATURES, OLD_FEATURES
from autodiff.dialects.mysql.session.sql_mode import refuse_oracle
from autodiff.dialects.narrowing import NO_ENUMS, EnumSides
from autodiff.schema.objects import ColumnType, EnumType, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

    from autodiff.dialects.mysql.catalog.catalog import MySQLCatalog
    from autodiff.dialects.mysql.ddl.statements import MySQLDDL
    from autodiff.dialects.mysql.meter import MySQLMeter
    from autodiff.dialects.mysql.row_copy import MySQLRowCopy
    from autodiff.dialects.mysql.scratch import MySQLScratch
    from autodiff.dialects.mysql.session.session import MySQLSession

__all__ = ["MySQL"]

_ENUM = re.compile(r"enum\(('(?:[^']|'')*')")
"""An ENUM type, up to its first value."""


_STRICT_KEYS = (8, 4)
"""The first version in which a foreign key must refer to a unique key by default."""


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


class MySQL(Dialect):
    """MySQL 8 and later, and MariaDB 10.6 and later; `is_mariadb` distinguishes them."""

    name = "mysql"
    features = FEATURES

    def __init__(
        self,
        sqlalchemy_dialect: SQLAlchemyDialect,
        *,
        version: str | None = None,
        default_schema: str | None = None,
        scratch_url: URL | None = None,
    ) -> None:
        register_options()
        refuse_oracle(getattr(sqlalchemy_dialect, "_sql_mode", ""))
        self.is_mariadb = bool(getattr(sqlalchemy_dialect, "is_mariadb", False))
        if self.is_mariadb:
            self.features = MARIADB_FEATURES
        elif version is not None and _parts(version) < _STRICT_KEYS:
            self.features = OLD_FEATURES
        super().__init__(
            sqlalchemy_dialect,
            version=version,
            default_schema=default_schema,
            scratch_url=scratch_url,
        )

    @classmethod
    def prepare_engine(cls, engine: Engine, tables: Sequence[str], schema: str | None) -> None:
        from autodiff.dialects.mysql.session.first_query import prepare_engine

        prepare_engine(engine, tables, schema)

    @cached_property
    def catalog(self) -> MySQLCatalog:
        from autodiff.dialects.mysql.catalog.catalog import MySQLCatalog

        return MySQLCatalog(self)

    @cached_property
    def ddl(self) -> MySQLDDL:
        from autodiff.dialects.mysql.ddl.statements import MySQLDDL

        return MySQLDDL(self)

    @cached_property
    def session(self) -> MySQLSession:
        from autodiff.dialects.mysql.session.session import MySQLSession

        return MySQLSession(self)

    @cached_property
    def scratch(self) -> MySQLScratch:
        from autodiff.dialects.mysql.scratch import MySQLScratch

        return MySQLScratch(self)

    @cached_property
    def row_copy(self) -> MySQLRowCopy:
        from autodiff.dialects.mysql.row_copy import MySQLRowCopy

        return MySQLRowCopy(self)

    @contextmanager
    def open_meter(self, connection: Connection) -> Iterator[MySQLMeter | None]:
        from autodiff.dialects.mysql.meter import MySQLMeter

        yield MySQLMeter(connection, is_mariadb=self.is_mariadb)

    @property
    def backend(self) -> str:
        return "mariadb" if self.is_mariadb else self.name

    def matches(self, name: str) -> bool:
        """Return whether `name` names this database: "mysql" includes MariaDB."""
        return name in (self.name, self.backend)

    def literal(self, value: str) -> str:
        return expressions.quote_string(value)

    def literal_value(self, sql: str) -> str | None:
        return expressions.string_value(sql.strip()) if expressions.is_string(sql) else None

    def canonical_type(self, sql: str) -> str:
        return types.canonical_type(sql)

    def is_canonical_type(self, sql: str) -> bool:
        return types.is_canonical_type(sql)

    def type_python(self, sql: str) -> str:
        return types.type_python(sql)

    def neutral_value(self, type_: ColumnType, enum: EnumType | None) -> str | None:
        """Return the neutral value of a type. For an ENUM this is its first value."""
        if enum_type := _ENUM.match(type_.sql):
            return enum_type[1]
        return super().neutral_value(type_, enum)

    def adapt_table(self, table: Table) -> Table:
        """Return the table with the option `mysql_comment` as its comment, as SQLAlchemy does."""
        if "mysql_comment" not in table.options:
            return table
        options = {key: value for key, value in table.options.items() if key != "mysql_comment"}
        comment = table.comment or str(table.options["mysql_comment"])
        return replace(table, options=options, comment=comment)

    def unconvertible(
        self, column: str, before: str, after: str, enums: EnumSides = NO_ENUMS
    ) -> str | None:
        return conversions.unconvertible(column, before, after, is_mariadb=self.is_mariadb)

    def changed_texts(self, column: str, before: str, after: str) -> str | None:
        return conversions.changed_texts(column, before, after)

    def equating_collation(self, before: str, after: str) -> str | None:
        return types.equating_collation(before, after)

    def normalize_expression(self, sql: str) -> str:
        return expressions.normal_text(sql)

    def normalize_default(self, default: str, type_sql: str) -> str:
        return expressions.normal_default(default, type_sql)
