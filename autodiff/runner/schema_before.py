"""Remember what the schema was before a migration, to compare it after its steps were undone.

The runner takes the fingerprint of a table before the first step that alters it, so that a
migration reads only its own tables. Before the first step that can alter anything, such as
hand-written SQL, it takes the fingerprint of all other tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect

__all__ = ["TablesBefore", "is_unchanged", "tables_to_remember", "take_fingerprint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesBefore:
    """The fingerprint of some tables.

    Without tables, it is that of the whole schema, except for the tables that earlier items name.
    """

    tables: tuple[Name, ...] = ()
    fingerprint: str

    def to_data(self) -> list[object]:
        """Return it as data for JSON."""
        return [self.fingerprint, *([name.schema, name.name] for name in self.tables)]

    @classmethod
    def from_data(cls, data: object) -> TablesBefore:
        """Return what `to_data` returned. Raises ValueError for other data."""
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError(f"a fingerprint of tables was expected, not {data!r:.40}")
        return cls(tables=tuple(map(_name, data[1:])), fingerprint=data[0])


def _name(data: object) -> Name:
    match data:
        case [None | str() as schema, str() as name]:
            return Name(name, schema)
    raise ValueError(f"the name of a table was expected, not {data!r:.40}")


def tables_to_remember(
    before: Sequence[TablesBefore], tables: Sequence[Name]
) -> tuple[Name, ...] | None:
    """Return the tables that a step alters and that are not remembered; None if all are.

    Args:
        before: What is remembered.
        tables: The tables that the step alters; none if it can alter anything.
    """
    if any(not item.tables for item in before):
        return None
    if not tables:
        return ()
    known = _names(before)
    return tuple(name for name in dict.fromkeys(tables) if name not in known) or None


def is_unchanged(before: Sequence[TablesBefore], dialect: Dialect, connection: Connection) -> bool:
    """Return whether the schema is what it was."""
    return all(
        take_fingerprint(dialect, connection, item.tables, before[:number]) == item.fingerprint
        for number, item in enumerate(before)
    )


def take_fingerprint(
    dialect: Dialect,
    connection: Connection,
    tables: Sequence[Name],
    before: Sequence[TablesBefore],
) -> str:
    """Return the fingerprint of tables; if there are none, that of all but the remembered ones."""
    without = frozenset[Name]() if tables else _names(before)
    return dialect.catalog.fingerprint(connection, tables, without=without)


def _names(before: Sequence[TablesBefore]) -> frozenset[Name]:
    return frozenset(name for item in before for name in item.tables)
