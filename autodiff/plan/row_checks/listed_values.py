"""Checks that list the values of a column, as enums without a type of their own have them."""

from __future__ import annotations

from dataclasses import dataclass

from autodiff.schema.sqltext import tokens

__all__ = ["Listed", "parse_value_list"]

_WORDS = frozenset("in any array character varying text bpchar varchar char".split())
_SIGNS = frozenset("( ) [ ] , = ::".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A column, in lower case, and the texts that it may be, as SQL spells them."""

    column: str
    values: frozenset[str]


def parse_value_list(sql: str) -> Listed | None:
    """What `column IN ('a', 'b')` says, however the database spells it; None of other texts."""
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
    return Listed(column=names.pop(), values=frozenset(values))
