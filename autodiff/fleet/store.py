"""Store the outcomes of runs in a database that several processes and machines share."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.exc import DBAPIError, IntegrityError

from autodiff.dialects import dialect_for
from autodiff.dialects.records import ANY_CHARACTER
from autodiff.dialects.scope import FLEET_OUTCOMES_TABLE, FLEET_RUNS_TABLE
from autodiff.errors import DatabaseError
from autodiff.fleet.results import Outcome
from autodiff.utils.connections import database_errors, open_connection
from autodiff.utils.files import create_ignored_folder
from autodiff.utils.quoting import one_line

__all__ = ["OutcomeStore", "StoredOutcome", "StoredRun", "default_url", "open_store"]

R = TypeVar("R")
Row: TypeAlias = dict[str, str]

_FOLDER = ".autodiff"
_FILE = "outcomes.db"
_ATTEMPTS = 5
"""How often a request is sent: another writer can cause a deadlock, and a server a disconnect."""

_METADATA = sa.MetaData()
_KEY = sa.String(64)
_LONG = sa.Text().with_variant(LONGTEXT(), "mysql", "mariadb")
_RUNS = sa.Table(
    FLEET_RUNS_TABLE,
    _METADATA,
    sa.Column("run_id", _KEY, primary_key=True),
    sa.Column("run", _LONG, nullable=False),
    sa.Column("data", _LONG, nullable=False),
    **ANY_CHARACTER,
)
"""A row for each run. Ids are hashes: names can be long, and some databases ignore their case."""
_OUTCOMES = sa.Table(
    FLEET_OUTCOMES_TABLE,
    _METADATA,
    sa.Column("run_id", _KEY, primary_key=True),
    sa.Column("target_id", _KEY, primary_key=True),
    sa.Column("target", _LONG, nullable=False),
    sa.Column("result", sa.String(20), nullable=False),
    sa.Column("stamp", _KEY, nullable=False),
    sa.Column("data", _LONG, nullable=False),
    **ANY_CHARACTER,
)
"""A row for each target of a run. `stamp` differs for each change of the row. `data` is JSON
without characters outside ASCII: messages contain some that PostgreSQL cannot store, such as NUL.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run: its name, its direction and target, and its number of targets in all shards.

    migrations: a hash of the migrations that it applies or reverts.
    """

    name: str
    direction: str
    target: str
    migrations: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutcome:
    """An outcome and its stamp, which changes whenever the outcome is stored again."""

    outcome: Outcome
    stamp: str


def default_url(root: Path) -> sa.URL:
    """Return the URL of the file for the outcomes of a project.

    It is in the project's folder, so that all its processes on this machine use the same file.
    """
    return sa.URL.create("sqlite", database=str(root / _FOLDER / _FILE))


@contextmanager
def open_store(url: sa.URL, *, create: bool = True) -> Iterator[OutcomeStore]:
    """Connect to a database for outcomes, create its tables, and close the connection at the end.

    Raises DatabaseError if it cannot be reached, or if the tables cannot be created.
    """
    if create:
        _create_folder(Path(url.database or ""))
    session = dialect_for(url.get_backend_name()).session
    with open_connection(url, create=create, prepare=session.share_records) as connection:
        store = OutcomeStore(connection, url)
        store.create_tables()
        yield store


def _create_folder(file: Path) -> None:
    """Create the default folder, but not one of a URL that the user names."""
    if (file.parent.name, file.name) != (_FOLDER, _FILE):
        return
    try:
        create_ignored_folder(file.parent)
    except OSError as error:
        raise DatabaseError(
            f"cannot create {file.parent} for the outcomes: {error.strerror}",
            hint="name a database for them: --outcomes URL",
        ) from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True)


class OutcomeStore:
    """The outcomes of runs. Threads may share a store; each change is committed by itself."""

    def __init__(self, connection: sa.Connection, url: sa.URL) -> None:
        self._connection = connection
        self._url = url
        self._lock = threading.RLock()

    def create_tables(self) -> None:
        """Create the tables unless they exist; several processes may do it at the same time."""
        self._send(lambda connection: _METADATA.create_all(connection))

    def begin(self, run: StoredRun) -> StoredRun:
        """Store a run unless one of its name exists; return the stored one.

        The number of targets becomes the larger one: a part of them can have been run before.
        """
        row = {"run_id": _digest(run.name), "run": one_line(run.name), "data": _json(asdict(run))}
        self._send(lambda connection: _inserted(connection, _RUNS.insert(), [row]))
        stored = self.find(run.name) or run
        if stored.total >= run.total:
            return stored
        stored = replace(stored, total=run.total)
        change = _RUNS.update().where(_RUNS.c.run_id == _digest(run.name))
        self._send(lambda connection: connection.execute(change.values(data=_json(asdict(stored)))))
        return stored

    def find(self, name: str) -> StoredRun | None:
        """Return the run of a name, None if there is none."""
        query = sa.select(_RUNS.c.data).where(_RUNS.c.run_id == _digest(name))
        text = self._send(lambda connection: connection.scalar(query))
        return None if text is None else StoredRun(**json.loads(text))

    def runs(self) -> list[StoredRun]:
        """Return all runs, by name."""
        texts = self._send(lambda connection: connection.scalars(sa.select(_RUNS.c.data)).all())
        runs = [StoredRun(**json.loads(text)) for text in texts]
        return sorted(runs, key=lambda run: run.name)

    def outcomes(self, run: str, names: Sequence[str] | None = None) -> list[StoredOutcome]:
        """Return the outcomes of a run, or those of some targets, by the name of their target."""
        query = sa.select(_OUTCOMES.c.data, _OUTCOMES.c.stamp).where(
            _OUTCOMES.c.run_id == _digest(run)
        )
        if names is not None:
            query = query.where(_OUTCOMES.c.target_id.in_(map(_digest, names)))
        rows = self._send(lambda connection: connection.execute(query).all())
        found = [StoredOutcome(outcome=_outcome(data), stamp=stamp) for data, stamp in rows]
        return sorted(found, key=lambda stored: stored.outcome.name)

    def stamps(self, run: str, result: str) -> set[str]:
        """Return the stamps of the outcomes with a result: there is one for each of them."""
        query = sa.select(_OUTCOMES.c.stamp).where(
            _OUTCOMES.c.run_id == _digest(run), _OUTCOMES.c.result == result
        )
        return set(self._send(lambda connection: connection.scalars(query).all()))

    def put(self, run: str, outcome: Outcome) -> None:
        """Store the outcome of a target in place of an earlier one."""
        row = _row(run, outcome)
        if self._update([row]) == 0 and not self._insert([row]):
            self._update([row])  # another process has inserted it at this moment

    def put_all(self, run: str, outcomes: Sequence[Outcome]) -> None:
        """Store many outcomes with few statements, in place of earlier ones."""
        rows = [_row(run, outcome) for outcome in outcomes]
        query = sa.select(_OUTCOMES.c.target_id).where(_OUTCOMES.c.run_id == _digest(run))
        known = set(self._send(lambda connection: connection.scalars(query).all()))
        self._update([row for row in rows if row["target_id"] in known])
        if not self._insert([row for row in rows if row["target_id"] not in known]):
            for outcome in outcomes:
                self.put(run, outcome)

    def _update(self, rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        statement = (
            _OUTCOMES.update()
            .where(
                _OUTCOMES.c.run_id == sa.bindparam("key_run"),
                _OUTCOMES.c.target_id == sa.bindparam("key_target"),
            )
            .values({name: sa.bindparam(f"new_{name}") for name in ("result", "stamp", "data")})
        )
        values = [
            {
                "key_run": row["run_id"],
                "key_target": row["target_id"],
                **{f"new_{name}": row[name] for name in ("result", "stamp", "data")},
            }
            for row in rows
        ]
        one_or_all = values[0] if len(values) == 1 else values
        return self._send(lambda connection: connection.execute(statement, one_or_all).rowcount)

    def _insert(self, rows: Sequence[Row]) -> bool:
        return not rows or self._send(
            lambda connection: _inserted(connection, _OUTCOMES.insert(), rows)
        )

    def _send(self, request: Callable[[sa.Connection], R]) -> R:
        """Send a request in its own transaction; try again after a deadlock or a disconnect.

        Raises DatabaseError if every attempt fails.
        """
        with self._lock, database_errors(self._url):
            for attempt in range(1, _ATTEMPTS):
                try:
                    return self._send_once(request)
                except DBAPIError:
                    self._connection.rollback()
                    time.sleep(0.1 * attempt)
            return self._send_once(request)

    def _send_once(self, request: Callable[[sa.Connection], R]) -> R:
        result = request(self._connection)
        self._connection.commit()
        return result


def _inserted(connection: sa.Connection, statement: sa.Insert, rows: Sequence[Row]) -> bool:
    """Insert rows and return whether that worked: another process can have inserted one."""
    try:
        connection.execute(statement, rows)
    except IntegrityError:
        connection.rollback()
        return False
    return True


def _row(run: str, outcome: Outcome) -> Row:
    return {
        "run_id": _digest(run),
        "target_id": _digest(outcome.name),
        "target": one_line(outcome.name),
        "result": outcome.result,
        "stamp": uuid4().hex,
        "data": _json(asdict(outcome)),
    }


def _outcome(text: str) -> Outcome:
    values = json.loads(text)
    return replace(Outcome(**values), migrations=tuple(values["migrations"]))
