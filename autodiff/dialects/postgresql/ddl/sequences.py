"""The options of sequences, those of identities among them.

https://www.postgresql.org/docs/current/sql-altersequence.html
"""

from __future__ import annotations

from autodiff.schema.objects import Identity, Sequence
from autodiff.schema.sqltext import quote_literal

__all__ = ["all_options", "first_value", "kept_in_range"]


def first_value(source: Identity | Sequence) -> int:
    """What a sequence begins with."""
    if source.start is not None:
        return source.start
    down = (source.increment or 1) < 0
    limit, usual = (source.maxvalue, -1) if down else (source.minvalue, 1)
    return usual if limit is None else limit


def all_options(source: Identity | Sequence) -> list[str]:
    """Each option of a sequence, spelled out, so that what was set before is undone."""
    return [
        f"INCREMENT BY {source.increment or 1}",
        "NO MINVALUE" if source.minvalue is None else f"MINVALUE {source.minvalue}",
        "NO MAXVALUE" if source.maxvalue is None else f"MAXVALUE {source.maxvalue}",
        f"START WITH {first_value(source)}",
        f"CACHE {source.cache or 1}",
        "CYCLE" if source.cycle else "NO CYCLE",
    ]


def kept_in_range(
    statement: str, before: Identity | Sequence, after: Identity | Sequence, sequence: str
) -> str:
    """The statement that alters a sequence; where its limits close in, one that starts it anew if
    its next value would lie outside of them, which PostgreSQL refuses.

    `sequence` is an expression of type regclass.
    """
    (old_low, old_high), (low, high) = _limits(before), _limits(after)
    if low <= old_low and high >= old_high:
        return statement
    first = first_value(after)
    value = f"pg_sequence_last_value({sequence}) + {after.increment or 1}"
    restart = (
        f"SELECT CASE WHEN value BETWEEN {low} AND {high} THEN value ELSE {first} END "
        f"FROM (SELECT {value} AS value) AS next"
    )
    return f"DO $$ BEGIN EXECUTE {quote_literal(f'{statement} RESTART ')} || ({restart}); END $$"


def _limits(source: Identity | Sequence) -> tuple[int, int]:
    """The least and the greatest value; the bounds of a bigint where there is no limit."""
    down = (source.increment or 1) < 0
    low, high = (-(2**63), -1) if down else (1, 2**63 - 1)
    return (
        low if source.minvalue is None else source.minvalue,
        high if source.maxvalue is None else source.maxvalue,
    )
