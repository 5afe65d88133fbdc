"""Statements that PostgreSQL gets together, in one round trip."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.schema.sqltext import quote_literal

__all__ = ["together"]


def together(groups: Sequence[Sequence[str]]) -> str:
    """One statement that runs each group of statements, or nothing of the group where one fails.

    https://www.postgresql.org/docs/current/plpgsql-control-structures.html#PLPGSQL-ERROR-TRAPPING
    """
    blocks = " ".join(map(_apart, groups))
    return f"DO {quote_literal(f'BEGIN {blocks} END')}"


def _apart(group: Sequence[str]) -> str:
    body = " ".join(f"EXECUTE {quote_literal(sql)};" for sql in group)
    return f"BEGIN {body} EXCEPTION WHEN OTHERS THEN NULL; END;"
