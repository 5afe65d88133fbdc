"""Find the steps that undo the finished steps of a migration that stopped half-way.

The other direction of the file knows how to undo a whole migration. Of its steps, those are run
whose counterpart was finished, in the order of the other direction; a hand-written step that has no
counterpart is undone by the `reverse` that it names. Two steps are counterparts if they have the
same identity: the same table, column, index, and so on (`_identity`).

Invariants: nothing is undone that was not done, and nothing that was done stays. If either can't be
told from the file, the migration is refused with an error, because a guess would lose data. A step
of which only some statements, or only some rows, are done is such a case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

from autodiff.dialects.base import Dialect
from autodiff.errors import AutodiffError, MigrationFailedError, exception_words
from autodiff.runner.context import executing
from autodiff.runner.executor import Executor
from autodiff.runner.journal import SETTLE_BY_HAND, Progress
from autodiff.runner.loader import call_name
from autodiff.runner.sinks import RecordingSink
from autodiff.runner.step_counter import extended_digest, step_key
from autodiff.runner.undo_built_keys import find_built_keys
from autodiff.runner.undo_new_types import find_copies
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
    SwapColumns,
    SyncColumns,
    UnsyncColumns,
    is_concurrent,
    tables_of,
)
from autodiff.schema.sqltext import in_few_words
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.schema.objects import Name, Table

__all__ = [
    "WAYS_OUT",
    "Call",
    "Statement",
    "Step",
    "Steps",
    "collect",
    "describe_step",
    "digest_of",
    "find_undoing_steps",
    "finished_steps",
    "run_steps",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function that a migration calls with the connection; `reverse` undoes what it did."""

    function: Callable[[Connection], object]
    reverse: Callable[[Connection], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A SQLAlchemy statement, such as bulk_insert creates; its reverse is unknown."""

    text: str


WAYS_OUT = f"fix the cause and run the same command again to resume, or {SETTLE_BY_HAND}"
"""What to do about a migration that stopped half-way and cannot be undone."""
_CREATING = (AddColumn, AddConstraint, CreateIndex, CreateTable)
_DROPPING = (DropColumn, DropConstraint, DropIndex, DropTable)
Step: TypeAlias = Operation | Call | Statement
"""What a migration submits. A step that is not an operation was written by a person."""


class Steps(list["Step"]):
    """The steps of a migration's function, in order.

    is_complete: False if the function fails after them, so that later ones are unknown.
    """

    is_complete = True


def collect(dialect: Dialect, step: Callable[[], None], *, enough: int | None = None) -> Steps:
    """Return the steps of a migration's function, in order, without running them.

    enough: the number of steps after which the function may fail; None if it may not.

    Raises MigrationFailedError if it does more than submit operations and functions.
    """
    collector = _Collector(dialect)
    try:
        with executing(collector):
            step()
    except Exception as error:
        if enough is not None and len(collector.steps) >= enough:
            collector.steps.is_complete = False
        elif isinstance(error, AutodiffError):
            raise
        else:
            raise MigrationFailedError(
                f"its steps cannot be listed without a database: {exception_words(error)}",
                hint=WAYS_OUT,
            ) from error
    return collector.steps


def digest_of(steps: Sequence[Step]) -> str | None:
    """Return the digest that the journal has after these steps.

    None if it does not have the rows of a statement or the code of a function.
    """
    operations = [step for step in steps if not isinstance(step, Call | Statement)]
    if len(operations) < len(steps):
        return None
    return reduce(extended_digest, map(step_key, operations), "")


def run_steps(executor: Executor, steps: Sequence[Step]) -> None:
    """Run all steps, and flush."""
    for step in steps:
        match step:
            case Call(function=function):
                executor.call(function)
            case Statement():
                raise _by_hand(describe_step(step))
            case _:
                with executor.autocommit() if is_concurrent(step) else nullcontext():
                    executor.submit(step)
    executor.flush()


class _Collector(Executor):
    """Collects the steps that it is given."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect, RecordingSink(dialect, {}))
        self.steps = Steps()

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
        raise _by_hand("a question to the database")

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        yield


def _by_hand(what: str) -> MigrationFailedError:
    return _needs_reverse(
        f"its steps cannot be undone one by one: it has a hand-written part ({what})"
    )


def _needs_reverse(message: str) -> MigrationFailedError:
    return MigrationFailedError(
        message,
        hint=f"{WAYS_OUT}. A part that names its reverse can be undone: "
        "op.run(function, reverse=...), op.execute(sql, reverse=...)",
    )


def find_undoing_steps(
    forward: Sequence[Step],
    backward: Sequence[Step],
    progress: Progress,
    *,
    is_complete: bool = True,
) -> list[Step]:
    """Return the steps that undo the finished ones, in the order of the other direction.

    is_complete: whether `forward` has all steps. If not, later ones were never run.

    Raises MigrationFailedError if those are unclear from the file.
    """
    finished = finished_steps(progress)
    done, ahead = forward[:finished], forward[finished:]
    _refuse_conditional(done, backward)
    if not is_complete:
        backward = _for_known_steps(backward, forward, done)
    removed: list[Step] = []
    restored: list[Step] = []
    left = backward
    for copy in find_copies(forward):
        hidden = copy.remove_copy(done)
        if hidden is None and not copy.is_in(done):
            raise _half_done(f"a new column of {copy.table} is in place, the old one is not gone")
        others = [other for other in find_copies(backward) if other.table == copy.table]
        for other in others:
            left = other.remove_from(left)
            restored += other.steps if hidden is None else ()
        removed = [*(hidden or ()), *removed]
        forward, done, ahead = (copy.remove_from(steps) for steps in (forward, done, ahead))
    for built in find_built_keys(left):
        left = built.joined(left)
    for built in find_built_keys(forward):
        if _is_in(built.index, done) and not _is_in(built.using, done):
            removed = [built.drop, *removed]
            left = [step for step in left if not _are_counterparts(built.constraint, step)]
            forward, done, ahead = (built.removed_from(steps) for steps in (forward, done, ahead))
        else:
            forward, done, ahead = (built.joined(steps) for steps in (forward, done, ahead))
    undoing = _without_temporary_parts(forward, left, done, ahead, progress)
    return [*removed, *_merged(undoing, restored, backward)]


def _for_known_steps(
    backward: Sequence[Step], forward: Sequence[Step], done: Sequence[Step]
) -> list[Step]:
    """Return the steps of the other direction without those that drop what was never created.

    Raises MigrationFailedError if one of them may undo a finished step in another way.
    """
    known: list[Step] = []
    others: list[Step] = []
    for step in backward:
        is_known = any(_are_counterparts(other, step) for other in forward)
        (known if is_known else others).append(step)
    may_be_code = any(map(_is_hand_written, done))
    doubtful = [step for step in others if may_be_code or not isinstance(step, _DROPPING)]
    undone = [step for step in done if any(_are_counterparts(step, other) for other in known)]
    made = [_subject(step) for step in undone if isinstance(step, CreateTable | AddColumn)]
    doubtful += [
        step
        for step in done
        if _leaves_something(step)
        and not _is_in(step, undone)
        and not any(_is_about(step, thing) for thing in made)
    ]
    if doubtful:
        raise MigrationFailedError(
            "the file fails after the finished steps, so that it is unknown what undoes them: "
            f"{describe_step(doubtful[0])}",
            hint="correct the file after the finished steps, and run the same command again, or "
            + SETTLE_BY_HAND,
        )
    return known


def _merged(steps: Sequence[Step], more: Sequence[Step], order: Sequence[Step]) -> list[Step]:
    """Return both, in an order that has them all, except for some of the first ones."""
    places = {id(step): at for at, step in enumerate(order)}
    placed: list[tuple[int, Step]] = []
    place = 0
    for step in steps:
        place = places.get(id(step), place)
        placed.append((place, step))
    placed += ((places[id(step)], step) for step in more)
    return [step for _, step in sorted(placed, key=lambda pair: pair[0])]


def _without_temporary_parts(
    forward: Sequence[Step],
    backward: Sequence[Step],
    done: Sequence[Step],
    ahead: Sequence[Step],
    progress: Progress,
) -> list[Step]:
    temporary = _temporary_parts(forward, backward)
    if temporary:
        pairs = {id(step) for pair in temporary for step in pair}
        removed = [drop for add, drop in temporary if _is_in(add, done) and _is_in(drop, ahead)]
        forward, done, ahead = (
            [step for step in steps if id(step) not in pairs] for steps in (forward, done, ahead)
        )
        return [*removed, *_undoing_steps(forward, backward, done, ahead, progress)]
    return _undoing_steps(forward, backward, done, ahead, progress)


def _temporary_parts(forward: Sequence[Step], backward: Sequence[Step]) -> list[tuple[Step, Step]]:
    """Return the steps that add a constraint or an index, with those that drop it later."""
    found: list[tuple[Step, Step]] = []
    for at, step in enumerate(forward):
        if not isinstance(step, AddConstraint | CreateIndex):
            continue
        later = (other for other in forward[at + 1 :] if _are_counterparts(step, other))
        drop = next(later, None)
        if drop is not None and not any(_are_counterparts(step, other) for other in backward):
            found.append((step, drop))
    return found


def _is_in(step: Step, steps: Sequence[Step]) -> bool:
    return any(step is other for other in steps)


def _undoing_steps(
    forward: Sequence[Step],
    backward: Sequence[Step],
    done: Sequence[Step],
    ahead: Sequence[Step],
    progress: Progress,
) -> list[Step]:
    _refuse_half_filled(ahead, backward, progress)
    for step in backward:
        if _is_hand_written(step) and not any(_are_counterparts(other, step) for other in forward):
            raise _by_hand(describe_step(step))
    left = _without(backward, forward, done, ahead)
    open_ended = any(_is_hand_written(s) and _reverse(s) is None for s in ahead)
    for step in left:
        if open_ended and not any(_are_counterparts(other, step) for other in done):
            raise _needs_reverse(
                "a hand-written part was not reached, and this step of the other direction may "
                f"belong to it: {describe_step(step)}"
            )
    return _with_own(left, done)


def _without(
    backward: Sequence[Step], forward: Sequence[Step], done: Sequence[Step], ahead: Sequence[Step]
) -> list[Step]:
    """Return the steps of the other direction, without those for what was not done.

    If the removal of a table or column was not reached, it is not created again. The steps that
    follow its creation are left out too, except those that undo a finished step.

    Raises MigrationFailedError if something that was not done has no counterpart, and another step
    of the other direction may undo it.
    """
    left = list(backward)
    without: list[Step] = []
    kept: set[tuple[Name, str | None]] = set()
    made = [_subject(o) for o in forward if isinstance(o, CreateTable | AddColumn)]
    for step in ahead:
        found = [other for other in left if _are_counterparts(step, other)]
        match = next((other for other in found if not _is_needed(other, left, done)), None)
        if found and match is None:
            continue
        if match is not None:
            left.remove(match)
            if isinstance(match, CreateTable | AddColumn):
                kept.add(_subject(match))
                left = _parts_to_restore(match, backward, done) + [
                    other
                    for other in left
                    if not _is_about(other, _subject(match))
                    or any(_are_counterparts(other, finished) for finished in done)
                ]
        elif _leaves_something(step) and not any(_is_about(step, thing) for thing in made):
            without.append(step)
    if without and not all(any(_are_counterparts(o, step) for o in done) for step in left):
        raise _nothing_undoes(without[0])
    return [
        part
        for step in left
        for part in (
            [step]
            if any(_are_counterparts(step, finished) for finished in done)
            else _without_columns(step, kept)
        )
    ]


def _is_needed(step: Step, left: Sequence[Step], done: Sequence[Step]) -> bool:
    """Return whether no other one of the steps that are left undoes a finished step."""
    return any(
        _undoes(step, finished)
        and not any(other is not step and _undoes(other, finished) for other in left)
        for finished in done
    )


def _undoes(step: Step, finished: Step) -> bool:
    """Return whether they are counterparts, and one of them creates what the other one drops."""
    return _are_counterparts(step, finished) and (
        isinstance(step, _CREATING) != isinstance(finished, _CREATING)
        or not isinstance(step, _CREATING + _DROPPING)
    )


def _without_columns(step: Step, kept: Collection[tuple[Name, str | None]]) -> list[Step]:
    """Return the step without the values of columns that were not removed; none if it is empty."""
    if not isinstance(step, Backfill):
        return [step]
    values = tuple(pair for pair in step.values if (step.table, pair[0]) not in kept)
    return [replace(step, values=values)] if values else []


def _parts_to_restore(
    creation: CreateTable | AddColumn, backward: Sequence[Step], done: Sequence[Step]
) -> list[Step]:
    """Return steps that restore what was removed from a table or column that is still there.

    The other direction creates these parts together with the table, which it does not do now.

    Raises MigrationFailedError for a finished step that changed the table or column in another way.
    """
    restored: list[Step] = []
    for step in done:
        if (
            not _leaves_something(step)
            or not _is_part_of(step, creation)
            or any(_are_counterparts(step, other) for other in backward)
        ):
            continue
        part = _removed_part(step, creation)
        if part is None:
            raise _nothing_undoes(step)
        restored.insert(0, part)
    return restored


def _is_part_of(step: Step, creation: CreateTable | AddColumn) -> bool:
    """Return whether a step changes what is created; a DropIndex may lack its table."""
    if isinstance(step, DropIndex) and step.table is None and isinstance(creation, CreateTable):
        return creation.table.index(step.name) is not None
    return _is_about(step, _subject(creation))


def _removed_part(step: Step, creation: CreateTable | AddColumn) -> Operation | None:
    """Return what adds a removed part of a created table again, None if that is unknown."""
    if not isinstance(creation, CreateTable):
        return None
    table = creation.table
    match step:
        case DropColumn(name=name) if (column := table.column(name)) is not None:
            has_value = column.nullable or column.default is not None
            return AddColumn(table=table.name, column=column) if has_value else None
        case DropConstraint(name=str(name)) if (constraint := table.constraint(name)) is not None:
            return AddConstraint(table=table.name, constraint=constraint)
        case DropIndex(name=name, concurrently=concurrently) if (
            index := table.index(name)
        ) is not None:
            return CreateIndex(table=table.name, index=index, concurrently=concurrently)
        case _:
            return None


def _nothing_undoes(step: Step) -> MigrationFailedError:
    return _half_done(f"nothing in the other direction undoes this: {describe_step(step)}")


def _with_own(left: Sequence[Step], done: Sequence[Step]) -> list[Step]:
    """Return the steps, with the reverses of finished steps without a counterpart in between."""
    found: list[tuple[int, Step]] = [
        (
            next(
                (at for at, other in enumerate(done) if _are_counterparts(other, step)), len(done)
            ),
            step,
        )
        for step in left
    ]
    for at, step in enumerate(done):
        if not _is_hand_written(step) or any(_are_counterparts(step, other) for other in left):
            continue
        own = _reverse(step)
        if own is None and isinstance(step, Call):
            raise _by_hand(describe_step(step))
        if own is None:  # downgrade() would do nothing about it either
            continue
        place = next((n for n, (other, _) in enumerate(found) if other < at), len(found))
        found.insert(place, (at, own))
    return [step for _, step in found]


def finished_steps(progress: Progress) -> int:
    """Return how many steps there are to undo.

    Raises MigrationFailedError if one of them is half done.
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
    if any(
        isinstance(other, Backfill) and _are_counterparts(ahead[0], other) for other in backward
    ):
        raise _half_done(
            f"one step has changed {counted(progress.rows, 'row')}, and its counterpart changes "
            f"all rows: {progress.step}"
        )


def _refuse_conditional(done: Sequence[Step], backward: Sequence[Step]) -> None:
    """Raise MigrationFailedError for a finished step that may have had no effect."""
    for step in done:
        is_conditional = getattr(step, "if_not_exists", False) or getattr(step, "if_exists", False)
        if is_conditional and any(_are_counterparts(step, other) for other in backward):
            raise _half_done(
                f"it is unknown whether this step changed anything: {describe_step(step)}"
            )


def _half_done(message: str) -> MigrationFailedError:
    return MigrationFailedError(
        message,
        hint=WAYS_OUT,
    )


def _is_hand_written(step: Step) -> bool:
    """Return whether a person wrote what it does, so that only a named reverse can undo it."""
    return isinstance(step, Call | Execute | Statement)


def _reverse(step: Step) -> Step | None:
    """Return the reverse that a hand-written step names, None if it names none."""
    match step:
        case Execute(reverse_sql=None):
            return None
        case Call(function=function, reverse=reverse) if reverse is not None:
            return Call(function=reverse, reverse=function)
        case Execute():
            return step.reverse()
        case _:
            return None


def _are_counterparts(one: Step, other: Step) -> bool:
    """Return whether one of two steps undoes the other."""
    written = Call | Execute | Statement
    if isinstance(one, written) or isinstance(other, written):
        return _is_reverse_of(one, other) or _is_reverse_of(other, one)
    identity = _identity(one)
    if identity is None or identity != _identity(other) or not _may_share_table(one, other):
        return False
    if isinstance(one, AlterColumn) and isinstance(other, AlterColumn):
        return not set(one.after.fields).isdisjoint(other.after.fields)
    return True


def _may_share_table(one: Operation, other: Operation) -> bool:
    """Return False for indexes of one name on two tables; a DropIndex may lack its table."""
    if not (
        isinstance(one, CreateIndex | DropIndex) and isinstance(other, CreateIndex | DropIndex)
    ):
        return True
    return one.table is None or other.table is None or one.table == other.table


def _is_reverse_of(one: Step, other: Step) -> bool:
    match one, other:
        case Execute(reverse_sql=str(sql)), Execute(sql=other_sql):
            return sql == other_sql
        case Call(reverse=reverse), Call(function=function) if reverse is not None:
            # Each direction loads the file again, so one function is two objects of the same name:
            return call_name(reverse) == call_name(function)
        case _:
            return False


def describe_step(step: Step) -> str:
    """Return a step on one line."""
    match step:
        case Call(function=function):
            return f"op.run({call_name(function)})"
        case Statement(text=text):
            return in_few_words(text)
        case _:
            return step.describe()


def _leaves_something(step: Step) -> bool:
    """Return whether a step needs a counterpart: filled rows and hand-written steps need none."""
    return not isinstance(step, Backfill | Require) and not _is_hand_written(step)


def _subject(operation: CreateTable | AddColumn) -> tuple[Name, str | None]:
    """Return the table that an operation creates, or the table and its column."""
    if isinstance(operation, CreateTable):
        return operation.table.name, None
    return operation.table, operation.column.name


def _is_about(operation: Step, thing: tuple[Name, str | None]) -> bool:
    """Return whether it changes a table or, if a column is named, only that column."""
    table, column = thing
    if isinstance(operation, Call | Statement) or table not in tables_of(operation):
        return False
    if column is None or (isinstance(operation, AlterColumn) and operation.name == column):
        return True
    return isinstance(operation, Backfill) and {c for c, _ in operation.values} == {column}


def _identity(operation: Operation) -> tuple[object, ...] | None:
    """Return what an operation and its counterpart have in common, None if it leaves nothing."""
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
        case CreateIndex(index=index):
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
        case SyncColumns(table=owner) | UnsyncColumns(table=owner):
            return ("sync", owner, operation.before, operation.after)
        case SwapColumns(table=owner, one=old, other=new):
            return ("swap", owner, *sorted((old, new)))
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
