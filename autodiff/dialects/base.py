"""The dialect of one kind of database: its identity, features, types, quoting and normalization.

Everything else that depends on the kind of database is in a part of the dialect:

- `catalog` reads what the database has
- `ddl` writes the SQL of operations
- `session` has transactions, locks and time limits
- `scratch` opens scratch databases
- `row_copy` copies rows into a scratch database
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from autodiff.dialects.features import Features
from autodiff.dialects.narrowing import NO_ENUMS, EnumSides
from autodiff.dialects.neutral_values import neutral_value
from autodiff.dialects.reserved_words import quoting_dialect
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Constraint,
    Domain,
    EnumType,
    Exclusion,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Table,
)
from autodiff.schema.sqltext import normalize, quote_literal, unquote_literal
from autodiff.utils.sharing import map_shared, replace_changed

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

    from autodiff.dialects.catalog import Catalog
    from autodiff.dialects.ddl import DDL
    from autodiff.dialects.meter import Meter
    from autodiff.dialects.row_copy import RowCopy
    from autodiff.dialects.scratch import Scratch
    from autodiff.dialects.session import Session

__all__ = ["Dialect"]


class Dialect(ABC):
    """One kind of database, in one version.

    `version` is the server's version ("16", "10.11"), or None if no server was asked.
    `default_schema` is the schema of tables that name none. `scratch_url` names a database that
    `scratch` may empty and use.

    Each dialect builds its parts on first use, as attributes: many commands need only some.
    """

    name: str
    features: Features
    standard_schema: str | None = None
    """The default schema of a new database."""

    def __init__(
        self,
        sqlalchemy_dialect: SQLAlchemyDialect,
        *,
        version: str | None = None,
        default_schema: str | None = None,
        scratch_url: URL | None = None,
    ) -> None:
        self.sqlalchemy = quoting_dialect(sqlalchemy_dialect, self.features.reserved_words)
        self.version = version
        self.default_schema = default_schema or self.standard_schema
        self.scratch_url = scratch_url
        preparer = copy.copy(self.sqlalchemy.identifier_preparer)
        preparer._double_percents = False  # statements go to the driver without parameters
        preparer._strings = {}  # the cache of the other preparer, which doubles percent signs
        self._quote = preparer.quote
        self._quote_always = preparer.quote_identifier

    @classmethod  # noqa: B027
    def prepare_engine(cls, engine: Engine, tables: Sequence[str], schema: str | None) -> None:
        """Let an engine ask one query when it connects, instead of those that SQLAlchemy sends.

        The query also looks for the tables in which a project records migrations, as
        `records.known_records` returns them. `schema` is their schema, None for the default one.
        """

    def __deepcopy__(self, memo: object) -> Self:
        """Return the dialect itself: its parts refer to it, and the driver cannot be copied."""
        return self

    # Parts

    @cached_property
    @abstractmethod
    def catalog(self) -> Catalog:
        """Reads the objects of the database."""

    @cached_property
    @abstractmethod
    def ddl(self) -> DDL:
        """Writes the SQL of operations."""

    @cached_property
    @abstractmethod
    def session(self) -> Session:
        """Transactions, locks and time limits of a connection."""

    @cached_property
    @abstractmethod
    def scratch(self) -> Scratch:
        """Opens scratch databases on the same server."""

    @cached_property
    def row_copy(self) -> RowCopy:
        """Copies rows into a scratch database."""
        from autodiff.dialects.row_copy import RowCopy

        return RowCopy(self)

    @contextmanager
    def open_meter(self, connection: Connection) -> Iterator[Meter | None]:
        """Open a meter for statements on a scratch database; None if nothing can be measured."""
        yield None

    # Identity

    @property
    def backend(self) -> str:
        """The kind of the server in one word, such as "mariadb"."""
        return self.name

    def __str__(self) -> str:
        """Return the kind and version of the server, such as "postgresql 16"."""
        return f"{self.backend} {self.version}" if self.version else self.backend

    def matches(self, name: str) -> bool:
        """Return whether `name` names this kind of database."""
        return name == self.name

    # Quoting

    @cached_property
    def reserved_words(self) -> frozenset[str]:
        """The words, in lower case, that must be quoted as names."""
        quoted = self.sqlalchemy.identifier_preparer.reserved_words
        return frozenset(quoted) - self.features.free_words

    def quote(self, identifier: str) -> str:
        """Return an identifier, in quotes if the database needs them."""
        text = str(identifier)
        # SQLAlchemy takes a newline at the end for the end of the name, and would not quote it
        return self._quote_always(text) if text.endswith("\n") else self._quote(text)

    def quote_name(self, name: Name) -> str:
        """Return the quoted name of a table or other object, with its schema if it has one."""
        quoted = self.quote(name.name)
        return f"{self.quote(name.schema)}.{quoted}" if name.schema else quoted

    def unquoted_name(self, text: str) -> str:
        """Return the name that the database takes a name without quotes for."""
        return text

    def literal(self, value: str) -> str:
        """Return a string as an SQL literal."""
        return quote_literal(value)

    def literal_bytes(self, value: bytes) -> str:
        """Return bytes as an SQL literal."""
        return f"x'{value.hex()}'"

    def literal_value(self, sql: str) -> str | None:
        """Return the value of an SQL expression that is one string literal, else None."""
        return unquote_literal(sql)

    # Types

    @abstractmethod
    def canonical_type(self, sql: str) -> str:
        """Return a type in the spelling of the database's catalog, as far as that is known."""

    def is_canonical_type(self, sql: str) -> bool:
        """Return whether the catalog spells a type exactly as `canonical_type` returned it.

        False if that is unknown: then only a scratch database shows the catalog's spelling.
        """
        return False

    def largest_integer(self, sql: str) -> int | None:
        """Return the largest value of a type, where sequences end by default; None if unknown."""
        return None

    @abstractmethod
    def type_python(self, sql: str) -> str:
        """Return the Python expression for a type that the catalog spells `sql`."""

    def enum_python(self, sql: str, enum: EnumType) -> str:
        """Return the Python expression for a type that the catalog spells `sql` and uses an enum.

        That is the enum type itself, or an array of it.
        """
        return self.type_python(sql)

    def is_serial_default(self, default: str, column: Any) -> bool:
        """Return whether a default takes from the sequence that the column would have as SERIAL.

        `column` is SQLAlchemy's. Models that were generated from a database spell SERIAL this way.
        """
        return False

    def is_next_value(self, default: str) -> bool:
        """Return whether a default is the next value of a sequence."""
        return False

    def require_type(self, type_: Any) -> None:  # noqa: B027
        """Raise ModelsError for a type of SQLAlchemy that models cannot use on this database."""

    def domains_of(self, table: Any) -> list[Domain]:
        """Return the domains that the columns of SQLAlchemy's table have as types."""
        return []

    def adapt_table(self, table: Table) -> Table:
        """Return a declared table with what this database would store instead of it."""
        return table

    def neutral_value(self, type_: ColumnType, enum: EnumType | None) -> str | None:
        """Return SQL for a value of the type without a meaning, such as '' or 0.

        `enum` is the type itself if it is an enum. None if there is no such value.
        """
        return neutral_value(type_.sql)

    def unconvertible(
        self, column: str, before: str, after: str, enums: EnumSides = NO_ENUMS
    ) -> str | None:
        """Return a condition for values of a column that cannot be converted to another type.

        column: the quoted name of the column.
        before, after: types as the catalog spells them.
        enums: which of them are enum types.
        None if the conversion always succeeds, or no condition can find the values that fail.
        """
        return None

    def changed_texts(self, column: str, before: str, after: str) -> str | None:
        """Return a condition for texts that are not restored if the conversion is reverted.

        For example '007', which becomes 7. The arguments are those of `unconvertible`. None if the
        types are not a text and a number.
        """
        return None

    def equating_collation(self, before: str, after: str) -> str | None:
        """Return the collation of a new type if different texts can be equal in it, else None.

        The arguments are the SQL of the types. None also if texts of the present type cannot be
        compared in that collation.
        """
        return None

    # Normalization

    def normalize(self, table: Table) -> Table:
        """Return the table with normalized expressions and sorted parts, for comparing."""
        return Table(
            name=table.name,
            columns=tuple(sorted(map(self.normalize_column, table.columns), key=_by_name)),
            constraints=tuple(
                sorted(map(self._normalize_constraint, table.constraints), key=_kind_and_name)
            ),
            indexes=tuple(sorted(map(self._normalize_index, table.indexes), key=_by_optional_name)),
            comment=table.comment or None,
            options=table.options,
        )

    def normalize_expression(self, sql: str) -> str:
        """Return an SQL expression in a normal form that needs no database to compute."""
        return normalize(sql)

    def normalize_default(self, default: str, type_sql: str) -> str:
        """Return the default of a column of that type in a normal form."""
        return normalize(default)

    def normalize_type(self, type_sql: str) -> str:
        """Return one spelling for types that the catalog itself spells in several ways."""
        return type_sql

    def normalize_column(self, column: Column) -> Column:
        """Return a column with normalized expressions."""
        default, computed, sql = column.default, column.computed, column.type.sql
        if default is not None:
            default = self.normalize_default(default, sql)
        if computed is not None:
            computed = replace(computed, sql=self.normalize_expression(computed.sql))
        normal = self.normalize_type(sql)
        same_type = column.type if normal == sql else replace(column.type, sql=normal)
        comment = column.comment or None
        if (default, computed, comment) == (column.default, column.computed, column.comment):
            return replace_changed(column, type=same_type)
        return replace(column, type=same_type, default=default, computed=computed, comment=comment)

    def casts_old_type(self, before: str, after: str) -> bool:
        """Return whether expressions over a column keep its old type if the type is altered."""
        return False

    # Enum types in expressions

    def rename_enum_casts(self, sql: str, before: Name, after: Name) -> str:
        """Return an SQL expression with casts to the enum type `before` as casts to `after`."""
        return sql

    def rename_enum_literals(self, sql: str, enum: Name | None, renamed: Mapping[str, str]) -> str:
        """Return an SQL expression with renamed values in its literals of the enum type.

        In all of its literals if `enum` is None.
        """
        return sql

    def _normalize_constraint(self, constraint: Constraint) -> Constraint:
        if isinstance(constraint, PrimaryKey) and not self.features.named_primary_keys:
            constraint = replace_changed(constraint, name=None)
        if isinstance(constraint, Check):
            return replace_changed(constraint, sql=self.normalize_expression(constraint.sql))
        if isinstance(constraint, Exclusion):
            where = constraint.where
            return replace_changed(constraint, where=where and self.normalize_expression(where))
        return constraint

    def _normalize_index(self, index: Index) -> Index:
        where = index.where and self.normalize_expression(index.where)
        elements = map_shared(index.elements, self._normalize_element)
        return replace_changed(index, elements=elements, where=where, concurrently=False)

    def _normalize_element(self, element: IndexElement) -> IndexElement:
        if not element.is_expression:
            return element
        return replace_changed(element, text=self.normalize_expression(element.text))


_by_name = attrgetter("name")


def _by_optional_name(index: Index) -> str:
    return index.name or ""


def _kind_and_name(constraint: Constraint) -> tuple[str, str]:
    return (type(constraint).__name__, constraint.name or "")
