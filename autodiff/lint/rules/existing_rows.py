"""Rules for steps that fail on existing rows, or change many of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from autodiff.lint.columns import fills_rows
from autodiff.lint.context import Action, Step
from autodiff.lint.replay import NOT_VALID
from autodiff.lint.rule import POSTGRESQL, SERVERS, Match, Rule
from autodiff.lint.statements import (
    ChangeRows,
    ChangeTable,
    Harmless,
    PythonCode,
    Unparsed,
    UseIndex,
)
from autodiff.schema.objects import Check, Column, IndexElement, Name, PrimaryKey, Table, Unique
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Backfill,
    CreateIndex,
    CreateTable,
    DropConstraint,
    DropIndex,
    Operation,
    RenameColumn,
    RenameTable,
    Require,
    SetComment,
    SwapColumns,
    SyncColumns,
    tables_of,
)
from autodiff.schema.sqltext import normalize, quote_identifier, tokens
from autodiff.schema.view_reads import reads

__all__ = ["RULES", "has_not_null_check", "is_prepared", "locked_tables"]

_UNCHECKED = (NOT_VALID, "postgresql_not_enforced", "mysql_not_enforced")
"""The options of a check that existing rows need not meet."""

_VOLATILE = frozenset(
    "clock_timestamp gen_random_uuid gen_random_bytes nextval random random_normal setseed "
    "timeofday uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuidv4 uuidv7".split()
)
"""Functions of PostgreSQL and its own extensions that return another value for each row.

