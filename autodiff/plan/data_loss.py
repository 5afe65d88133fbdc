"""Find the data that operations lose, from the operations alone.

No database is needed: each operation is followed over the tables that it finds, under the names
that they have before the first operation. `DataLoss.query` counts what is lost in a database that
is still at that point.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from autodiff.dialects.base import Dialect
from autodiff.dialects.conversions import conversion_loss
from autodiff.plan.merged_backfills import filled_nulls
from autodiff.schema.apply import evolve
from autodiff.schema.objects import Column, ColumnType, Computed, Name, Table
from autodiff.schema.operations import (
    AddColumn,
    AlterColumn,
    AlterEnum,
    Backfill,
    ColumnPatch,
    CreateTable,
    DropColumn,
    DropSequence,
    DropTable,
    Execute,
    Operation,
    RenameColumn,
    RenameTable,
    SwapColumns,
)
from autodiff.schema.sqltext import tokens

__all__ = ["DataLoss", "DataLossFinder", "LossKind", "find_data_loss", "lost_by_type"]

LossKind: TypeAlias = Literal[
    "table", "column", "sequence", "enum-value", "conversion", "overwrite", "unknown"
]
_HARMLESS = re.compile(
    r"\s*(?:INSERT|SELECT|CREATE|GRANT|COMMENT|SET|ANALYZE|VACUUM|REINDEX|PRAGMA)\b", re.IGNORECASE
)
"""Statements that lose no rows. Anything else written by hand can."""
_SHOWN = 60
"""How many characters of a statement are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLoss:
    """Data that an operation loses, in the words of a person who decides about it.

    kind: the kind of operation.
    place: the object, such as `posts` or `posts.title`.
    message: what happens, such as `drop column posts.title`.
    query: counts the rows or the values that are lost. None if there is nothing to count.
    unit: what the query counts.
    count: the result of the query. None if it was not run.
    problem: why it could not be run.
    """

    kind: LossKind
    place: str
    message: str
    query: str | None = None
    unit: Literal["rows", "values"] = "rows"
    count: int | None = None
    problem: str | None = None

    def __str__(self) -> str:
        if self.count is not None:
            return f"{self.message} ({self._amount(self.count)})"
        if self.problem is not None:
            return f"{self.message} ({self.unit} not counted: {self.problem})"
        return self.message

    def _amount(self, count: int) -> str:
        """Return the count with its unit; a conversion can keep some of the values as they are."""
        unit = self.unit if count != 1 else self.unit.removesuffix("s")
        amount = f"{count:,} {unit}" if count else f"no {unit}"
        return f"at most {amount}" if count and self.kind == "conversion" else amount


def find_data_loss(
    operations: Iterable[Operation | str], tables: Mapping[Name, Table], dialect: Dialect
) -> tuple[DataLoss, ...]:
    """Return the data that operations lose, in their order.

    Args:
        operations: The operations. A text describes something that was written by hand and that is
            not an operation, such as a Python function.
        tables: The tables before the first operation.
        dialect: The database.
    """
    finder = DataLossFinder(tables, dialect)
    finder.add(operations)
    return finder.found


