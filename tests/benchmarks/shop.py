"""Models of any size: each table has twelve columns, a foreign key and two indexes."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

__all__ = ["models"]

_WORDS = "order item price stock carrier invoice address account ticket vendor".split()


def models(tables: int, *, changed: int = 0, schemas: Sequence[str] = ()) -> sa.MetaData:
    """So many tables in each schema (the default one where none is named).

    In `changed` of them, spread over all, a column has another length, one is gone, one is new.
    """
    metadata = sa.MetaData()
    for schema in schemas or [None]:
        for number in range(tables):
            altered = changed > 0 and number % max(tables // changed, 1) == 0
            _table(metadata, schema, number, altered=altered)
    return metadata


def _table(metadata: sa.MetaData, schema: str | None, number: int, *, altered: bool) -> None:
    word = _WORDS[number % len(_WORDS)]
    name = f"{word}_{number:05d}"
    columns = _columns(word, number)
    if altered:
        columns = [*columns[:-1], sa.Column("remark", sa.String(80))]
        columns[1] = sa.Column(f"{word}_name", sa.String(99), nullable=False)
    sa.Table(
        name,
        metadata,
        *columns,
        sa.Column("parent_id", _parent(schema, number), nullable=True),
        sa.Index(f"ix_{name}_name", f"{word}_name"),
        sa.Index(f"ix_{name}_state", "state", f"{word}_code", unique=True),
        schema=schema,
    )


def _parent(schema: str | None, number: int) -> sa.ForeignKey:
    parent = number // 2
    name = f"{_WORDS[parent % len(_WORDS)]}_{parent:05d}.id"
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
