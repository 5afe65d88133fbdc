"""What SQLAlchemy's Inspector says of a database: a witness that knows nothing of autodiff."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

__all__ = ["inspected"]


_USUAL = {"initially": "IMMEDIATE"}
"""What may as well not be said."""
_TEXTS = ("sqltext",)
"""What the Inspector cuts short on SQLite, where there is a bracket in the text."""


def inspected(connection: sa.Connection, namespaces: Sequence[str]) -> dict[str, Any]:
    """Tables with all that belongs to them, as plain data, without names of constraints."""
    inspector = sa.inspect(connection)
    found: dict[str, Any] = {}
    for schema in (None, *namespaces):
        asked = {
            part: getattr(inspector, f"get_multi_{part}")(schema=schema)
            for part in (
                "columns",
                "pk_constraint",
                "unique_constraints",
                "foreign_keys",
                "indexes",
            )
        }
        for part, tables in asked.items():
            for (_, name), said in tables.items():
                if not name.startswith("autodiff_"):
                    items = said if isinstance(said, list) else [said]
                    found.setdefault(f"{schema}.{name}", {})[part] = sorted(map(_plain, items))
    return found


def _plain(item: dict[str, Any]) -> str:
    """One thing as a text, for columns with their names, for constraints without."""
    unsaid = {"duplicates_index", "duplicates_constraint"} | (set() if "type" in item else {"name"})
    kept = {key: _text(value) for key, value in item.items() if key not in unsaid}
    return f"{sorted((key, text) for key, text in kept.items() if text != 'None')}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        said = {
            key: _text(inner)
            for key, inner in value.items()
            if key not in _TEXTS and inner != _USUAL.get(key)
        }
        return f"{sorted(said.items())}"
    text = f"{value}" if isinstance(value, str | sa.TextClause) else repr(value)
    text = text.replace('"', "") if "upper(" in text or "NOT NULL" in text else text
    text = re.sub(r"::[a-z ]+", "", text)  # a default keeps the type that it was written for
    text = re.sub(r"^'(-?[0-9.]+)'$", r"\1", text)
    return re.sub(r"nextval\(.*?\)", "nextval()", text)  # a SERIAL keeps its sequence's name
