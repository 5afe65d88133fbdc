"""The objects of a database schema: frozen, comparable with `==`, convertible to and from JSON.

SQL texts (defaults, checks, generated columns, index expressions, predicates) are strings in the
spelling of the dialect. A name that is None was not given: the database chooses it, and any name is
equal to it. A constraint is `implicit` if nobody chose its name, which then follows the names of
its table and columns; that is never compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from autodiff.utils.frozen import quick_init

__all__ = [
    "INHERITS",
    "Check",
    "Column",
    "ColumnType",
    "Computed",
    "Constraint",
    "Domain",
    "EnumType",
    "Exclusion",
    "ForeignKey",
    "Identity",
    "Index",
    "IndexElement",
    "Name",
    "Option",
    "OwnedSequence",
    "PrimaryKey",
    "Renamed",
    "Schema",
    "Sequence",
    "Table",
    "Unique",
    "View",
    "in_order",
    "plain_element",
]

Option: TypeAlias = str | int | bool
"""The value of a dialect's option, such as `mysql_engine`."""

INHERITS = "postgresql_inherits"
"""The option with the names of a table's parents, as SQLAlchemy calls it."""


class Name(NamedTuple):
    """The name of a table, view, enum or sequence; schema None is the connection's default.

    It is a tuple because dictionaries of names are everywhere, and a tuple is hashed fastest.
    """

    name: str
    schema: str | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def __lt__(self, other: tuple[object, ...]) -> bool:
        return _place(self) < _place(other)

    def __gt__(self, other: tuple[object, ...]) -> bool:
        return _place(self) > _place(other)

    @property
    def folded(self) -> Name:
        """The name in lower case, equal for all spellings that differ only in case."""
        return Name(self.name.lower(), None if self.schema is None else self.schema.lower())


def _place(name: tuple[Any, ...]) -> tuple[str, str]:
    text, schema = name
    return schema or "", text


