"""Group operations on one table, for scripts written for Alembic."""

from __future__ import annotations

from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

import sqlalchemy as sa

from autodiff.op import async_calls, comments, constraints, custom, indexes, literals, statements
from autodiff.op import columns as column_operations
from autodiff.op._added_constraints import add_constraint
from autodiff.op._arguments import checked
from autodiff.op._recreation import Recreation
from autodiff.op.keywords import (
    AlterColumnOptions,
    CheckConstraintOptions,
    ColumnType,
    DropColumnOptions,
    ExcludeConstraintOptions,
    ForeignKeyOptions,
    IndexOptions,
    PrimaryKeyOptions,
    SQLExpression,
    UniqueConstraintOptions,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from autodiff.op.migration_context import MigrationContext
    from autodiff.schema.operations import ConstraintKind

__all__ = ["BatchOperations", "batch_alter_table"]

_T = TypeVar("_T")
_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


class BatchOperations:
    """The functions of `op` for one table, as `op.batch_alter_table()` returns them.

    Each method is the function of the same name, without the arguments for the table and its
    schema.
    """

    def __init__(
        self, table_name: str, schema: str | None, recreation: Recreation | None = None
    ) -> None:
        self._table = table_name
        self._schema = schema
        self._recreation = recreation or Recreation(table_name, schema)
        self._has_no_key = False

    def add_column(
        self,
        column: sa.Column[Any],
        *,
        insert_before: str | None = None,
        insert_after: str | None = None,
        if_not_exists: bool | None = None,
        inline_references: bool | None = None,
        inline_primary_key: bool | None = None,
    ) -> None:
        """Add a column at the end of the table; see `op.add_column()`.

        `insert_before` and `insert_after` have no effect: the order of columns is the same on every
        database.
        """
        column_operations.add_column(
            self._table,
            column,
            schema=self._schema,
            if_not_exists=if_not_exists,
            inline_references=inline_references,
            inline_primary_key=inline_primary_key,
        )
        self._recreation.define(column)

    def drop_column(
        self,
        column_name: str,
        *,
        if_exists: bool | None = None,
        postgresql_only: bool = False,
        **kw: Unpack[DropColumnOptions],
    ) -> None:
        """Drop a column with its values; see `op.drop_column()`."""
        self._recreation.begin()
        column_operations.drop_column(
            self._table,
            column_name,
            schema=self._schema,
            if_exists=if_exists,
            postgresql_only=postgresql_only,
            **kw,
        )

    def alter_column(
        self,
        column_name: str,
        *,
        insert_before: str | None = None,
        insert_after: str | None = None,
        **kw: Unpack[AlterColumnOptions],
    ) -> None:
        """Change the properties of a column that are given; see `op.alter_column()`.

        `insert_before` and `insert_after` have no effect: the column stays in its place.
        """
        self._recreation.begin()
        column_operations.alter_column(self._table, column_name, schema=self._schema, **kw)

    @checked
    def create_primary_key(
        self,
        constraint_name: str | None,
        columns: Sequence[str],
        **dialect_kw: Unpack[PrimaryKeyOptions],
    ) -> None:
        """Add a primary key; see `op.create_primary_key()`.

        On SQLite, it replaces the present one, and the columns can still be NULL.
        """
        self._recreation.begin()
        if not self._has_no_key:
            self._recreation.drop_primary_key()
        key = sa.PrimaryKeyConstraint(*columns, name=constraint_name, **dialect_kw)
        keep_null = self._recreation.keeps_null
        add_constraint(self._table, self._schema, key, columns, keep_null=keep_null)
        self._recreation.refuse_null(columns)

    def create_unique_constraint(
        self,
        constraint_name: str | None,
        columns: Sequence[str],
        **kw: Unpack[UniqueConstraintOptions],
    ) -> None:
        """Add a unique constraint; see `op.create_unique_constraint()`."""
        self._recreation.begin()
        constraints.create_unique_constraint(
            constraint_name, self._table, columns, schema=self._schema, **kw
        )

    def create_check_constraint(
        self,
        constraint_name: str | None,
        condition: SQLExpression,
        *,
        postgresql_no_inherit: bool = False,
        **kw: Unpack[CheckConstraintOptions],
    ) -> None:
        """Add a check constraint; see `op.create_check_constraint()`."""
        self._recreation.begin()
        constraints.create_check_constraint(
            constraint_name,
            self._table,
            condition,
            schema=self._schema,
            postgresql_no_inherit=postgresql_no_inherit,
            **kw,
        )

    def create_foreign_key(
        self,
        constraint_name: str | None,
        referent_table: str,
        local_cols: Sequence[str],
        remote_cols: Sequence[str],
        *,
        onupdate: str | None = None,
        ondelete: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        match: str | None = None,
        referent_schema: str | None = None,
        **dialect_kw: Unpack[ForeignKeyOptions],
    ) -> None:
        """Add a foreign key; see `op.create_foreign_key()`."""
        self._recreation.begin()
        constraints.create_foreign_key(
            constraint_name,
            self._table,
            referent_table,
            local_cols,
            remote_cols,
            onupdate=onupdate,
            ondelete=ondelete,
            deferrable=deferrable,
            initially=initially,
            match=match,
            source_schema=self._schema,
            referent_schema=referent_schema,
            **dialect_kw,
        )

    def create_exclude_constraint(
        self,
        constraint_name: str,
        *elements: tuple[Any, str],
        **kw: Unpack[ExcludeConstraintOptions],
    ) -> None:
        """Add an exclusion constraint; see `op.create_exclude_constraint()`."""
        self._recreation.begin()
        kw["schema"] = self._schema
        constraints.create_exclude_constraint(constraint_name, self._table, *elements, **kw)

    def drop_constraint(
        self,
        constraint_name: str | None,
        type_: ConstraintKind | None = None,
        *,
        if_exists: bool | None = None,
    ) -> None:
        """Drop a constraint; see `op.drop_constraint()`.

        An unnamed constraint has the name that the argument `naming_convention` of
        `op.batch_alter_table()` gives it.
        """
        self._recreation.begin()
        self._has_no_key |= type_ == "primary"
        constraints.drop_constraint(
            constraint_name, self._table, type_, schema=self._schema, if_exists=if_exists
        )

    def create_index(
        self,
        index_name: str | None,
        columns: Sequence[SQLExpression],
        *,
        unique: bool = False,
        if_not_exists: bool | None = False,
        comment: str | None = None,
        **kw: Unpack[IndexOptions],
    ) -> None:
        """Create an index; see `op.create_index()`."""
        indexes.create_index(
            index_name,
            self._table,
            columns,
            schema=self._schema,
            unique=unique,
            if_not_exists=if_not_exists,
            comment=comment,
            **kw,
        )

    def drop_index(
        self, index_name: str, *, if_exists: bool | None = False, **kw: Unpack[IndexOptions]
    ) -> None:
        """Drop an index; see `op.drop_index()`."""
        indexes.drop_index(index_name, self._table, schema=self._schema, if_exists=if_exists, **kw)

    def create_table_comment(
        self, comment: str | None, *, existing_comment: str | None = None
    ) -> None:
        """Set the comment of the table; see `op.create_table_comment()`."""
        self._recreation.begin()
        comments.create_table_comment(
            self._table, comment, existing_comment=existing_comment, schema=self._schema
        )

    def drop_table_comment(self, *, existing_comment: str | None = None) -> None:
        """Drop the comment of the table; see `op.drop_table_comment()`."""
        self._recreation.begin()
        comments.drop_table_comment(
            self._table, existing_comment=existing_comment, schema=self._schema
        )

    def f(self, name: str) -> str:
        """Mark a name as final, so that no naming convention changes it; see `op.f()`."""
        return literals.f(name)

    def inline_literal(
        self, value: str | int, type_: ColumnType | None = None
    ) -> sa.BindParameter[Any]:
        """Return a value that is written into the SQL; see `op.inline_literal()`."""
        return literals.inline_literal(value, type_)

    def invoke(self, operation: Any) -> Any:
        """Run an operation that the application defines; see `op.invoke()`."""
        return custom.invoke(operation)

    @property
    def migration_context(self) -> MigrationContext:
        """The context of the running migration."""
        return statements.get_context()

    @staticmethod
    def register_operation(
        name: str, sourcename: str | None = None
    ) -> Callable[[type[_T]], type[_T]]:
        """Make a class method of an operation a method of batches; see `op.register_operation()`.

        The class method receives the batch.
        """

        def register(operation_class: type[_T]) -> type[_T]:
            def call(batch: BatchOperations, *arguments: Any, **keywords: Any) -> Any:
                return getattr(operation_class, sourcename or name)(batch, *arguments, **keywords)

            setattr(BatchOperations, name, call)
            return operation_class

        return register

    @staticmethod
    def implementation_for(
        op_cls: type, replace: bool = False
    ) -> Callable[[Callable[..., _T]], Callable[..., _T]]:
        """Make a function run the operations of a class; see `op.implementation_for()`."""
        return custom.implementation_for(op_cls, replace)

    def run_async(
        self, async_function: Callable[..., Awaitable[_T]], *args: Any, **kw_args: Any
    ) -> _T:
        """Call an asynchronous function with the connection; see `op.run_async()`."""
        return async_calls.run_async(async_function, *args, **kw_args)

    def execute(
        self,
        sqltext: str | sa.ClauseElement,
        *,
        reverse: str | None = None,
        execution_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Run one SQL statement; see `op.execute()`."""
        statements.execute(sqltext, reverse=reverse, execution_options=execution_options)

    def get_bind(self) -> sa.Connection:
        """Return the connection of the running migration; see `op.get_bind()`."""
        return statements.get_bind()

    def get_context(self) -> MigrationContext:
        """Return the context of the running migration; see `op.get_context()`."""
        return statements.get_context()


@checked
@checked
@contextmanager
def batch_alter_table(
    table_name: str,
    schema: str | None = None,
    recreate: Literal["auto", "always", "never"] = "auto",
    partial_reordering: Sequence[tuple[str, ...]] | None = None,
    copy_from: sa.Table | None = None,
    table_args: Sequence[Any] = (),
    table_kwargs: Mapping[str, Any] = _NO_OPTIONS,
    reflect_args: Sequence[Any] = (),
    reflect_kwargs: Mapping[str, Any] = _NO_OPTIONS,
    naming_convention: Mapping[str, Any] | None = None,
) -> Iterator[BatchOperations]:
    """Group operations on one table in a `with` block, as scripts written for Alembic do.

    New scripts do not need this: on SQLite, consecutive operations on one table share one rebuild
    of the table anyway.

    Args:
        table_name: The name of the table.
        schema: The schema of the table.
        recreate: When Alembic recreates the table: on SQLite only ("auto"), "always" or "never".
            The arguments that follow, except for the two that have no effect, count only then.
        partial_reordering: Accepted for scripts written for Alembic; it has no effect.
        copy_from: A table whose constraints replace those of this table.
        table_args: Constraints and indexes that the table gets in addition.
        table_kwargs: Options that the table gets.
        reflect_args: Columns that replace the definitions of those of the table, and constraints
            that the table gets before the operations.
        reflect_kwargs: Accepted for scripts written for Alembic; it has no effect.
        naming_convention: Names for the unnamed constraints of the table, so that they can be
            dropped.

    Yields:
        The functions of `op`, as methods for this table.
    """
    recreation = Recreation(
        table_name,
        schema,
        recreate=recreate,
        copy_from=copy_from,
        table_args=table_args,
        table_options=table_kwargs,
        reflected=reflect_args,
        naming_convention=naming_convention,
    )
    yield BatchOperations(table_name, schema, recreation)
    recreation.end()
