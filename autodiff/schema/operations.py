"""Operations: what to do, without SQL. Each can be run and reversed.

An operation that drops an object contains the whole object if it is known, so that
`op.reverse().reverse() == op`. It is known in a plan; a hand-written `op.drop_column` knows only
the name. `describe()` returns a line for summaries, such as `+ column comments.timestamp`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal, TypeAlias, TypeGuard, TypeVar, get_args

from autodiff.errors import PlanError, one_line
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    Constraint,
    EnumType,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    Name,
    Option,
    PrimaryKey,
    Sequence,
    Table,
    Unique,
    View,
)
from autodiff.schema.sqltext import in_few_words

__all__ = [
    "AFFECT_ONE_TABLE",
    "KIND_WORDS",
    "UNSET",
    "AddColumn",
    "AddConstraint",
    "AlterColumn",
    "AlterEnum",
    "AlterSequence",
    "Backfill",
    "ColumnPatch",
    "ConstraintKind",
    "CreateEnum",
    "CreateIndex",
    "CreateNamespace",
    "CreateSequence",
    "CreateTable",
    "CreateView",
    "DropColumn",
    "DropConstraint",
    "DropEnum",
    "DropIndex",
    "DropNamespace",
    "DropSequence",
    "DropTable",
    "DropView",
    "EnumUser",
    "Execute",
    "Operation",
    "RenameColumn",
    "RenameConstraint",
    "RenameEnum",
    "RenameEnumValue",
    "RenameIndex",
    "RenameTable",
    "Require",
    "SetComment",
    "SetTableOptions",
    "SwapColumns",
    "SyncColumns",
    "Unset",
    "UnsyncColumns",
    "constraint_kind",
    "in_one_transaction",
    "is_concurrent",
    "namespaces_of",
    "tables_of",
]

T = TypeVar("T")


class Unset(enum.Enum):
    """The type of UNSET, which differs from None and False: no value was given."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET

ConstraintKind: TypeAlias = Literal["primary", "foreignkey", "unique", "check", "exclude"]
_KINDS: dict[type[Any], ConstraintKind] = {
    PrimaryKey: "primary",
    ForeignKey: "foreignkey",
    Unique: "unique",
    Check: "check",
    Exclusion: "exclude",
}
KIND_WORDS: dict[ConstraintKind | None, str] = {
    "primary": "primary key",
    "foreignkey": "foreign key",
    "unique": "unique constraint",
    "check": "check",
    "exclude": "exclusion constraint",
    None: "constraint",
}
"""What people call a kind of constraint."""


def constraint_kind(constraint: Constraint) -> ConstraintKind:
    """Return the word for a constraint in `op.drop_constraint(type_=...)`."""
    return _KINDS[type(constraint)]


def is_concurrent(operation: Operation) -> TypeGuard[CreateIndex | DropIndex]:
    """Return whether an operation builds or drops an index concurrently."""
    return isinstance(operation, CreateIndex | DropIndex) and operation.concurrently


def in_one_transaction(operations: Iterable[Operation]) -> list[Operation]:
    """Return the operations without concurrent index builds, which no transaction allows."""
    return [
        replace(operation, concurrently=False) if is_concurrent(operation) else operation
        for operation in operations
    ]


def tables_of(operation: Operation) -> tuple[Name, ...]:
    """Return the tables that an operation alters; none if it alters none, or that is unknown."""
    match operation:
        case CreateTable(table=table):
            return (table.name,)
        case DropTable(name=name) | SetComment(kind="table", name=name):
            return (name,)
        case RenameTable(before=before, after=after):
            return (before, after)
        case Execute(tables=tables):
            return tables
        case AlterEnum(users=users):
            return tuple(sorted({user.table for user in users}))
        case _:
            altered = getattr(operation, "table", None)
            return (altered,) if isinstance(altered, Name) else ()


def namespaces_of(operations: Iterable[Operation]) -> tuple[str, ...]:
    """Return the schemas, besides the default one, of what operations create, alter or drop."""
    found: set[str] = set()
    for operation in operations:
        for part in fields(operation):
            value = getattr(operation, part.name)
            name = value if isinstance(value, Name) else getattr(value, "name", None)
            if isinstance(name, Name) and name.schema:
                found.add(name.schema)
    return tuple(sorted(found))


def _known(thing: T | None, what: str) -> T:
    if thing is None:
        raise _unknown(what)
    return thing


