"""Turn a step of a migration into questions about the live rows. Pure: nothing is asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.dialects.narrowing import shape
from autodiff.evidence.subjects import FollowedStep, tables_in
from autodiff.lint.replay import NOT_VALID
from autodiff.lint.statements import ValidateConstraint
from autodiff.plan.row_checks.columns import checks_of_columns, enum_checks
from autodiff.plan.row_checks.constraints import part_checks
from autodiff.plan.row_checks.context import CheckContext, RowCheck
from autodiff.schema.changes import ColumnAltered, EnumAltered
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from autodiff.schema.operations import (
    AddConstraint,
    AlterColumn,
    AlterEnum,
    CreateIndex,
    DropColumn,
    DropIndex,
)
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from autodiff.dialects import Dialect

__all__ = ["Question", "amount", "live_tables", "questions_about"]

_SOME_ROWS = " in some rows"
_POSITIVE = {"does not fit": "fits", "is none of": "is one of"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query for one number, and the sentence about it.

    fact: the key of the fact.
    place: the object, for a note that it was not counted.
    table: the live table.
    text: returns the sentence for the number, and the amount of all rows of the table.
    """

    fact: str
    place: str
    table: Name
    query: str
    text: Callable[[int, str], str]


def amount(count: int, total: str = "") -> str:
    """Return a number of rows, of all of them if that is known: "3 of 20 rows"."""
    if not count:
        return "no row"
    if total:
        return f"{count:,} of {total}"
    return counted(count, "row")


def live_tables(followed: FollowedStep, live: Mapping[Name, Table]) -> list[Name]:
    """Return the live tables that a step locks or changes, and those that its keys refer to."""
    step = followed.step
    names = [name for name in tables_in(step.action) if step.is_live(name)]
    match step.action:
        case DropIndex(table=named, name=index):
            owner, _ = step.table_of_index(index, named)
            names += [owner] if owner is not None and step.is_live(owner) else []
    found = dict.fromkeys(map(followed.live_name, names))
    return [name for name in found if name in live]


def questions_about(followed: FollowedStep, live: Schema, dialect: Dialect) -> Iterator[Question]:
    """Yield the questions about the rows that a step meets."""
    action = followed.step.action
    context = _context(followed, live, dialect)
    match action:
        case AlterColumn(table=table, name=name):
            yield from _altered_column(table, name, action, context)
        case AlterEnum(before=before, after=after):
            change = EnumAltered(before=before, after=after)
            yield from _each("values", enum_checks(change, context), context, None)
        case AddConstraint(table=table, constraint=constraint):
            yield from _part(table, constraint, context)
        case CreateIndex(table=table, index=index):
            yield from _part(table, index, context)
        case ValidateConstraint(table=table, name=name):
            known = followed.step.tables.get(table)
            for constraint in known.constraints if known is not None else ():
                if constraint.name == name:
                    yield from _part(table, _valid(constraint), context)
        case DropColumn(table=table, name=name):
            yield from _values(table, name, context)


def _context(followed: FollowedStep, live: Schema, dialect: Dialect) -> CheckContext:
    """Return the live tables and columns, by the names that they have before the step."""
    step, names = followed.step, followed.names
    live_columns = {
        (name, column.name) for name, table in live.tables.items() for column in table.columns
    }
    new_tables = {
        name
        for name in step.tables
        if not step.is_live(name) or names.table_before(name) not in live.tables
    }
    new_columns = {
        (name, column.name)
        for name, table in step.tables.items()
        for column in table.columns
        if (names.table_before(name), names.column_before(name, column.name)) not in live_columns
    }
    added = {(table, name) for table, names in step.new_columns.items() for name in names}
    return CheckContext(
        before=live,
        after=Schema(tables=dict(step.tables), enums=live.enums),
        dialect=dialect,
        names=names,
        new_tables=frozenset(new_tables),
        new_columns=frozenset(new_columns | added),
    )


def _altered_column(
    table: Name, name: str, action: AlterColumn, context: CheckContext
) -> Iterator[Question]:
    column = context.column(table, name)
    live = context.table(table)
    if column is None or live is None:
        return
    before = replace(column, name=name)
    after = action.after.apply(before)
    fields = tuple(
        field for field in action.after.fields if getattr(before, field) != getattr(after, field)
    )
    change = ColumnAltered(table=table, before=before, after=after, fields=fields)
    found = list(checks_of_columns(change, context))
    nulls = [check for check in found if check.fill is not None]
    misfits = [check for check in found if check.fill is None]
    yield from _each("nulls", nulls, context, live.name)
    yield from _each("misfits", misfits, context, live.name)
    if "type" in fields:
        yield from _longest(live.name, column, after, context)
        if not misfits and not context.dialect.features.enforces_types:
            yield from _values(table, name, context)


