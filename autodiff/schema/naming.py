"""Names for unnamed constraints, as PostgreSQL would choose them.

See makeObjectName and ChooseConstraintName in PostgreSQL's src/backend/commands/indexcmds.c.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from autodiff.schema.objects import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    PrimaryKey,
    Table,
    Unique,
)
from autodiff.schema.sqltext import tokens

__all__ = ["default_name", "name_constraints", "unnamed", "without_repeated_names"]


def name_constraints(table: Table, limit: int = 63, *, implicit: bool | None = None) -> Table:
    """Return the table with a name for each constraint; existing names are kept.

    implicit: how to mark the constraints that get a name; None keeps their mark.
    """
    if None not in [constraint.name for constraint in table.constraints]:
        return table
    taken = {part.name for part in (*table.constraints, *table.indexes) if part.name}
    named: list[Constraint] = []
    for constraint in table.constraints:
        if constraint.name is None:
            name = default_name(table, constraint, taken, limit)
            mark = constraint.implicit if implicit is None else implicit
            constraint = replace(constraint, name=name, implicit=mark)
            taken.add(name)
        named.append(constraint)
    return table.with_constraints(tuple(named))


def unnamed(table: Table) -> Table:
    """Return the table without the names that nobody chose."""
    constraints = (replace(c, name=None) if c.implicit else c for c in table.constraints)
    return replace(table, constraints=tuple(constraints))


def without_repeated_names(table: Table) -> Table:
    """Return the table without each constraint name that several of its constraints have.

    SQLite allows that. Such a name identifies none of them, so they are treated as unnamed.
    """
    names = [constraint.name for constraint in table.constraints if constraint.name is not None]
    if len(set(names)) == len(names):
        return table
    repeated = {name for name, count in Counter(names).items() if count > 1}
    return replace(
        table,
        constraints=tuple(
            replace(c, name=None) if c.name in repeated else c for c in table.constraints
        ),
        repeated_names=frozenset(repeated),
    )


def default_name(
    table: Table, constraint: Constraint, taken: Iterable[str | None], limit: int = 63
) -> str:
    """Return the name of an unnamed constraint: `posts_author_id_fkey`, numbered if it is taken."""
    label, columns = _label_and_columns(table, constraint)
    name = _object_name(table.name.name, columns, label, limit)
    number = 0
    while name in taken:
        number += 1
        name = _object_name(table.name.name, columns, f"{label}{number}", limit)
    return name


def _label_and_columns(table: Table, constraint: Constraint) -> tuple[str, str]:
    match constraint:
        case PrimaryKey():
            return "pkey", ""
        case ForeignKey(columns=columns):
            return "fkey", "_".join(columns)
        case Unique(columns=columns):
            return "key", "_".join(columns)
        case Check(sql=sql):
            named = _columns_in(table, sql)
            return "check", named[0] if len(named) == 1 else ""
        case Exclusion(elements=elements):
            plain = [text for text, _ in elements if table.column(text.strip('"'))]
            return "excl", "_".join(text.strip('"') for text in plain)


def _columns_in(table: Table, sql: str) -> list[str]:
    words = {re.sub(r'^["`]|["`]$', "", token) for _, token in tokens(sql)}
    return [column.name for column in table.columns if column.name in words]


def _object_name(first: str, second: str, label: str, limit: int) -> str:
    """Join parts with underscores; the longer part is cut until the name fits (in bytes)."""
    whole = f"{first}_{second}_{label}" if first and second else f"{first or second}_{label}"
    if len(whole.encode()) <= limit:
        return whole
    room = limit - len(label) - 1 - (1 if second else 0)
    while len(first.encode()) + len(second.encode()) > room:
        if len(first.encode()) > len(second.encode()):
            first = first[:-1]
        else:
            second = second[:-1]
    return "_".join(part for part in (first, second, label) if part)
