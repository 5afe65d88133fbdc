"""Simplify the expressions of checks, indexes and generated columns with the types of columns."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property, lru_cache

from autodiff.dialects.postgresql.catalog.rows import ColumnRow
from autodiff.dialects.postgresql.expressions import plain_text
from autodiff.schema.sqltext import strip_parentheses, tokens

__all__ = ["Texts", "bracketed"]

_VARCHAR = "character varying"


class Texts:
    """Simplifies expressions; see `autodiff.dialects.postgresql.expressions`.

    The VARCHAR columns are only collected when the first expression needs them.
    """

    def __init__(self, columns: list[ColumnRow]) -> None:
        self._columns = columns

    def plain(self, table: int, sql: str) -> str:
        """Return an expression over the columns of a table in its simple form."""
        if "::" not in sql and "~" not in sql and "ARRAY" not in sql:
            return strip_parentheses(sql)
        named = (name for name in self._varchars[table] if name.replace('"', '""') in sql)
        return _plain(sql, frozenset(named))

    @cached_property
    def _varchars(self) -> dict[int, set[str]]:
        found: dict[int, set[str]] = defaultdict(set)
        for table, _, name, type_sql, *_ in self._columns:
            if type_sql.startswith(_VARCHAR):
                found[table].add(name)
        return found


@lru_cache(4096)
def _plain(sql: str, varchars: frozenset[str]) -> str:
    return plain_text(strip_parentheses(sql), varchars)


def bracketed(text: str) -> tuple[str, str | None]:
    """Return the contents of the first brackets, and the condition of the WHERE after them."""
    depth = position = 0
    for _, token in tokens(text):
        depth += (token == "(") - (token == ")")
        position += len(token)
        if depth == 0 and token == ")":
            break
    rest = text[position:].strip()
    where = None
    if rest.startswith("WHERE "):
        condition, _ = bracketed(rest[6:].strip())
        where = strip_parentheses(condition)
    return text[:position].strip()[1:-1], where
