"""Describe how an attribute of a constraint, an index or a column differs: `columns a -> a, b`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autodiff.schema.objects import Computed, Exclusion, Identity, IndexElement, Name

__all__ = ["changed_field", "changed_options", "changed_value", "shown"]

_LABELS = {
    "sql": "condition",
    "referred": "target",
    "referred_columns": "target columns",
    "elements": "columns",
}
"""What people call an attribute that has another name in the code."""
_OPPOSITES = {
    "autoincrement": "no autoincrement",
    "cycle": "no cycle",
    "nulls_not_distinct": "nulls distinct",
}
"""How an attribute that is false is said, if not with `not`."""
_EXPRESSIONS = ("sql", "where")
_NEEDLESS_QUOTES = re.compile(r"`(\w+)`")
"""MySQL's catalog has backticks around each name."""
_LONGEST = 60
"""The number of characters up to which a value is shown; the migration has longer ones."""


def changed_field(name: str, before: Any, after: Any) -> str:
    """Return an attribute with its old and new value, or only its name if one of them is long.

    Args:
        name: The name of the attribute.
        before: The object with the old value.
        after: The object with the new value.
    """
    old, new = getattr(before, name), getattr(after, name)
    label = _LABELS.get(name, name.replace("_", " "))
    if isinstance(new, bool):
        return label if new else _OPPOSITES.get(name, f"not {label}")
    if name == "options":
        return changed_options(old, new)
    if isinstance(old, Computed) and isinstance(new, Computed) and old.persisted == new.persisted:
        old, new = _plain_sql(old.sql), _plain_sql(new.sql)
    if name in _EXPRESSIONS:
        old, new = _plain_sql(old), _plain_sql(new)
    if isinstance(after, Exclusion) and name == "elements":
        old, new = _operators(before), _operators(after)
    pair = changed_value(old, new)
    return f"{label} {pair}" if pair else label


def changed_options(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return the options that differ, each with its old and new value."""
    return ", ".join(
        f"{key} {before.get(key, 'default')} -> {after.get(key, 'default')}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )


def changed_value(before: Any, after: Any) -> str | None:
    """Return the old and the new value, None if one of them is long or both look alike."""
    old, new = shown(before), shown(after)
    return None if old == new or max(len(old), len(new)) > _LONGEST else f"{old} -> {new}"


def shown(value: Any) -> str:
    """Return a value in words: `none`, `a, b`, `lower(name) desc`, `by default start 5`."""
    match value:
        case None | ():
            return "none"
        case IndexElement():
            return _element(value)
        case Computed(sql=sql, persisted=persisted):
            return f"{_plain_sql(sql)} {'stored' if persisted else 'virtual'}"
        case Identity():
            return _identity(value)
        case Name():
            return str(value)
        case tuple():
            return ", ".join(map(shown, value))
        case _:
            return str(value)


def _plain_sql(sql: str | None) -> str | None:
    """Return an expression on one line, without backticks that no name needs."""
    return sql and _NEEDLESS_QUOTES.sub(r"\1", " ".join(sql.split()))


def _operators(constraint: Exclusion) -> tuple[str, ...]:
    return tuple(f"{text} with {operator}" for text, operator in constraint.elements)


def _element(element: IndexElement) -> str:
    prefix = "" if element.length is None else f"({element.length})"
    collation = element.collation and f"collate {element.collation}"
    order = "desc" if element.descending else ""
    nulls = {True: "nulls first", False: "nulls last", None: ""}[element.nulls_first]
    parts = (f"{element.text}{prefix}", collation, element.opclass, order, nulls)
    return " ".join(part for part in parts if part)


def _identity(identity: Identity) -> str:
    names = ("start", "increment", "minvalue", "maxvalue", "cache")
    values = ((name, getattr(identity, name)) for name in names)
    options = [f"{name} {value}" for name, value in values if value is not None]
    cycle = ["cycle"] if identity.cycle else []
    return " ".join(["always" if identity.always else "by default", *options, *cycle])