def _longest(
    table: Name, column: Column, after: Column, context: CheckContext
) -> Iterator[Question]:
    """Yield the question for the longest text, if the new type limits the length."""
    sizes = context.dialect.features.text_sizes
    old, new = shape(column.type.sql, sizes), shape(after.type.sql, sizes)
    limit = new.length
    if limit is None or old.kind != "text" or new.kind != "text":
        return
    if old.length is not None and old.length <= limit:
        return
    place, quoted = f"{table}.{column.name}", context.dialect.quote(column.name)
    measure = context.dialect.features.character_length
    yield Question(
        fact="longest",
        place=place,
        table=table,
        query=f"SELECT coalesce(max({measure}({quoted})), 0) "
        f"FROM {context.dialect.quote_name(table)}",
        text=lambda count, _: (
            f"the longest value of {place} has {counted(count, 'character')}, and "
            f"{after.type.sql} holds {limit:,}"
        ),
    )


def _values(table: Name, name: str, context: CheckContext) -> Iterator[Question]:
    """Yield the question for the number of values of a column."""
    live, column = context.table(table), context.column(table, name)
    if live is None or column is None:
        return
    place = f"{live.name}.{column.name}"
    query = (
        f"SELECT count({context.dialect.quote(column.name)}) "
        f"FROM {context.dialect.quote_name(live.name)}"
    )
    yield Question(
        fact="values",
        place=place,
        table=live.name,
        query=query,
        text=lambda count, total: f"{place} has a value in {amount(count, total)}",
    )


def _part(table: Name, part: Constraint | Index, context: CheckContext) -> Iterator[Question]:
    live = context.table(table)
    if live is None:
        return
    checks = list(part_checks(table, part, context))
    match part:
        case ForeignKey():
            yield from _each("orphans", checks, context, live.name)
        case Check():
            label = f"the check {part.name}" if part.name else f"the check ({part.sql})"
            for check in checks:
                yield _counted(
                    "violations",
                    check,
                    live.name,
                    lambda count, total: f"{label} is violated by {amount(count, total)}",
                )
        case PrimaryKey() | Unique() | Index():
            for check in checks:
                yield _counted("duplicates", check, live.name, _duplicates(check.place))


def _duplicates(place: str) -> Callable[[int, str], str]:
    def text(count: int, total: str) -> str:
        if not count:
            return f"{place} has no duplicates"
        values = counted(count, "value that occurs", "values that occur")
        return f"{place} has {values} more than once"

    return text


def _each(
    fact: str, checks: Iterable[RowCheck], context: CheckContext, table: Name | None
) -> Iterator[Question]:
    """Yield the questions for how many rows the checks find."""
    for check in checks:
        owner = table or _owner(check, context)
        if owner is not None:
            yield _counted(fact, check, owner, _in_rows(check))


def _owner(check: RowCheck, context: CheckContext) -> Name | None:
    """Return the live table whose column a check is about."""
    return next(
        (name for name in context.before.tables if check.place.startswith(f"{name}.")), None
    )


def _in_rows(check: RowCheck) -> Callable[[int, str], str]:
    words = check.message.removesuffix(_SOME_ROWS)
    every = _positive(check.place, words)
    return lambda count, total: f"{words} in {amount(count, total)}" if count else every


def _positive(place: str, words: str) -> str:
    """Return the sentence for no row: without a second negation."""
    for negative, positive in _POSITIVE.items():
        begin = f"{place} {negative} "
        if words.startswith(begin):
            return f"every value of {place} {positive} {words.removeprefix(begin)}"
    return f"{words} in {amount(0)}"


def _counted(fact: str, check: RowCheck, table: Name, text: Callable[[int, str], str]) -> Question:
    return Question(
        fact=fact,
        place=check.place,
        table=table,
        query=f"SELECT count(*) FROM ({check.query}) AS found",
        text=text,
    )


def _valid(constraint: Constraint) -> Constraint:
    """Return a constraint without NOT VALID."""
    if not isinstance(constraint, Check | ForeignKey):
        return constraint
    options = {key: value for key, value in constraint.options.items() if key != NOT_VALID}
    return replace(constraint, options=options)
