"""The journal in the database: every run of a migration, and how far one that stopped has come.

Where a migration is one transaction its row is written with it. Where it is not, the row is there
from the first step on, and says after each step what is done: a run that was killed is found.
"""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa

from autodiff import __version__
from autodiff.errors import HistoryError
from autodiff.run.events import Direction
from autodiff.run.position import Position

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = [
    "SETTLE_BY_HAND",
    "Actor",
    "Entry",
    "Journal",
    "Kind",
    "Outcome",
    "Progress",
    "actor",
    "entry_row",
]

Kind: TypeAlias = Direction | Literal["stamp", "repair", "squash"]
Outcome: TypeAlias = (
    Literal["running", "done", "failed", "taken back", "settled", "skipped"]
    | Literal["accepted", "forgotten", "applied", "reverted"]
)
"""How it ended. The last four are those of a repair: of an edited file, of a missing one, and of
what counts as applied, or not, from now on."""
SETTLE_BY_HAND = (
    "put the schema right by hand, and: autodiff repair --half-way applied (if all of it is there "
    "now), or --half-way reverted (if nothing of it is)"
)
"""What is left to do where a migration that stopped half-way can't go on by itself."""
_ERROR_LENGTH = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who ran it: the user and host of the machine, its process, and autodiff's version."""

    user: str
    host: str
    pid: int
    tool: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, process {self.pid}"


