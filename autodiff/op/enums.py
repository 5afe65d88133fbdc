"""Create, change, rename and drop enum types, which only PostgreSQL has.

On other databases these functions do nothing. An sa.Enum is a column with a check there, or MySQL's
ENUM, and changes with its column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.op._arguments import checked
from autodiff.op._executor import qualified_name, sql_part, submit
from autodiff.runner.context import current_executor
from autodiff.schema.objects import EnumType
from autodiff.schema.operations import (
    AlterEnum,
    CreateEnum,
    DropEnum,
    EnumUser,
    RenameEnum,
    RenameEnumValue,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff.op.keywords import EnumColumn
    from autodiff.schema.objects import Name

__all__ = ["alter_enum", "create_enum", "drop_enum", "rename_enum", "rename_enum_value"]


@checked
def create_enum(
    name: str,
    *values: str,
    schema: str | None = None,
    comment: str | None = None,
    if_not_exists: bool = False,
) -> None:
    """Create an enum type; databases without enum types ignore this.

    Args:
        name: The name of the type.
        *values: The values, in order.
        schema: The schema of the type.
        comment: The comment.
        if_not_exists: Do nothing if the type exists.

    Raises:
        MigrationFailedError: The type exists.
    """
    enum = EnumType(name=qualified_name(name, schema), values=values, comment=comment)
    submit(CreateEnum(enum=enum, if_not_exists=if_not_exists))


@checked
def drop_enum(name: str, *, schema: str | None = None, if_exists: bool = False) -> None:
    """Drop an enum type; databases without enum types ignore this.

    Args:
        name: The name of the type.
        schema: The schema of the type.
        if_exists: Do nothing if the type does not exist.

    Raises:
        MigrationFailedError: The type does not exist, or a column has it.
    """
    submit(DropEnum(name=qualified_name(name, schema), if_exists=if_exists))


@checked
def rename_enum(
    old_name: str, new_name: str, *, schema: str | None = None, new_schema: str | None = None
) -> None:
    """Rename an enum type, or move it to another schema.

    Columns, defaults and checks that use the type are kept. Databases without enum types ignore
    this.

    Args:
        old_name: The present name of the type.
        new_name: The new name of the type.
        schema: The present schema; the default schema if it is None.
        new_schema: The new schema; the present one if it is None.

    Raises:
        MigrationFailedError: The type does not exist, or the new name is already used.
    """
    after = qualified_name(new_name, schema if new_schema is None else new_schema)
    submit(RenameEnum(before=qualified_name(old_name, schema), after=after))


@checked
def rename_enum_value(
    name: str, old_value: str, new_value: str, *, schema: str | None = None
) -> None:
    """Rename a value of an enum type.

    Rows, defaults and checks have the new value afterwards. Databases without enum types ignore
    this.

    Args:
        name: The name of the type.
        old_value: The present value.
        new_value: The new value.
        schema: The schema of the type.

    Raises:
        MigrationFailedError: The type has no such value, or has the new value.
    """
    enum = qualified_name(name, schema)
    submit(RenameEnumValue(enum=enum, before=old_value, after=new_value))


@checked
def alter_enum(
    name: str,
    before: Sequence[str],
    after: Sequence[str],
    *,
    columns: Sequence[EnumColumn] = (),
    schema: str | None = None,
    comment: str | None = None,
) -> None:
    """Change the values of an enum type, or their order.

    Without `columns`, values are added to the type if none is removed or moved. Otherwise the type
    is replaced, which needs all columns that have it in `columns`. With `columns` it is always
    replaced, to use an added value in the same migration. Databases without enum types ignore this.

    Args:
        name: The name of the type.
        before: The present values, in order.
        after: The new values, in order.
        columns: The columns that have the type, each as (table, column, default) or (table, column,
            default, is_array). The default is SQL, or None.
        schema: The schema of the type.
        comment: The comment of the type, which a replaced type would lose.

    Raises:
        MigrationFailedError: Rows have a value that is removed.
    """
    qualified = qualified_name(name, schema)
    users = tuple(
        EnumUser(
            table=_table_name(table),
            column=column,
            default=sql_part(current_executor(), default),
            is_array=any(is_array),
        )
        for table, column, default, *is_array in columns
    )
    submit(
        AlterEnum(
            before=EnumType(name=qualified, values=tuple(before), comment=comment),
            after=EnumType(name=qualified, values=tuple(after), comment=comment),
            users=users,
            anew=bool(users),
        )
    )


def _table_name(text: str) -> Name:
    schema, _, name = text.rpartition(".")
    return qualified_name(name, schema or None)
