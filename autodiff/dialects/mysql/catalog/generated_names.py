"""Predict the names that the server gives to constraints without a name.

Scripts written for Alembic leave the names to the server, and later drop constraints by them. The
names are predicted, not read afterwards, because the journal of a migration needs them before the
statement runs.

- A foreign key is numbered after the highest number of the table: posts_ibfk_1.
- A unique constraint has the name of its first column, or title_2 if an index has that name.
- A check is CONSTRAINT_1 on MariaDB and posts_chk_1 on MySQL.

https://dev.mysql.com/doc/refman/en/create-table-foreign-keys.html,
https://dev.mysql.com/doc/refman/en/create-table-check-constraints.html, and
make_unique_key_name() in the servers' sql/sql_table.cc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count

from autodiff.dialects.mysql.catalog.implicit_indexes import keys_without_index
from autodiff.schema.objects import (
    Check,
    Constraint,
    ForeignKey,
    Index,
    IndexElement,
    Table,
    Unique,
)

__all__ = ["Ask", "generated_name", "with_generated_names"]

Ask = Callable[[Callable[[], bool]], bool]
"""Returns the answer to a question, or the recorded answer of an earlier run."""


def with_generated_names(table: Table, *, mariadb: bool) -> Table:
    """Return a table to create, with the names that CREATE TABLE would give to its constraints."""
    without_index = keys_without_index(table)
    named = replace(table, constraints=(), indexes=())
    for constraint in table.constraints:
        indexes = named.indexes
        if isinstance(constraint, ForeignKey) and constraint in without_index:
            index_name = constraint.name or _after_column(constraint.columns[0], named)
            elements = tuple(IndexElement(text=name) for name in constraint.columns)
            indexes = (*indexes, Index(name=index_name, elements=elements))
        name = constraint.name or _name_in(constraint, named, mariadb=mariadb)
        named = replace(
            named,
            constraints=(*named.constraints, replace(constraint, name=name)),
            indexes=indexes,
        )
    return replace(table, constraints=named.constraints)


def _name_in(constraint: Constraint, table: Table, *, mariadb: bool) -> str | None:
    return generated_name(constraint, lambda: table, mariadb=mariadb)


def generated_name(
    constraint: Constraint,
    find: Callable[[], Table | None],
    ask: Ask = lambda question: question(),
    *,
    mariadb: bool,
) -> str | None:
    """Return the name of a constraint that is added to a table.

    None for a primary key, which has no name, and if the table is unknown.

    Args:
        constraint: The constraint.
        find: Returns the table before the constraint is added.
        ask: Answers questions about the table.
        mariadb: Whether the server is MariaDB.
    """
    if find() is None:
        return None

    def table() -> Table:
        found = find()
        assert found is not None
        return found

    match constraint:
        case ForeignKey():
            return _numbered("ibfk", table, ask)
        case Unique(columns=columns):
            return _first_free(lambda n: columns[0] if n == 1 else f"{columns[0]}_{n}", table, ask)
        case Check() if mariadb:
            return _first_free(lambda n: f"CONSTRAINT_{n}", table, ask)
        case Check():
            return _numbered("chk", table, ask)
        case _:
            return None


def _numbered(kind: str, table: Callable[[], Table], ask: Ask) -> str:
    """Return posts_ibfk_3 if the highest number of the table is 2."""
    prefix = f"{table().name.name}_{kind}_"

    def reaches(number: int) -> bool:
        names = [c.name or "" for c in table().constraints]
        numbers = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        return any(int(text) >= number for text in numbers if text.isdecimal())

    return f"{prefix}{_first(lambda n: not ask(partial(reaches, n)))}"


def _first_free(name: Callable[[int], str], table: Callable[[], Table], ask: Ask) -> str:
    def is_taken(number: int) -> bool:
        return name(number).lower() in _taken(table())

    return name(_first(lambda n: not ask(partial(is_taken, n))))


def _first(accepts: Callable[[int], bool]) -> int:
    return next(number for number in count(1) if accepts(number))


def _after_column(column: str, table: Table) -> str:
    """Return the name of the index for a foreign key without a name."""
    return _first_free(
        lambda n: column if n == 1 else f"{column}_{n}", lambda: table, lambda question: question()
    )


def _taken(table: Table) -> set[str]:
    """Return the names of the indexes and checks of a table, and that of its primary key."""
    checks_and_uniques = (c for c in table.constraints if isinstance(c, Check | Unique))
    parts = (*table.indexes, *checks_and_uniques)
    return {"primary", *(part.name.lower() for part in parts if part.name)}
