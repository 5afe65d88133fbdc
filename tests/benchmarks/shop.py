"""Models of any number of tables, each with twelve columns, a foreign key and two indexes."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

__all__ = ["models"]

_WORDS = "order item price stock carrier invoice address account ticket vendor".split()


def models(
    tables: int,
    *,
    changed: int = 0,
    worded: bool = False,
    apart: bool = False,
    schemas: Sequence[str] = (),
) -> sa.MetaData:
    """Return models with a number of tables in each schema, by default in the default schema.

    In `changed` tables, evenly spaced, one column has another length, one is removed and one is
    added. With `worded`, one column also has another default, which the database rewrites. With
    `apart`, no two tables have a column of the same name.
    """
    metadata = sa.MetaData()
    for schema in schemas or [None]:
        for number in range(tables):
            columns = _columns(_WORDS[number % len(_WORDS)], number)
            if changed and number % max(tables // changed, 1) == 0:
                columns = _altered(columns, worded=worded)
            for column in columns[1:] if apart else ():
                column.name = column.key = f"{column.name}_{number}"
            _table(metadata, schema, number, columns)
    return metadata


def _altered(columns: list[sa.Column[object]], *, worded: bool) -> list[sa.Column[object]]:
    key, name, code, state, *others, _ = columns
    if worded:
        state = sa.Column(state.name, state.type, nullable=False, server_default="1")
    longer_name = sa.Column(name.name, sa.String(99), nullable=False)
    return [key, longer_name, code, state, *others, sa.Column("remark", sa.String(80))]


def _table(
    metadata: sa.MetaData, schema: str | None, number: int, columns: list[sa.Column[object]]
) -> None:
    name = _name(number)
    _, label, code, state, *_ = (column.name for column in columns)
    sa.Table(
        name,
        metadata,
        *columns,
        sa.Column("parent_id", _parent(schema, number), nullable=True),
        sa.Index(f"ix_{name}_name", label),
        sa.Index(f"ix_{name}_state", state, code, unique=True),
        schema=schema,
    )


def _name(number: int) -> str:
    return f"{_WORDS[number % len(_WORDS)]}_{number:05d}"


def _parent(schema: str | None, number: int) -> sa.ForeignKey:
    name = f"{_name(number // 2)}.id"
    return sa.ForeignKey(f"{schema}.{name}" if schema else name, ondelete="CASCADE")


def _columns(word: str, number: int) -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(f"{word}_name", sa.String(50 + number % 20), nullable=False),
        sa.Column(f"{word}_code", sa.String(20), nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("weight", sa.Float),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("born_on", sa.Date),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
        sa.Column("details", sa.Text),
        sa.Column(f"{word}_note", sa.String(200), server_default=""),
    ]