now() and current_timestamp are not volatile: they return the start of the transaction.
https://www.postgresql.org/docs/current/xfunc-volatility.html
"""


def _required_column(step: Step) -> Iterator[Match]:
    match step.action:
        case AddColumn(table=table, column=column) if step.is_live(table):
            if column.nullable or fills_rows(column):
                return
            place = f"{table}.{column.name}"
            yield Match(message=f"adds column {place} as NOT NULL without a default", object=place)


def _not_null(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterColumn(table=table, name=name, after=patch) if step.is_live(table):
            if patch.nullable is not False:
                return
            column = step.column(table, name)
            if column is not None and not column.nullable:
                return
            if column is not None and step.is_new_column(table, name) and fills_rows(column):
                return  # the default has filled the existing rows
            if step.is_filled(table, name) or has_not_null_check(step, table, name):
                return
            if not is_prepared(step, table, name):
                place = f"{table}.{name}"
                yield Match(message=f"sets {place} NOT NULL without filling it", object=place)


def has_not_null_check(step: Step, table: Name, column: str) -> bool:
    """Return whether a valid check proves that a column has no NULLs."""
    known = step.tables.get(table)
    wanted = {
        normalize(condition)
        for spelled in (column, quote_identifier(column))
        for condition in (f"{spelled} IS NOT NULL", f"NOT {spelled} IS NULL")
    }
    return known is not None and any(
        isinstance(c, Check)
        and not any(map(c.options.get, _UNCHECKED))
        and normalize(c.sql) in wanted
        for c in known.constraints
    )


def is_prepared(step: Step, table: Name, column: str | None = None) -> bool:
    """Return whether earlier steps filled the column, or looked for rows that are in the way.

    The queries of `phase_guard` are sent before the first step.
    """
    if column is not None and any(
        reads(query, table.name, column) for query in step.script.migration.phase_guard
    ):
        return True
    for other in step.earlier_of(Require, Backfill, ChangeRows):
        match other.action:
            case Require(query=query):
                words = {token.strip('"`') for _, token in tokens(query)}
                if table.name in words:
                    return True
            case Backfill(table=owner, values=values) if owner == table:
                if column is None or column in (name for name, _ in values):
                    return True
            case ChangeRows(table=owner, verb="UPDATE" | "DELETE", columns=columns):
                if owner == table and (column is None or not columns or column in columns):
                    return True
    return False


def _unique(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=Unique() | PrimaryKey() as constraint):
            columns, what = constraint.columns, "a unique constraint"
            compared = columns
            nulls = isinstance(constraint, Unique) and constraint.nulls_not_distinct
            if isinstance(constraint, PrimaryKey):
                what = "a primary key"
        case CreateIndex(table=table, index=index) if index.unique:
            columns, what, nulls = index.columns, "a unique index", index.nulls_not_distinct
            compared = tuple(item.text for item in index.elements if _is_compared_whole(item))
        case _:
            return
    known = step.tables.get(table)
    if not step.is_live(table) or is_prepared(step, table):
        return
    if columns and all(step.is_new_column(table, name) for name in columns):
        filled = known is not None and any(
            (found := known.column(name)) is not None and fills_rows(found) for name in columns
        )
        if not filled:
            return  # every value is NULL, and NULLs are not equal
        if known is not None and any(
            (c := known.column(name)) is not None and (c.identity or c.autoincrement)
            for name in columns
        ):
            return
    if known is not None and any(
        set(key) <= set(compared) for key in _unique_keys(step, table, nulls=nulls)
    ):
        return
    listed = ", ".join(columns)
    yield Match(
        message=f"adds {what} to {table} without looking for duplicates"
        + (f" of ({listed})" if listed else ""),
        object=f"{table}.{columns[0]}" if len(columns) == 1 else str(table),
    )


def _is_compared_whole(element: IndexElement) -> bool:
    """Return whether texts that differ in a column differ in the index too."""
    return not (element.is_expression or element.length or element.collation)


def _unique_keys(step: Step, table: Name, *, nulls: bool) -> Iterator[tuple[str, ...]]:
    """Yield the columns of each key that is unique, or was until this migration dropped it.

    With `nulls`, only keys in which NULLs are equal, or cannot be, are yielded.
    """
    yield from _keys_of(step.tables[table], nulls=nulls)
    for other in step.earlier_of(DropConstraint, DropIndex):
        match other.action:
            case DropConstraint(table=owner) | DropIndex(table=owner) if owner == table:
                if table in other.tables:
                    keys = _keys_of(other.tables[table], nulls=nulls)
                    yield from _without_repeated(keys, table, step, other)


_CHANGING_VALUES = (
    AddColumn,
    AlterColumn,
    Backfill,
    ChangeRows,
    ChangeTable,
    Harmless,
    PythonCode,
    RenameColumn,
    RenameTable,
    SwapColumns,
    SyncColumns,
    Unparsed,
)


def _without_repeated(
    keys: Iterable[tuple[str, ...]], table: Name, step: Step, drop: Step
) -> Iterator[tuple[str, ...]]:
    """Yield the keys whose values no step between `drop` and `step` can have repeated."""
    changes = [
        other.action
        for other in step.earlier_of(*_CHANGING_VALUES)
        if other.position > drop.position
    ]
    for key in keys:
        if not any(_can_repeat(action, table, key) for action in changes):
            yield key


def _can_repeat(action: Action, table: Name, key: Sequence[str]) -> bool:
    """Return whether a step of `_CHANGING_VALUES` can give rows of a table equal values of a key.

    SQL that no rule is about can call a function.
    """
    match action:
        case AlterColumn(table=owner, name=name, after=patch):
            changes_values = not _CHANGING_FIELDS.isdisjoint(patch.fields)
            return owner == table and name in key and changes_values
        case (
            AddColumn(table=owner, column=Column(name=name))
            | RenameColumn(table=owner, after=name)
            | SyncColumns(table=owner, after=name)
        ):
            return owner == table and name in key
        case SwapColumns(table=owner, one=one, other=other):
            return owner == table and not {one, other}.isdisjoint(key)
        case ChangeRows(table=owner, verb=verb):
            return owner == table and verb != "DELETE"
        case ChangeTable(table=owner, kind=kind):
            return owner == table and kind == "charset"
        case Backfill(table=owner) | RenameTable(after=owner):
            return owner == table
        case _:
            return True


_CHANGING_FIELDS = frozenset(("computed", "nullable", "type"))
"""What changes values of a column; NULL becomes 0 or an empty string on MySQL."""


def _keys_of(table: Table, *, nulls: bool) -> Iterator[tuple[str, ...]]:
    for constraint in table.constraints:
        match constraint:
            case PrimaryKey(columns=columns):
                yield columns
            case Unique(columns=columns, nulls_not_distinct=same) if same or not nulls:
                yield columns
    for index in table.indexes:
        is_whole = index.where is None and len(index.columns) == len(index.elements)
        if index.unique and is_whole and (index.nulls_not_distinct or not nulls):
            yield index.columns


def _backfill_beside_ddl(step: Step) -> Iterator[Match]:
    match step.action:
        case Backfill(table=table):
            pass
        case ChangeRows(table=table, verb="UPDATE" | "DELETE"):
            pass
        case _:
            return
    if not step.is_live(table):
        return
    earlier = step.same_transaction
    locked = [other for other in earlier if table in locked_tables(other)]
    repeated = any(
        isinstance(other.action, Backfill | ChangeRows) and other.action.table == table
        for other in earlier
    )
    if locked and not repeated:
        yield Match(
            message=f"changes rows of {table} in the transaction that altered the table before",
            object=str(table),
        )


def locked_tables(step: Step) -> tuple[Name, ...]:
    """Return the tables that a step locks until the end of the transaction."""
    action = step.action
    if isinstance(action, UseIndex):
        return (action.table,)
    if isinstance(action, Backfill | ChangeRows | Require | SetComment | CreateTable):
        return ()
    return tables_of(action) if isinstance(action, Operation) else ()


def _unbatched(step: Step) -> Iterator[Match]:
    match step.action:
        case ChangeRows(table=table, verb="UPDATE", everywhere=True) if step.is_live(table):
            yield Match(message=f"updates all rows of {table} in one statement", object=str(table))


def _volatile_default(step: Step) -> Iterator[Match]:
    match step.action:
        case AddColumn(table=table, column=column) if step.is_live(table) and column.default:
            words = [token.lower() for kind, token in tokens(column.default) if kind != "space"]
            calls = (word for word, after in pairwise(words) if after == "(")
            name = next((word for word in calls if word in _VOLATILE), None)
            if name is not None and not column.autoincrement:
                place = f"{table}.{column.name}"
                yield Match(
                    message=f"adds column {place} with the volatile default {name}()", object=place
                )


RULES = (
    Rule(
        code="AD201",
        name="required-column",
        severity="error",
        summary="A NOT NULL column without a default is added to a table that existed before.",
        reason="If the table has rows, PostgreSQL and SQLite refuse the column, and MySQL and "
        "MariaDB silently fill it with 0 or an empty string. INSERT statements of application "
        "versions that do not know the column fail.",
        safe_way="Add the column as nullable or with a server_default, fill it, and set it NOT "
        "NULL in a later migration.",
        check=_required_column,
        actions=(AddColumn,),
        harmless_if="empty",
        bad='op.add_column("users", sa.Column("country", sa.Text(), nullable=False))',
        good='op.add_column("users", sa.Column("country", sa.Text(), nullable=False, '
        "server_default=\"'de'\"))",
    ),
    Rule(
        code="AD202",
        name="set-not-null",
        severity="error",
        summary="A column is set NOT NULL, and no earlier step fills it, looks for NULLs or checks "
        "that there are none.",
        reason="The migration fails if any row has NULL. MySQL in a mode that is not strict "
        "changes NULL to 0 or an empty string instead.",
        safe_way="Fill the column with op.backfill() first, or stop with op.require() if it has "
        "NULLs.",
        check=_not_null,
        actions=(AlterColumn,),
        harmless_if="empty",
        tried_on="sqlite",
        bad='op.alter_column("users", "email", nullable=False, existing_type=sa.Text())',
        good='op.require("SELECT id FROM users WHERE email IS NULL", "users.email has NULLs")\n'
        'op.alter_column("users", "email", nullable=False, existing_type=sa.Text())',
    ),
    Rule(
        code="AD203",
        name="add-unique",
        severity="error",
        summary="A unique constraint, unique index or primary key is added, and no earlier step "
        "looks for duplicates.",
        reason="The migration fails if two rows have the same values. MySQL and MariaDB cannot "
        "roll back the steps before it.",
        safe_way="Look for duplicates with op.require() before the first change, or remove them.",
        check=_unique,
        actions=(AddConstraint, CreateIndex),
        harmless_if="empty",
        bad="with op.autocommit():\n"
        '    op.create_index("ix_users_email", "users", ["email"], unique=True, '
        "postgresql_concurrently=True)",
        good='op.require("SELECT email FROM users GROUP BY email HAVING count(*) > 1", '
        '"users.email has duplicates")\n'
        "with op.autocommit():\n"
        '    op.create_index("ix_users_email", "users", ["email"], unique=True, '
        "postgresql_concurrently=True)",
    ),
    Rule(
        code="AD204",
        name="backfill-beside-ddl",
        severity="warning",
        summary="Rows are changed in the transaction that altered the same table.",
        reason="ALTER TABLE takes an ACCESS EXCLUSIVE lock, which is held until the end of the "
        "transaction. Nobody can read or write the table while the rows are changed.",
        safe_way="Alter the table in one migration, and change its rows in the next one.",
        check=_backfill_beside_ddl,
        actions=(Backfill, ChangeRows),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("country", sa.Text()))\n'
        'op.backfill("users", {"country": "de"})',
        good='op.backfill("users", {"email": ""}, where="email IS NULL")',
    ),
    Rule(
        code="AD205",
        name="unbatched-update",
        severity="warning",
        summary="One UPDATE without WHERE, or with one that is always true, changes all rows of a "
        "table that existed before.",
        reason="All rows stay locked until the transaction ends, so that every other UPDATE waits. "
        "On PostgreSQL the table also doubles its size.",
        safe_way="Use op.backfill(), which changes the rows in batches, in a separate migration.",
        check=_unbatched,
        actions=(ChangeRows,),
        harmless_if="small",
        databases=SERVERS,
        bad='op.execute("UPDATE users SET email = lower(email)")',
        good='op.backfill("users", {"email": sa.text("lower(email)")})',
    ),
    Rule(
        code="AD206",
        name="volatile-default",
        severity="warning",
        summary="A column whose default differs from row to row is added to a table that existed "
        "before.",
        reason="PostgreSQL computes the default for each row and rewrites the table under an "
        "ACCESS EXCLUSIVE lock: nobody can read or write it until it ends. A constant default, and "
        "now(), do not rewrite the table.",
        safe_way="Add the column without a default, set the default with alter_column, and fill "
        "the existing rows in batches in a later migration.",
        check=_volatile_default,
        actions=(AddColumn,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("token", sa.Uuid(), '
        'server_default=sa.text("gen_random_uuid()")))',
        good='op.add_column("users", sa.Column("token", sa.Uuid()))\n'
        'op.alter_column("users", "token", server_default=sa.text("gen_random_uuid()"))',
    ),
)
