"""Write DO blocks, which run many statements in one round trip, and the bodies of functions."""

from __future__ import annotations

from collections.abc import Collection

from autodiff.schema.sqltext import quote_literal

__all__ = ["combine", "do_block", "dollar_quoted"]


def combine(groups: Collection[Collection[str]]) -> str:
    """Return one statement that runs each group of statements completely or not at all.

    A group with an error is rolled back and skipped; the others are not affected.

    https://www.postgresql.org/docs/current/plpgsql-control-structures.html#PLPGSQL-ERROR-TRAPPING
    """
    blocks = " ".join(map(_block, groups))
    return f"DO {quote_literal(f'BEGIN {blocks} END')}"


def do_block(statements: str) -> str:
    """Return a DO block of statements of PL/pgSQL."""
    return f"DO {dollar_quoted(f' BEGIN {statements}; END ')}"


def dollar_quoted(text: str, tag: str = "") -> str:
    """Return a text in dollar quotes, with the tag, or a longer one if the text contains it.

    A name in the text can contain anything.
    https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-DOLLAR-QUOTING
    """
    while f"${tag}$" in text:
        tag += "_"
    return f"${tag}${text}${tag}$"


def _block(group: Collection[str]) -> str:
    body = " ".join(f"EXECUTE {quote_literal(sql)};" for sql in group)
    return f"BEGIN {body} EXCEPTION WHEN OTHERS THEN NULL; END;"
