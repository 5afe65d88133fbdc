"""What models say, as data that is drawn, altered, made to fit a database, and written as Python.

Things are known by `key` (a number that stays the same over alterations), so that a rename is a new
name and nothing else: whatever points at a column or a table follows.
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
    """`type` is a label of `kinds.TYPES`, or "enum" with `enum`; `default` a place in its defaults.

    auto: "" or "serial", or the options of an Identity as Python writes them.
    computed: the key of the column that it is computed from; `persisted` as SQLAlchemy's.
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
    """A check; `form` is one of the texts of `kinds.CHECKS` for the column's family."""

    column: int
    form: int = 0
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class ForeignKeySpec:
    """Columns of this table point at `referred`, of the table with the key `table`."""

    columns: tuple[int, ...]
    table: int
    referred: tuple[int, ...]
    name: str | None = None
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, kw_only=True)
class IndexSpec:
    """`form`: "" for plain columns, "desc", "expression", or "prefix"; `where` over a column."""

    columns: tuple[int, ...]
    name: str | None = None
    unique: bool = False
    form: str = ""
    where: int | None = None
    include: tuple[int, ...] = ()
    method: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A table. Its foreign keys may point at any table of the schema."""

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
        """The column with that key."""
        return next((column for column in self.columns if column.key == key), None)


@dataclass(frozen=True, kw_only=True)
class EnumSpec:
    """An enum that columns share."""

    key: int
    name: str
    values: tuple[str, ...]
    schema: str | None = None


@dataclass(frozen=True, kw_only=True)
class SequenceSpec:
    """A sequence; `options` are those of sa.Sequence."""

    key: int
    name: str
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """A view of some columns of one table, where `where` is not null."""

    key: int
    name: str
    table: int
    columns: tuple[int, ...]
    where: int | None = None


@dataclass(frozen=True, kw_only=True)
class SchemaSpec:
    """All of it."""

    tables: tuple[TableSpec, ...] = ()
    enums: tuple[EnumSpec, ...] = ()
    sequences: tuple[SequenceSpec, ...] = ()
    views: tuple[ViewSpec, ...] = ()
    convention: tuple[tuple[str, str], ...] = field(default=())

    def table(self, key: int) -> TableSpec | None:
        """The table with that key."""
        return next((table for table in self.tables if table.key == key), None)

    def enum(self, key: int | None) -> EnumSpec | None:
        """The enum with that key."""
        return next((enum for enum in self.enums if enum.key == key), None)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What the database has, what the models want; whether it was told what was renamed."""

    before: SchemaSpec
    after: SchemaSpec
    rows: int
    filled: bool
    renamed: bool
