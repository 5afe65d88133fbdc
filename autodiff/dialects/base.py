"""What every dialect offers: the one class that the rest of the code talks to."""

from __future__ import annotations

import copy
import fnmatch
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from autodiff.dialects.features import Features
from autodiff.dialects.timeouts import NO_LIMITS, Blocker, Limits
from autodiff.dialects.unmanaged import LeftAlone, Reader
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Schema,
    Table,
)
from autodiff.schema.sqltext import normalize, quote_literal, unquote_literal
from autodiff.utils.sharing import altered, mapped

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.script import ScriptWriter
    from autodiff.schema.operations import Operation

__all__ = ["Dialect", "Scope", "is_excluded", "without_unsaid"]


def is_excluded(name: Name, patterns: Iterable[str]) -> bool:
    """Whether a name matches one of the shell patterns (`spatial_*`, `audit.*`)."""
    return _any_of(tuple(patterns)).match(str(name)) is not None


@lru_cache(64)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What to reflect: the default schema and `namespaces`; tables in `exclude` are left out.

    `exclude` are shell patterns over table names (`spatial_*`, `audit.*`); `only` limits the
    tables to those names.
    """

    namespaces: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only: tuple[Name, ...] | None = None


class Dialect(ABC):
    """All that autodiff knows of one kind of database.

    `server` is the version as a person says it ("16", "10.11"), or None when there is no server.
    `default_schema` is the namespace that tables without a schema are in.
    """

    name: str
    features: Features
    usual_schema: str | None = None

    def __init__(
        self,
        sqlalchemy_dialect: SQLAlchemyDialect,
        *,
        server: str | None = None,
        default_schema: str | None = None,
    ) -> None:
        self.sqlalchemy = sqlalchemy_dialect
        self.server = server
        self.default_schema = default_schema or self.usual_schema
        self.scratch_url: URL | None = None
        preparer = copy.copy(sqlalchemy_dialect.identifier_preparer)
        preparer._double_percents = False  # statements go to the driver as they are
        preparer._strings = {}  # not what the other one has quoted
        self._quote = preparer.quote

    @property
    def kind(self) -> str:
        """The kind and version of the server, such as "postgresql 16"."""
        return f"{self.name} {self.server}" if self.server else self.name

    @property
    def word(self) -> str:
        """The kind of the server in one word, such as "mariadb"."""
        return self.kind.split()[0]

    def answers_to(self, name: str) -> bool:
        """Whether it is a database of that kind."""
        return name == self.name

    def quote(self, identifier: str) -> str:
        """An identifier, in quotes where the database needs them."""
        return self._quote(str(identifier))

    def quote_name(self, name: Name) -> str:
        """A table's or other object's name, with its schema where it has one."""
        quoted = self.quote(name.name)
        return f"{self.quote(name.schema)}.{quoted}" if name.schema else quoted

    def literal(self, value: str) -> str:
        """A text as an SQL string literal."""
        return quote_literal(value)

    def literal_bytes(self, value: bytes) -> str:
        """Bytes as an SQL literal."""
        return f"x'{value.hex()}'"

    def literal_value(self, sql: str) -> str | None:
        """The value of an SQL text that is one plain string literal, else None."""
        return unquote_literal(sql)

    @abstractmethod
    def canonical_type(self, sql: str) -> str:
        """A type in the spelling of the database's catalogue, as far as that is sure."""

    def tells_type(self, sql: str) -> bool:
        """Whether the catalogue tells a type in these very words, as `canonical_type` spells it."""
        return False

    @abstractmethod
    def type_python(self, sql: str) -> str:
        """How a script spells a type that the catalogue spells `sql`."""

    def normalize(self, table: Table) -> Table:
        """The table with its texts cheaply normalised and its parts sorted, for comparing."""
        return Table(
            name=table.name,
            columns=tuple(sorted(map(self.normal_column, table.columns), key=_by_name)),
            constraints=tuple(sorted(map(self._normal_constraint, table.constraints), key=_place)),
            indexes=tuple(sorted(map(self._normal_index, table.indexes), key=_by_any_name)),
            comment=table.comment or None,
            options=table.options,
        )

    def normal_text(self, sql: str) -> str:
        """An SQL expression, cheaply normalised."""
        return normalize(sql)

    def normal_default(self, default: str, type_sql: str) -> str:
        """A default of a column of that type, cheaply normalised."""
        return normalize(default)

    def normal_type(self, type_sql: str) -> str:
        """A type, where the catalogue itself has several spellings for one type."""
        return type_sql

    def normal_column(self, column: Column) -> Column:
        """A column with its texts cheaply normalised."""
        default, computed, sql = column.default, column.computed, column.type.sql
        if default is not None:
            default = self.normal_default(default, sql)
        if computed is not None:
            computed = replace(computed, sql=self.normal_text(computed.sql))
        normal = self.normal_type(sql)
        same_type = column.type if normal == sql else replace(column.type, sql=normal)
        comment = column.comment or None
        if (default, computed, comment) == (column.default, column.computed, column.comment):
            return altered(column, type=same_type)
        return replace(column, type=same_type, default=default, computed=computed, comment=comment)

    def _normal_constraint(self, constraint: Constraint) -> Constraint:
        if isinstance(constraint, PrimaryKey) and not self.features.named_primary_keys:
            constraint = altered(constraint, name=None)
        if isinstance(constraint, Check):
            return altered(constraint, sql=self.normal_text(constraint.sql))
        if isinstance(constraint, Exclusion):
            where = constraint.where
            return altered(constraint, where=where and self.normal_text(where))
        return constraint

    def _normal_index(self, index: Index) -> Index:
        where = index.where and self.normal_text(index.where)
        elements = mapped(index.elements, self._normal_element)
        return altered(index, elements=elements, where=where, concurrently=False)

    def _normal_element(self, element: IndexElement) -> IndexElement:
        if not element.is_expression:
            return element
        return altered(element, text=self.normal_text(element.text))

    def is_serial_default(self, default: str, column: Any) -> bool:
        """Whether a default takes from the sequence that the column would have as SERIAL.

        `column` is SQLAlchemy's. Models that were made from a database say SERIAL so.
        """
        return False

    def keeps_default(self, before: str, after: str) -> bool:
        """Whether a column's default stays as it is when its type (`before`) becomes `after`."""
        return True

    def keys_survive(self, before: str, after: str) -> bool:
        """Whether foreign keys may stay while a column's type (`before`) becomes `after`."""
        return False

    def as_created(self, table: Table) -> Table:
        """A table as declared, where this database can't create it word for word."""
        return table

    def without_implied(self, table: Table) -> Table:
        """The table without what the database makes by itself, so that no script need say it."""
        return table

    def is_unseen(self, constraint: Constraint) -> bool:
        """Whether SQLAlchemy does not reflect such a constraint, so that models may lack it."""
        return isinstance(constraint, Exclusion)

    def builds_concurrently(self, index: Index, table: Table) -> bool:
        """Whether a new index of a table that is there is built while others write."""
        return index.concurrently and self.features.concurrent_indexes

    def altered_by_options(
        self, options: Sequence[tuple[str, Option | None, Option | None]], table: Table
    ) -> tuple[str, ...]:
        """The columns of a table that change along with its options (name, before, after)."""
        return ()

    def goes_with_key(self, index: Index, key: ForeignKey) -> bool:
        """Whether the database makes the index with the foreign key, and drops it with that."""
        return False

    def align(self, current: Table, desired: Table) -> Table:
        """The current table, without what the models need not say (implied indexes, options)."""
        options = current.options
        if not options.keys() <= desired.options.keys():
            options = {key: value for key, value in options.items() if key in desired.options}
        indexes = mapped(
            current.indexes,
            lambda index: without_unsaid(index, desired.index(index.name or "")),
        )
        return altered(current, options=options, indexes=indexes)

    @abstractmethod
    def reflect(self, connection: Connection, scope: Scope) -> Schema:
        """What the database has, within the scope; in a fixed number of queries."""

    @abstractmethod
    def unread(self, connection: Connection, scope: Scope) -> list[LeftAlone]:
        """What is in the schemas of a scope and never reflected: triggers, partitions and so on."""

    def readers(self, connection: Connection) -> list[Reader] | None:
        """What each view of the database reads; None where the catalogue does not tell."""
        return None

    @abstractmethod
    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        """The SQL of an operation.

        `current` is the table as it stands, needed where `needs_table` says so.
        """

    def needs_table(self, operation: Operation) -> Name | None:
        """The table that `statements` must be given for this operation, if any."""
        return None

    def joins_rebuild(self, operation: Operation) -> bool:
        """Whether the operation can share one rebuild of its table with its neighbours."""
        return False

    def rebuild_needed(self, operation: Operation, current: Table) -> bool:
        """Whether the operation can't be done but by a rebuild of its table."""
        return False

    def rebuild(self, operations: Sequence[Operation], current: Table) -> list[str]:
        """One rebuild of a table for several operations."""
        raise NotImplementedError

    @contextmanager
    @abstractmethod
    def scratch(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """A connection to a scratch database on the same server; None where none can be had.

        It has the `namespaces` and the extensions of the live database.

        `connection` is None only where the scratch needs no server (`scratch_in_memory`).
        With `create` false no database is created: only what a rollback takes back.
        """
        yield None  # pragma: no cover

    @contextmanager
    def scratch_database(
        self, connection: Connection | None, *, namespaces: Sequence[str] = ()
    ) -> Iterator[Connection | None]:
        """A connection to a scratch to run a migration on, which names its schemas itself.

        None where none can be had: where a migration would reach another database, for one.
        """
        with self.scratch(connection, namespaces=namespaces, create=True) as opened:
            yield opened

    def with_scratch(self, url: URL | None) -> Self:
        """The same, with a database that may be emptied to try things on (`scratch_url`).

        Where a scratch needs no server, none is used.
        """
        other = copy.copy(self)
        other.scratch_url = None if self.features.scratch_in_memory else url
        return other

    def reaches_beyond(self, namespaces: Sequence[str]) -> bool:
        """Whether a migration that names these namespaces would reach other databases."""
        return False

    def identity(self, connection: Connection) -> str:
        """Which database of which server this is, by whatever URL it was reached."""
        raise NotImplementedError

    def claim(self, connection: Connection) -> bool:
        """Keeps other runs away from the database while the connection is open; False where one
        is there already."""
        raise NotImplementedError

    def furnish(self, live: Connection | None, scratch: Connection) -> None:  # noqa: B027
        """Gives a scratch what new tables of the live database find: extensions, a charset."""

    @abstractmethod
    def contents(self, connection: Connection) -> list[str]:
        """All that is in a database and not the server's own: "table users", sorted."""

    def clear(self, connection: Connection) -> None:
        """Drops all that `contents` tells."""
        raise NotImplementedError

    def scratch_dialect(self, connection: Connection) -> Dialect:
        """The dialect to talk to a scratch with."""
        return type(self)(
            connection.dialect,
            server=self.server,
            default_schema=connection.dialect.default_schema_name,
        )

    def scratch_name(self, name: Name) -> Name:
        """Where an object of that name stands on the scratch."""
        return name

    @contextmanager
    def held(self, connection: Connection, limits: Limits) -> Iterator[None]:
        """The session may have these limits for all of its transactions, which saves each of them
        from setting them; then it has its own again. Not for a session behind a pooler."""
        yield

    def prepare_connection(self, connection: Connection) -> None:  # noqa: B027
        """What the runner does to a connection before its first transaction."""

    @contextmanager
    def as_it_was(self, connection: Connection) -> Iterator[None]:
        """Puts back at the end what `prepare_connection` did: the connection is somebody else's.

        One that commits each statement by itself gets transactions meanwhile.
        """
        if not _commits_by_itself(connection.connection.dbapi_connection):
            yield
            return
        connection.execution_options(isolation_level=connection.default_isolation_level)
        try:
            yield
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()
                connection.execution_options(isolation_level="AUTOCOMMIT")

    def look_in(self, engine: Engine, schemas: Sequence[str]) -> None:
        """Lets each connection of an engine look for names in these schemas, in that order."""
        raise NotImplementedError

    @contextmanager
    @abstractmethod
    def reading(self, connection: Connection, seconds: float) -> Iterator[None]:
        """One transaction that can only read; a statement in it may take so many seconds."""
        yield  # pragma: no cover

    @contextmanager
    @abstractmethod
    def asking(self, connection: Connection, seconds: float) -> Iterator[None]:
        """As `reading`, within the transaction that is open: it stays so, and is what it was."""
        yield  # pragma: no cover

    @contextmanager
    def keys_aside(self, connection: Connection, tables: Sequence[Table]) -> Iterator[None]:
        """Rows may come in any order meanwhile: no foreign key of the tables is looked at."""
        yield

    def carried(self, column: Column) -> str:
        """SQL for a column's value in the form in which it goes to another database."""
        return self.quote(column.name)

    def received(self, column: Column, place: str) -> str:
        """SQL for a value that was `carried` from another database; `place` stands for it."""
        return place

    def advance_numbers(self, connection: Connection, table: Table) -> None:  # noqa: B027
        """Lets the numbers that the database gives to rows begin behind those that are there."""

    @contextmanager
    def transaction(self, connection: Connection, limits: Limits = NO_LIMITS) -> Iterator[None]:
        """One transaction around a migration, within limits; the session stays as it was."""
        with connection.begin():
            yield

    @contextmanager
    def autocommit(self, connection: Connection, limits: Limits | None = None) -> Iterator[None]:
        """Without a transaction: each statement commits by itself. None leaves the session's own
        limits, of which a transaction pooler would give the next client another's."""
        try:
            yield
        finally:
            connection.rollback()

    def cleanup(self, connection: Connection, operations: Sequence[Operation]) -> list[str]:
        """Statements that clear away what a failed attempt at the operations has left."""
        return []

    def fingerprint(self, connection: Connection, tables: Sequence[Name]) -> str:
        """What tells whether a statement was done: the tables (or all there is) in short."""
        scope = Scope(namespaces=tuple(sorted({n.schema for n in tables if n.schema})))
        if tables:
            scope = replace(scope, only=tuple(tables))
        found = self.reflect(connection, scope)
        normal = {name: self.normalize(found.tables[name]) for name in sorted(found.tables)}
        return hashlib.sha256(repr(replace(found, tables=normal)).encode()).hexdigest()[:32]

    def met_lock(self, error: BaseException) -> bool:
        """Whether a driver's error says that a lock could not be had: trying again can help."""
        return False

    def blockers(self, connection: Connection, tables: Sequence[Name]) -> list[Blocker]:
        """Who holds locks on the tables (on any, where none is named), the oldest first."""
        return []

    @abstractmethod
    def script(self) -> ScriptWriter:
        """What writes scripts for the database's own client."""

    # The lock: one runner at a time

    @abstractmethod
    def lock(self, connection: Connection, schema: str | None) -> Lock:
        """The lock of a database's migrations, not yet taken; `schema` is that of the history."""


def without_unsaid(index: Index, desired: Index | None) -> Index:
    """A current index without its comment, where the desired one has none: models can't say one."""
    if index.comment is None or desired is None or desired.comment is not None:
        return index
    return replace(index, comment=None)


_by_name = attrgetter("name")


def _by_any_name(index: Index) -> str:
    return index.name or ""


def _commits_by_itself(driver: Any) -> bool:
    """Whether a driver's connection has no transactions. SQLAlchemy's get_isolation_level tells
    what the server would do in one."""
    asked = getattr(driver, "get_autocommit", None)
    found = asked() if callable(asked) else getattr(driver, "autocommit", False)
    return found is True or found == 1


def _place(constraint: Constraint) -> tuple[str, str]:
    return (type(constraint).__name__, constraint.name or "")
