"""Short ways to make nouns, for tests that need some."""

from __future__ import annotations

from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Constraint,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)

__all__ = ["column", "foreign_key", "index", "schema", "table"]

_PYTHON = {"integer": "sa.Integer()", "text": "sa.Text()"}


def column(name: str, sql: str = "integer", **facts: object) -> Column:
    """A column, nullable unless said otherwise."""
    python = _PYTHON.get(sql, f'op.sql_type("{sql}")')
    return Column(name=name, type=ColumnType(sql=sql, python=python), **facts)  # type: ignore[arg-type]


def foreign_key(name: str, local: str, target: str, *, implicit: bool = False) -> ForeignKey:
    """A key from one column to another, told as "users.id"."""
    referred, _, far = target.partition(".")
    return ForeignKey(
        name=name,
        columns=(local,),
        referred=Name(referred),
        referred_columns=(far,),
        implicit=implicit,
    )


def index(name: str, *columns: str, unique: bool = False) -> Index:
    """An index over columns."""
    elements = tuple(IndexElement(text=text) for text in columns)
    return Index(name=name, elements=elements, unique=unique)


def table(name: str, *parts: Column | Constraint | Index, key: str | None = "id") -> Table:
    """A table of columns, constraints and indexes; `key` is an integer primary key column."""
    own: tuple[Column, ...] = (column(key, nullable=False),) if key else ()
    keys: tuple[Constraint, ...] = (PrimaryKey(name=f"{name}_pkey", columns=(key,)),) if key else ()
    constraints = (PrimaryKey, ForeignKey, Unique, Check)
    return Table(
        name=Name(name),
        columns=(*own, *(part for part in parts if isinstance(part, Column))),
        constraints=(*keys, *(part for part in parts if isinstance(part, constraints))),
        indexes=tuple(part for part in parts if isinstance(part, Index)),
    )


def schema(*tables: Table) -> Schema:
    """A schema of tables."""
    return Schema(tables={item.name: item for item in tables})
