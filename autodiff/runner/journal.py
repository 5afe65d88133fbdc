"""Read and write the journal in the database: each run of a migration, and how far it has come.

If a migration is one transaction, its row is committed with it. Otherwise the row exists from the
first step on and records each finished step, so that a killed run can be resumed.
"""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import sqlalchemy as sa

from autodiff import __version__
from autodiff.dialects.records import ANY_CHARACTER, has_record_table
from autodiff.dialects.scope import HISTORY_TABLE, journal_table
from autodiff.errors import HistoryError, exception_words
from autodiff.runner.backfill_position import Position
from autodiff.runner.events import Direction
from autodiff.runner.schema_before import TablesBefore

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = [
    "ANSWER_STEP",
    "SETTLE_BY_HAND",
    "Actor",
    "Entry",
    "Journal",
    "Kind",
    "Outcome",
    "Progress",
    "StepAnswer",
    "actor",
    "entry_row",
]

Kind: TypeAlias = Direction | Literal["stamp", "repair", "squash", "push"]
Outcome: TypeAlias = (
    Literal["running", "done", "failed", "undone", "settled", "skipped"]
    | Literal["accepted", "forgotten", "applied", "reverted", "step done", "step again"]
)
"""How a run ended. `undone` and `settled` end a run that stopped half-way: its steps were undone,
or a person settled it. The last six belong to repairs: of an edited file, of a missing file, of
a migration that is recorded as applied or reverted, and of a step that took effect or did not."""
StepAnswer: TypeAlias = Literal["done", "again"]
ANSWER_STEP = (
    "check in the database whether it took effect, and run: autodiff repair --step done (if it "
    "did), or --step again (if it did not)"
)
"""The way on for a step that was sent and never confirmed."""
SETTLE_BY_HAND = (
    "complete or undo it by hand, and run: autodiff repair --half-way applied (if the schema has "
    "all of it), or --half-way reverted (if it has nothing of it)"
)
"""The last way out of a migration that stopped half-way."""
_ERROR_LENGTH = 4000
"""Characters of an error that are kept: all of a usual statement, and no dump of data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who ran a migration: user, host and process, and the version of autodiff."""

    user: str
    host: str
    pid: int
    tool: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, process {self.pid}"


def actor() -> Actor:
    """Return who runs this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return Actor(user=user, host=socket.gethostname(), pid=os.getpid(), tool=__version__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come.

    steps: the number of steps that are permanent.
    digest: a digest of those steps; a file that does something else now has another one.
    answers: what the database answered to questions of the file (if_exists).
    step: a description of the current step; None between two steps.
    statements: digests of the statements of the current step, of which the first `sent` are done.
        The statements themselves are computed again from the file: nothing here is executed.
    mark: a fingerprint of the tables before the statement that is being sent.
    unclear: whether the current step was sent, and the catalog does not show if it took effect.
    parts: numbers of finished hand-written parts that a rollback does not undo.
    before: fingerprints of the tables before the first step that alters them.
    position: the `Position` of a step that works through rows, as text.
    undone: the progress of a run that undoes the steps.
    """

    steps: int = 0
    digest: str = ""
    answers: tuple[bool, ...] = ()
    step: str | None = None
    statements: tuple[str, ...] = ()
    sent: int = 0
    mark: str | None = None
    unclear: bool = False
    parts: tuple[int, ...] = ()
    before: tuple[TablesBefore, ...] = ()
    position: str | None = None
    undone: Progress | None = None

    @property
    def rows(self) -> int:
        """The number of rows that the current step has filled."""
        return Position.decoded(self.position).done if self.position else 0

    @property
    def has_begun(self) -> bool:
        """Whether steps, statements or rows of it are in the database, or may be."""
        return self.steps > 0 or bool(self.statements or self.position)

    def encoded(self) -> str:
        """Return it as JSON, without the fields that have their default."""
        return json.dumps(self._data())

    def _data(self) -> dict[str, Any]:
        default = Progress()
        data = {
            name: getattr(self, name)
            for name in self.__slots__
            if getattr(self, name) != getattr(default, name)
        }
        if self.before:
            data["before"] = [item.to_data() for item in self.before]
        if self.undone is not None:
            data["undone"] = self.undone._data()
        return data

    @property
    def in_doubt(self) -> Progress | None:
        """The progress whose current step is unclear, None if there is none."""
        if self.undone is not None:
            return self.undone.in_doubt
        return self if self.unclear else None

    def answered(self, answer: StepAnswer) -> Progress:
        """Return the progress after a person said whether the unclear step took effect."""
        if self.undone is not None:
            return replace(self, undone=self.undone.answered(answer))
        return replace(self, sent=self.sent + (answer == "done"), unclear=False)

    @classmethod
    def decoded(cls, text: str | None) -> Progress:
        """Return the progress of a JSON text.

        Raises ValueError for a text that `encoded` does not write.
        """
        return cls._of(json.loads(text) if text else {})

    @classmethod
    def _of(cls, data: object) -> Progress:
        if not isinstance(data, dict) or not data.keys() <= set(cls.__slots__):
            raise ValueError("the progress of a run has unknown fields")
        values = {name: _READ[name](value) for name, value in data.items() if name != "undone"}
        if "undone" in data:
            values["undone"] = cls._of(data["undone"])
        progress = cls(**values)
        if progress.sent > len(progress.statements):
            raise ValueError("the progress of a run counts more statements than there are")
        return progress


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text was expected, not {value!r:.40}")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false was expected, not {value!r:.40}")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"a count was expected, not {value!r:.40}")
    return value


