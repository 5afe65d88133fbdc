"""SQL for enum types of PostgreSQL.

https://www.postgresql.org/docs/current/sql-altertype.html
"""

from __future__ import annotations

from typing import assert_never

from autodiff.dialects.ddl.enums import EnumDDL, EnumOperation
from autodiff.dialects.postgresql.ddl.do_blocks import do_block
from autodiff.dialects.postgresql.ddl.privileges import copy_type_privileges
from autodiff.schema.objects import EnumType, Name
from autodiff.schema.operations import (
    AlterEnum,
    CreateEnum,
    DropEnum,
    EnumUser,
    RenameEnum,
    RenameEnumValue,
)
from autodiff.schema.sqltext import quote_literal
from autodiff.utils.object_names import name_between

__all__ = ["PostgreSQLEnumDDL"]


class PostgreSQLEnumDDL(EnumDDL):
    """Creates, drops, renames and alters enum types."""

    def statements(self, operation: EnumOperation) -> list[str]:
        match operation:
            case CreateEnum():
                return self._create(operation)
            case DropEnum(name=name, if_exists=if_exists):
                exists = "IF EXISTS " if if_exists else ""
                return [f"DROP TYPE {exists}{self.quote_name(name)}"]
            case AlterEnum():
                return self._alter(operation)
            case RenameEnum(before=before, after=after):
                return self._rename(before, after)
            case RenameEnumValue():
                old, new = quote_literal(operation.before), quote_literal(operation.after)
                return [f"ALTER TYPE {self.quote_name(operation.enum)} RENAME VALUE {old} TO {new}"]
            case _:
                assert_never(operation)

    def _create(self, operation: CreateEnum) -> list[str]:
        enum = operation.enum
        values = ", ".join(quote_literal(value) for value in enum.values)
        create = f"CREATE TYPE {self.quote_name(enum.name)} AS ENUM ({values})"
        if operation.if_not_exists:
            create = do_block(f"{create}; EXCEPTION WHEN duplicate_object THEN NULL")
        if enum.comment is None:
            return [create]
        comment = self.ddl.comments.literal(enum.comment)
        return [create, f"COMMENT ON TYPE {self.quote_name(enum.name)} IS {comment}"]

    def _alter(self, operation: AlterEnum) -> list[str]:
        """Return ADD VALUE for each new value; replace the type if values are removed or reordered.

        PostgreSQL cannot remove values, and a new value cannot be used before its transaction ends.
        """
        if operation.only_adds:
            return self._add_values(operation.before, operation.after)
        return self._replace(operation)

    def _rename(self, before: Name, after: Name) -> list[str]:
        statements = []
        if before.schema != after.schema:
            schema = self.quote(after.schema or self.dialect.default_schema or "public")
            statements.append(f"ALTER TYPE {self.quote_name(before)} SET SCHEMA {schema}")
        if before.name != after.name:
            moved = self.quote_name(before._replace(schema=after.schema))
            statements.append(f"ALTER TYPE {moved} RENAME TO {self.quote(after.name)}")
        return statements

    def _add_values(self, before: EnumType, after: EnumType) -> list[str]:
        statements, present = [], list(before.values)
        name = self.quote_name(after.name)
        for place, value in enumerate(after.values):
            if value in present:
                continue
            position = ""
            if place < len(present):
                position = f" BEFORE {quote_literal(present[place])}"
            statements.append(f"ALTER TYPE {name} ADD VALUE {quote_literal(value)}{position}")
            present.insert(place, value)
        return statements

    def _replace(self, operation: AlterEnum) -> list[str]:
        """Return the statements that replace a type: each ALTER TABLE rewrites its table once."""
        after = operation.after
        old = Name(name_between(after.name.name), after.name.schema)
        name = self.quote_name(after.name)
        statements = [
            f"ALTER TYPE {name} RENAME TO {self.quote(old.name)}",
            *self._create(CreateEnum(enum=after)),
        ]
        for table in dict.fromkeys(user.table for user in operation.users):
            users = (user for user in operation.users if user.table == table)
            changes = [c for user in users for c in self._column_changes(user, name, operation)]
            statements.append(self.alter_table(table, *changes))
        statements.append(copy_type_privileges(self.quote_name(old), name))
        return [*statements, f"DROP TYPE {self.quote_name(old)}"]

    def _column_changes(self, user: EnumUser, name: str, operation: AlterEnum) -> list[str]:
        """Return what ALTER TABLE does to convert a column to the new type.

        Its default is dropped because it has the old type, and set again if it is valid. PostgreSQL
        drops defaults first and sets them last.
        """
        column, array = self.quote(user.column), "[]" if user.is_array else ""
        changes = [f"TYPE {name}{array} USING {column}::text{array}::{name}{array}"]
        if user.default is not None:
            changes.insert(0, "DROP DEFAULT")
            if _is_default_valid(user, operation):
                changes.append(f"SET DEFAULT {user.default}")
        return [f"ALTER COLUMN {column} {change}" for change in changes]


def _is_default_valid(user: EnumUser, operation: AlterEnum) -> bool:
    """Return whether the default of a column contains no value that is removed."""
    removed = set(operation.before.values) - set(operation.after.values)
    default = user.default or ""
    return not any((v if user.is_array else quote_literal(v)) in default for v in removed)
