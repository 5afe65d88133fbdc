"""Recognize the indexes that the server creates for foreign keys, and keys that need an index.

A foreign key needs an index that begins with its columns. If there is none, the server creates
one, named after the constraint or, for a constraint without a name, after its first column. The
server drops that index when another one can replace it.
https://dev.mysql.com/doc/refman/en/create-table-foreign-keys.html

An AUTO_INCREMENT column needs an index too. autodiff creates one while the primary key is missing.

The catalog does not mark an index as created by the server, so this module decides by its name and
columns. If it takes a declared index for a generated one, autogenerate does not report that the
index was removed from the models. In the opposite case, it drops an index that the server refuses
to drop (error 1553).
"""

from __future__ import annotations

import re

from autodiff.schema.objects import ForeignKey, Index, IndexElement, PrimaryKey, Table, Unique

__all__ = [
    "AUTO_INCREMENT_INDEX",
    "auto_increment_index",
    "has_generated_name",
    "index_name",
    "is_generated",
    "is_generated_for",
    "keys_without_index",
    "looks_generated",
    "looks_generated_for",
    "renamed_index",
    "starts_index",
    "starts_with",
]

AUTO_INCREMENT_INDEX = "_autodiff_auto_increment"
"""The index of an AUTO_INCREMENT column while its table has no primary key."""

_NUMBERED = re.compile(r"(_\d+)?")
"""The suffix of an index that is named after a column, if other indexes have the name already."""
_GENERATED = re.compile(r".+_ibfk_\d+")
"""The name of a foreign key that was created without a name."""


def auto_increment_index(columns: tuple[str, ...], *, unique: bool = True) -> Index:
    """Return the index that replaces a missing key over the columns, unique for a primary key."""
    elements = tuple(IndexElement(text=name) for name in columns)
    return Index(name=AUTO_INCREMENT_INDEX, elements=elements, unique=unique)


def starts_index(table: Table, column: str) -> bool:
    """Return whether the primary key or an index of the table starts with the column."""
    primary = table.primary_key
    starts_key = primary is not None and primary.columns[0] == column
    return starts_key or any(starts_with(index, (column,)) for index in table.indexes)


def looks_generated(index: Index, table: Table) -> bool:
    """Return whether the index looks like one that the server created for a key of the table."""
    return any(looks_generated_for(index, key) for key in table.foreign_keys)


def looks_generated_for(index: Index, key: ForeignKey) -> bool:
    """Return whether the index looks like the one that the server created for the foreign key."""
    plain = not index.unique and index.method is None and index.comment is None
    if not plain or not _is_plain(index) or index.columns != key.columns:
        return False
    return index.name == key.name or _is_named_after(key.columns[0], index)


def _is_named_after(column: str, index: Index) -> bool:
    suffix = (index.name or "").removeprefix(column)
    return suffix != index.name and _NUMBERED.fullmatch(suffix) is not None


def renamed_index(old: str, new: str, table: Table) -> tuple[str, str] | None:
    """Return the old and the new name of the index that is renamed along with a column.

    It is the index of a foreign key that is named after the column, and that no key is named after.
    """
    key_names = {key.name for key in table.foreign_keys}
    for index in table.indexes:
        if index.name is None or index.name in key_names:
            continue
        if _is_named_after(old, index) and looks_generated(index, table):
            return index.name, _free_name(new, table)
    return None


def is_generated(index: Index, table: Table) -> bool:
    """Return whether the server created the index for a foreign key of the table."""
    return any(is_generated_for(index, key) for key in table.foreign_keys)


def is_generated_for(index: Index, key: ForeignKey) -> bool:
    """Return whether the index has the name that the server would give to one for this key.

    Such an index is dropped along with the key. Any other index was created on purpose.
    """
    by_column = index.name != key.name
    return looks_generated_for(index, key) and by_column == has_generated_name(key)


def index_name(key: ForeignKey, table: Table | None = None) -> str:
    """Return a name for the index of a foreign key, as the server chooses it; unused in `table`."""
    if key.name and not _GENERATED.fullmatch(key.name):
        return key.name
    return _free_name(key.columns[0], table) if table else key.columns[0]


def _free_name(column: str, table: Table) -> str:
    """Return the name of the column, with a number if an index of the table has that name."""
    taken = {(index.name or "").lower() for index in table.indexes}
    taken |= {(c.name or "").lower() for c in table.constraints if isinstance(c, Unique)}
    name, number = column, 1
    while name.lower() in taken:
        number += 1
        name = f"{column}_{number}"
    return name


def has_generated_name(key: ForeignKey) -> bool:
    """Return whether the server chose the name of the foreign key, such as posts_ibfk_1."""
    return key.name is not None and _GENERATED.fullmatch(key.name) is not None


def _is_plain(index: Index) -> bool:
    return not any(e.is_expression or e.length or e.descending for e in index.elements)


def keys_without_index(table: Table) -> list[ForeignKey]:
    """Return the foreign keys for which the server has to create an index."""
    keys = [c.columns for c in table.constraints if isinstance(c, PrimaryKey | Unique)]
    return [
        key
        for key in table.foreign_keys
        if not any(_begins(columns, key.columns) for columns in keys)
        and not any(starts_with(index, key.columns) for index in table.indexes)
    ]


def starts_with(index: Index, columns: tuple[str, ...]) -> bool:
    """Return whether the index starts with the columns, so that a foreign key can use it."""
    parts = index.elements[: len(columns)]
    whole_columns = not any(part.is_expression or part.length for part in parts)
    return whole_columns and index.method is None and _begins(index.columns, columns)


def _begins(columns: tuple[str, ...], start: tuple[str, ...]) -> bool:
    return columns[: len(start)] == start
