"""Convert tables and their parts to SQLAlchemy's, so that its DDL compiler writes them."""

from __future__ import annotations

from typing import Any, assert_never

import sqlalchemy as sa

from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Table,
    Unique,
)
from autodiff.schema.sqltype import SQLType

__all__ = ["index_construct", "table_construct", "table_with"]


class _Number(sa.Integer):
    """An integer with exactly this SQL, by which the database can number rows."""

    __visit_name__ = "user_defined"

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def get_col_spec(self, **kw: Any) -> str:
        """Return the SQL."""
        return self.sql


def table_construct(table: Table) -> sa.Table:
    """Return SQLAlchemy's table with the columns and constraints, without indexes."""
    return table_with(table.name, table.columns, table.constraints, table.comment)


def table_with(
    name: Name,
    columns: tuple[Column, ...] = (),
    constraints: tuple[Constraint, ...] = (),
    comment: str | None = None,
) -> sa.Table:
    """Return SQLAlchemy's table with these columns and constraints.

    It has a column without a type for each name of a constraint that `columns` lacks.
    """
    metadata = sa.MetaData()
    known = {column.name for column in columns}
    used = [n for c in constraints for n in getattr(c, "columns", ()) if n not in known]
    found = sa.Table(
        name.name,
        metadata,
        *map(_column, columns),
        *(sa.Column(text, SQLType("")) for text in dict.fromkeys(used)),
        schema=name.schema,
        comment=comment,
    )
    for constraint in constraints:
        found.append_constraint(_constraint(constraint, found))
    return found


def index_construct(table: Name, index: Index, dialect: str) -> sa.Index:
    """Return SQLAlchemy's index on a table with only its columns."""
    owner = sa.Table(
        table.name,
        sa.MetaData(),
        *(sa.Column(name, SQLType("")) for name in dict.fromkeys(index.columns)),
        schema=table.schema,
    )
    options: dict[str, Any] = {}
    if index.where is not None:
        options[f"{dialect}_where"] = sa.literal_column(index.where)
    elements = [_element(element, owner) for element in index.elements]
    return sa.Index(index.name, *elements, unique=index.unique, _table=owner, **options)


def _element(element: IndexElement, table: sa.Table) -> Any:
    found: Any = (
        sa.literal_column(f"({element.text})")
        if element.is_expression
        else table.columns[element.text]
    )
    if element.collation is not None:
        found = sa.collate(found, element.collation)
    return found.desc() if element.descending else found


def _column(column: Column) -> sa.Column[Any]:
    parts: list[Any] = []
    if column.computed is not None:
        computed = column.computed
        parts.append(
            sa.Computed(sa.literal_column(computed.sql), persisted=computed.persisted or None)
        )
    if column.identity is not None:
        parts.append(_identity(column.identity))
    counts = column.autoincrement and column.identity is None
    default: Any = None if column.default is None else sa.literal_column(column.default)
    return sa.Column(
        column.name,
        _Number(column.type.sql) if counts else SQLType(column.type.sql),
        *parts,
        nullable=column.nullable,
        autoincrement=counts or (column.identity is not None and "auto"),
        server_default=default,
        comment=column.comment,
    )


def _identity(identity: Identity) -> sa.Identity:
    return sa.Identity(
        always=identity.always,
        start=identity.start,
        increment=identity.increment,
        minvalue=identity.minvalue,
        maxvalue=identity.maxvalue,
        cache=identity.cache,
        cycle=identity.cycle or None,
    )


def _constraint(constraint: Constraint, table: sa.Table) -> sa.Constraint:
    name = constraint.name
    match constraint:
        case PrimaryKey(columns=columns):
            return sa.PrimaryKeyConstraint(*columns, name=name, **_timing(constraint))
        case Unique(columns=columns):
            return sa.UniqueConstraint(*columns, name=name, **_timing(constraint))
        case Check(sql=sql):
            return sa.CheckConstraint(sa.literal_column(sql), name=name)
        case ForeignKey():
            return _foreign_key(constraint, table)
        case Exclusion():
            raise NotImplementedError
        case _:
            assert_never(constraint)


def _foreign_key(key: ForeignKey, table: sa.Table) -> sa.ForeignKeyConstraint:
    referred = _referred_table(key, table)
    return sa.ForeignKeyConstraint(
        key.columns,
        [referred.columns[name] for name in key.referred_columns],
        name=key.name,
        onupdate=key.on_update,
        ondelete=key.on_delete,
        match=key.match,
        **_timing(key),
    )


def _referred_table(key: ForeignKey, table: sa.Table) -> sa.Table:
    """Return the table that a foreign key refers to, with the columns that it names."""
    if (key.referred.name, key.referred.schema) == (table.name, table.schema):
        return table
    found = sa.Table(
        key.referred.name, table.metadata, schema=key.referred.schema, extend_existing=True
    )
    for name in key.referred_columns:
        if name not in found.columns:
            found.append_column(sa.Column(name, SQLType("")))
    return found


def _timing(constraint: PrimaryKey | ForeignKey | Unique) -> dict[str, Any]:
    if not constraint.deferrable:
        return {}
    initially = "DEFERRED" if constraint.initially_deferred else "IMMEDIATE"
    return {"deferrable": True, "initially": initially}