def in_order(names: Iterable[Name]) -> list[Name]:
    """Return the names sorted, those without a schema first; faster than `sorted`."""
    return sorted(names, key=_place)


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A type as the database spells it (compared) and as a script spells it (not compared).

    python: empty if a script spells the type by its SQL.
    enum: the native enum type that the column uses.
    """

    sql: str
    python: str = field(default="", compare=False)
    enum: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """GENERATED ... AS IDENTITY, with the options that differ from the database's defaults."""

    always: bool = False
    start: int | None = None
    increment: int | None = None
    minvalue: int | None = None
    maxvalue: int | None = None
    cache: int | None = None
    cycle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """GENERATED ALWAYS AS; `persisted` is True for STORED, False for VIRTUAL."""

    sql: str
    persisted: bool


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column; `autoincrement` is SERIAL on PostgreSQL and AUTO_INCREMENT on MySQL."""

    name: str
    type: ColumnType
    nullable: bool = True
    default: str | None = None
    computed: Computed | None = None
    identity: Identity | None = None
    autoincrement: bool = False
    comment: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)

    def named(self, name: str) -> Column:
        """Return the column with another name; faster than `replace`, for many columns."""
        return Column(
            name=name,
            type=self.type,
            nullable=self.nullable,
            default=self.default,
            computed=self.computed,
            identity=self.identity,
            autoincrement=self.autoincrement,
            comment=self.comment,
            options=self.options,
        )


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryKey:
    """A primary key; its columns are in the order of the key."""

    name: str | None = None
    columns: tuple[str, ...]
    deferrable: bool = False
    initially_deferred: bool = False
    comment: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    implicit: bool = field(default=False, compare=False)


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A foreign key; actions and match are None for the database's default."""

    name: str | None = None
    columns: tuple[str, ...]
    referred: Name
    referred_columns: tuple[str, ...]
    on_update: str | None = None
    on_delete: str | None = None
    match: str | None = None
    deferrable: bool = False
    initially_deferred: bool = False
    comment: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    implicit: bool = field(default=False, compare=False)


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """A unique constraint."""

    name: str | None = None
    columns: tuple[str, ...]
    deferrable: bool = False
    initially_deferred: bool = False
    nulls_not_distinct: bool = False
    comment: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    implicit: bool = field(default=False, compare=False)


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check constraint; `sql` is the condition without the word CHECK and its parentheses."""

    name: str | None = None
    sql: str
    comment: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    implicit: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """An exclusion constraint of PostgreSQL; `elements` are (expression, operator)."""

    name: str | None = None
    elements: tuple[tuple[str, str], ...]
    using: str = "gist"
    where: str | None = None
    deferrable: bool = False
    initially_deferred: bool = False
    comment: str | None = None
    implicit: bool = field(default=False, compare=False)


Constraint: TypeAlias = PrimaryKey | ForeignKey | Unique | Check | Exclusion


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class IndexElement:
    """A part of an index: the name of a column, or an expression if `is_expression` is true.

    nulls_first: None for the default of the sort order.
    collation_schema: None if the collation needs none, because it is found without.
    length: the prefix length on MySQL.
    """

    text: str
    is_expression: bool = False
    descending: bool = False
    nulls_first: bool | None = None
    opclass: str | None = None
    collation: str | None = None
    collation_schema: str | None = None
    length: int | None = None


@lru_cache(8192)
def plain_element(name: str) -> IndexElement:
    """Return a column as an index usually has it; one object for equal names if possible."""
    return IndexElement(text=name)


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index; `method` is None for the database's default, `where` makes it partial.

    concurrently: how the models want it built on an existing table; never compared.
    """

    name: str | None = None
    elements: tuple[IndexElement, ...]
    unique: bool = False
    method: str | None = None
    where: str | None = None
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    comment: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    concurrently: bool = field(default=False, compare=False, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it names, without expressions."""
        return tuple([element.text for element in self.elements if not element.is_expression])


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; columns are in their order, constraints and indexes sorted by name.

    triggers: the statements that created them; kept through a rebuild, never compared.
    partitions: the tables that contain its rows, at each level; never compared.
    repeated_names: the names that several of its constraints have in a database that allows it, and
        that identify none of them; never compared.
    """

    name: Name
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    comment: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    triggers: tuple[str, ...] = field(default=(), compare=False)
    partitions: tuple[Name, ...] = field(default=(), compare=False)
    repeated_names: frozenset[str] = field(default=frozenset(), compare=False)

    def with_constraints(self, constraints: tuple[Constraint, ...]) -> Table:
        """Return the table with other constraints; faster than `replace`, for many tables."""
        return Table(
            name=self.name,
            columns=self.columns,
            constraints=constraints,
            indexes=self.indexes,
            comment=self.comment,
            options=self.options,
            triggers=self.triggers,
            partitions=self.partitions,
            repeated_names=self.repeated_names,
        )

    @property
    def primary_key(self) -> PrimaryKey | None:
        """The primary key, None if there is none."""
        return next((c for c in self.constraints if isinstance(c, PrimaryKey)), None)

    @property
    def inherits(self) -> tuple[Name, ...]:
        """The tables that it inherits columns from (INHERITS of PostgreSQL)."""
        if INHERITS not in self.options:
            return ()
        found = str(self.options[INHERITS]).split(", ")
        parts = (text.rpartition(".") for text in found if text)
        return tuple(Name(name, schema or None) for schema, _, name in parts)

    @property
    def foreign_keys(self) -> Iterator[ForeignKey]:
        """The foreign keys."""
        return (c for c in self.constraints if isinstance(c, ForeignKey))

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def constraint(self, name: str) -> Constraint | None:
        """Return the constraint of that name, or None."""
        return next((c for c in self.constraints if c.name == name), None)

    def index(self, name: str) -> Index | None:
        """Return the index of that name, or None."""
        return next((index for index in self.indexes if index.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumType:
    """A native enum type; its values are in their order.

    elsewhere: whether tables that are not managed use it; never compared.
    """

    name: Name
    values: tuple[str, ...]
    comment: str | None = None
    elsewhere: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A sequence that no column owns; an option is None for the database's default."""

    name: Name
    type: str | None = None
    start: int | None = None
    increment: int | None = None
    minvalue: int | None = None
    maxvalue: int | None = None
    cache: int | None = None
    cycle: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain that the models use; autodiff does not create or change it.

    definition: what follows CREATE DOMAIN ... AS. column: a column that has it.
    """

    name: Name
    definition: str
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedSequence:
    """A sequence that a column owns, and the default that takes numbers from it, None if none does.

    https://www.postgresql.org/docs/current/sql-createsequence.html
    """

    sequence: Sequence
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view, or a materialized view if `materialized`; `sql` is its SELECT."""

    name: Name
    sql: str
    materialized: bool = False
    comment: str | None = None
    indexes: tuple[Index, ...] = ()
    reads: tuple[Name, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """The old names that models declare: that of a table, and (old, new) of columns."""

    table: Name
    before: Name
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The managed objects of a database, each kind by name.

    namespaces: the schemas (namespaces) besides the default one.
    renamed: the old names that models declare; never compared.
    domains: the domains that models use; never compared with the other objects.
    owned_sequences: the sequences that columns own, by table and column; never compared.
    """

    tables: Mapping[Name, Table] = field(default_factory=dict)
    enums: Mapping[Name, EnumType] = field(default_factory=dict)
    sequences: Mapping[Name, Sequence] = field(default_factory=dict)
    views: Mapping[Name, View] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()
    renamed: tuple[Renamed, ...] = field(default=(), compare=False)
    domains: tuple[Domain, ...] = field(default=(), compare=False)
    owned_sequences: Mapping[tuple[Name, str], OwnedSequence] = field(
        default_factory=dict, compare=False, repr=False
    )

    def without_columns(self, columns: Collection[tuple[Name, str]]) -> Schema:
        """Return the schema without these columns; an unchanged table is the same object."""
        tables = dict(self.tables)
        for name in {table for table, _ in columns if table in tables}:
            kept = tuple(c for c in tables[name].columns if (name, c.name) not in columns)
            tables[name] = replace(tables[name], columns=kept)
        return replace(self, tables=tables)

    def __bool__(self) -> bool:
        return bool(self.tables or self.enums or self.sequences or self.views)
