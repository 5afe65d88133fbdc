"""Split SQL text into its statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autodiff.schema.sql_bodies import Body
from autodiff.schema.sqltext import tokens

__all__ = ["split_statements"]


def split_statements(text: str, *, backslashes: bool = False) -> Iterator[str]:
    """Yield the statements of SQL text, without the semicolons between them.

    Bodies of triggers and procedures (BEGIN ... END) are not split. With `backslashes`, the text
    is read as by MySQL: see `tokens`; blocks can also begin with IF, CASE or a loop.
    """
    found: list[tuple[str, str]] = []
    body = Body(compounds=backslashes)
    for kind, token in tokens(text, backslashes=backslashes):
        if token == ";" and not body.is_unfinished(found):
            yield from _statement(found)
            found, body = [], Body(compounds=backslashes)
        else:
            found.append((kind, token))
    yield from _statement(found)


def _statement(found: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the statement unless it has only comments; /*! ... */ is code on MySQL."""
    if any(kind != "space" or token.startswith("/*!") for kind, token in found):
        yield "".join(token for _, token in found).strip()
