"""Read a database with SQLAlchemy's Inspector, as a check that is independent of autodiff."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

__all__ = ["inspected"]


_DEFAULTS = {"initially": "IMMEDIATE"}
"""Default values, which need not be reflected."""
_TRUNCATED = ("sqltext",)
"""SQL that the Inspector truncates on SQLite if it contains a bracket."""


def inspected(connection: sa.Connection, namespaces: Sequence[str]) -> dict[str, Any]:
    """Return all tables with their parts as plain data, without names of constraints."""
    inspector = sa.inspect(connection)
    tables_by_name: dict[str, Any] = {}
    for schema in (None, *namespaces):
        results = {
            part: getattr(inspector, f"get_multi_{part}")(schema=schema)
            for part in (
                "columns",
                "pk_constraint",
                "unique_constraints",
                "foreign_keys",
                "indexes",
            )
        }
        for part, tables in results.items():
            for (_, name), result in tables.items():
                if not name.startswith("autodiff_"):
                    items = result if isinstance(result, list) else [result]
                    tables_by_name.setdefault(f"{schema}.{name}", {})[part] = sorted(
                        map(_as_text, items)
                    )
    return tables_by_name


def _as_text(item: dict[str, Any]) -> str:
    """Return a part as text: columns with their names, constraints without."""
    omitted = {"duplicates_index", "duplicates_constraint"} | (
        set() if "type" in item else {"name"}
    )
    kept = {key: _value_as_text(value) for key, value in item.items() if key not in omitted}
    return f"{sorted((key, text) for key, text in kept.items() if text != 'None')}"


def _value_as_text(value: Any) -> str:
    if isinstance(value, dict):
        items = {
            key: _value_as_text(inner)
            for key, inner in value.items()
            if key not in _TRUNCATED and inner != _DEFAULTS.get(key)
        }
        return f"{sorted(items.items())}"
    text = f"{value}" if isinstance(value, str | sa.TextClause) else repr(value)
    text = text.replace('"', "") if "upper(" in text or "NOT NULL" in text else text
    text = re.sub(r"::[a-z ]+", "", text)  # a default keeps the type that it was written for
    text = re.sub(r"^'(-?[0-9.]+)'$", r"\1", text)
    return re.sub(r"nextval\(.*?\)", "nextval()", text)  # a SERIAL keeps its sequence's name
