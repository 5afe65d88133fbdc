"""Schemas as data that is drawn, altered, adjusted to a database and converted to Python.

Each object has a `key`, a number that alterations do not change. References use keys, so a rename
only changes a name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "CheckSpec",
    "ColumnSpec",
    "EnumSpec",
    "ForeignKeySpec",
    "IndexSpec",
    "KeySpec",
    "Pair",
    "SchemaSpec",
    "SequenceSpec",
    "TableSpec",
    "ViewSpec",
]


@dataclass(frozen=True, kw_only=True)
class ColumnSpec:
    """A column.

    type: a label in `kinds.TYPES`, or "enum" for the enum with the key `enum`.
    default: an index into the defaults of the type.
    auto: "", "serial", or the arguments of an Identity as Python code.
    computed: the key of the column that the value is computed from.
    persisted: as in sa.Computed.
    """

    key: int
    name: str
    type: str = "integer"
    enum: int | None = None
    nullable: bool = True
    default: int | None = None
    comment: str | None = None
    auto: str = ""
    computed: int | None = None
    persisted: bool = True


@dataclass(frozen=True, kw_only=True)
class KeySpec:
    """A primary key or a unique constraint."""

    columns: tuple[int, ...]
    name: str | None = None
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckSpec:
    """A check; `form` selects an expression in `kinds.CHECKS` for the column's family."""

    column: int
    form: int = 0
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class ForeignKeySpec:
    """A foreign key to the columns `referred` of the table with the key `table`."""

    columns: tuple[int, ...]
    table: int
    referred: tuple[int, ...]
    name: str | None = None
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, kw_only=True)
class IndexSpec:
    """An index.

    form: "" for plain columns, "desc", "expression" or "prefix".
    where: the key of the column that a partial index requires to be not null.
    """

    columns: tuple[int, ...]
    name: str | None = None
    unique: bool = False
    form: str = ""
    where: int | None = None
    include: tuple[int, ...] = ()
    method: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A table; its foreign keys may reference any table of the schema."""

    key: int
    name: str
    schema: str | None = None
    columns: tuple[ColumnSpec, ...] = ()
    primary: KeySpec | None = None
    uniques: tuple[KeySpec, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    foreign_keys: tuple[ForeignKeySpec, ...] = ()
    indexes: tuple[IndexSpec, ...] = ()
    comment: str | None = None
    options: tuple[tuple[str, object], ...] = ()

    def column(self, key: int) -> ColumnSpec | None:
        """Return the column with a key."""
        return next((column for column in self.columns if column.key == key), None)


@dataclass(frozen=True, kw_only=True)
class EnumSpec:
    """An enum type that columns can share."""

    key: int
    name: str
    values: tuple[str, ...]
    schema: str | None = None


@dataclass(frozen=True, kw_only=True)
class SequenceSpec:
    """A sequence; `options` are arguments of sa.Sequence."""

    key: int
    name: str
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """A view of columns of one table; `where` is the key of a column that must not be null."""

    key: int
    name: str
    table: int
    columns: tuple[int, ...]
    where: int | None = None


@dataclass(frozen=True, kw_only=True)
class SchemaSpec:
    """A schema."""

    tables: tuple[TableSpec, ...] = ()
    enums: tuple[EnumSpec, ...] = ()
    sequences: tuple[SequenceSpec, ...] = ()
    views: tuple[ViewSpec, ...] = ()
    convention: tuple[tuple[str, str], ...] = field(default=())

    def table(self, key: int) -> TableSpec | None:
        """Return the table with a key."""
        return next((table for table in self.tables if table.key == key), None)

    def enum(self, key: int | None) -> EnumSpec | None:
        """Return the enum with a key."""
        return next((enum for enum in self.enums if enum.key == key), None)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The schemas of the database and of the models.

    rows: the maximum number of rows per table.
    renamed: whether the example has renames, which are passed as options.
    """

    before: SchemaSpec
    after: SchemaSpec
    rows: int
    filled: bool
    renamed: bool
