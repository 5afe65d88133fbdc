"""Run the steps of a migration, and journal those that no rollback can undo.

A step is one operation, or the code between two operations that uses the connection directly (a
hand-written part). A step is *permanent* if the database has no transactional DDL or the step is
inside `op.autocommit()`; all other steps share the migration's transaction.

| step | in the transaction | permanent |
|---|---|---|
| DDL | run | announce each statement in the journal, send it; journal the step at the end |
| only rows, op.require | run | run and journal in one transaction |
| op.backfill | run | per batch: update the rows and journal the last key in one transaction |
| hand-written part | run | BEGIN, run, journal, COMMIT |
| completed by an earlier run | count | count; a hand-written part is run again and rolled back |

Invariants:

- A permanent step is in the journal before the next one begins.
- Rows and the journal entry that counts them are committed together.
- The journal names each DDL statement before it is sent, with a fingerprint of its tables (`mark`).
  After a kill, another fingerprint means that the statement took effect.

If one of them breaks, a resumed run repeats a step or skips one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.errors import MigrationFailedError
from autodiff.runner.backfill_position import Position
from autodiff.runner.batched_backfill import BatchRecorder
from autodiff.runner.journal import Entry, Journal, Progress
from autodiff.runner.journal_writer import JournalWriter
from autodiff.runner.sinks import LiveSink, Sink
from autodiff.runner.step_counter import StepCounter, describe_operations, step_key
from autodiff.runner.transactions import TransactionSegments, atomic
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Backfill, Operation, Require, tables_of
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["JournaledSink"]

_ROW_STATEMENTS = frozenset(("DELETE", "INSERT", "REPLACE", "SELECT", "UPDATE", "WITH"))
"""First words of statements that a transaction can undo on every database."""
_HAND_WRITTEN_PART = "a hand-written part"
_REPLAY_SAVEPOINT = "autodiff_again"


class JournaledSink(Sink):
    """A live sink that journals the run of a migration, as described above.

    `tables` are those of the step that began last. `undoing` marks a run that undoes the finished
    steps of another one. With `pooled`, each transaction may get another session.
    """

    def __init__(
        self,
        live: LiveSink,
        dialect: Dialect,
        segments: TransactionSegments,
        journal: Journal,
        entry: Entry,
        *,
        undoing: bool = False,
        pooled: bool = False,
    ) -> None:
        self.segments = segments
        self.tables: tuple[Name, ...] = ()
        self._live = live
        self._dialect = dialect
        self._writer = JournalWriter(live.connection(), journal, entry, undoing=undoing)
        self._counter = StepCounter(self._writer.earlier, entry.progress.start)
        self._pooled = pooled
        self._is_permanent = not dialect.features.transactional_ddl
        self._in_hand_written_part = False
        self._sent_operations: Sequence[Operation] = ()

    # For the runner

    @property
    def entry(self) -> Entry:
        """The journal entry of the run, as it was written last."""
        return self._writer.entry

    @entry.setter
    def entry(self, entry: Entry) -> None:
        self._writer.entry = entry

    @property
    def permanent_steps(self) -> list[str]:
        """Descriptions of the steps that no rollback undoes."""
        return self._counter.descriptions[: self.entry.progress.steps]

    @property
    def is_replaying(self) -> bool:
        """Whether steps are skipped that an earlier run completed."""
        return self._counter.is_replaying

    def begin(self) -> None:
        """Write the journal entry if steps are permanent."""
        if not self._is_permanent:
            return
        if self._counter.progress.start is None:
            self._counter.set_start(self._fingerprint(()))
        is_new = self.entry.id is None
        self._save(self._counter.progress if is_new else self._counter.earlier)

    def check_start(self) -> None:
        """Raise MigrationFailedError if the schema is not what it was before the first step."""
        start = self._counter.progress.start
        if start is not None and self._fingerprint(()) != start:
            end = "applied" if self.entry.kind == "downgrade" else "reverted"
            raise MigrationFailedError(
                "its steps were undone, but the schema is not what it was before them",
                hint="compare it with the migrations (autodiff check), correct it by hand, and "
                f"run: autodiff repair --half-way {end}",
            )

    def finish(self) -> None:
        """End the run after the migration's code has returned.

        Raises MigrationFailedError if an earlier run completed more steps than the code has.
        """
        self._end_hand_written_part()
        if self.is_replaying:
            raise self._counter.different_steps()

    @contextmanager
    def atomically(self) -> Iterator[None]:
        """Keep everything that is done inside, or nothing of it."""
        if self._is_permanent:
            with atomic(self._connection):
                yield
        else:
            yield

    def left_nothing(self) -> bool:
        """Return whether the first step failed and the database is what it was before it."""
        progress = self.entry.progress
        if progress.mark is None or progress.steps or progress.sent or progress.undone:
            return False
        unchanged = self._fingerprint(self.tables) == progress.mark
        return unchanged and not self._dialect.session.cleanup_statements(
            self._connection, self._sent_operations
        )

    # For the executor

    def is_already_done(self, operation: Operation) -> bool:
        """Count a step that an earlier run completed; return whether it did."""
        self._end_hand_written_part()
        if not self.is_replaying:
            return False
        self._counter.complete_operations([operation])
        return True

    def unfinished_statements(self, operations: Sequence[Operation]) -> tuple[str, ...] | None:
        """Return the statements of a step that an earlier run began, None if it did not."""
        return self._counter.unfinished_statements(operations)

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Run a step with the statements given, in the way that the table above gives."""
        self.tables = tuple(name for operation in operations for name in tables_of(operation))
        statements = [
            *self._dialect.session.cleanup_statements(self._connection, operations),
            *statements,
        ]
        first = operations[0]
        if not self._is_permanent:
            self._live.perform(operations, statements)
            self._counter.complete_operations(operations)
        elif isinstance(first, Backfill):
            self._backfill_in_batches(first)
        elif isinstance(first, Require) or all(map(_changes_only_rows, statements)):
            with self._counted_atomically(
                [step_key(operation) for operation in operations],
                [operation.describe() for operation in operations],
            ):
                self._live.perform(operations, statements)
        else:
            self._send_one_by_one(operations, statements)
            self._counter.complete_operations(operations)
            self._save(self._counter.progress)

    def execute(self, sql: str) -> int:
        """Run a statement that is not a step."""
        return self._live.execute(sql)

    def require(self, operation: Require) -> None:
        """Refuse the migration if the query finds rows."""
        self.perform([operation], ())

    def backfill(self, operation: Backfill) -> None:
        """Set columns of existing rows."""
        self.perform([operation], ())

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a SQLAlchemy statement as a step."""
        text = str(clause)
        self._run_step(text, text, lambda: self._live.execute_clause(clause, rows))

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Call a function with the connection as a step."""
        self.segments.handed_over()
        self._run_step(name, f"op.run({name})", lambda: self._live.call(function, name))

    def ask(self, question: Callable[[], bool]) -> bool:
        """Return the answer of the database, or the earlier one when replaying."""
        return self._counter.answer(question)

    def table(self, name: Name) -> Table:
        """Return the current table."""
        return self._live.table(name)

    def find(self, name: Name) -> Table | None:
        """Return the current table, None if there is none."""
        return self._live.find(name)

    def known(self, name: Name) -> Table | None:
        """Return the current table, None if there is none."""
        return self._live.known(name)

    def connection(self) -> Connection:
        """Return the connection and begin a hand-written part, which the next step ends."""
        self.segments.handed_over()
        if not self._in_hand_written_part:
            self._in_hand_written_part = True
            if self._is_permanent:
                self._connection.exec_driver_sql("BEGIN")
            elif self.is_replaying:
                self._connection.exec_driver_sql(f"SAVEPOINT {_REPLAY_SAVEPOINT}")
        return self._live.connection()

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """Leave the transaction: each step inside is permanent.

        Raises MigrationFailedError behind a transaction pooler, where the session may change.
        """
        self._end_hand_written_part()
        if self._is_permanent:
            yield
            return
        if self._pooled:
            raise MigrationFailedError(
                "op.autocommit() needs its own session, but a transaction pooler is in between",
                hint="run this migration with the URL of the server itself",
            )
        # An entry that is there already may hold the statements of a step that was begun:
        if self.entry.id is None or self._counter.is_ahead:
            self._writer.write(self._counter.progress)
        with self.segments.outside():
            self._is_permanent = True
            try:
                yield
                self._end_hand_written_part()
            finally:
                self._is_permanent = False

    # Steps

    @property
    def _connection(self) -> Connection:
        return self._live.connection()

    def _run_step(self, key: str, description: str, run: Callable[[], None]) -> None:
        self._end_hand_written_part()
        if self.is_replaying:
            self._counter.complete([key], [description])
        elif self._is_permanent:
            with self._counted_atomically([key], [description]):
                run()
        else:
            run()
            self._counter.complete([key], [description])

    @contextmanager
    def _counted_atomically(
        self, keys: Sequence[str], descriptions: Sequence[str]
    ) -> Iterator[None]:
        """Run a step that changes only rows, and journal it in the same transaction."""
        with self.atomically():
            yield
            self._counter.complete(keys, descriptions)
            self._writer.write(self._counter.progress)

    def _backfill_in_batches(self, operation: Backfill) -> None:
        """Update batch after batch, each in a transaction with its position in the journal."""
        description = describe_operations([operation])
        began = self.unfinished_statements([operation]) is not None
        position = self._counter.earlier.position if began else None

        def reached(position: Position | None) -> None:
            if position is None:
                self._counter.complete_operations([operation])
                self._writer.write(self._counter.progress)
            else:
                progress = self._counter.progress
                encoded = position.encoded()
                self._writer.write(replace(progress, step=description, position=encoded))

        recorder = BatchRecorder(
            before=Position.decoded(position) if position is not None else None,
            together=self.atomically,
            reached=reached,
        )
        self._live.backfill(operation, recorder)

    def _send_one_by_one(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Announce each statement in the journal before it is sent."""
        self._sent_operations = operations
        step = replace(
            self._counter.progress,
            step=describe_operations(operations),
            statements=tuple(statements),
        )
        for place in range(self._already_sent(operations), len(statements)):
            self._save(replace(step, sent=place, mark=self._fingerprint(self.tables)))
            self._live.execute(statements[place])

    def _already_sent(self, operations: Sequence[Operation]) -> int:
        """Return how many statements of a step an earlier run has sent.

        The statement that was on its way counts if the tables have changed since it was announced.
        """
        earlier = self._counter.take_unfinished(operations)
        if earlier is None:
            return 0
        took_effect = earlier.mark is not None and self._fingerprint(self.tables) != earlier.mark
        return earlier.sent + took_effect

    def _fingerprint(self, tables: tuple[Name, ...]) -> str:
        return self._dialect.catalog.fingerprint(self._connection, tables)

    def _save(self, progress: Progress) -> None:
        """Write the journal permanently; inside a transaction, when that is committed."""
        with self.atomically():
            self._writer.write(progress)

    def _end_hand_written_part(self) -> None:
        """Count the part that began with `connection`, if one did; roll a replayed one back."""
        if not self._in_hand_written_part:
            return
        self._in_hand_written_part, replayed = False, self.is_replaying
        self._counter.complete([_HAND_WRITTEN_PART], [_HAND_WRITTEN_PART])
        if replayed:
            target = "" if self._is_permanent else f" TO SAVEPOINT {_REPLAY_SAVEPOINT}"
            self._connection.exec_driver_sql(f"ROLLBACK{target}")
        elif self._is_permanent:
            self._writer.write(self._counter.progress)
            self._connection.exec_driver_sql("COMMIT")


def _changes_only_rows(statement: str) -> bool:
    words = (token.upper() for kind, token in tokens(statement) if kind == "word")
    return next(words, "") in _ROW_STATEMENTS
