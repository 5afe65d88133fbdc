"""Replace an operation that blocks the application with several that do not.

PostgreSQL checks all rows while it adds a constraint, and holds a lock during the check. The check
can be separated from the change: a constraint is added as NOT VALID and then validated in another
transaction; an index is built concurrently and then becomes a unique constraint.
https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES

Invariants:

- The operations have the same result as the given ones.
- A lock that blocks writes is never held while rows are read or changed. What reads rows therefore
  runs outside of the transaction, and what changed the catalog before is committed first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from autodiff.dialects.base import Dialect
from autodiff.plan.nonblocking.steps import OnlineStep
from autodiff.plan.nonblocking.type_changes import NewTypes, new_types, reason_against
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.objects import (
    Check,
    ColumnType,
    ForeignKey,
    Index,
    IndexElement,
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
    Backfill,
    ColumnPatch,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateTable,
    DropConstraint,
    DropIndex,
    Execute,
    Operation,
    RenameTable,
    Require,
    SetComment,
)
from autodiff.utils.object_names import temporary_name

__all__ = ["online_steps", "rewrites"]

Steps = Iterator[OnlineStep]


def online_steps(
    operations: Iterable[Operation], before: Schema, after: Schema, dialect: Dialect
) -> tuple[OnlineStep, ...]:
    """Return steps with the result of the operations that block no reads or writes.

    before, after: the schemas before and after the operations.
    """
    operations = tuple(operations)
    tables = [*before.tables.values(), *after.tables.values()]
    rewriter = _Rewriter(
        dialect=dialect,
        new=frozenset(o.table.name for o in operations if isinstance(o, CreateTable)),
        fixed=frozenset(t.name for t in tables if not dialect.ddl.can_defer_checks(t)),
        referred=frozenset(
            (key.referred, frozenset(key.referred_columns)) for key in _keys(operations)
        ),
    )
    retyped = _rewritten_types(operations, before, dialect)
    if not retyped:
        return tuple(rewriter.steps(operations))
    types = {id(o): group for group in retyped for o in group.operations}
    started, others = _split(operations, retyped)
    copies = [step for group in retyped for step in rewriter.steps(group.plan.copy)]
    now: list[OnlineStep] = []
    for operation in others:
        group = types.get(id(operation))
        if group is None:
            now += rewriter.first(operation)
        elif operation is group.operations[-1]:
            now += (OnlineStep(operation=step) for step in group.plan.swap)
    named = _under_last_names([o for o in others if id(o) not in types])
    later = [step for o in named for step in rewriter.last(o)]
    return (*rewriter.steps(started), *copies, *now, *_grouped(later))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Retyped:
    """The operations that give columns of one table new types, and what replaces them."""

    operations: tuple[AlterColumn, ...]
    plan: NewTypes


def _rewritten_types(
    operations: Iterable[Operation], before: Schema, dialect: Dialect
) -> list[_Retyped]:
    """Return the new types that would rewrite their table, by table.

    A column that cannot be copied, or that changes twice, is left out.
    """
    operations = tuple(operations)
    times = Counter((o.table, o.name) for o in operations if isinstance(o, AlterColumn))
    found: dict[Name, list[AlterColumn]] = {}
    first: dict[Name, Table] = {}
    schema = before
    for operation in operations:
        if isinstance(operation, AlterColumn) and rewrites(operation, schema, dialect):
            once = times[operation.table, operation.name] == 1
            if once and reason_against(operation, schema, dialect) is None:
                found.setdefault(operation.table, []).append(operation)
                first[operation.table] = schema.tables[operation.table]
        schema = evolve_schema(schema, operation)
    return [
        _Retyped(operations=tuple(group), plan=new_types(group, first[name], dialect))
        for name, group in found.items()
    ]


def rewrites(operation: AlterColumn, schema: Schema, dialect: Dialect) -> bool:
    """Return whether an operation changes a type in a way that rewrites the table."""
    table = schema.tables.get(operation.table)
    column = table.column(operation.name) if table is not None else None
    after = operation.after.type
    if column is None or not isinstance(after, ColumnType):
        return False
    return dialect.ddl.columns.rewrites(column.type, after)


def _split(
    operations: Sequence[Operation], retyped: Sequence[_Retyped]
) -> tuple[list[Operation], list[Operation]]:
    """Return the operations that copies need, and the others.

    They check values, change values that will be copied, or create a type.
    """
    started: list[Operation] = []
    others: list[Operation] = []
    waiting = {(o.table, o.name) for group in retyped for o in group.operations}
    for operation in operations:
        match operation:
            case Require() | CreateNamespace() | CreateEnum() | AlterEnum():
                started.append(operation)
                continue
            case Backfill(table=table, values=values):
                if any((table, column) in waiting for column, _ in values):
                    started.append(operation)
                    continue
            case AlterColumn(table=table, name=name):
                waiting.discard((table, name))
        others.append(operation)
    return started, others


def _keys(operations: Sequence[Operation]) -> Iterator[ForeignKey]:
    for operation in operations:
        match operation:
            case AddConstraint(constraint=ForeignKey() as key):
                yield key
            case CreateTable(table=table):
                yield from table.foreign_keys


def _under_last_names(operations: Sequence[Operation]) -> list[Operation]:
    """Return the operations; those on a table that is renamed after them have its new name."""
    names: dict[Name, Name] = {}
    found: list[Operation] = []
    for operation in reversed(operations):
        match operation:
            case RenameTable(before=before, after=after):
                names[before] = names.get(after, after)
            case AddConstraint(table=table) | AlterColumn(table=table) | CreateIndex(table=table):
                operation = replace(operation, table=names.get(table, table))
        found.append(operation)
    return found[::-1]


def _grouped(steps: Iterable[OnlineStep]) -> list[OnlineStep]:
    """Return what runs outside of the transaction first, so that there is one block of it."""
    return sorted(steps, key=lambda step: not step.outside)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rewriter:
    """Rewrites one operation at a time.

    new: the tables that the operations create, which nobody uses yet.
    fixed: the tables whose checks the server cannot defer.
    referred: the tables and columns to which new foreign keys refer.
    """

    dialect: Dialect
    new: frozenset[Name]
    fixed: frozenset[Name]
    referred: frozenset[tuple[Name, frozenset[str]]]

    def steps(self, operations: Sequence[Operation]) -> Steps:
        """Yield what is run in the place of operations."""
        for operation in operations:
            yield from self.first(operation)
        named = _under_last_names(operations)
        yield from _grouped(step for operation in named for step in self.last(operation))

    def first(self, operation: Operation) -> Steps:
        """Yield what is run in the place of an operation."""
        if self._is_plain(operation):
            yield OnlineStep(operation=operation)
            return
        match operation:
            case AddConstraint(table=table, constraint=Check() | ForeignKey() as constraint):
                yield OnlineStep(
                    operation=AddConstraint(table=table, constraint=_later(constraint))
                )
            case AddConstraint(table=table, constraint=PrimaryKey() | Unique() as constraint):
                yield from self._key(table, constraint)
            case AlterColumn(after=patch) if patch.nullable is False:
                yield from self._not_null_first(operation)
            case CreateIndex() if self._is_needed(operation):
                yield self._index(operation)
            case CreateIndex():
                pass
            case DropIndex():
                yield OnlineStep(operation=replace(operation, concurrently=True), outside=True)
            case Backfill():
                yield OnlineStep(operation=operation, outside=True)
            case _:
                yield OnlineStep(operation=operation)

    def last(self, operation: Operation) -> Steps:
        """Yield what is run after all other operations, in other transactions."""
        if self._is_plain(operation):
            return
        match operation:
            case AddConstraint(table=table, constraint=Check() | ForeignKey() as constraint):
                yield from self._validation(table, constraint)
            case AlterColumn(after=patch) if patch.nullable is False:
                yield from self._not_null_last(operation)
            case CreateIndex() if not self._is_needed(operation):
                yield self._index(operation)

    def _is_plain(self, operation: Operation) -> bool:
        match operation:
            case AddConstraint(constraint=Check() | ForeignKey() as constraint):
                if constraint.options.get(_NOT_VALID):
                    return True
        table = getattr(operation, "table", None)
        if not isinstance(table, Name):  # the operation creates or drops a table, or none
            return True
        return table in self.new or table in self.fixed

    def _is_needed(self, operation: CreateIndex) -> bool:
        """Return whether a new foreign key needs the index."""
        index = operation.index
        return index.unique and (operation.table, frozenset(index.columns)) in self.referred

    def _index(self, operation: CreateIndex) -> OnlineStep:
        return OnlineStep(operation=replace(operation, concurrently=True), outside=True)

    def _validation(self, table: Name, constraint: Check | ForeignKey) -> Steps:
        sql = self.dialect.ddl.constraints.validation(table, _later(constraint), constraint)
        if sql is not None:
            yield OnlineStep(
                operation=Execute(sql=sql, reverse_sql="", tables=(table,)), outside=True
            )

    def _key(self, table: Name, constraint: PrimaryKey | Unique) -> Steps:
        """Yield the unique index of a constraint, built concurrently, and the constraint."""
        index = _index_of(constraint)
        yield OnlineStep(
            operation=CreateIndex(table=table, index=index, concurrently=True), outside=True
        )
        sql = self.dialect.ddl.constraints.from_index(table, constraint)
        yield OnlineStep(operation=Execute(sql=sql, tables=(table,)))
        if constraint.comment is not None:
            yield OnlineStep(
                operation=SetComment(
                    kind="constraint",
                    name=Name(constraint.name or "", table.schema),
                    table=table,
                    before=None,
                    after=constraint.comment,
                )
            )

    def _not_null_first(self, operation: AlterColumn) -> Steps:
        """Yield the other changes of the column, and a check that admits no new NULL."""
        others = tuple(name for name in operation.after.fields if name != "nullable")
        if others:
            yield OnlineStep(operation=operation.part(others))
        check = _later(self._not_null_check(operation))
        yield OnlineStep(operation=AddConstraint(table=operation.table, constraint=check))

    def _not_null_last(self, operation: AlterColumn) -> Steps:
        """Yield the validation of the check, from which the server takes that there is no NULL.

        https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL
        """
        check = self._not_null_check(operation)
        yield from self._validation(operation.table, check)
        yield OnlineStep(
            operation=AlterColumn(
                table=operation.table,
                name=operation.name,
                before=ColumnPatch(nullable=True),
                after=ColumnPatch(nullable=False),
            )
        )
        yield OnlineStep(
            operation=DropConstraint(
                table=operation.table, name=check.name, kind="check", constraint=check
            )
        )

    def _not_null_check(self, operation: AlterColumn) -> Check:
        limit = self.dialect.features.max_name_length
        name = temporary_name(operation.table.name, operation.name, "not_null", limit=limit)
        return Check(name=name, sql=f"{self.dialect.quote(operation.name)} IS NOT NULL")


_NOT_VALID = "postgresql_not_valid"


def _later(constraint: Check | ForeignKey) -> Check | ForeignKey:
    """Return a constraint that is not checked for existing rows."""
    return replace(constraint, options={**constraint.options, _NOT_VALID: True})


def _index_of(constraint: PrimaryKey | Unique) -> Index:
    included = str(constraint.options.get("postgresql_include", ""))
    return Index(
        name=constraint.name,
        elements=tuple(IndexElement(text=name) for name in constraint.columns),
        unique=True,
        include=tuple(name for name in included.split(", ") if name),
        nulls_not_distinct=isinstance(constraint, Unique) and constraint.nulls_not_distinct,
    )
