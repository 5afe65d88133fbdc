"""What takes the finished steps of a migration back that stopped half-way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from autodiff.dialects.base import Dialect
from autodiff.errors import MigrationFailedError
from autodiff.runner.context import executing
from autodiff.runner.executor import Executor
from autodiff.runner.journal import SETTLE_BY_HAND, Progress
from autodiff.runner.loader import call_name
from autodiff.runner.sinks import RecordingSink
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterEnum,
    AlterSequence,
    Backfill,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropNamespace,
    DropSequence,
    DropTable,
    DropView,
    Execute,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameEnum,
    RenameEnumValue,
    RenameIndex,
    RenameTable,
    Require,
    SetComment,
    SetTableOptions,
    is_concurrent,
    tables_of,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.schema.objects import Name, Table

__all__ = ["Call", "Statement", "Step", "collect", "counterparts", "finished_steps", "run_steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function that a migration calls with the connection; `reverse` takes back what it did."""

    function: Callable[[Connection], object]
    reverse: Callable[[Connection], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement of SQLAlchemy, such as bulk_insert makes; nothing tells its way back."""

    text: str


Step: TypeAlias = Operation | Call | Statement
"""What a migration hands over. A step that is no operation was written by a person."""


def collect(dialect: Dialect, step: Callable[[], None]) -> list[Step]:
    """The steps of a migration's function, in order; nothing is run.

    Raises MigrationFailedError where it does more than hand over operations and functions.
    """
    collector = _Collector(dialect)
    with executing(collector):
        step()
    return collector.steps


def run_steps(executor: Executor, steps: Sequence[Step]) -> None:
    """Does all of them, and flushes."""
    for step in steps:
        match step:
            case Call(function=function):
                executor.call(function)
            case Statement():
                raise _by_hand(_told(step))
            case _:
                with executor.autocommit() if is_concurrent(step) else nullcontext():
                    executor.submit(step)
    executor.flush()


class _Collector(Executor):
    """Keeps the steps that it is given."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect, RecordingSink(dialect, {}))
        self.steps: list[Step] = []

    def submit(self, operation: Operation) -> None:
        if not self._creates_again(operation):
            self.steps.append(operation)

    def flush(self) -> None:
        pass

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self.steps.append(Statement(text=str(clause)))

    def call(
        self,
        function: Callable[[Connection], object],
        reverse: Callable[[Connection], object] | None = None,
    ) -> None:
        self.steps.append(Call(function=function, reverse=reverse))

    def connection(self) -> Connection:
        raise _by_hand("op.get_bind()")

    def find(self, name: Name) -> Table | None:
        raise _by_hand("a look at the database")

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        yield


def _by_hand(what: str) -> MigrationFailedError:
    return MigrationFailedError(
        f"its steps can't be taken back one by one: parts of it are written by hand ({what})",
        hint="let it go on (the same command again, once the cause is mended), or "
        f"{SETTLE_BY_HAND}. A part is taken back where the file says how: "
        "op.run(function, reverse=...), op.execute(sql, reverse=...)",
    )


def counterparts(
    forward: Sequence[Step], backward: Sequence[Step], progress: Progress
) -> list[Step]:
    """What takes the finished steps back: their counterparts of the other direction in its order,
    and where there is none, what a step itself says of its way back.

    Raises MigrationFailedError where it can't be told which those are.
    """
    finished = finished_steps(progress)
    done, ahead = forward[:finished], forward[finished:]
    _refuse_half_filled(ahead, backward, progress)
    for step in backward:
        if _is_written(step) and not any(_pair(other, step) for other in forward):
            raise _by_hand(_told(step))
    left = _without(backward, forward, ahead)
    open_ended = any(_is_written(s) and _way_back(s) is None for s in ahead)
    for step in left:
        if open_ended and not any(_pair(other, step) for other in done):
            raise _by_hand(_told(step))
    return _with_own(left, done)


def _without(
    backward: Sequence[Step], forward: Sequence[Step], ahead: Sequence[Step]
) -> list[Step]:
    """The steps of the other direction, without those that belong to what was not done."""
    left = list(backward)
    made = [_subject(o) for o in forward if isinstance(o, CreateTable | AddColumn)]
    for step in ahead:
        match = next((other for other in left if _pair(step, other)), None)
        if match is not None:
            left.remove(match)
            if isinstance(match, CreateTable | AddColumn):
                left = [o for o in left if not _is_about(o, _subject(match))]
        elif _leaves_something(step) and not any(_is_about(step, thing) for thing in made):
            raise MigrationFailedError(
                f"nothing in the other direction takes this back: {_told(step)}",
                hint=SETTLE_BY_HAND,
            )
    return left


def _with_own(left: Sequence[Step], done: Sequence[Step]) -> list[Step]:
    """The steps, and between them what takes back finished ones that have no counterpart."""
    found: list[tuple[int, Step]] = [
        (next((at for at, other in enumerate(done) if _pair(other, step)), len(done)), step)
        for step in left
    ]
    for at, step in enumerate(done):
        if not _is_written(step) or any(_pair(step, other) for other in left):
            continue
        own = _way_back(step)
        if own is None and isinstance(step, Call):
            raise _by_hand(_told(step))
        if own is None:  # downgrade() would do nothing about it either
            continue
        place = next((n for n, (other, _) in enumerate(found) if other < at), len(found))
        found.insert(place, (at, own))
    return [step for _, step in found]


def finished_steps(progress: Progress) -> int:
    """How many steps there are to take back.

    Raises MigrationFailedError where one of them is half done.
    """
    if progress.sent and progress.sent < len(progress.statements):
        raise _half_done(
            f"{progress.sent} of {len(progress.statements)} statements of one step are done: "
            f"{progress.step}"
        )
    return progress.steps


def _refuse_half_filled(
    ahead: Sequence[Step], backward: Sequence[Step], progress: Progress
) -> None:
    if progress.position is None or not ahead:
        return
    if any(isinstance(other, Backfill) and _pair(ahead[0], other) for other in backward):
        raise _half_done(
            f"{progress.rows} rows of one step are done, and its way back is for all of them: "
            f"{progress.step}"
        )


def _half_done(message: str) -> MigrationFailedError:
    return MigrationFailedError(
        message,
        hint="let it go on (the same command again, once the cause is mended), or "
        f"{SETTLE_BY_HAND}",
    )


def _is_written(step: Step) -> bool:
    """Whether a person wrote what it does, so that nothing else tells how it is taken back."""
    return isinstance(step, Call | Execute | Statement)


def _way_back(step: Step) -> Step | None:
    """What a part that a person wrote says of its way back."""
    match step:
        case Execute(reverse_sql=None):
            return None
        case Call(function=function, reverse=reverse) if reverse is not None:
            return Call(function=reverse, reverse=function)
        case Execute():
            return step.reverse()
        case _:
            return None


def _pair(one: Step, other: Step) -> bool:
    """Whether one of two steps takes the other back."""
    written = Call | Execute | Statement
    if isinstance(one, written) or isinstance(other, written):
        return _names_back(one, other) or _names_back(other, one)
    identity = _identity(one)
    return identity is not None and identity == _identity(other)


def _names_back(one: Step, other: Step) -> bool:
    match one, other:
        case Execute(reverse_sql=str(sql)), Execute(sql=other_sql):
            return sql == other_sql
        case Call(reverse=reverse), Call(function=function) if reverse is not None:
            # Each direction has loaded the file anew: two functions that are one by their name.
            return call_name(reverse) == call_name(function)
        case _:
            return False


def _told(step: Step) -> str:
    match step:
        case Call(function=function):
            return f"op.run({call_name(function)})"
        case Statement(text=text):
            return " ".join(text.split())[:60]
        case _:
            return step.describe()


def _leaves_something(step: Step) -> bool:
    """Whether a step that was not done has one that takes it back; rows that got values do not,
    and what a person wrote need not."""
    return not isinstance(step, Backfill | Require) and not _is_written(step)


def _subject(operation: CreateTable | AddColumn) -> tuple[Name, str | None]:
    """The table that an operation makes, or its column."""
    if isinstance(operation, CreateTable):
        return operation.table.name, None
    return operation.table, operation.column.name


def _is_about(operation: Step, thing: tuple[Name, str | None]) -> bool:
    """Whether it alters a table, or where a column is named, that column alone."""
    table, column = thing
    if isinstance(operation, Call | Statement) or table not in tables_of(operation):
        return False
    if column is None or (isinstance(operation, AlterColumn) and operation.name == column):
        return True
    return isinstance(operation, Backfill) and {c for c, _ in operation.values} == {column}


def _identity(operation: Operation) -> tuple[object, ...] | None:
    """What an operation and the one that takes it back have in common; None: nothing is left."""
    match operation:
        case CreateTable(table=table):
            return ("table", table.name)
        case DropTable(name=name):
            return ("table", name)
        case RenameTable(before=before, after=after):
            return ("rename", *sorted((before, after)))
        case AddColumn(table=owner, column=column):
            return ("column", owner, column.name)
        case DropColumn(table=owner, name=column_name):
            return ("column", owner, column_name)
        case RenameColumn(table=owner, before=old, after=new):
            return ("rename", owner, *sorted((old, new)))
        case AlterColumn(table=owner, name=column_name):
            return ("alter", owner, column_name)
        case AddConstraint(table=owner, constraint=constraint):
            return ("constraint", owner, constraint.name)
        case DropConstraint(table=owner, name=constraint_name):
            return ("constraint", owner, constraint_name)
        case CreateIndex(table=owner, index=index):
            return ("index", index.name)
        case DropIndex(name=index_name):
            return ("index", index_name)
        case SetComment(kind=kind, name=name, table=table_name):
            return ("comment", kind, name, table_name)
        case SetTableOptions(table=owner):
            return ("options", owner)
        case Require():
            return None
        case Backfill(table=owner, values=values):
            return ("rows", owner, *(column for column, _ in values))
        case RenameIndex(before=old, after=new):
            return ("rename index", *sorted((old, new)))
        case RenameConstraint(table=owner, before=old, after=new):
            return ("rename constraint", owner, *sorted((old, new)))
        case _:
            return _identity_of_other(operation)


def _identity_of_other(operation: Operation) -> tuple[object, ...]:
    match operation:
        case CreateNamespace(name=name) | DropNamespace(name=name):
            return ("schema", name)
        case CreateEnum(enum=enum) | AlterEnum(after=enum):
            return ("enum", enum.name)
        case RenameEnum(before=before, after=after):
            return ("rename enum", *sorted((before, after)))
        case RenameEnumValue(enum=named, before=old, after=new):
            return ("rename value", named, *sorted((old, new)))
        case CreateSequence(sequence=sequence) | AlterSequence(after=sequence):
            return ("sequence", sequence.name)
        case CreateView(view=view):
            return ("view", view.name)
        case DropEnum(name=named):
            return ("enum", named)
        case DropSequence(name=named):
            return ("sequence", named)
        case DropView(name=named):
            return ("view", named)
        case _:
            raise _by_hand(operation.describe())
