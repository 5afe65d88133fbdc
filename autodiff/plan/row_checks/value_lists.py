"""Parse checks that list the values of a column, such as those of enums stored as text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from autodiff.schema.sqltext import tokens

__all__ = ["ValueList", "parse_value_list"]

_WORDS = frozenset("in any array character varying text bpchar varchar char".split())
_SIGNS = frozenset("( ) [ ] , = ::".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueList:
    """A column, in lower case, and the values it can have, as SQL literals."""

    column: str
    values: frozenset[str]


@lru_cache(4096)
def parse_value_list(sql: str) -> ValueList | None:
    """Return the column and values of `column IN ('a', 'b')`, in any dialect's spelling.

    None for any other condition.
    """
    names: set[str] = set()
    values: set[str] = set()
    for kind, token in tokens(sql):
        if kind == "string":
            values.add(token)
        elif kind == "quoted" or (kind == "word" and token.lower() not in _WORDS):
            names.add(token.strip('"`').lower())
        elif kind not in ("space", "word") and token not in _SIGNS:
            return None
    if len(names) != 1 or not values:
        return None
    return ValueList(column=names.pop(), values=frozenset(values))
