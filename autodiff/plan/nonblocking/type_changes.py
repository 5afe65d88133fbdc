"""Give columns another type while an application reads and writes them.

A hidden column of the new type is added beside each of them. A trigger copies every value that is
written, batches copy the others, and the constraints and indexes are built for the copy. Then the
two columns exchange their names in one short step, and the old one is dropped. No application sees
the hidden column, so both of its versions use the same name before and after that step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from autodiff.dialects.base import Dialect
from autodiff.plan.migration_plan import Finding
from autodiff.plan.nonblocking.part_copies import CopiedPart, copied_parts
from autodiff.schema.apply import evolve, names_column
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Exclusion,
    Schema,
    Table,
    Unique,
)
from autodiff.schema.operations import (
    AddColumn,
    AlterColumn,
    Backfill,
    ColumnPatch,
    DropColumn,
    DropConstraint,
    DropIndex,
    Operation,
    SwapColumns,
    SyncColumns,
)
from autodiff.schema.sqltext import mentions
from autodiff.utils.object_names import temporary_name

__all__ = ["NewTypes", "blocking", "hidden_column", "new_types", "reason_against"]

_SUFFIX = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTypes:
    """The operations that give columns of one table other types.

    copy: add the columns with everything that belongs to them; the application does not see it.
    swap: put them in the place of the old ones. If the database can, all in one transaction.
    """

    copy: tuple[Operation, ...]
    swap: tuple[Operation, ...]


def hidden_column(column: str, dialect: Dialect) -> str:
    """Return the name of the column that replaces another one of the same name."""
    return temporary_name(column, _SUFFIX, limit=dialect.features.max_name_length)


def reason_against(operation: AlterColumn, schema: Schema, dialect: Dialect) -> str | None:
    """Return why a column cannot get its new type by a copy of it; None if it can.

    `schema` is the schema before the operation.
    """
    table = schema.tables.get(operation.table)
    column = table.column(operation.name) if table is not None else None
    if table is None or column is None or not isinstance(operation.after.type, ColumnType):
        return "its table is not known"
    name = column.name
    after = operation.after.apply(column)
    if any(c.autoincrement or c.identity or c.computed for c in (column, after)):
        return "the database generates its values"
    key = table.primary_key
    if key is not None and name in key.columns:
        return "it is in the primary key"
    if table.inherits or any(table.name in other.inherits for other in schema.tables.values()):
        return "its table inherits columns, or others inherit from it"
    if table.partitions or not _can_be_altered_later(table, dialect):
        return "its table is partitioned"
    for other in schema.tables.values():
        for foreign in other.foreign_keys:
            if foreign.referred == table.name and name in foreign.referred_columns:
                return f"a foreign key of {other.name} refers to it"
    for other_column in table.columns:
        if other_column.computed and mentions(other_column.computed.sql, name):
            return f"the generated column {other_column.name} reads it"
    for part in table.constraints:
        if names_column(part, name):
            if isinstance(part, Exclusion):
                return "an exclusion constraint names it"
            if not dialect.features.deferred_checks and not isinstance(part, Unique):
                return "a constraint other than a unique one names it"
            if getattr(part, "deferrable", False):
                return "a deferrable constraint names it"
    return None


def blocking(operation: Operation, reason: str | None = None) -> Finding:
    """Return the finding for an operation that blocks the application."""
    because = f", because {reason}" if reason else ""
    return Finding(
        code="blocks-writes",
        severity="warning",
        message=f"{operation.describe()}: the server cannot do this without blocking "
        f"writes{because}",
        hint="apply the migration when the application writes little",
    )


def _can_be_altered_later(table: Table, dialect: Dialect) -> bool:
    return not dialect.features.deferred_checks or dialect.ddl.can_defer_checks(table)


def new_types(operations: Sequence[AlterColumn], table: Table, dialect: Dialect) -> NewTypes:
    """Return the operations for new types of columns of a table, for which nothing is against it.

    `table` is the table before the first of the operations.
    """
    plans = [_NewType(o, table, dialect) for o in operations]
    parts = list(copied_parts(table, {p.name: p.hidden for p in plans}, dialect, suffix=_SUFFIX))
    copy = [
        *(step for plan in plans for step in plan.start()),
        *(plan.backfill() for plan in plans),
        *(part.copy for part in parts),
        *(step for plan in plans for step in plan.attributes()),
    ]
    after = table
    for operation in (*copy, *(plan.swap() for plan in plans)):
        after = evolve(after, operation)
    swap = [
        *(plan.swap() for plan in plans),
        *(step for plan in plans for step in plan.end(after, parts)),
        *(part.rename for part in parts),
    ]
    return NewTypes(copy=tuple(copy), swap=tuple(swap))


@dataclass(frozen=True, slots=True)
class _NewType:
    """The steps for one column."""

    operation: AlterColumn
    table: Table
    dialect: Dialect

    @property
    def name(self) -> str:
        return self.operation.name

    @property
    def hidden(self) -> str:
        return hidden_column(self.name, self.dialect)

    @property
    def _old(self) -> Column:
        column = self.table.column(self.name)
        assert column is not None  # reason_against
        return column

    @property
    def _new(self) -> Column:
        return self.operation.after.apply(self._old)

    @property
    def _sync(self) -> SyncColumns:
        return SyncColumns(
            table=self.table.name,
            before=self.name,
            after=self.hidden,
            one_way=True,
            using=self.dialect.ddl.columns.using(self.operation),
        )

    def start(self) -> Iterator[Operation]:
        """Yield the hidden column, and its trigger."""
        empty = replace(self._new, name=self.hidden, nullable=True, default=None, comment=None)
        yield AddColumn(table=self.table.name, column=empty)
        yield self._sync

    def backfill(self) -> Backfill:
        quote = self.dialect.quote
        value = self._sync.using or quote(self.name)
        where = f"{quote(self.hidden)} IS NULL AND {quote(self.name)} IS NOT NULL"
        return Backfill(table=self.table.name, values=((self.hidden, value),), where=where)

    def attributes(self) -> Iterator[AlterColumn]:
        """Yield the other attributes of the hidden column."""
        new = self._new
        known = ("nullable", "default", "comment")
        empty = replace(new, nullable=True, default=None, comment=None)
        fields = tuple(f for f in known if getattr(new, f) != getattr(empty, f))
        if fields:
            yield AlterColumn(
                table=self.table.name,
                name=self.hidden,
                before=ColumnPatch.of(empty, fields),
                after=ColumnPatch.of(new, fields),
            )

    def swap(self) -> SwapColumns:
        return SwapColumns(table=self.table.name, one=self.name, other=self.hidden)

    def end(self, table: Table, parts: Sequence[CopiedPart]) -> Iterator[Operation]:
        """Yield the removal of the old column, which has the hidden name now.

        It becomes nullable first, if other sessions see the steps one by one: without the trigger,
        their rows have no value for it.
        """
        name, old = self.table.name, replace(self._old, name=self.hidden)
        if not old.nullable and not self.dialect.features.transactional_ddl:
            yield AlterColumn(
                table=name,
                name=self.hidden,
                before=ColumnPatch(nullable=False),
                after=ColumnPatch(nullable=True),
            )
            old = replace(old, nullable=True)
        yield self._sync.reverse()
        for part in table.constraints:
            # They are dropped with the column, but the schema does not show that.
            if isinstance(part, Check) and names_column(part, self.hidden):
                yield DropConstraint(table=name, name=part.name, kind="check", constraint=part)
        for index in table.indexes:
            if names_column(index, self.hidden) and self.hidden not in index.columns:
                yield DropIndex(table=name, name=index.name or "", index=index)
        yield DropColumn(table=name, name=self.hidden, column=old)
