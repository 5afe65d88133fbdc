"""Copy a renamed column: two columns with equal values, until only the new one is left."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
from autodiff.plan.nonblocking.part_copies import copied_parts
from autodiff.schema.apply import evolve, names_column
from autodiff.schema.objects import Column, Exclusion, Name, Schema, Table
from autodiff.schema.operations import (
    AddColumn,
    AlterColumn,
    Backfill,
    ColumnPatch,
    DropColumn,
    Operation,
    RenameColumn,
    SyncColumns,
)
from autodiff.schema.sqltext import mentions

__all__ = ["CopiedColumn", "Copy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The operations that rename a column in three phases.

    proofs, contract: the operations of the last phase; `proofs` come first.
    relaxes: those of them that let the old column be left out.
    sync: the operation that keeps the columns equal.
    undo: fills the old column when it is added again.
    guard: a query for rows whose columns differ.
    temporary: the copied constraints and indexes, by their table and their name until the end.
    """

    expand: tuple[Operation, ...]
    migrate: tuple[Operation, ...]
    proofs: tuple[Operation, ...]
    contract: tuple[Operation, ...]
    relaxes: tuple[AlterColumn, ...]
    sync: SyncColumns
    undo: Backfill
    guard: str
    temporary: tuple[tuple[Name, str], ...]


class CopiedColumn:
    """Plans the copy of one renamed column; `schema` has the new names of tables."""

    def __init__(self, schema: Schema, rename: RenameColumn, dialect: Dialect) -> None:
        self._rename = rename
        self._dialect = dialect
        self._schema = schema
        self._table = schema.tables.get(rename.table, Table(name=rename.table))
        column = self._table.column(rename.before)
        if column is None:
            raise self._refusal("it is renamed twice")
        self._column: Column = column
        self._refuse_keys()

    def copy(self) -> Copy:
        """Return the operations."""
        table, old, new = self._rename.table, self._rename.before, self._rename.after
        column, differs = self._column, self._differs
        quote = self._dialect.quote
        sync = SyncColumns(table=table, before=old, after=new, default=column.default)
        added = replace(column, name=new, nullable=True)
        parts = list(copied_parts(self._table, {old: new}, self._dialect, suffix=new))
        relax = AlterColumn(
            table=table,
            name=old,
            before=ColumnPatch(nullable=False),
            after=ColumnPatch(nullable=True),
        )
        require = AlterColumn(
            table=table,
            name=new,
            before=ColumnPatch(nullable=True),
            after=ColumnPatch(nullable=False),
        )
        required = not column.nullable
        return Copy(
            expand=(AddColumn(table=table, column=added), sync),
            migrate=(
                Backfill(table=table, values=((new, quote(old)),), where=differs),
                *(part.copy for part in parts),
            ),
            proofs=(require,) if required else (),
            contract=(
                *(part.drop for part in parts),
                *((relax,) if required else ()),
                sync.reverse(),
                DropColumn(table=table, name=old, column=replace(column, nullable=True)),
                *(part.rename for part in parts),
            ),
            relaxes=(relax,) if required else (),
            sync=sync,
            undo=Backfill(table=table, values=((old, quote(new)),), where=differs),
            guard=self._guard(),
            temporary=tuple((table, part.rename.before) for part in parts),
        )

    @property
    def _differs(self) -> str:
        quote = self._dialect.quote
        return self._dialect.ddl.triggers.differs(
            quote(self._rename.after), quote(self._rename.before)
        )

    def _guard(self) -> str:
        quote = self._dialect.quote
        key = self._table.primary_key
        columns = key.columns if key is not None else (self._rename.before,)
        listed = ", ".join(map(quote, columns))
        table = self._dialect.quote_name(self._rename.table)
        return f"SELECT {listed} FROM {table} WHERE {self._differs}"

    def _refusal(self, reason: str) -> PlanError:
        table, old, new = self._rename.table, self._rename.before, self._rename.after
        return PlanError(
            f"cannot rename {table}.{old} to {new} online: {reason}",
            hint="rename it in a migration of its own, while the application is stopped: pass "
            "--no-online",
        )

    def _refuse_keys(self) -> None:
        """Raise PlanError for a column of which there cannot be two."""
        table, old = self._table, self._rename.before
        key = table.primary_key
        if key is not None and old in key.columns:
            raise self._refusal("it is in the primary key")
        if self._column.computed or self._column.identity or self._column.autoincrement:
            raise self._refusal("the database generates its values")
        for other in self._schema.tables.values():
            for foreign_key in other.foreign_keys:
                if foreign_key.referred == table.name and old in foreign_key.referred_columns:
                    raise self._refusal(f"a foreign key of {other.name} refers to it")
        computed = (c for c in table.columns if c.computed and c.name != old)
        for column in computed:
            if column != evolve(table, self._rename).column(column.name):
                raise self._refusal(f"the generated column {column.name} reads it")
        if self._dialect.features.dependents_block_columns:
            for view in self._schema.views.values():
                if table.name in view.reads and mentions(view.sql, old):
                    raise self._refusal(f"the view {view.name} reads it")
        if any(isinstance(c, Exclusion) and names_column(c, old) for c in table.constraints):
            raise self._refusal("an exclusion constraint names it")
