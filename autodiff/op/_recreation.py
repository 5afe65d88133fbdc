"""Do what Alembic's batch mode does to a table besides the operations: name, add and replace parts.

Alembic recreates the table, on SQLite or with `recreate="always"`. Here every operation is its own
step, so the differences that recreating makes are submitted as operations.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from autodiff.op._conventions import conventional_name
from autodiff.op._declarations import declare_script_table, free_copy, with_names
from autodiff.op._executor import qualified_name, submit
from autodiff.op.tables import alter_table_options
from autodiff.runner.context import current_executor
from autodiff.schema.objects import PrimaryKey
from autodiff.schema.operations import (
    UNSET,
    AddConstraint,
    AlterColumn,
    ColumnPatch,
    CreateIndex,
    DropConstraint,
    RenameConstraint,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autodiff.schema.objects import Constraint, Table
    from autodiff.schema.operations import ConstraintKind

__all__ = ["Recreation"]


class Recreation:
    """What a batch changes because Alembic recreates its table."""

    def __init__(
        self,
        table: str,
        schema: str | None,
        *,
        recreate: Literal["auto", "always", "never"] = "auto",
        copy_from: sa.Table | None = None,
        table_args: Sequence[Any] = (),
        table_options: Mapping[str, Any] = MappingProxyType({}),
        reflected: Sequence[Any] = (),
        naming_convention: Mapping[str, Any] | None = None,
    ) -> None:
        self._table = table
        self._schema = schema
        self._recreate = recreate
        self._copy_from = copy_from
        self._added = table_args
        self._table_options = table_options
        self._columns = [item for item in reflected if isinstance(item, sa.Column)]
        self._parts = [item for item in reflected if not isinstance(item, sa.Column)]
        self._convention = naming_convention
        self._begun = False
        self._defined = {str(column.name): column for column in self._columns}
        if copy_from is not None:
            self._defined |= {str(column.name): column for column in copy_from.columns}

    @property
    def is_wanted(self) -> bool:
        """Whether Alembic recreates the table for an operation other than adding a column."""
        rebuilds = current_executor().dialect.features.rebuilds_tables
        return self._recreate == "always" or (self._recreate == "auto" and rebuilds)

    @property
    def keeps_null(self) -> bool:
        """Whether columns stay nullable in a primary key, as they do in Alembic's new table."""
        return self.is_wanted and not current_executor().dialect.features.primary_keys_not_null

    def begin(self) -> None:
        """Submit what must come before the first operation for which the table is recreated."""
        if self._begun or not self.is_wanted:
            return
        self._begun = True
        if self._convention:
            self._name_constraints(self._convention)
        if self._columns:
            self._replace_columns()
        if self._parts:
            self._add(self._parts)
        if self._copy_from is not None:
            self._replace_constraints(self._copy_from)

    def end(self) -> None:
        """Submit what the new table has in addition."""
        if self._recreate == "always":
            self.begin()
        if self._begun and self._added:
            self._add(self._added)
        if self._begun and self._table_options:
            dialect = current_executor().dialect
            prefixes = {dialect.name, dialect.sqlalchemy.name}
            own = {k: v for k, v in self._table_options.items() if k.partition("_")[0] in prefixes}
            alter_table_options(self._table, schema=self._schema, **own)

    def drop_primary_key(self) -> None:
        """Drop the primary key, which another one is about to replace."""
        table = self._current() if self.is_wanted else None
        if table is not None and (key := table.primary_key) is not None:
            submit(DropConstraint(table=table.name, name=key.name, kind="primary"))

    def define(self, column: sa.Column[Any]) -> None:
        """Note a column that the batch adds."""
        self._defined[str(column.name)] = column

    def refuse_null(self, key: Iterable[str]) -> None:
        """Make columns of a new primary key NOT NULL if Alembic's new table has them so.

        These are the columns that the script defines without `nullable`: SQLAlchemy decides.
        """
        defined = [self._defined[name] for name in key if name in self._defined]
        for column in defined if self.keeps_null else ():
            if not _is_nullable_in_key(column):
                self._alter_column(str(column.name), ColumnPatch(nullable=False))

    def _alter_column(self, column: str, patch: ColumnPatch) -> None:
        table = qualified_name(self._table, self._schema)
        submit(AlterColumn(table=table, name=column, before=ColumnPatch(), after=patch))

    def _current(self) -> Table | None:
        return current_executor().find(qualified_name(self._table, self._schema))

    def _name_constraints(self, convention: Mapping[str, Any]) -> None:
        """Name the unnamed constraints by the convention of the batch."""
        table = self._current()
        for constraint in table.constraints if table else ():
            name = conventional_name(constraint, self._table, convention)
            if constraint.implicit and name is not None and constraint.name != name:
                self._rename(constraint, name)

    def _rename(self, constraint: Constraint, name: str) -> None:
        kind: ConstraintKind | None = "primary" if _is_primary(constraint) else None
        table = qualified_name(self._table, self._schema)
        submit(RenameConstraint(table=table, before=str(constraint.name), after=name, kind=kind))

    def _replace_columns(self) -> None:
        """Define columns as `reflect_args` passes them in place of the reflected ones."""
        table, executor = self._current(), current_executor()
        given = sa.Table(self._table, sa.MetaData(), *map(free_copy, self._columns))
        for column in declare_script_table(executor, given).columns:
            present = table.column(column.name) if table else None
            if present is None:
                continue
            typed = not isinstance(given.c[column.name].type, sa.types.NullType)
            patch = ColumnPatch(
                type=column.type if typed and column.type.sql != present.type.sql else UNSET,
                nullable=column.nullable if column.nullable != present.nullable else UNSET,
                default=column.default if column.default != present.default else UNSET,
            )
            if patch.fields:
                self._alter_column(column.name, patch)

    def _replace_constraints(self, source: sa.Table) -> None:
        """Make the constraints those of `copy_from`, which Alembic copies instead of the table."""
        executor, present = current_executor(), self._current()
        wanted = with_names(executor, declare_script_table(executor, source))
        name = qualified_name(self._table, self._schema)
        missing = list(wanted.constraints)
        for constraint in present.constraints if present else ():
            same = next((c for c in missing if _content(c) == _content(constraint)), None)
            if same is None:
                kind: ConstraintKind | None = "primary" if _is_primary(constraint) else None
                submit(DropConstraint(table=name, name=constraint.name, kind=kind))
                continue
            missing.remove(same)
            if same.name != constraint.name and not same.implicit:
                self._rename(constraint, str(same.name))
        for constraint in missing:
            self._add_constraint(constraint)

    def _add_constraint(self, constraint: Constraint) -> None:
        table = qualified_name(self._table, self._schema)
        keep_null = self.keeps_null
        submit(AddConstraint(table=table, constraint=constraint, keep_null=keep_null))
        if isinstance(constraint, PrimaryKey):
            self.refuse_null(constraint.columns)

    def _add(self, items: Iterable[Any]) -> None:
        """Add the constraints and indexes of `table_args` that the table does not have."""
        executor, present = current_executor(), self._current()
        columns = [] if present is None else present.columns
        table = sa.Table(
            self._table,
            sa.MetaData(),
            *(sa.Column(column.name, sa.Integer) for column in columns),
            *map(free_copy, items),
            schema=self._schema,
        )
        declared = declare_script_table(executor, table)
        name = qualified_name(self._table, self._schema)
        known = {c.name for c in present.constraints} if present else set()
        for constraint in with_names(executor, declared).constraints:
            if constraint.name not in known:
                self._add_constraint(constraint)
        for index in declared.indexes:
            submit(CreateIndex(table=name, index=index))


def _is_primary(constraint: Constraint) -> bool:
    return isinstance(constraint, PrimaryKey)


def _is_nullable_in_key(column: sa.Column[Any]) -> bool:
    """Return whether SQLAlchemy lets a column of a primary key be NULL."""
    copy = column._copy()
    sa.Table("t", sa.MetaData(), copy, sa.PrimaryKeyConstraint(copy))
    return bool(copy.nullable)


def _content(constraint: Constraint) -> Constraint:
    """Return a constraint without its name."""
    return replace(constraint, name=None)
