"""Run the steps of a migration, and journal those that no rollback can undo.

A step is one operation, or the code between two operations that uses the connection directly (a
hand-written part). A step is *permanent* if the database has no transactional DDL or the step is
inside `op.autocommit()`; all other steps share the migration's transaction.

| step | in the transaction | permanent |
|---|---|---|
| DDL | run | announce each statement in the journal, send it; journal the step at the end |
| DDL that can rebuild a table (SQLite) | run | run and journal in one transaction |
| only rows, op.require | run | run and journal in one transaction |
| op.backfill | run | per batch: update the rows and journal the last key in one transaction |
| other statements, op.run | run | BEGIN, announce, run, journal, COMMIT |
| hand-written part | run | BEGIN, announce, run, journal, COMMIT |
| completed by an earlier run | count | count; a hand-written part is run again and rolled back |

A step of the last kinds may commit on its own (CALL, GRANT, DDL in a function). Its announcement is
in its own transaction: if the step is rolled back, so is the announcement, and the step is run
again. If the announcement is in the journal and the step is not, something was committed. The
catalog does not show what, so the next run asks (`Progress.unclear`). A statement that PostgreSQL
refuses in a transaction (VACUUM) is announced in its own transaction.

Invariants:

- A permanent step is in the journal before the next one begins. A DDL step may be there only as
  announced, until the next write: the catalog shows that it took effect.
- Rows and the journal entry that counts them are committed together.
- The journal names each DDL statement before it takes effect, with a fingerprint of its tables
  (`mark`). After a kill, another fingerprint means that the statement took effect. On MySQL and
  MariaDB, the statement itself commits its announcement.
- A step that was sent and not confirmed, and that the catalog does not show, is never repeated
  without asking.
- The journal holds positions and digests. No text from it is executed.

If one of them breaks, a resumed run repeats a step or skips one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from autodiff.dialects.base import Dialect
from autodiff.errors import MigrationFailedError
from autodiff.runner.backfill_position import Position
from autodiff.runner.batched_backfill import BatchRecorder
from autodiff.runner.changed_tables import ChangedTables
from autodiff.runner.journal import SETTLE_BY_HAND, Entry, Journal, Progress
from autodiff.runner.journal_writer import JournalWriter
from autodiff.runner.schema_before import (
    TablesBefore,
    is_unchanged,
    tables_to_remember,
    take_fingerprint,
)
from autodiff.runner.sinks import LiveSink, Sink
from autodiff.runner.statement_effect import (
    Effect,
    can_change_settings,
    can_stop_partway,
    effect_of,
    runs_in_transaction,
    sets_session,
    statement_digest,
)
from autodiff.runner.step_counter import (
    StepCounter,
    describe_operations,
    step_key,
    unclear_step,
)
from autodiff.runner.transaction_guard import ignored_error, rolled_back_itself
from autodiff.runner.transactions import TransactionSegments, atomic, needs_own_transaction
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterEnum,
    Backfill,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Execute,
    Operation,
    RenameColumn,
    RenameEnum,
    RenameEnumValue,
    RenameTable,
    Require,
    SwapColumns,
    namespaces_of,
    tables_of,
)
from autodiff.utils.connections import WITHOUT_POOLER

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["JournaledSink"]

_SEEN = (
    *(AddColumn, AddConstraint, CreateIndex, CreateTable, DropColumn, DropConstraint, DropIndex),
    *(DropTable, RenameColumn),
)
"""Operations whose effect the catalog always shows, so that the journal may follow later."""
_RENAMING = (AlterEnum, RenameColumn, RenameEnum, RenameEnumValue, RenameTable, SwapColumns)
"""Operations that change what the catalog says about other tables."""
_HAND_WRITTEN_PART = "a hand-written part"
_REPLAY_SAVEPOINT = "autodiff_again"
_PART_SAVEPOINT = "autodiff_part"


class JournaledSink(Sink):
    """A live sink that journals the run of a migration, as described above.

    `tables` are those of the step that began last. `changed_tables` collects those of all steps.
    `undoing` marks a run that undoes the finished steps of another one. With `pooled`, each
    transaction may get another session. `script` returns the statements of the migration as its
    file alone gives them.
    """

    def __init__(
        self,
        live: LiveSink,
        dialect: Dialect,
        segments: TransactionSegments,
        journal: Journal,
        entry: Entry,
        *,
        changed_tables: ChangedTables,
        undoing: bool = False,
        pooled: bool = False,
        script: Callable[[], Iterable[str]] = tuple,
        before_hand_written: Callable[[], None] = lambda: None,
    ) -> None:
        self.segments = segments
        self.tables: tuple[Name, ...] = ()
        self._live = live
        self._dialect = dialect
        self._connection = live.own_connection
        self._writer = JournalWriter(self._connection, journal, entry, undoing=undoing)
        self._counter = StepCounter(self._writer.earlier, entry.progress.before)
        self._changed_tables = changed_tables
        self._pooled = pooled
        self._is_permanent = not dialect.features.transactional_ddl
        self._in_hand_written_part = False
        self._part_is_rolled_back = False
        self._sent_operations: Sequence[Operation] = ()
        self._namespaces: tuple[str, ...] = ()
        self._script = script
        self._before_hand_written = before_hand_written
        self.may_change_settings = False
        """Whether hand-written code ran that can change the settings of the database session."""
        self.outcome_is_unknown = False
        """Whether the connection was lost, and what the database has kept could not be read."""
        self._was_refused = False
        self._altered: set[Name] = set()
        """The tables of the steps that left no fingerprint of them."""
        self._any_altered = False
        """Whether one of these steps can have altered any table."""

    # For the runner

    @property
    def entry(self) -> Entry:
        """The journal entry of the run, as it was written last."""
        return self._writer.entry

    @entry.setter
    def entry(self, entry: Entry) -> None:
        self._writer.entry = entry

    def done(self, seconds: float) -> Entry:
        """Return the entry of the run if it has succeeded after so many seconds."""
        return self._writer.done(seconds)

    @property
    def permanent_steps(self) -> list[str]:
        """Descriptions of the steps that no rollback undoes."""
        return self._counter.descriptions[: self.entry.progress.steps]

    @property
    def keeps_hand_written_part(self) -> bool:
        """Whether one of the permanent steps is code whose steps are not known without a run."""
        return _HAND_WRITTEN_PART in self.permanent_steps

    @property
    def is_replaying(self) -> bool:
        """Whether steps are skipped that an earlier run completed."""
        return self._counter.is_replaying

    def begin(self) -> None:
        """Journal that a stopped run goes on; a new one is journaled with its first step."""
        if self._is_permanent and self.entry.id is not None:
            self._save(self._counter.earlier)

    def check_start(self) -> None:
        """Raise MigrationFailedError if the schema is not what it was before the first step."""
        before = self._counter.progress.before
        if not is_unchanged(before, self._dialect, self._connection):
            end = "applied" if self.entry.kind == "downgrade" else "reverted"
            raise MigrationFailedError(
                "its steps were undone, but the schema is not what it was before them",
                hint="compare it with the migrations (autodiff check), correct it by hand, and "
                f"run: autodiff repair --half-way {end}",
            )

    def note_hand_written(self) -> None:
        """Note that the next code can change the settings of the database session."""
        self._before_hand_written()
        self.may_change_settings = True

    def finish(self) -> None:
        """End the run after the migration's code has returned.

        Raises MigrationFailedError if an earlier run completed more steps than the code has.
        """
        self._end_hand_written_part()
        if self.is_replaying:
            raise self._counter.different_steps()

    @property
    def is_behind(self) -> bool:
        """Whether the last finished step is not in the journal yet."""
        return self._writer.is_behind

    def catch_up(self) -> None:
        """Write the finished step that is not in the journal yet."""
        if self._writer.is_behind:
            with self.atomically():
                self._writer.write_now()

    @contextmanager
    def atomically(self) -> Iterator[None]:
        """Keep everything that is done inside, or nothing of it."""
        if self._is_permanent:
            with atomic(self._connection, begin=not self._is_begun):
                yield
        else:
            yield

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Keep everything that is done inside when `segments` is closed next, or nothing of it."""
        if self._is_begun:
            yield
        else:
            with self.atomically():
                yield

    @property
    def _is_begun(self) -> bool:
        """Whether a transaction is open after any statement, and `segments` ends it."""
        return self._dialect.session.begins_transactions and not self.may_change_settings

    def without_refused_step(self, entry: Entry) -> Entry:
        """Return the entry without its announced step, if the server refused all of that step.

        It has no progress if that is the first step: the database is what it was before.
        """
        progress = entry.progress
        current = progress.undone or progress
        if not (progress.undone or progress.sent) and self._has_refused_ddl():
            finished = replace(progress, statements=(), mark=None)
            return replace(entry, progress=finished if progress.steps else Progress())
        if not (self._was_refused and current.unclear):
            return entry
        current = replace(current, step=None, statements=(), sent=0, unclear=False)
        undone = None if progress.undone is None else current
        return replace(entry, progress=replace(progress, undone=undone) if undone else current)

    def _has_refused_ddl(self) -> bool:
        """Return whether the server refused the announced statement, and nothing of it stays.

        A statement that got no answer, such as that of a lost connection, may still be running.
        """
        mark = self.entry.progress.mark
        if mark is None or not self._was_refused or self._fingerprint(self.tables) != mark:
            return False
        session, operations = self._dialect.session, self._sent_operations
        return not session.cleanup_statements(self._connection, operations)

    # For the executor

    def is_already_done(self, operation: Operation) -> bool:
        """Count a step that an earlier run completed; return whether it did.

        What such a step set in the session is set again: the session is another one now.
        """
        self._end_hand_written_part()
        if not self.is_replaying:
            return False
        if isinstance(operation, Execute) and sets_session(
            operation.sql, backslashes=self._backslashes
        ):
            self.note_hand_written()
            self._live.execute(operation.sql)
        self._counter.complete_operations([operation])
        self._note_operations([operation])
        return True

    def is_resumed(self, operation: Operation) -> bool:
        """Return whether an earlier run began a step and did not complete it."""
        return self._counter.earlier.step is not None and self._counter.began_earlier(
            describe_operations([operation])
        )

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Run a step with the statements given, in the way that the table above gives."""
        self.tables = tuple(name for operation in operations for name in tables_of(operation))
        self._namespaces = namespaces_of(operations)
        self._changed_tables.add(operations)
        self.segments.keys.before(operations, statements)
        first = operations[0]
        if isinstance(first, Execute) and can_change_settings(
            first.sql, backslashes=self._backslashes
        ):
            self.note_hand_written()
        if not self._is_permanent:
            cleanup = self._dialect.session.cleanup_statements(self._connection, operations)
            self._live.perform(operations, [*cleanup, *statements])
            self._counter.complete_operations(operations)
            self._note_operations(operations)
        elif isinstance(first, Backfill):
            self._backfill_in_batches(first)
        elif isinstance(first, Require):
            self._count_with_rows(operations, statements)
        else:
            self._perform_permanently(operations, statements)
            if any(isinstance(operation, _RENAMING) for operation in operations):
                self._note_altered(())

    def _perform_permanently(
        self, operations: Sequence[Operation], statements: Sequence[str]
    ) -> None:
        match effect_of(operations, statements, backslashes=self._backslashes):
            case Effect.ROWS if statements:
                self._count_with_rows(operations, statements)
            case Effect.UNKNOWN:
                self._run_announced(operations, statements)
            case Effect.CATALOG if needs_own_transaction(operations, self._dialect):
                self._perform_in_transaction(operations, statements)
            case Effect.CATALOG if self._join_transaction(operations, statements):
                self._run_announced(operations, statements)
            case _:
                with self._live.performing(operations):
                    self._send_one_by_one(operations, statements)
                self._counter.complete_operations(operations)
                if statements and all(isinstance(item, _SEEN) for item in operations):
                    self._writer.write_later(lambda: self._counter.progress)
                else:
                    self._save(self._counter.progress)

    def _perform_in_transaction(
        self, operations: Sequence[Operation], statements: Sequence[str]
    ) -> None:
        self._enter()
        self._remember(self.tables)
        with self.segments.inside():
            self.segments.keys.before(operations, statements)
            self._live.perform(operations, statements)
            self._counter.complete_operations(operations)
            self._writer.write(self._counter.progress)

    def _join_transaction(self, operations: Sequence[Operation], statements: Sequence[str]) -> bool:
        """Return whether hand-written DDL can be in one transaction with its journal entry."""
        return (
            self._dialect.features.transactional_ddl
            and any(isinstance(operation, Execute) for operation in operations)
            and all(map(runs_in_transaction, statements))
        )

    def _count_with_rows(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        with self._counted_atomically(
            [step_key(operation) for operation in operations],
            [operation.describe() for operation in operations],
        ):
            self._live.perform(operations, statements)

    def execute(self, sql: str) -> int:
        """Run a statement that is not a step."""
        self._changed_tables.add_all()
        self.segments.keys.before_anything()
        return self._live.execute(sql)

    def require(self, operation: Require) -> None:
        """Refuse the migration if the query finds rows."""
        self.perform([operation], ())

    def backfill(self, operation: Backfill) -> None:
        """Set columns of existing rows."""
        self.perform([operation], ())

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a SQLAlchemy statement as a step."""
        self._changed_tables.add_all()
        self.segments.keys.before_anything()
        text = str(clause)
        if can_change_settings(text, backslashes=self._backslashes):
            self.note_hand_written()
        changes_rows = effect_of((), [text], backslashes=self._backslashes) is Effect.ROWS
        self._run_step(
            text,
            text,
            lambda: self._live.execute_clause(clause, rows),
            announced=not changes_rows,
        )

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Call a function with the connection as a step."""
        self._changed_tables.add_all()
        self.note_hand_written()
        self.segments.handed_over()
        self._run_step(
            name, f"op.run({name})", lambda: self._live.call(function, name), announced=True
        )

    def ask(self, question: Callable[[], bool]) -> bool:
        """Return the answer of the database, or the earlier one when replaying."""
        return self._counter.answer(question)

    def table(self, name: Name, columns: Sequence[str] | None = None) -> Table:
        """Return the current table."""
        return self._live.table(name, columns)

    def find(self, name: Name) -> Table | None:
        """Return the current table, None if there is none."""
        return self._live.find(name)

    def known(self, name: Name) -> Table | None:
        """Return the current table, None if there is none."""
        return self._live.known(name)

    def new_table(self, name: Name) -> Table | None:
        """Return a table that this run created; none if a person may have changed it in between."""
        return None if self._counter.earlier.has_begun else self._live.new_table(name)

    def copies_table(self, name: Name, statements: Sequence[str]) -> bool:
        """Ask the database, unless statements can alter the table."""
        return self._live.copies_table(name, statements)

    def connection(self) -> Connection:
        """Return the connection and begin a hand-written part, which the next step ends."""
        self._changed_tables.add_all()
        self.note_hand_written()
        self.segments.handed_over()
        self._note_altered(())
        if not self._in_hand_written_part:
            self._in_hand_written_part = True
            self._part_is_rolled_back = self.is_replaying
            if self._is_permanent:
                self._begin_permanent_part()
            elif self.is_replaying:
                self._connection.exec_driver_sql(f"SAVEPOINT {_REPLAY_SAVEPOINT}")
        return self._live.connection()

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """Leave the transaction: each step inside is permanent.

        Raises MigrationFailedError behind a pooler, where the session may change.
        """
        self._end_hand_written_part()
        if self._is_permanent:
            yield
            return
        if self._pooled:
            raise MigrationFailedError(
                "op.autocommit() needs its own session, but a pooler is in between, which may be "
                "in transaction mode",
                hint=WITHOUT_POOLER,
            )
        # An entry that is there already may hold the statements of a step that was begun:
        if self.entry.id is None or self._counter.is_ahead:
            self._writer.write(self._counter.progress)
        with self.segments.outside():
            self._is_permanent = True
            try:
                yield
                self._end_hand_written_part()
                self.catch_up()
            finally:
                self._is_permanent = False

    # Steps

    @property
    def _backslashes(self) -> bool:
        return self._dialect.features.backslash_escapes

    def _run_step(
        self, key: str, description: str, run: Callable[[], None], *, announced: bool
    ) -> None:
        self._end_hand_written_part()
        if self.is_replaying:
            self._counter.complete([key], [description])
        elif self._is_permanent:
            was_done = self._was_done(description)
            if announced:
                self._remember(())
            with self._counted_atomically([key], [description]):
                if announced and not was_done:
                    self._writer.write(self._announcement(description))
                if not was_done:
                    run()
        else:
            run()
            self._counter.complete([key], [description])
            self._note_altered(())

    @contextmanager
    def _counted_atomically(
        self, keys: Sequence[str], descriptions: Sequence[str]
    ) -> Iterator[None]:
        """Run a step that changes only rows, and journal it in the same transaction."""
        self._enter()
        with self.atomically():
            with self._dialect.session.checking_keys(self._connection):
                yield
            self._counter.complete(keys, descriptions)
            with (
                self._naming_ignored_errors(),
                self._dialect.session.recording(self._connection),
            ):
                self._writer.write(self._counter.progress)

    @contextmanager
    def _naming_ignored_errors(self) -> Iterator[None]:
        """Raise MigrationFailedError if a statement fails because an earlier one has failed."""
        try:
            yield
        except DBAPIError as error:
            cause = error.orig or error
            if self._dialect.session.is_in_failed_transaction(cause):
                raise ignored_error() from None
            raise

    def _was_done(self, description: str) -> bool:
        """Return whether a step of an earlier run took effect, according to a person.

        Raises MigrationFailedError if nobody has answered that yet.
        """
        earlier = self._counter.take_unfinished(description)
        if earlier is None:
            return False
        if earlier.unclear:
            raise unclear_step(earlier)
        return bool(earlier.statements) and earlier.sent == len(earlier.statements)

    def _announcement(self, description: str) -> Progress:
        """Return the progress of a step that was sent and that the catalog does not show."""
        return replace(
            self._counter.progress,
            step=description,
            statements=(statement_digest(description),),
            unclear=True,
        )

    def _run_announced(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Run a step whose effect the catalog does not show."""
        keys = [step_key(operation) for operation in operations]
        descriptions = [operation.describe() for operation in operations]
        description = describe_operations(operations)
        if self._was_done(description):
            self._counter.complete(keys, descriptions)
            self._save(self._counter.progress)
            return
        self._remember(())
        announcement = self._announcement(description)
        joins = not self._dialect.features.transactional_ddl or all(
            map(runs_in_transaction, statements)
        )
        try:
            if not joins:
                self._save(announcement)
                self._live.perform(operations, statements)
            with self._counted_atomically(keys, descriptions):
                if joins:
                    self._writer.write(announcement)
                    self._live.perform(operations, statements)
        except MigrationFailedError as error:
            self._was_refused = self._server_refused_all(error)
            raise

    def _server_refused_all(self, error: MigrationFailedError) -> bool:
        """Return whether the server answered, and the refused statement had no effect at all."""
        cause = error.__cause__
        return (
            isinstance(cause, DBAPIError)
            and not cause.connection_invalidated
            and error.statement is not None
            and not can_stop_partway(error.statement, backslashes=self._backslashes)
        )

    def _backfill_in_batches(self, operation: Backfill) -> None:
        """Update batch after batch, each in a transaction with its position in the journal."""
        description = describe_operations([operation])
        self._enter()
        began = self._counter.began_earlier(description)
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
        description = describe_operations(operations)
        earlier = self._counter.take_unfinished(description)
        if earlier is not None and earlier.unclear:
            raise unclear_step(earlier)
        sent = 0 if earlier is None else earlier.sent + self._took_effect(earlier)
        digests = tuple(map(statement_digest, statements))
        if earlier is not None and earlier.statements:
            remaining = self._find_statements(earlier.statements[sent:], statements)
            digests = earlier.statements
        else:
            remaining = list(statements)
        for sql in self._dialect.session.cleanup_statements(self._connection, operations):
            self._live.execute(sql)
        for place, sql in enumerate(remaining, sent):
            mark = self._fingerprint(self.tables)
            self._remember(self.tables, mark)
            step = replace(self._counter.progress, step=description, statements=digests)
            self._announce(replace(step, sent=place, mark=mark), sql)
            try:
                self._live.execute(sql)
            except MigrationFailedError as error:
                self._was_refused = self._server_refused_all(error)
                raise

    def _remember(self, tables: Sequence[Name], mark: str | None = None) -> None:
        """Remember what tables were before the first step that alters them.

        Not after a rename, which other tables show too. With transactional DDL, tables that a step
        before `op.autocommit()` has altered are left out.

        tables: those that the next step alters; none if it can alter anything. mark: their
        fingerprint, if it was taken.
        """
        before = self._counter.progress.before
        if self._dialect.features.transactional_ddl:
            if not tables:
                self._note_altered(())
            tables = [name for name in tables if name not in self._altered]
            if not tables:
                return
        new = tables_to_remember(before, tables)
        if new is None or self._any_altered or self._writer.is_undoing:
            return
        covers_less = not new and before
        if mark is None or self._namespaces or new != tuple(tables) or covers_less:
            mark = take_fingerprint(self._dialect, self._connection, new, before)
        self._counter.remember(TablesBefore(tables=new, fingerprint=mark))

    def _note_operations(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, _RENAMING):
                self._note_altered(())
            elif not isinstance(operation, Require):
                self._note_altered(tables_of(operation))

    def _note_altered(self, tables: Sequence[Name]) -> None:
        """Note the tables of a step that leaves no fingerprint; none if it can alter anything."""
        self._altered.update(tables)
        self._any_altered |= not tables

    def _took_effect(self, earlier: Progress) -> bool:
        """Return whether the statement that was on its way has changed the tables."""
        return earlier.mark is not None and self._fingerprint(self.tables) != earlier.mark

    def _find_statements(self, digests: Sequence[str], statements: Sequence[str]) -> list[str]:
        """Return the statements that an earlier run announced and did not send.

        They are computed again: from the current tables, or from the files alone. The
        earlier statements of the step have changed the tables, so one way may not be enough.

        Raises MigrationFailedError if one of them cannot be computed.
        """
        found = {statement_digest(sql): sql for sql in statements}
        if not found.keys() >= set(digests):
            found = {statement_digest(sql): sql for sql in self._script()} | found
        if not found.keys() >= set(digests):
            raise MigrationFailedError(
                "the rest of a step that an earlier run began does not follow from the file: the "
                "table was changed since, or the journal was",
                hint=SETTLE_BY_HAND,
            )
        return [found[digest] for digest in digests]

    def _fingerprint(self, tables: tuple[Name, ...]) -> str:
        return self._dialect.catalog.fingerprint(self._connection, tables, self._namespaces)

    def _enter(self) -> None:
        """Write what is known before a step that is not announced, so that others see this run."""
        if self.entry.id is None:
            self._save(self._counter.progress)
        self.catch_up()

    def _announce(self, progress: Progress, sql: str) -> None:
        """Write the journal so that it is permanent before a statement takes effect."""
        if self._is_begun and self._dialect.session.commits_before(sql):
            self._writer.write_ahead(progress)
        else:
            self._save(progress)

    def _save(self, progress: Progress) -> None:
        """Write the journal permanently; inside a transaction, when that is committed."""
        with self.atomically():
            self._writer.write(progress)

    def _begin_permanent_part(self) -> None:
        """Begin the transaction of a hand-written part, and announce it."""
        steps = self._counter.progress.steps
        is_done = self.is_replaying or self._was_done(_HAND_WRITTEN_PART)
        if is_done and (not self.is_replaying or steps in self._counter.progress.parts):
            raise MigrationFailedError(
                f"step {steps + 1} is a hand-written part that has committed its own transaction, "
                "so it cannot be run again to reach the steps after it",
                hint=f"{SETTLE_BY_HAND}. New migrations can use op.run(function): a function that "
                "has returned is not called again",
            )
        self._enter()
        self._connection.exec_driver_sql("BEGIN")
        if not self.is_replaying:
            self._writer.write(self._announcement(_HAND_WRITTEN_PART))
            if self._dialect.features.savepoints:
                self._connection.exec_driver_sql(f"SAVEPOINT {_PART_SAVEPOINT}")

    def _end_hand_written_part(self) -> None:
        """Count the part that began with `connection`, if one did; roll a replayed one back."""
        if not self._in_hand_written_part:
            return
        self._in_hand_written_part = False
        if not self._part_is_rolled_back and self._is_permanent:
            self._note_own_commit()
        self._counter.complete([_HAND_WRITTEN_PART], [_HAND_WRITTEN_PART])
        if self._part_is_rolled_back:
            target = "" if self._is_permanent else f" TO SAVEPOINT {_REPLAY_SAVEPOINT}"
            self._connection.exec_driver_sql(f"ROLLBACK{target}")
        elif self._is_permanent:
            self._writer.write(self._counter.progress)
            self._connection.exec_driver_sql("COMMIT")

    def _note_own_commit(self) -> None:
        """Note in the progress if the part has ended the transaction that it began in.

        DDL does that on MySQL. Raises MigrationFailedError if the part was rolled back, or has
        ignored an error after which the database does that.
        """
        if not self._dialect.features.savepoints:
            return
        try:
            with self._naming_ignored_errors():
                self._connection.exec_driver_sql(f"RELEASE SAVEPOINT {_PART_SAVEPOINT}")
        except DBAPIError:
            committed = self._writer.read_again()
            if committed is None or not committed.unclear:
                raise rolled_back_itself() from None
            progress = self._counter.progress
            parts = (*progress.parts, progress.steps)
            self._counter.progress = replace(progress, parts=parts)
