"""Create, drop and rename constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import sqlalchemy as sa

from autodiff.errors import WrongArgumentError
from autodiff.op._added_constraints import add_constraint
from autodiff.op._arguments import checked
from autodiff.op._conventions import name_to_drop
from autodiff.op._executor import qualified_name, submit
from autodiff.op.keywords import (
    CheckConstraintOptions,
    ExcludeConstraintOptions,
    ForeignKeyOptions,
    PrimaryKeyOptions,
    SQLExpression,
    UniqueConstraintOptions,
)
from autodiff.runner.context import current_executor, current_settings
from autodiff.schema.objects import Name, Option
from autodiff.schema.operations import (
    ConstraintKind,
    DropConstraint,
    RenameConstraint,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "create_check_constraint",
    "create_exclude_constraint",
    "create_foreign_key",
    "create_primary_key",
    "create_unique_constraint",
    "drop_constraint",
    "rename_constraint",
]


@checked
def create_primary_key(
    constraint_name: str | None,
    table_name: str,
    columns: Sequence[str],
    *,
    schema: str | None = None,
    **dialect_kw: Unpack[PrimaryKeyOptions],
) -> None:
    """Add a primary key to a table that has none.

    Args:
        constraint_name: The name; the default name if it is None. MySQL and MariaDB have no names
            of primary keys.
        table_name: The name of the table.
        columns: The names of the columns, in order.
        schema: The schema of the table.
        **dialect_kw: The keywords of sa.PrimaryKeyConstraint.

    Raises:
        MigrationFailedError: Rows have equal values or NULL in the columns.
    """
    key = sa.PrimaryKeyConstraint(*columns, name=constraint_name, **dialect_kw)
    add_constraint(table_name, schema, key, columns)


@checked
def create_unique_constraint(
    constraint_name: str | None,
    table_name: str,
    columns: Sequence[str],
    *,
    schema: str | None = None,
    **kw: Unpack[UniqueConstraintOptions],
) -> None:
    """Add a unique constraint; on MySQL and MariaDB this is a unique index.

    Args:
        constraint_name: The name; the default name if it is None.
        table_name: The name of the table.
        columns: The names of the columns, in order.
        schema: The schema of the table.
        **kw: The keywords of sa.UniqueConstraint.

    Raises:
        MigrationFailedError: Rows have equal values in the columns.
    """
    constraint = sa.UniqueConstraint(*columns, name=constraint_name, **kw)
    add_constraint(table_name, schema, constraint, columns)


@checked
def create_check_constraint(
    constraint_name: str | None,
    table_name: str,
    condition: SQLExpression,
    *,
    schema: str | None = None,
    postgresql_no_inherit: bool = False,
    **kw: Unpack[CheckConstraintOptions],
) -> None:
    """Add a check constraint.

    Args:
        constraint_name: The name; the default name if it is None.
        table_name: The name of the table.
        condition: The condition that each row must meet, as SQL text or a SQLAlchemy expression.
        schema: The schema of the table.
        postgresql_no_inherit: Do not add it to tables that inherit from this one, on PostgreSQL.
        **kw: The keywords of sa.CheckConstraint.

    Raises:
        MigrationFailedError: Rows do not meet the condition.
    """
    text = sa.text(condition) if isinstance(condition, str) else condition
    check = sa.CheckConstraint(text, name=constraint_name, **kw)
    options: dict[str, Option] = {"postgresql_no_inherit": True} if postgresql_no_inherit else {}
    add_constraint(table_name, schema, check, (), options)


@checked
def create_foreign_key(
    constraint_name: str | None,
    source_table: str,
    referent_table: str,
    local_cols: Sequence[str],
    remote_cols: Sequence[str],
    *,
    onupdate: str | None = None,
    ondelete: str | None = None,
    deferrable: bool | None = None,
    initially: str | None = None,
    match: str | None = None,
    source_schema: str | None = None,
    referent_schema: str | None = None,
    **dialect_kw: Unpack[ForeignKeyOptions],
) -> None:
    """Add a foreign key.

    Args:
        constraint_name: The name; the default name if it is None.
        source_table: The table that has the foreign key.
        referent_table: The table that it refers to.
        local_cols: The columns of the source table.
        remote_cols: The columns of the referent table, in the same order.
        onupdate: The action when a referenced row changes, such as "CASCADE".
        ondelete: The action when a referenced row is deleted, such as "SET NULL".
        deferrable: Allow transactions to defer the check, on PostgreSQL and SQLite.
        initially: "DEFERRED" or "IMMEDIATE", on PostgreSQL and SQLite.
        match: The type of match, such as "FULL".
        source_schema: The schema of the source table.
        referent_schema: The schema of the referent table.
        **dialect_kw: Further keywords of sa.ForeignKeyConstraint.

    Raises:
        MigrationFailedError: Rows refer to rows that do not exist.
    """
    target = f"{referent_schema}.{referent_table}" if referent_schema else referent_table
    key = sa.ForeignKeyConstraint(
        local_cols,
        [f"{target}.{column}" for column in remote_cols],
        name=constraint_name,
        onupdate=onupdate,
        ondelete=ondelete,
        deferrable=deferrable,
        initially=initially,
        match=match,
        **dialect_kw,
    )
    add_constraint(source_table, source_schema, key, local_cols)


@checked
def create_exclude_constraint(
    constraint_name: str,
    table_name: str,
    *elements: tuple[Any, str],
    **kw: Unpack[ExcludeConstraintOptions],
) -> None:
    """Add an exclusion constraint; only PostgreSQL has them.

    Args:
        constraint_name: The name of the constraint.
        table_name: The name of the table.
        *elements: Pairs of a column or expression and an operator, such as ("during", "&&").
        **kw: `schema`, the schema of the table, and the keywords of ExcludeConstraint in
            sqlalchemy.dialects.postgresql: `using`, `where`, `deferrable`, `initially` and `ops`.

    Raises:
        MigrationFailedError: Rows conflict with each other.
    """
    from sqlalchemy.dialects.postgresql import ExcludeConstraint

    schema = kw.pop("schema", None)
    where = kw.get("where")
    if isinstance(where, str):
        kw["where"] = sa.text(where)
    constraint = ExcludeConstraint(*elements, name=constraint_name, **kw)
    columns = [getattr(part, "name", part) for part, _ in elements]
    add_constraint(table_name, schema, constraint, [c for c in columns if isinstance(c, str)])


@checked
def drop_constraint(
    constraint_name: str | None,
    table_name: str,
    type_: ConstraintKind | None = None,
    *,
    schema: str | None = None,
    if_exists: bool | None = None,
) -> None:
    """Drop a constraint.

    On MySQL and MariaDB, a foreign key is dropped with the index that the server created for it. A
    script written for Alembic keeps that index, as Alembic does.

    Args:
        constraint_name: The name of the constraint. A primary key needs none if `type_` is given.
        table_name: The name of the table.
        type_: "primary", "foreignkey", "unique", "check" or "exclude". MySQL and MariaDB need it
            if there is no database to ask, and to drop a primary key.
        schema: The schema of the table.
        if_exists: Do nothing if the table has no such constraint.

    Raises:
        MigrationFailedError: The table has no such constraint, or several of that name (SQLite
            allows it), or a foreign key needs it.
    """
    table = qualified_name(table_name, schema)
    constraint_name = name_to_drop(constraint_name, table_name, schema, type_)
    if constraint_name is None and type_ != "primary":
        raise WrongArgumentError(
            "op.drop_constraint(): constraint_name must be a string, unless type_ is 'primary'"
        )
    if not if_exists or _has_constraint(table, constraint_name, type_):
        is_alembic = current_settings().get("is_alembic", False)
        submit(DropConstraint(table=table, name=constraint_name, kind=type_, keep_index=is_alembic))


@checked
def rename_constraint(
    table_name: str,
    old_constraint_name: str,
    new_constraint_name: str,
    *,
    type_: ConstraintKind | None = None,
    schema: str | None = None,
) -> None:
    """Rename a constraint; a database that cannot rename it drops and adds it.

    Args:
        table_name: The name of the table.
        old_constraint_name: The present name of the constraint.
        new_constraint_name: The new name of the constraint.
        type_: "primary", "foreignkey", "unique", "check" or "exclude".
        schema: The schema of the table.

    Raises:
        MigrationFailedError: The table has no such constraint, or the new name is already used.
    """
    table = qualified_name(table_name, schema)
    before, after = str(old_constraint_name), str(new_constraint_name)
    submit(RenameConstraint(table=table, before=before, after=after, kind=type_))


def _has_constraint(table_name: Name, name: str | None, kind: ConstraintKind | None) -> bool:
    executor = current_executor()

    def exists() -> bool:
        table = executor.find_to_drop(table_name)
        if table is None:
            return False
        if name in table.repeated_names:  # refused when it is dropped, with a hint
            return True
        found = table.constraint(name) or table.index(name) if name is not None else None
        return found is not None or (kind == "primary" and table.primary_key is not None)

    return executor.ask(exists)