def _position(value: object) -> str:
    Position.decoded(_text(value))
    return _text(value)


def _each(read: Callable[[object], Any]) -> Callable[[object], tuple[Any, ...]]:
    def read_all(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"a list was expected, not {value!r:.40}")
        return tuple(map(read, value))

    return read_all


_READ: dict[str, Callable[[object], Any]] = {
    "steps": _count,
    "digest": _text,
    "answers": _each(_flag),
    "step": _text,
    "statements": _each(_text),
    "sent": _count,
    "mark": _text,
    "unclear": _flag,
    "parts": _each(_count),
    "before": _each(TablesBefore.from_data),
    "position": _position,
}
"""How each field of a progress is read: whoever can write to the table may have changed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run of a migration. `seconds` is None while it runs, `error` unless it failed."""

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
        """Whether the run stopped halfway: some steps are done but others are not."""
        return self.outcome == "running" or (self.outcome == "failed" and self.progress.has_begun)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.outcome not in ("running", "failed")


class Journal:
    """The journal table that belongs to a history table, in the given schema.

    identity: its key must be an identity column to be numbered.
    """

    def __init__(
        self,
        schema: str | None = None,
        history_table: str = HISTORY_TABLE,
        *,
        identity: bool = False,
    ) -> None:
        numbered = (sa.Identity(),) if identity else ()
        self.table = sa.Table(
            journal_table(history_table),
            sa.MetaData(),
            sa.Column("id", sa.Integer, *numbered, primary_key=True),
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
            **ANY_CHARACTER,
        )
        self._insert = sa.insert(self.table)
        self._update = sa.update(self.table).where(self.table.c.id == sa.bindparam("key"))

    def exists(self, connection: Connection) -> bool:
        """Return whether the table exists."""
        return has_record_table(connection, self.table)

    def create(self, connection: Connection) -> None:
        """Create the table if it does not exist."""
        if not self.exists(connection):
            self.table.create(connection, checkfirst=False)

    def write(self, connection: Connection, entry: Entry) -> Entry:
        """Insert an entry, or update one that has an id; return it with its id."""
        values = entry_row(entry)
        if entry.id is not None:
            connection.execute(self._update, {**values, "key": entry.id})
            return entry
        result = connection.execute(self._insert, values)
        key = result.inserted_primary_key
        return replace(entry, id=key[0] if key else None)

    def add(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Insert entries that have ended."""
        if entries:
            connection.execute(self._insert, list(map(entry_row, entries)))

    def find(self, connection: Connection, id: int) -> Entry | None:
        """Return the entry with that id, None if it was never committed."""
        rows = self._rows(connection, sa.select(self.table).where(self.table.c.id == id))
        return self._entry(rows[0]) if rows else None

    def unfinished(self, connection: Connection) -> Entry | None:
        """Return the run that stopped half-way, None if the last run of each migration ended well.

        Hold the lock: a run that is "running" in the journal has been killed then.
        """
        if not self.exists(connection):
            return None
        last = sa.select(sa.func.max(self.table.c.id)).group_by(self.table.c.revision)
        chosen = (
            sa.select(self.table)
            .where(self.table.c.id.in_(last), self.table.c.outcome.in_(("running", "failed")))
            .order_by(self.table.c.id.desc())
        )
        entries = [self._entry(row) for row in self._rows(connection, chosen)]
        return next((entry for entry in entries if entry.is_unfinished), None)

    def read(self, connection: Connection) -> list[Entry]:
        """Return all runs, oldest first; none if the table does not exist."""
        if not self.exists(connection):
            return []
        query = sa.select(self.table).order_by(self.table.c.id)
        return [self._entry(row) for row in self._rows(connection, query)]

    def _rows(self, connection: Connection, query: sa.Select[Any]) -> Sequence[Any]:
        """Return the rows of a query; SQLite can have a text in the column of a number."""
        result = connection.execute(query)
        try:
            return result.all()
        except _UNREADABLE as error:
            raise self._unreadable("a row", error) from error

    def _unreadable(self, which: str, error: Exception) -> HistoryError:
        return HistoryError(
            f"cannot read {which} of the table {self.table.name}: {exception_words(error)}",
            hint="another program or another version of autodiff may have written it; compare "
            "the database with the migrations, and correct or delete the row",
        )

    def _entry(self, row: Any) -> Entry:
        try:
            _require_valid(row)
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
        except _UNREADABLE as error:
            raise self._unreadable(f"row {row.id}", error) from error


def _require_valid(row: Any) -> None:
    """Raise TypeError or ValueError for a value that no run writes."""
    for name in ("revision", "name", "checksum", "actor", "host", "tool"):
        if not isinstance(row._mapping[name], str):
            raise TypeError(f"{name} is not a text")
    if not isinstance(row.error, str | None):
        raise TypeError("error is not a text")
    if row.kind not in _KINDS or row.outcome not in _OUTCOMES:
        raise ValueError(f"unknown kind or outcome: {row.kind!r:.40}, {row.outcome!r:.40}")


_KINDS = frozenset((*get_args(Direction), "stamp", "repair", "squash", "push"))
_OUTCOMES = frozenset(word for literal in get_args(Outcome) for word in get_args(literal))
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What parsing a row can raise: numbers, dates, JSON and keys of rows."""


def entry_row(entry: Entry) -> dict[str, Any]:
    """Return an entry as a row by column, without its id."""
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
