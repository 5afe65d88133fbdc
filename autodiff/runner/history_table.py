"""Read and write the history: the applied migrations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.records import ANY_CHARACTER, has_record_table
from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.errors import HistoryError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Applied", "HistoryTable", "applied_row"]

_IN_ONE_STATEMENT = 500
"""Revisions: SQLite before 3.32 accepts 999 parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A migration that was applied: when (UTC), and with which checksum.

    `applied_at` is None if Alembic applied it and nothing is recorded yet. `digest` is that of the
    file's text, which is faster to compare; None if it is unknown.
    """

    revision: str
    name: str
    checksum: str
    applied_at: dt.datetime | None
    digest: str | None = None


class HistoryTable:
    """The history table in the given schema."""

    def __init__(self, schema: str | None = None, name: str = HISTORY_TABLE) -> None:
        self.table = sa.Table(
            name,
            sa.MetaData(),
            sa.Column("revision", sa.String(64), primary_key=True),
            sa.Column("name", sa.String(255), nullable=False),
            sa.Column("checksum", sa.String(64), nullable=False),
            sa.Column("applied_at", sa.String(32), nullable=False),
            sa.Column("digest", sa.String(64)),
            schema=schema,
            **ANY_CHARACTER,
        )
        self._insert = sa.insert(self.table)

    def exists(self, connection: Connection) -> bool:
        """Return whether the table exists."""
        return has_record_table(connection, self.table)

    def create(self, connection: Connection) -> None:
        """Create the table if it does not exist."""
        if not self.exists(connection):
            self.table.create(connection, checkfirst=False)

    def read(self, connection: Connection) -> dict[str, Applied]:
        """Return what was applied, by revision; nothing if the table does not exist."""
        if not self.exists(connection):
            return {}
        rows = connection.execute(sa.select(self.table)).all()
        try:
            _require_texts(rows)
            return {
                row.revision: Applied(
                    revision=row.revision,
                    name=row.name,
                    checksum=row.checksum,
                    applied_at=dt.datetime.fromisoformat(row.applied_at),
                    digest=row.digest,
                )
                for row in rows
            }
        except (AttributeError, ValueError, TypeError) as error:
            raise HistoryError(
                f"cannot read the table {self.table.name}: {error}",
                hint="another program or another version of autodiff may have written it",
            ) from error

    def has(self, connection: Connection, revision: str) -> bool:
        """Return whether a migration is recorded; False if the table does not exist."""
        if not self.exists(connection):
            return False
        query = sa.select(self.table.c.revision).where(self.table.c.revision == revision)
        return connection.execute(query).first() is not None

    def add(self, connection: Connection, rows: Sequence[Applied]) -> None:
        """Record migrations as applied."""
        if rows:
            connection.execute(self._insert, list(map(applied_row, rows)))

    def replace(self, connection: Connection, rows: Sequence[Applied]) -> None:
        """Record these migrations as applied, and no others."""
        connection.execute(sa.delete(self.table))
        self.add(connection, rows)

    def remove(self, connection: Connection, revisions: Sequence[str]) -> None:
        """Remove the records of migrations."""
        for begin in range(0, len(revisions), _IN_ONE_STATEMENT):
            some = revisions[begin : begin + _IN_ONE_STATEMENT]
            connection.execute(sa.delete(self.table).where(self.table.c.revision.in_(some)))


def _require_texts(rows: Iterable[Any]) -> None:
    """Raise TypeError for a column with a value of another type, which SQLite allows."""
    for row in rows:
        for name in ("revision", "name", "checksum"):
            if not isinstance(row._mapping[name], str):
                raise TypeError(f"{name} is not a text")


def applied_row(applied: Applied) -> dict[str, str | None]:
    """Return the record of a migration as a row by column."""
    assert applied.applied_at is not None
    return {
        "revision": applied.revision,
        "name": applied.name,
        "checksum": applied.checksum,
        "applied_at": applied.applied_at.isoformat(timespec="seconds"),
        "digest": applied.digest,
    }