def actor() -> Actor:
    """The one who runs this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return Actor(user=user, host=socket.gethostname(), pid=os.getpid(), tool=__version__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come.

    steps: how many steps are done for good.
    digest: what they were, so that a file that does something else now is found out.
    answers: what the database answered where the file asked (if_exists).
    step: the step under way, in words; None between two steps.
    statements: its statements, of which the first `sent` are done.
    mark: what the database looked like before the statement that is under way.
    start: what it looked like before the first step.
    position: how far a step that goes through rows has come; a `Position`, as text.
    undone: of steps that are taken back again, how far that has come.
    """

    steps: int = 0
    digest: str = ""
    answers: tuple[bool, ...] = ()
    step: str | None = None
    statements: tuple[str, ...] = ()
    sent: int = 0
    mark: str | None = None
    start: str | None = None
    position: str | None = None
    undone: Progress | None = None

    @property
    def rows(self) -> int:
        """How many rows of the step under way are done."""
        return Position.decoded(self.position).done if self.position else 0

    @property
    def has_begun(self) -> bool:
        """Whether anything of it stays in the database, or may: steps, statements, or rows."""
        return self.steps > 0 or bool(self.statements or self.position)

    def encoded(self) -> str:
        """As text; what is as usual left out."""
        return json.dumps(self._data())

    def _data(self) -> dict[str, Any]:
        usual = Progress()
        data = {
            name: getattr(self, name)
            for name in self.__slots__
            if getattr(self, name) != getattr(usual, name)
        }
        if self.undone is not None:
            data["undone"] = self.undone._data()
        return data

    @classmethod
    def decoded(cls, text: str | None) -> Progress:
        """From text."""
        return cls._of(json.loads(text) if text else {})

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Progress:
        if "undone" in data:
            data["undone"] = cls._of(data["undone"])
        for name in ("answers", "statements"):
            if name in data:
                data[name] = tuple(data[name])
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run of a migration: `seconds` and `error` are None while it runs or went well."""

    id: int | None = None
    revision: str
    name: str
    kind: Kind
    checksum: str
    actor: Actor
    started_at: dt.datetime
    seconds: float | None = None
    outcome: Outcome = "running"
    error: str | None = None
    progress: Progress = field(default_factory=Progress)

    @property
    def is_unfinished(self) -> bool:
        """Whether it stopped half-way, so that some of its steps are done and others not."""
        return self.outcome == "running" or (self.outcome == "failed" and self.progress.has_begun)

    @property
    def has_ended(self) -> bool:
        """Whether what it was to do is done, or settled in another way."""
        return self.outcome not in ("running", "failed")


class Journal:
    """Reads and writes autodiff_journal, in the given schema."""

    def __init__(self, schema: str | None = None) -> None:
        self.table = sa.Table(
            "autodiff_journal",
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("revision", sa.String(64), nullable=False),
            sa.Column("name", sa.String(255), nullable=False),
            sa.Column("kind", sa.String(16), nullable=False),
            sa.Column("checksum", sa.String(64), nullable=False),
            sa.Column("actor", sa.String(255), nullable=False),
            sa.Column("host", sa.String(255), nullable=False),
            sa.Column("pid", sa.Integer, nullable=False),
            sa.Column("tool", sa.String(64), nullable=False),
            sa.Column("started_at", sa.String(32), nullable=False),
            sa.Column("seconds", sa.Numeric(12, 3)),
            sa.Column("outcome", sa.String(16), nullable=False),
            sa.Column("error", sa.Text),
            sa.Column("progress", sa.Text),
            schema=schema,
        )
        self._insert = sa.insert(self.table)

    def exists(self, connection: Connection) -> bool:
        """Whether the table is there."""
        return sa.inspect(connection).has_table(self.table.name, schema=self.table.schema)

    def create(self, connection: Connection) -> None:
        """Creates the table if it is not there."""
        self.table.create(connection, checkfirst=True)

    def write(self, connection: Connection, entry: Entry) -> Entry:
        """Writes an entry, anew or over what it was; the entry with its id."""
        values = entry_row(entry)
        if entry.id is not None:
            where = self.table.c.id == entry.id
            connection.execute(sa.update(self.table).where(where).values(values))
            return entry
        result = connection.execute(self._insert, values)
        key = result.inserted_primary_key
        return replace(entry, id=key[0] if key else None)

    def find(self, connection: Connection, id: int) -> Entry | None:
        """The entry of that id, None where it was never committed."""
        row = connection.execute(sa.select(self.table).where(self.table.c.id == id)).first()
        return None if row is None else self._entry(row)

    def unfinished(self, connection: Connection) -> Entry | None:
        """The run that stopped half-way, None where the last one of each migration ended well.

        The lock must be held: what is "running" then runs no more.
        """
        if not self.exists(connection):
            return None
        last = sa.select(sa.func.max(self.table.c.id)).group_by(self.table.c.revision)
        chosen = (
            sa.select(self.table)
            .where(self.table.c.id.in_(last), self.table.c.outcome.in_(("running", "failed")))
            .order_by(self.table.c.id.desc())
        )
        entries = [self._entry(row) for row in connection.execute(chosen)]
        return next((entry for entry in entries if entry.is_unfinished), None)

    def read(self, connection: Connection) -> list[Entry]:
        """All runs, oldest first; nothing where the table is not there."""
        if not self.exists(connection):
            return []
        rows = connection.execute(sa.select(self.table).order_by(self.table.c.id)).all()
        return [self._entry(row) for row in rows]

    def _entry(self, row: Any) -> Entry:
        try:
            return Entry(
                id=row.id,
                revision=row.revision,
                name=row.name,
                kind=row.kind,
                checksum=row.checksum,
                actor=Actor(user=row.actor, host=row.host, pid=row.pid, tool=row.tool),
                started_at=dt.datetime.fromisoformat(row.started_at),
                seconds=None if row.seconds is None else float(row.seconds),
                outcome=row.outcome,
                error=row.error,
                progress=Progress.decoded(row.progress),
            )
        except (AttributeError, ValueError, TypeError) as error:
            raise HistoryError(
                f"cannot read the table {self.table.fullname}: {error}",
                hint="is it another program's, or another version's?",
            ) from error


def entry_row(entry: Entry) -> dict[str, Any]:
    """An entry as a row, by column; without its number."""
    return {
        "revision": entry.revision,
        "name": entry.name,
        "kind": entry.kind,
        "checksum": entry.checksum,
        "actor": entry.actor.user[:255],
        "host": entry.actor.host[:255],
        "pid": entry.actor.pid,
        "tool": entry.actor.tool[:64],
        "started_at": entry.started_at.isoformat(timespec="milliseconds"),
        "seconds": None if entry.seconds is None else round(entry.seconds, 3),
        "outcome": entry.outcome,
        "error": entry.error and entry.error[:_ERROR_LENGTH],
        "progress": entry.progress.encoded() if entry.is_unfinished else None,
    }
