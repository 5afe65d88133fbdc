"""Values for the rows that exist when a NOT NULL column is added."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autodiff.changes import Change, ColumnAdded, ColumnAltered, TableAdded
from autodiff.dialects.sqltext import quote_literal
from autodiff.errors import PlanError
from autodiff.schema import Column, Name

__all__ = ["FillNeeded", "fill_sql", "fills_needed", "parse_fill"]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?\Z")
_WORDS = {
    "now": "CURRENT_TIMESTAMP",
    "today": "CURRENT_DATE",
    "true": "true",
    "false": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FillNeeded:
    """A NOT NULL column without a default, on a table that may have rows."""

    table: Name
    column: Column

    @property
    def key(self) -> str:
        """The column as `--fill` names it: table.column."""
        return f"{self.table}.{self.column.name}"


def fills_needed(changes: Iterable[Change]) -> list[FillNeeded]:
    """The columns that need a value for existing rows, in the order of the changes."""
    changes = list(changes)
    new_tables = {change.table.name for change in changes if isinstance(change, TableAdded)}
    needed = []
    for change in changes:
        if not isinstance(change, ColumnAdded) or change.table in new_tables:
            continue
        if _needs_value(change.column):
            needed.append(FillNeeded(table=change.table, column=change.column))
    return needed


def _needs_value(column: Column) -> bool:
    filled = column.default is not None or column.computed is not None
    return not (column.nullable or filled or column.identity is not None or column.autoincrement)


def parse_fill(text: str) -> tuple[str, str]:
    """("comments.timestamp", "now") from "comments.timestamp=now".

    Raises PlanError for a text that is no fill.
    """
    key, equals, value = text.partition("=")
    if not (equals and "." in key):
        raise PlanError(
            f"cannot read the fill {text!r}",
            hint="write TABLE.COLUMN=VALUE, as in --fill comments.timestamp=now",
        )
    return key.strip(), value


def fill_sql(value: str) -> str:
    """The SQL of a fill's value: now, today, null, a number, "sql:..." or a text."""
    if value.startswith("sql:"):
        return value[4:].strip()
    if _NUMBER.match(value):
        return value
    return _WORDS.get(value.lower(), quote_literal(value))


def check_fills(fills: Mapping[str, str], needed: Iterable[FillNeeded], known: set[str]) -> None:
    """Raises PlanError for a fill whose column the plan does not add or make NOT NULL."""
    keys = {item.key for item in needed} | known
    for key in fills:
        if key not in keys:
            raise PlanError(
                f"cannot fill {key}: no new or changed column of that name needs it",
                hint=f"columns that can be filled: {', '.join(sorted(keys)) or 'none'}",
            )


def nullability_fills(changes: Iterable[Change]) -> set[str]:
    """Columns that become NOT NULL, which a fill may name: table.column."""
    return {
        f"{change.table}.{change.after.name}"
        for change in changes
        if isinstance(change, ColumnAltered)
        and "nullable" in change.fields
        and not change.after.nullable
    }