class DataLossFinder:
    """Follows the operations of several migrations, and collects the data that they lose.

    tables: the tables after the operations so far.
    """

    def __init__(self, tables: Mapping[Name, Table], dialect: Dialect) -> None:
        self.tables = dict(tables)
        self._dialect = dialect
        self._found: dict[tuple[LossKind, str, str], DataLoss] = {}
        # The name at the start, None for what an operation created:
        self._origins: dict[Name, Name | None] = {}
        self._column_origins: dict[tuple[Name, str], str | None] = {}

    @property
    def found(self) -> tuple[DataLoss, ...]:
        """The losses so far, in the order of the operations."""
        return tuple(self._found.values())

    def add(self, operations: Iterable[Operation | str]) -> None:
        """Follow more operations."""
        for operation in operations:
            for loss in self._losses(operation):
                self._found.setdefault((loss.kind, loss.place, loss.message), loss)
            self._follow(operation)

    def _losses(self, operation: Operation | str) -> Iterator[DataLoss]:
        match operation:
            case str():
                yield _by_hand(operation)
            case Execute(sql=sql):
                statement = _without_comments(sql)
                if statement and not _HARMLESS.match(statement):
                    yield _by_hand(statement)
            case DropTable(name=name):
                yield from self._table(name)
            case DropColumn():
                yield from self._column(operation)
            case AlterColumn():
                yield from self._conversion(operation)
            case SwapColumns():
                yield from self._swap(operation)
            case AlterEnum():
                yield from self._enum_values(operation)
            case DropSequence(name=name):
                yield DataLoss(
                    kind="sequence",
                    place=str(name),
                    message=f"drop sequence {name} with its current value",
                )
            case Backfill():
                yield from self._overwrite(operation)

    def _follow(self, operation: Operation | str) -> None:
        """Apply an operation to the tables and the names."""
        match operation:
            case CreateTable(table=table):
                self.tables[table.name] = table
                self._origins[table.name] = None
            case DropTable(name=name):
                self.tables.pop(name, None)
                self._origins[name] = None
            case RenameTable(before=before, after=after):
                self._rename_table(before, after, operation)
            case AddColumn(table=table, column=column):
                self._column_origins[table, column.name] = None
                self._evolve(table, operation)
            case RenameColumn(table=table, before=old, after=new):
                origin = self._column_origin(table, old)
                self._column_origins[table, old] = None
                self._column_origins[table, new] = origin
                self._evolve(table, operation)
            case AlterColumn(table=table) | DropColumn(table=table) | SwapColumns(table=table):
                self._evolve(table, operation)

    def _rename_table(self, before: Name, after: Name, operation: RenameTable) -> None:
        self._origins[after] = self._origin(before)
        self._origins[before] = None
        for (table, column), origin in list(self._column_origins.items()):
            if table == before:
                self._column_origins[after, column] = origin
        if before in self.tables:
            self.tables[after] = evolve(self.tables.pop(before), operation)

    def _evolve(self, name: Name, operation: Operation) -> None:
        """Apply an operation to a table; one that does not fit is for the database to refuse."""
        if name in self.tables:
            try:
                self.tables[name] = evolve(self.tables[name], operation)
            except KeyError:
                return

    # What is lost

    def _table(self, name: Name) -> Iterator[DataLoss]:
        origin = self._origin(name)
        if origin is not None:
            yield DataLoss(
                kind="table",
                place=str(name),
                message=f"drop table {name}",
                query=f"SELECT count(*) FROM {self._dialect.quote_name(origin)}",
            )

    def _column(self, operation: DropColumn) -> Iterator[DataLoss]:
        column = self._known_column(operation.table, operation.name) or operation.column
        query = self._count_values(operation.table, operation.name)
        if query is None or (column is not None and column.computed is not None):
            return
        place = f"{operation.table}.{operation.name}"
        yield DataLoss(
            kind="column", place=place, message=f"drop column {place}", query=query, unit="values"
        )

    def _conversion(self, operation: AlterColumn) -> Iterator[DataLoss]:
        query = self._count_values(operation.table, operation.name)
        if query is None:
            return
        column = self._known_column(operation.table, operation.name)
        before = operation.before.type if column is None else column.type
        place = f"{operation.table}.{operation.name}"
        if isinstance(operation.after.computed, Computed) and not (column and column.computed):
            message = f"replace the values of {place} by computed ones"
            yield DataLoss(
                kind="conversion", place=place, message=message, query=query, unit="values"
            )
        after = operation.after.type
        if not isinstance(before, ColumnType) or not isinstance(after, ColumnType):
            return
        lost = lost_by_type(before, after, self._dialect)
        if lost is not None:
            message = f"convert {place} from {before.sql} to {after.sql}, which loses {lost}"
            yield DataLoss(
                kind="conversion", place=place, message=message, query=query, unit="values"
            )

    def _swap(self, operation: SwapColumns) -> Iterator[DataLoss]:
        """Yield what the values of a column lose in a new column that takes its place.

        The values of the other one are not lost: the migration has copied them.
        """
        new = self._known_column(operation.table, operation.other)
        if new is not None and self._column_origin(operation.table, operation.other) is None:
            patch = ColumnPatch(type=new.type)
            yield from self._conversion(
                AlterColumn(table=operation.table, name=operation.one, after=patch)
            )

    def _enum_values(self, operation: AlterEnum) -> Iterator[DataLoss]:
        for value in operation.before.values:
            if value in operation.after.values:
                continue
            counts = [
                count
                for user in operation.users
                if not user.is_array
                and (count := self._count_values(user.table, user.column, value)) is not None
            ]
            yield DataLoss(
                kind="enum-value",
                place=f"{operation.after.name}.{value}",
                message=f"remove the value {value!r} of enum {operation.after.name}",
                query=f"SELECT {' + '.join(f'({count})' for count in counts)}" if counts else None,
            )

    def _overwrite(self, operation: Backfill) -> Iterator[DataLoss]:
        """Yield a loss if a backfill writes over values that the database has now."""
        origin = self._origin(operation.table)
        if origin is None:
            return
        filled = filled_nulls(operation, self._dialect.quote)
        for column, _ in operation.values:
            name = self._column_origin(operation.table, column)
            if name is None or column in filled:
                continue
            quoted = self._dialect.quote(name)
            condition = f"{quoted} IS NOT NULL"
            if operation.where:
                condition += f" AND ({operation.where})"
            place = f"{operation.table}.{column}"
            yield DataLoss(
                kind="overwrite",
                place=place,
                message=f"overwrite values of {place}",
                query=f"SELECT count(*) FROM {self._dialect.quote_name(origin)} WHERE {condition}",
                unit="values",
            )

    # Names

    def _origin(self, table: Name) -> Name | None:
        return self._origins.get(table, table)

    def _column_origin(self, table: Name, column: str) -> str | None:
        return self._column_origins.get((table, column), column)

    def _known_column(self, table: Name, column: str) -> Column | None:
        found = self.tables.get(table)
        return found.column(column) if found is not None else None

    def _count_values(self, table: Name, column: str, value: str | None = None) -> str | None:
        """Return a query that counts the values of a column, None if it is new."""
        origin, name = self._origin(table), self._column_origin(table, column)
        if origin is None or name is None:
            return None
        quoted = self._dialect.quote(name)
        query = f"SELECT count({quoted}) FROM {self._dialect.quote_name(origin)}"
        return (
            query if value is None else f"{query} WHERE {quoted} = {self._dialect.literal(value)}"
        )


def lost_by_type(before: ColumnType, after: ColumnType, dialect: Dialect) -> str | None:
    """Return what values lose if a column gets another type; None if every value survives."""
    if before.enum is not None and after.enum is not None:
        return None  # the operation on the enum type has its values
    return conversion_loss(
        "enum()" if before.enum else before.sql,
        "enum()" if after.enum else after.sql,
        backend=dialect.backend,
        enforced=dialect.features.enforces_types,
        sizes=dialect.features.text_sizes,
    )


def _without_comments(sql: str) -> str:
    """Return a statement on one line, without its comments."""
    return "".join(" " if kind == "space" else token for kind, token in tokens(sql)).strip()


def _by_hand(what: str) -> DataLoss:
    text = " ".join(what.split()).removeprefix("~ ")
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return DataLoss(kind="unknown", place="", message=f"run a step that is not analyzed: {shown}")
