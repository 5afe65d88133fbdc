"""The steps of a migration that runs: counted, journaled where no rollback takes them back, and
passed over where an earlier run has done them.

A step is one operation, or a part that a person wrote between two. What is done for good is in
the journal before the next one begins. Of a statement that was under way when a run was killed,
the table tells whether it was done: it was looked at right before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.errors import MigrationFailedError
from autodiff.runner.backfill import Keeper
from autodiff.runner.backfill_position import Position
from autodiff.runner.journal import SETTLE_BY_HAND, Entry, Journal, Progress
from autodiff.runner.sinks import Live, Target
from autodiff.runner.transactions import Segments, atomic
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Backfill, Operation, Require, tables_of
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["Steps"]

_ROWS = frozenset(("DELETE", "INSERT", "REPLACE", "SELECT", "UPDATE", "WITH"))
_BY_HAND = "a part written by hand"


class Steps(Target):
    """A live target that keeps the journal of a migration's run.

    `tables` are those of the step that was begun last. `pooled` says that each transaction may get
    another session.
    """

    def __init__(
        self,
        live: Live,
        dialect: Dialect,
        segments: Segments,
        journal: Journal,
        entry: Entry,
        *,
        taking_back: bool = False,
        pooled: bool = False,
    ) -> None:
        self.entry = entry
        self._pooled = pooled
        self.segments = segments
        self._live = live
        self._dialect = dialect
        self._journal = journal
        self._taking_back = taking_back
        before = entry.progress.undone or Progress() if taking_back else entry.progress
        self._before = before
        self._now = Progress(start=entry.progress.start)
        self._outside = not dialect.features.transactional_ddl
        self._by_hand = False
        self.tables: tuple[Name, ...] = ()
        self._told: list[str] = []
        self._under_way: Sequence[Operation] = ()

    # What the runner calls

    def begin(self) -> None:
        """Writes the entry where steps can't be rolled back."""
        if not self._outside:
            return
        if self._now.start is None:
            self._now = replace(self._now, start=self._look(()))
        self._save(self._now if self.entry.id is None else self._before)

    def check_start(self) -> None:
        """Raises MigrationFailedError where the schema is not what it was before the first step."""
        if self._now.start is not None and self._look(()) != self._now.start:
            end = "applied" if self.entry.kind == "downgrade" else "reverted"
            raise MigrationFailedError(
                "its steps were taken back, and yet the schema is not what it was before them",
                hint="compare it with the migrations (autodiff check), put it right by hand, and: "
                f"autodiff repair --half-way {end}",
            )

    def finish(self) -> None:
        """Told when the migration's code has come to its end."""
        self._end_part_by_hand()
        if self.is_passing:
            raise self._other_steps()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is done in here stands in the database as a whole, or not at all."""
        if self._outside:
            with atomic(self._connection):
                yield
        else:
            yield

    def left_nothing(self) -> bool:
        """Whether the first step failed and the database is what it was before it."""
        progress = self.entry.progress
        if progress.mark is None or progress.steps or progress.sent or progress.undone:
            return False
        as_before = self._look(self.tables) == progress.mark
        return as_before and not self._dialect.session.cleanup_statements(
            self._connection, self._under_way
        )

    @property
    def kept(self) -> list[str]:
        """The steps that stay whatever comes, in words."""
        return self._told[: self.entry.progress.steps]

    @property
    def is_passing(self) -> bool:
        """Whether steps are passed over that an earlier run has done."""
        return self._now.steps < self._before.steps

    # What the executor calls

    def passes(self, operation: Operation) -> bool:
        """Whether an earlier run has done that step."""
        self._end_part_by_hand()
        if not self.is_passing:
            return False
        self._count([_key(operation)], [operation.describe()])
        return True

    def statements_left(self, operations: Sequence[Operation]) -> tuple[str, ...] | None:
        """The statements of a step that an earlier run had begun; None where it had not."""
        described = _described(operations)
        begun = self._before.step == described and self._now.steps == self._before.steps
        return self._before.statements if begun else None

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Does a step, whose statements are given."""
        keys = [_key(operation) for operation in operations]
        told = [operation.describe() for operation in operations]
        self.tables = tuple(name for operation in operations for name in tables_of(operation))
        statements = [
            *self._dialect.session.cleanup_statements(self._connection, operations),
            *statements,
        ]
        if not self._outside:
            self._live.perform(operations, statements)
            self._count(keys, told)
        elif isinstance(operations[0], Backfill):
            self._fill(operations[0])
        elif all(map(_changes_rows, statements)) or isinstance(operations[0], Require):
            self._with_rows(keys, told, lambda: self._live.perform(operations, statements))
        else:
            self._one_by_one(operations, statements)
            self._count(keys, told)
            self._save(self._now)

    def execute(self, sql: str) -> int:
        """Runs one statement, which is no step of its own."""
        return self._live.execute(sql)

    def require(self, operation: Require) -> None:
        """Refuses where rows stand in the way."""
        self.perform([operation], ())

    def backfill(self, operation: Backfill) -> None:
        """Gives rows values."""
        self.perform([operation], ())

    def known(self, name: Name) -> Table | None:
        """The table as it stands now, None where there is none."""
        return self._live.known(name)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Runs a SQLAlchemy statement; a step."""
        self._step(str(clause), lambda: self._live.execute_clause(clause, rows))

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Calls a function with the connection; a step."""
        self.segments.handed_over()
        self._step(name, lambda: self._live.call(function, name), told=f"op.run({name})")

    def decide(self, question: Callable[[], bool]) -> bool:
        """What the database answers; what it answered, where an earlier run has asked."""
        asked = len(self._now.answers)
        if self.is_passing and asked < len(self._before.answers):
            answer = self._before.answers[asked]
        else:
            answer = question()
        self._now = replace(self._now, answers=(*self._now.answers, answer))
        return answer

    def table(self, name: Name) -> Table:
        """The table as it stands now."""
        return self._live.table(name)

    def find(self, name: Name) -> Table | None:
        """The table as it stands now, None where there is none."""
        return self._live.find(name)

    def done(self, operation: Operation) -> None:
        """Nothing: the database itself has changed."""

    def connection(self) -> Connection:
        """The connection: what is done with it until the next step is a step."""
        self.segments.handed_over()
        if not self._by_hand:
            self._by_hand = True
            if self._outside:
                self._connection.exec_driver_sql("BEGIN")
            elif self.is_passing:
                self._connection.exec_driver_sql("SAVEPOINT autodiff_again")
        return self._live.connection()

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """Leaves the transaction: each step in here stands by itself, and is journaled."""
        self._end_part_by_hand()
        if self._outside:
            yield
            return
        if self._pooled:
            raise MigrationFailedError(
                "op.autocommit() needs a session of its own; a transaction pooler stands between",
                hint="run this migration with the URL of the server itself",
            )
        if self.entry.id is None or self._now.steps > self._before.steps:
            self._write(self._now)  # else it is there, with what of the next step was begun
        with self.segments.outside():
            self._outside = True
            try:
                yield
                self._end_part_by_hand()
            finally:
                self._outside = False

    # Its own

    @property
    def _connection(self) -> Connection:
        return self._live.connection()

    def _step(self, key: str, run: Callable[[], None], *, told: str | None = None) -> None:
        self._end_part_by_hand()
        told = told or key
        if self.is_passing:
            self._count([key], [told])
        elif self._outside:
            self._with_rows([key], [told], run)
        else:
            run()
            self._count([key], [told])

    def _with_rows(self, keys: Sequence[str], told: Sequence[str], run: Callable[[], None]) -> None:
        """A step that changes rows alone: done and journaled in one transaction."""
        with self.together():
            run()
            self._count(keys, told)
            self._write(self._now)

    def _fill(self, operation: Backfill) -> None:
        """Batch by batch, each in one transaction with how far it has come."""
        step = _described([operation])
        begun = self.statements_left([operation]) is not None
        before = self._before.position if begun else None

        def reached(position: Position | None) -> None:
            if position is None:
                self._count([_key(operation)], [operation.describe()])
                self._write(self._now)
            else:
                self._write(replace(self._now, step=step, position=position.encoded()))

        keeper = Keeper(
            before=Position.decoded(before) if before is not None else None,
            together=self.together,
            reached=reached,
        )
        self._live.backfill(operation, keeper)

    def _one_by_one(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Each statement is announced in the journal before it is sent."""
        self._under_way = operations
        step = replace(self._now, step=_described(operations), statements=tuple(statements))
        for place in range(self._already_sent(operations), len(statements)):
            self._save(replace(step, sent=place, mark=self._look(self.tables)))
            self._live.execute(statements[place])

    def _already_sent(self, operations: Sequence[Operation]) -> int:
        """How many statements of a step were done by an earlier run.

        The one that was under way counts if the database is not any more as it was before it.
        """
        if self.statements_left(operations) is None:
            return 0
        before, self._before = self._before, replace(self._before, step=None)
        in_doubt = before.mark is not None and self._look(self.tables) != before.mark
        return before.sent + in_doubt

    def _look(self, tables: tuple[Name, ...]) -> str:
        return self._dialect.catalog.fingerprint(self._connection, tables)

    def _count(self, keys: Sequence[str], told: Sequence[str]) -> None:
        self._told += told
        digest = self._now.digest
        for key in keys:
            digest = hashlib.sha256(f"{digest}\n{key}".encode()).hexdigest()
        self._now = replace(self._now, steps=self._now.steps + len(keys), digest=digest)
        if self._now.steps == self._before.steps and digest != self._before.digest:
            raise self._other_steps()

    def _other_steps(self) -> MigrationFailedError:
        return MigrationFailedError(
            f"its first {self._before.steps} steps are not those that an earlier run has done",
            hint=f"restore the file as it was then, or {SETTLE_BY_HAND}",
        )

    def _save(self, progress: Progress) -> None:
        """Writes the journal for good; inside a transaction, once that is committed."""
        with self.together():
            self._write(progress)

    def _write(self, progress: Progress) -> None:
        if self._taking_back:
            progress = replace(self.entry.progress, undone=progress)
        self.entry = replace(self.entry, progress=progress, outcome="running", error=None)
        self.entry = self._journal.write(self._connection, self.entry)

    def _end_part_by_hand(self) -> None:
        """Ends what began with `connection`, if anything did; what ran again is taken back."""
        if not self._by_hand:
            return
        self._by_hand, again = False, self.is_passing
        self._count([_BY_HAND], [_BY_HAND])
        if again:
            self._connection.exec_driver_sql(
                "ROLLBACK" if self._outside else "ROLLBACK TO SAVEPOINT autodiff_again"
            )
        elif self._outside:
            self._write(self._now)
            self._connection.exec_driver_sql("COMMIT")


def _key(operation: Operation) -> str:
    """What tells one step from another: all that the file says of it."""
    return repr(operation)


def _described(operations: Sequence[Operation]) -> str:
    return "; ".join(operation.describe() for operation in operations)


def _changes_rows(statement: str) -> bool:
    words = (token.upper() for kind, token in tokens(statement) if kind == "word")
    return next(words, "") in _ROWS
