"""What takes the finished steps of a migration back that stopped half-way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.errors import MigrationFailedError
from autodiff.operations import (
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
    tables_of,
)
from autodiff.run.context import executing
from autodiff.run.executor import Executor
from autodiff.run.journal import SETTLE_BY_HAND, Progress
from autodiff.run.targets import Recording

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.schema import Name, Table

__all__ = ["collect", "counterparts", "finished_steps"]


def collect(dialect: Dialect, step: Callable[[], None]) -> list[Operation]:
    """The operations of a migration's function, in order; nothing is run.

    Raises MigrationFailedError where it does more than hand over operations.
    """
    collector = _Collector(dialect)
    with executing(collector):
        step()
    return collector.operations


class _Collector(Executor):
    """Keeps the operations that it is given."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect, Recording(dialect, {}))
        self.operations: list[Operation] = []

    def submit(self, operation: Operation) -> None:
        if not self._creates_again(operation):
            self.operations.append(operation)

    def flush(self) -> None:
        pass

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        raise _by_hand()

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        raise _by_hand()

    def connection(self) -> Connection:
        raise _by_hand()

    def find(self, name: Name) -> Table | None:
        raise _by_hand()

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        yield


def _by_hand() -> MigrationFailedError:
    return MigrationFailedError(
        "its steps can't be taken back one by one: parts of it are written by hand",
        hint="let it go on (the same command again, once the cause is mended), or "
        f"{SETTLE_BY_HAND}",
    )


def counterparts(
    forward: Sequence[Operation], backward: Sequence[Operation], finished: int
) -> list[Operation]:
    """Of the operations of the other direction those that take the finished ones back.

    Raises MigrationFailedError where it can't be told which those are.
    """
    left = list(backward)
    made = [_subject(o) for o in forward if isinstance(o, CreateTable | AddColumn)]
    for operation in forward[finished:]:
        identity = _identity(operation)
        match = next((o for o in left if identity and _identity(o) == identity), None)
        if match is not None:
            left.remove(match)
            if isinstance(match, CreateTable | AddColumn):
                left = [o for o in left if not _is_about(o, _subject(match))]
        elif _leaves_something(operation) and not any(
            _is_about(operation, thing) for thing in made
        ):
            raise MigrationFailedError(
                f"nothing in the other direction takes this back: {operation.describe()}",
                hint=SETTLE_BY_HAND,
            )
    return left


def finished_steps(progress: Progress) -> int:
    """How many steps there are to take back.

    Raises MigrationFailedError where one of them is half done.
    """
    if progress.sent and progress.sent < len(progress.statements):
        raise MigrationFailedError(
            f"{progress.sent} of {len(progress.statements)} statements of one step are done: "
            f"{progress.step}",
            hint="let it go on (the same command again, once the cause is mended), or "
            f"{SETTLE_BY_HAND}",
        )
    return progress.steps


def _leaves_something(operation: Operation) -> bool:
    """Whether an operation needs another one that takes it back; rows that got values do not."""
    return not isinstance(operation, Backfill | Require)


def _subject(operation: CreateTable | AddColumn) -> tuple[Name, str | None]:
    """The table that an operation makes, or its column."""
    if isinstance(operation, CreateTable):
        return operation.table.name, None
    return operation.table, operation.column.name


def _is_about(operation: Operation, thing: tuple[Name, str | None]) -> bool:
    """Whether it alters a table, or where a column is named, that column alone."""
    table, column = thing
    if table not in tables_of(operation):
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
            raise _by_hand()
