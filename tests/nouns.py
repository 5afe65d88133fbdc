"""Short constructors of schema objects for tests."""

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


def column(name: str, sql: str = "integer", **attributes: object) -> Column:
    """Return a column, nullable by default."""
    python = _PYTHON.get(sql, f'op.sql_type("{sql}")')
    return Column(name=name, type=ColumnType(sql=sql, python=python), **attributes)  # type: ignore[arg-type]


def foreign_key(name: str, local: str, target: str, *, implicit: bool = False) -> ForeignKey:
    """Return a foreign key from a column to a target such as "users.id"."""
    referred, _, referred_column = target.partition(".")
    return ForeignKey(
        name=name,
        columns=(local,),
        referred=Name(referred),
        referred_columns=(referred_column,),
        implicit=implicit,
    )


def index(name: str, *columns: str, unique: bool = False) -> Index:
    """Return an index over these columns."""
    elements = tuple(IndexElement(text=text) for text in columns)
    return Index(name=name, elements=elements, unique=unique)


def table(name: str, *parts: Column | Constraint | Index, key: str | None = "id") -> Table:
    """Return a table; `key` names its integer primary key column, None for no primary key."""
    key_columns: tuple[Column, ...] = (column(key, nullable=False),) if key else ()
    key_constraints: tuple[Constraint, ...] = (
        (PrimaryKey(name=f"{name}_pkey", columns=(key,)),) if key else ()
    )
    constraint_types = (PrimaryKey, ForeignKey, Unique, Check)
    return Table(
        name=Name(name),
        columns=(*key_columns, *(part for part in parts if isinstance(part, Column))),
        constraints=(
            *key_constraints,
            *(part for part in parts if isinstance(part, constraint_types)),
        ),
        indexes=tuple(part for part in parts if isinstance(part, Index)),
    )


def schema(*tables: Table) -> Schema:
    """Return a schema with these tables."""
    return Schema(tables={item.name: item for item in tables})
