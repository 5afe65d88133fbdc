"""Write DO blocks, which run many statements in one round trip."""

from __future__ import annotations

from collections.abc import Collection

from autodiff.schema.sqltext import quote_literal

__all__ = ["combine"]


def combine(groups: Collection[Collection[str]]) -> str:
    """Return one statement that runs each group of statements completely or not at all.

    A group with an error is rolled back and skipped; the others are not affected.

    https://www.postgresql.org/docs/current/plpgsql-control-structures.html#PLPGSQL-ERROR-TRAPPING
    """
    blocks = " ".join(map(_block, groups))
    return f"DO {quote_literal(f'BEGIN {blocks} END')}"


def _block(group: Collection[str]) -> str:
    body = " ".join(f"EXECUTE {quote_literal(sql)};" for sql in group)
    return f"BEGIN {body} EXCEPTION WHEN OTHERS THEN NULL; END;"
