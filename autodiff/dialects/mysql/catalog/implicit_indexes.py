"""The indexes that the server makes for foreign keys, and whether an index is needed for one.

A foreign key must have an index that begins with its columns. Where there is none the server
makes one, with the name of the constraint or, for a constraint without a name, of its first
column; it goes away by itself when another index can take its place.
https://dev.mysql.com/doc/refman/en/create-table-foreign-keys.html
"""

from __future__ import annotations

import re

from autodiff.schema.objects import ForeignKey, Index, PrimaryKey, Table, Unique

__all__ = [
    "goes_with",
    "has_chosen_name",
    "index_name",
    "is_implied",
    "is_own",
    "keys_without_index",
    "leads",
    "made_for",
]

_NUMBERED = re.compile(r"(_\d+)?")
_CHOSEN = re.compile(r".+_ibfk_\d+")


def is_implied(index: Index, table: Table) -> bool:
    """Whether the index looks like one that the server made for a foreign key of the table."""
    return any(made_for(index, key) for key in table.foreign_keys)


def index_name(key: ForeignKey, table: Table | None = None) -> str:
    """The name that the server gives the index of a foreign key; a free one in the table."""
    if key.name and not _CHOSEN.fullmatch(key.name):
        return key.name
    name, number = key.columns[0], 1
    while table is not None and table.index(name) is not None:
        number += 1
        name = f"{key.columns[0]}_{number}"
    return name


def has_chosen_name(key: ForeignKey) -> bool:
    """Whether the server chose the name of the foreign key, such as posts_ibfk_1."""
    return key.name is not None and _CHOSEN.fullmatch(key.name) is not None


def made_for(index: Index, key: ForeignKey) -> bool:
    """Whether the index looks like the one that the server made for the foreign key."""
    plain = not index.unique and index.method is None and index.comment is None
    if not plain or not _is_plain(index) or index.columns != key.columns:
        return False
    rest = (index.name or "").removeprefix(key.columns[0])
    by_column = rest != index.name and _NUMBERED.fullmatch(rest) is not None
    return index.name == key.name or by_column


def goes_with(index: Index, key: ForeignKey) -> bool:
    """Whether the index has the name that it would get if the foreign key were added again.

    So it may go when the key goes; any other index was asked for.
    """
    by_column = index.name != key.name
    return made_for(index, key) and by_column == has_chosen_name(key)


def is_own(index: Index, table: Table) -> bool:
    """Whether the index goes with a foreign key of the table."""
    return any(goes_with(index, key) for key in table.foreign_keys)


def _is_plain(index: Index) -> bool:
    return not any(e.is_expression or e.length or e.descending for e in index.elements)


def keys_without_index(table: Table) -> list[ForeignKey]:
    """The foreign keys that no index and no other key of the table begins with."""
    keys = [c.columns for c in table.constraints if isinstance(c, PrimaryKey | Unique)]
    return [
        key
        for key in table.foreign_keys
        if not any(_begins(columns, key.columns) for columns in keys)
        and not any(leads(index, key.columns) for index in table.indexes)
    ]


def leads(index: Index, columns: tuple[str, ...]) -> bool:
    """Whether the index begins with the columns, so that a foreign key can use it."""
    parts = index.elements[: len(columns)]
    whole = not any(part.is_expression or part.length for part in parts)
    return whole and index.method is None and _begins(index.columns, columns)


def _begins(columns: tuple[str, ...], start: tuple[str, ...]) -> bool:
    return columns[: len(start)] == start
