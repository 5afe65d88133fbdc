"""Operations to PostgreSQL's SQL. https://www.postgresql.org/docs/current/sql-commands.html"""

from __future__ import annotations

from dataclasses import replace

from autodiff.dialects.ddl import DDL
from autodiff.dialects.postgresql.ddl.columns import alter_column
from autodiff.dialects.postgresql.ddl.sequences import all_options, kept_in_range
from autodiff.dialects.postgresql.ddl.table_options import set_table_options
from autodiff.dialects.postgresql.types import type_family
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Constraint,
    EnumType,
    Exclusion,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Sequence,
    Table,
    Unique,
)
from autodiff.schema.operations import (
    AlterColumn,
    AlterEnum,
    AlterSequence,
    CreateEnum,
    CreateIndex,
    DropIndex,
    EnumUser,
    Operation,
    RenameEnum,
    RenameEnumValue,
    SetTableOptions,
)
from autodiff.schema.sqltext import quote_literal

__all__ = ["PostgreSQLDDL"]

_SERIALS = {"smallint": "SMALLSERIAL", "integer": "SERIAL", "bigint": "BIGSERIAL"}


class PostgreSQLDDL(DDL):
    """SQL for PostgreSQL."""

    def required_table(self, operation: Operation) -> Name | None:
        """Return the table of SetTableOptions, which resets options that only the table shows."""
        return operation.table if isinstance(operation, SetTableOptions) else None

    def keeps_default(self, before: str, after: str) -> bool:
        family = type_family(before)
        return family is not None and family == type_family(after)

    def keeps_foreign_keys(self, before: str, after: str) -> bool:
        return self.keeps_default(before, after)

    def builds_concurrently(self, index: Index, table: Table) -> bool:
        """Return False for a partitioned table, for which PostgreSQL refuses it."""
        partitioned = "postgresql_partition_by" in table.options
        return super().builds_concurrently(index, table) and not partitioned

    # Tables

    def table_suffix(self, table: Table) -> str:
        text = ""
        if table.inherits:
            text += f" INHERITS ({', '.join(map(self.quote_name, table.inherits))})"
        if partition := table.options.get("postgresql_partition_by"):
            text += f" PARTITION BY {partition}"
        if method := table.options.get("postgresql_using"):
            text += f" USING {self.quote(str(method))}"
        if storage := table.options.get("postgresql_with"):
            text += f" WITH ({storage})"
        if tablespace := table.options.get("postgresql_tablespace"):
            text += f" TABLESPACE {self.quote(str(tablespace))}"
        return text

    def set_table_options(
        self, operation: SetTableOptions, current: Table | None = None
    ) -> list[str]:
        return set_table_options(self, operation, current)

    # Columns

    def column_spec(self, column: Column, table: Table | None = None) -> str:
        if column.autoincrement and column.type.sql in _SERIALS:
            serial = ColumnType(sql=_SERIALS[column.type.sql], python="")
            column = replace(column, type=serial, default=None)
        return super().column_spec(column, table)

    def alter_column(self, operation: AlterColumn, current: Table | None) -> list[str]:
        return alter_column(self, operation)

    # Constraints

    def constraint_body(self, constraint: Constraint) -> str:
        match constraint:
            case Unique(nulls_not_distinct=distinct, columns=columns):
                words = "UNIQUE NULLS NOT DISTINCT" if distinct else "UNIQUE"
                text = f"{words} ({self.columns(columns)}){_include(constraint)}"
                return text + self.deferrable(constraint)
            case PrimaryKey(columns=columns):
                text = f"PRIMARY KEY ({self.columns(columns)}){_include(constraint)}"
                return text + self.deferrable(constraint)
            case Check(options=options):
                text = super().constraint_body(constraint)
                text += " NO INHERIT" if options.get("postgresql_no_inherit") else ""
                return text + (" NOT VALID" if options.get("postgresql_not_valid") else "")
            case Exclusion():
                return super().constraint_body(constraint)
            case _:
                text = super().constraint_body(constraint)
                invalid = constraint.options.get("postgresql_not_valid")
                return text + (" NOT VALID" if invalid else "")

    def exclusion_spec(self, constraint: Exclusion) -> str:
        elements = ", ".join(f"{text} WITH {operator}" for text, operator in constraint.elements)
        text = f"EXCLUDE USING {constraint.using} ({elements})"
        return text + (f" WHERE ({constraint.where})" if constraint.where else "")

    # Indexes

    def create_index(self, operation: CreateIndex) -> list[str]:
        index = operation.index
        words = ["CREATE"] + (["UNIQUE"] if index.unique else []) + ["INDEX"]
        words += ["CONCURRENTLY"] if operation.concurrently else []
        words += ["IF NOT EXISTS"] if operation.if_not_exists else []
        words += [self.quote(index.name or ""), "ON", self.quote_name(operation.table)]
        words += [f"USING {index.method}"] if index.method else []
        text = " ".join(words) + f" ({self.index_elements(index)})"
        if index.include:
            text += f" INCLUDE ({self.columns(index.include)})"
        text += " NULLS NOT DISTINCT" if index.nulls_not_distinct else ""
        if storage := index.options.get("postgresql_with"):
            text += f" WITH ({storage})"
        if tablespace := index.options.get("postgresql_tablespace"):
            text += f" TABLESPACE {self.quote(str(tablespace))}"
        return [text + (f" WHERE {index.where}" if index.where else ""), *self._comment(operation)]

    def _comment(self, operation: CreateIndex) -> list[str]:
        if operation.index.comment is None:
            return []
        return self._object_comment("index", operation.table, operation.index)

    def _table_comments(self, table: Table) -> list[str]:
        """The comments of indexes come with the indexes."""
        bare = tuple(replace(index, comment=None) for index in table.indexes)
        return super()._table_comments(replace(table, indexes=bare))

    def index_element(self, element: IndexElement) -> str:
        text = f"({element.text})" if element.is_expression else self.quote(element.text)
        if element.collation is not None:
            text += f' COLLATE "{element.collation}"'
        text += f" {element.opclass}" if element.opclass else ""
        text += " DESC" if element.descending else ""
        if element.nulls_first is not None:
            text += " NULLS FIRST" if element.nulls_first else " NULLS LAST"
        return text

    def drop_index(self, operation: DropIndex) -> list[str]:
        statements = super().drop_index(operation)
        if not operation.concurrently:
            return statements
        return [sql.replace("DROP INDEX", "DROP INDEX CONCURRENTLY", 1) for sql in statements]

    # Enums and sequences

    def create_enum(self, operation: CreateEnum) -> list[str]:
        enum = operation.enum
        values = ", ".join(quote_literal(value) for value in enum.values)
        create = f"CREATE TYPE {self.quote_name(enum.name)} AS ENUM ({values})"
        if operation.if_not_exists:
            create = f"DO $$ BEGIN {create}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        if enum.comment is None:
            return [create]
        comment = self.comment_literal(enum.comment)
        return [create, f"COMMENT ON TYPE {self.quote_name(enum.name)} IS {comment}"]

    def alter_enum(self, operation: AlterEnum) -> list[str]:
        """ADD VALUE where the new values stand among the old; otherwise the type is made anew.

        A value that was added can't be used before the transaction ends:
        https://www.postgresql.org/docs/current/sql-altertype.html
        """
        if operation.only_adds:
            return self._add_values(operation.before, operation.after)
        return self._replace_enum(operation)

    def rename_enum(self, operation: RenameEnum) -> list[str]:
        before, after = operation.before, operation.after
        statements = []
        if before.schema != after.schema:
            schema = self.quote(after.schema or self.dialect.default_schema or "public")
            statements.append(f"ALTER TYPE {self.quote_name(before)} SET SCHEMA {schema}")
        if before.name != after.name:
            moved = self.quote_name(replace(before, schema=after.schema))
            statements.append(f"ALTER TYPE {moved} RENAME TO {self.quote(after.name)}")
        return statements

    def rename_enum_value(self, operation: RenameEnumValue) -> list[str]:
        old, new = quote_literal(operation.before), quote_literal(operation.after)
        return [f"ALTER TYPE {self.quote_name(operation.enum)} RENAME VALUE {old} TO {new}"]

    def _add_values(self, before: EnumType, after: EnumType) -> list[str]:
        statements, present = [], list(before.values)
        name = self.quote_name(after.name)
        for place, value in enumerate(after.values):
            if value in present:
                continue
            where = ""
            if place < len(present):
                where = f" BEFORE {quote_literal(present[place])}"
            statements.append(f"ALTER TYPE {name} ADD VALUE {quote_literal(value)}{where}")
            present.insert(place, value)
        return statements

    def _replace_enum(self, operation: AlterEnum) -> list[str]:
        after = operation.after
        old = Name(f"_autodiff_{after.name.name}", after.name.schema)
        name = self.quote_name(after.name)
        statements = [
            f"ALTER TYPE {name} RENAME TO {self.quote(old.name)}",
            *self.create_enum(CreateEnum(enum=after)),
        ]
        for user in operation.users:
            statements += self._move_over(user, name, operation)
        return [*statements, f"DROP TYPE {self.quote_name(old)}"]

    def _move_over(self, user: EnumUser, name: str, operation: AlterEnum) -> list[str]:
        """A column to the new type; its default, which the old type holds, goes and comes back."""
        column, array = self.quote(user.column), "[]" if user.is_array else ""
        changes = [f"TYPE {name}{array} USING {column}::text{array}::{name}{array}"]
        if user.default is not None:
            changes.insert(0, "DROP DEFAULT")
            if _still_there(user, operation):
                changes.append(f"SET DEFAULT {user.default}")
        return [self._alter(user.table, f"ALTER COLUMN {column} {change}") for change in changes]

    def alter_sequence(self, operation: AlterSequence) -> list[str]:
        after = operation.after
        name = self.quote_name(after.name)
        kind = f"AS {after.type or 'bigint'}"
        statement = f"ALTER SEQUENCE {name} {kind} {' '.join(all_options(after))}"
        sequence = f"{quote_literal(name)}::regclass"
        statements = [kept_in_range(statement, operation.before, after, sequence)]
        if after.comment != operation.before.comment:
            statements.append(
                f"COMMENT ON SEQUENCE {name} IS {self.comment_literal(after.comment)}"
            )
        return statements

    def create_sequence(self, sequence: Sequence) -> list[str]:
        statements = super().create_sequence(sequence)
        if sequence.comment is not None:
            name = self.quote_name(sequence.name)
            comment = self.comment_literal(sequence.comment)
            statements.append(f"COMMENT ON SEQUENCE {name} IS {comment}")
        return statements


def _include(constraint: Unique | PrimaryKey) -> str:
    included = constraint.options.get("postgresql_include")
    return f" INCLUDE ({included})" if included else ""


def _still_there(user: EnumUser, operation: AlterEnum) -> bool:
    gone = set(operation.before.values) - set(operation.after.values)
    default = user.default or ""
    return not any((v if user.is_array else quote_literal(v)) in default for v in gone)