def _unknown(what: str) -> PlanError:
    return PlanError(
        f"cannot reverse: {what} was dropped by name, and its definition is not known",
        hint="write the downgrade by hand",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNamespace:
    """CREATE SCHEMA."""

    name: str

    def reverse(self) -> DropNamespace:
        return DropNamespace(name=self.name)

    def describe(self) -> str:
        return one_line(f"+ schema {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropNamespace:
    """DROP SCHEMA; the schema must be empty."""

    name: str

    def reverse(self) -> CreateNamespace:
        return CreateNamespace(name=self.name)

    def describe(self) -> str:
        return one_line(f"- schema {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable:
    """CREATE TABLE with its constraints, then its indexes and comments."""

    table: Table

    def reverse(self) -> DropTable:
        return DropTable(name=self.table.name, table=self.table)

    def describe(self) -> str:
        return one_line(f"+ table {self.table.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTable:
    """DROP TABLE; `table` is the dropped table, if it is known."""

    name: Name
    table: Table | None = None

    def reverse(self) -> CreateTable:
        return CreateTable(table=_known(self.table, f"table {self.name}"))

    def describe(self) -> str:
        return one_line(f"- table {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameTable:
    """ALTER TABLE ... RENAME TO; the schema stays the same.

    leaves_view: the old name becomes a view of the table, at the same moment, so that an old
        version of an application can go on.
    replaces_view: the new name is such a view until then.
    """

    before: Name
    after: Name
    leaves_view: bool = False
    replaces_view: bool = False

    def reverse(self) -> RenameTable:
        return RenameTable(
            before=self.after,
            after=self.before,
            leaves_view=self.replaces_view,
            replaces_view=self.leaves_view,
        )

    def describe(self) -> str:
        view = f", with a view {self.before}" if self.leaves_view else ""
        return one_line(f"~ table {self.before} -> {self.after}{view}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetComment:
    """A comment on a table or another object; `kind` is the word after COMMENT ON."""

    kind: Literal["table", "constraint", "index", "type", "sequence", "view", "materialized view"]
    name: Name
    table: Name | None = None
    before: str | Unset | None = UNSET
    after: str | None

    def reverse(self) -> SetComment:
        if isinstance(self.before, Unset):
            raise _unknown(f"the comment of {self.kind} {self.name}")
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> str:
        return one_line(f"~ comment of {self.kind} {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTableOptions:
    """Dialect options of a table, each as (name, before, after)."""

    table: Name
    options: tuple[tuple[str, Option | None, Option | None], ...]

    def reverse(self) -> SetTableOptions:
        return replace(
            self, options=tuple((name, after, before) for name, before, after in self.options)
        )

    def describe(self) -> str:
        listed = ", ".join(f"{name} {before} -> {after}" for name, before, after in self.options)
        return one_line(f"~ table {self.table}: {listed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumn:
    """ALTER TABLE ... ADD COLUMN."""

    table: Name
    column: Column

    def reverse(self) -> DropColumn:
        return DropColumn(table=self.table, name=self.column.name, column=self.column)

    def describe(self) -> str:
        return one_line(f"+ column {self.table}.{self.column.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropColumn:
    """ALTER TABLE ... DROP COLUMN.

    only: tables that inherit the column keep it as a column that is not inherited (PostgreSQL).
    """

    table: Name
    name: str
    column: Column | None = None
    only: bool = False

    def reverse(self) -> AddColumn:
        column = _known(self.column, f"column {self.table}.{self.name}")
        return AddColumn(table=self.table, column=column)

    def describe(self) -> str:
        return one_line(f"- column {self.table}.{self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameColumn:
    """ALTER TABLE ... RENAME COLUMN."""

    table: Name
    before: str
    after: str

    def reverse(self) -> RenameColumn:
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> str:
        return one_line(f"~ column {self.table}.{self.before} -> {self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPatch:
    """Some attributes of a column. An attribute that is UNSET is not changed, or not known."""

    type: ColumnType | Unset = UNSET
    nullable: bool | Unset = UNSET
    default: str | Unset | None = UNSET
    computed: Computed | Unset | None = UNSET
    identity: Identity | Unset | None = UNSET
    autoincrement: bool | Unset = UNSET
    comment: str | Unset | None = UNSET
    options: Mapping[str, Option] | Unset = UNSET

    @classmethod
    def of(cls, column: Column, names: tuple[str, ...]) -> ColumnPatch:
        """Return the named attributes of a column."""
        return cls(**{name: getattr(column, name) for name in names})

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the names of the attributes that are set, in the order of declaration."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not UNSET)

    def part(self, names: tuple[str, ...]) -> ColumnPatch:
        """Return only some of the attributes."""
        return ColumnPatch(**{name: getattr(self, name) for name in names})

    def apply(self, column: Column) -> Column:
        """Return the column with these attributes."""
        return replace(column, **{name: getattr(self, name) for name in self.fields})


_NOTHING = ColumnPatch()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterColumn:
    """Change attributes of a column; `before` has the old ones, if they are known.

    using: the expression that converts values to the new type (PostgreSQL).
    reverse_using: the expression that converts them back; None for the database's own conversion.
    """

    table: Name
    name: str
    before: ColumnPatch = _NOTHING
    after: ColumnPatch
    using: str | None = field(default=None)
    reverse_using: str | None = field(default=None)

    def reverse(self) -> AlterColumn:
        if self.before.fields != self.after.fields:
            raise _unknown(f"the state before of column {self.table}.{self.name}")
        return AlterColumn(
            table=self.table,
            name=self.name,
            before=self.after,
            after=self.before,
            using=self.reverse_using,
            reverse_using=self.using,
        )

    def part(self, names: tuple[str, ...]) -> AlterColumn:
        """Return the change of some of the attributes."""
        typed = "type" in names
        return AlterColumn(
            table=self.table,
            name=self.name,
            before=self.before.part(names),
            after=self.after.part(names),
            using=self.using if typed else None,
            reverse_using=self.reverse_using if typed else None,
        )

    def describe(self) -> str:
        parts = [self._describe_field(name) for name in self.after.fields]
        return one_line(f"~ column {self.table}.{self.name}: {', '.join(parts)}")

    def _describe_field(self, name: str) -> str:
        before, after = getattr(self.before, name), getattr(self.after, name)
        if name == "nullable":
            return "nullable" if after else "not null"
        if name == "type":
            old = before.sql if isinstance(before, ColumnType) else "?"
            return f"{old} -> {after.sql}"
        if name in ("default", "comment"):
            return f"no {name}" if after is None else f"{name} {after}"
        if name == "options":
            listed = (f"{key} {value}" for key, value in sorted(after.items()))
            return ", ".join(listed) or "default options"
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class AddConstraint:
    """ALTER TABLE ... ADD CONSTRAINT.

    keep_null: whether the columns of a primary key stay nullable, which only SQLite allows.
    """

    table: Name
    constraint: Constraint
    keep_null: bool = field(default=False, repr=False)

    def reverse(self) -> DropConstraint:
        return DropConstraint(
            table=self.table,
            name=self.constraint.name,
            kind=constraint_kind(self.constraint),
            constraint=self.constraint,
        )

    def describe(self) -> str:
        word = KIND_WORDS[constraint_kind(self.constraint)]
        return one_line(f"+ {word} {self.table}.{self.constraint.name or ''}".rstrip("."))


@dataclass(frozen=True, slots=True, kw_only=True)
class DropConstraint:
    """ALTER TABLE ... DROP CONSTRAINT; `kind` matters on MySQL.

    keep_index: whether the index that MySQL created for a foreign key stays.
    """

    table: Name
    name: str | None
    kind: ConstraintKind | None = None
    constraint: Constraint | None = None
    keep_index: bool = field(default=False, repr=False)

    def reverse(self) -> AddConstraint:
        what = f"constraint {self.name} of table {self.table}"
        if self.constraint is None:
            raise _unknown(what)
        return AddConstraint(table=self.table, constraint=self.constraint)

    def describe(self) -> str:
        return one_line(f"- {KIND_WORDS[self.kind]} {self.table}.{self.name or ''}".rstrip("."))


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameConstraint:
    """ALTER TABLE ... RENAME CONSTRAINT, or an equivalent; `kind` matters on MySQL."""

    table: Name
    before: str
    after: str
    kind: ConstraintKind | None = None

    def reverse(self) -> RenameConstraint:
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> str:
        return one_line(f"~ {KIND_WORDS[self.kind]} {self.table}.{self.before} -> {self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIndex:
    """CREATE INDEX."""

    table: Name
    index: Index
    concurrently: bool = False
    if_not_exists: bool = False

    def reverse(self) -> DropIndex:
        return DropIndex(
            table=self.table,
            name=self.index.name or "",
            index=self.index,
            concurrently=self.concurrently,
            if_exists=self.if_not_exists,
        )

    def describe(self) -> str:
        return one_line(f"+ index {self.index.name} on {self.table}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIndex:
    """DROP INDEX; `table` is needed on MySQL."""

    table: Name | None
    name: str
    schema: str | None = None
    index: Index | None = None
    concurrently: bool = False
    if_exists: bool = False

    def reverse(self) -> CreateIndex:
        table = _known(self.table, f"index {self.name}")
        index = _known(self.index, f"index {self.name} of table {table}")
        return CreateIndex(
            table=table,
            index=index,
            concurrently=self.concurrently,
            if_not_exists=self.if_exists,
        )

    def describe(self) -> str:
        return one_line(f"- index {self.name}" + (f" on {self.table}" if self.table else ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameIndex:
    """ALTER INDEX ... RENAME TO, or an equivalent; only PostgreSQL needs no `table`."""

    table: Name | None
    before: str
    after: str
    schema: str | None = None

    def reverse(self) -> RenameIndex:
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> str:
        table = f"{self.table}." if self.table else ""
        return one_line(f"~ index {table}{self.before} -> {self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEnum:
    """CREATE TYPE ... AS ENUM; nothing on a database without enum types."""

    enum: EnumType
    if_not_exists: bool = False

    def reverse(self) -> DropEnum:
        return DropEnum(name=self.enum.name, enum=self.enum, if_exists=self.if_not_exists)

    def describe(self) -> str:
        return one_line(f"+ enum {self.enum.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropEnum:
    """DROP TYPE; nothing on a database without enum types."""

    name: Name
    enum: EnumType | None = None
    if_exists: bool = False

    def reverse(self) -> CreateEnum:
        enum = _known(self.enum, f"enum {self.name}")
        return CreateEnum(enum=enum, if_not_exists=self.if_exists)

    def describe(self) -> str:
        return one_line(f"- enum {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumUser:
    """A column that uses an enum type, or an array of it if `is_array`."""

    table: Name
    column: str
    default: str | None = None
    is_array: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterEnum:
    """Add, remove or reorder values of an enum type.

    If a value is removed or moved, the type is recreated and the columns in `users` change to the
    new one. `anew` recreates it too: a value that is added cannot be used in the same transaction.
    """

    before: EnumType
    after: EnumType
    users: tuple[EnumUser, ...] = ()
    anew: bool = False

    @property
    def only_adds(self) -> bool:
        """Whether values can be added to the existing type."""
        kept = tuple(value for value in self.after.values if value in self.before.values)
        return kept == self.before.values and not self.anew

    def reverse(self) -> AlterEnum:
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> str:
        old, new = self.before.values, self.after.values
        parts = [f"+ {value}" for value in new if value not in old]
        parts += [f"- {value}" for value in old if value not in new]
        return one_line(f"~ enum {self.after.name}: {', '.join(parts) or 'order of its values'}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameEnum:
    """ALTER TYPE ... RENAME TO, or SET SCHEMA; columns, defaults and checks follow."""

    before: Name
    after: Name

    def reverse(self) -> RenameEnum:
        return RenameEnum(before=self.after, after=self.before)

    def describe(self) -> str:
        return one_line(f"~ enum {self.before} -> {self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameEnumValue:
    """ALTER TYPE ... RENAME VALUE; rows, defaults and checks follow."""

    enum: Name
    before: str
    after: str

    def reverse(self) -> RenameEnumValue:
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> str:
        return one_line(f"~ enum {self.enum}: {self.before} -> {self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSequence:
    """CREATE SEQUENCE."""

    sequence: Sequence

    def reverse(self) -> DropSequence:
        return DropSequence(name=self.sequence.name, sequence=self.sequence)

    def describe(self) -> str:
        return one_line(f"+ sequence {self.sequence.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSequence:
    """DROP SEQUENCE."""

    name: Name
    sequence: Sequence | None = None

    def reverse(self) -> CreateSequence:
        return CreateSequence(sequence=_known(self.sequence, f"sequence {self.name}"))

    def describe(self) -> str:
        return one_line(f"- sequence {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterSequence:
    """ALTER SEQUENCE."""

    before: Sequence
    after: Sequence

    def reverse(self) -> AlterSequence:
        return AlterSequence(before=self.after, after=self.before)

    def describe(self) -> str:
        return one_line(f"~ sequence {self.after.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateView:
    """CREATE VIEW, or a materialized view with its indexes.

    restores_settings: give it the settings that a `DropView` before it kept.
    """

    view: View
    restores_settings: bool = False

    def reverse(self) -> DropView:
        return DropView(
            name=self.view.name,
            materialized=self.view.materialized,
            view=self.view,
            keeps_settings=self.restores_settings,
        )

    def describe(self) -> str:
        return one_line(f"+ view {self.view.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropView:
    """DROP VIEW.

    keeps_settings: remember its grants, owner and options, because it is created again.
    """

    name: Name
    materialized: bool = False
    view: View | None = None
    keeps_settings: bool = False

    def reverse(self) -> CreateView:
        view = _known(self.view, f"view {self.name}")
        return CreateView(view=view, restores_settings=self.keeps_settings)

    def describe(self) -> str:
        return one_line(f"- view {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Update the rows that `where` selects; `values` are (column, SQL expression).

    batch_size: how many rows one UPDATE changes; None leaves it to the runner.
    undo: the backfill that reverses this one. None for a column that the downgrade drops anyway.
    """

    table: Name
    values: tuple[tuple[str, str], ...]
    where: str | None = None
    batch_size: int | None = None
    undo: Backfill | None = None

    def reverse(self) -> Backfill | None:
        return self.undo and replace(self.undo, undo=replace(self, undo=None))

    def describe(self) -> str:
        return one_line(
            f"~ rows of {self.table}: fill {', '.join(column for column, _ in self.values)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncColumns:
    """Create a trigger that writes each new value of one column to the other one as well.

    before, after: the columns, of which two versions of an application use one each.
    default: the SQL of the default that both have. A new row that has another value in `after` has
        it in both; any other new row has the value of `before`.
    one_way: whether `after` only follows `before`, because no application knows it.
    using: the expression that converts values of `before` to the type of `after` (PostgreSQL).
    """

    table: Name
    before: str
    after: str
    default: str | None = None
    one_way: bool = False
    using: str | None = None

    def reverse(self) -> UnsyncColumns:
        return UnsyncColumns(
            table=self.table,
            before=self.before,
            after=self.after,
            default=self.default,
            one_way=self.one_way,
            using=self.using,
        )

    def describe(self) -> str:
        return one_line(f"+ trigger that syncs {self.table}.{self.before} with {self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsyncColumns:
    """Drop the trigger of SyncColumns."""

    table: Name
    before: str
    after: str
    default: str | None = None
    one_way: bool = False
    using: str | None = None

    def reverse(self) -> SyncColumns:
        return SyncColumns(
            table=self.table,
            before=self.before,
            after=self.after,
            default=self.default,
            one_way=self.one_way,
            using=self.using,
        )

    def describe(self) -> str:
        return one_line(f"- trigger that syncs {self.table}.{self.before} with {self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapColumns:
    """Give each of two columns the name of the other one, at the same moment.

    Constraints, indexes and checks follow their column. The triggers of SyncColumns go by the
    names, so that the column that was copied becomes the copy.
    """

    table: Name
    one: str
    other: str

    def reverse(self) -> SwapColumns:
        return SwapColumns(table=self.table, one=self.other, other=self.one)

    def describe(self) -> str:
        return one_line(f"~ columns {self.table}.{self.one} <-> {self.other}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Require:
    """Stop if the query finds rows; `message` describes what is wrong with them.

    It is not reversed: a downgrade has separate checks.
    """

    query: str
    message: str

    def reverse(self) -> None:
        return None

    def describe(self) -> str:
        return one_line(f"? {self.message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """An SQL statement that no other operation expresses.

    reverse_sql: the statement that reverses it; None if it is not known, "" if none is needed.
    tables: the tables that it alters, as far as known.
    """

    sql: str
    reverse_sql: str | None = None
    tables: tuple[Name, ...] = ()

    def reverse(self) -> Execute | None:
        if self.reverse_sql == "":
            return None
        sql = _known(self.reverse_sql, "a statement")
        return Execute(sql=sql, reverse_sql=self.sql, tables=self.tables)

    def describe(self) -> str:
        return one_line(f"~ execute {in_few_words(self.sql)}")


Operation: TypeAlias = (
    CreateNamespace
    | DropNamespace
    | CreateTable
    | DropTable
    | RenameTable
    | SetComment
    | SetTableOptions
    | AddColumn
    | DropColumn
    | RenameColumn
    | AlterColumn
    | AddConstraint
    | DropConstraint
    | RenameConstraint
    | CreateIndex
    | DropIndex
    | RenameIndex
    | CreateEnum
    | DropEnum
    | AlterEnum
    | RenameEnum
    | RenameEnumValue
    | CreateSequence
    | DropSequence
    | AlterSequence
    | CreateView
    | DropView
    | Backfill
    | SyncColumns
    | UnsyncColumns
    | SwapColumns
    | Require
    | Execute
)
"""Any step of a migration."""

OPERATION_CLASSES: tuple[type[Any], ...] = get_args(Operation)

AFFECT_ONE_TABLE: tuple[type[Any], ...] = (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Backfill,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    Require,
)
"""Operations after which the definition of every other table is as it was."""
