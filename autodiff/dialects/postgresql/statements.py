"""Operations to PostgreSQL's SQL. https://www.postgresql.org/docs/current/sql-commands.html"""

from __future__ import annotations

from dataclasses import replace

from autodiff.dialects.ddl import DDL
from autodiff.dialects.postgresql.types import split_collation, type_family
from autodiff.dialects.sqltext import quote_literal
from autodiff.errors import PlanError
from autodiff.operations import (
    AlterColumn,
    AlterEnum,
    AlterSequence,
    CreateEnum,
    CreateIndex,
    DropIndex,
    SetTableOptions,
)
from autodiff.schema import (
    Check,
    Column,
    ColumnType,
    Constraint,
    EnumType,
    Exclusion,
    Identity,
    IndexElement,
    Name,
    PrimaryKey,
    Sequence,
    Table,
    Unique,
)

__all__ = ["PostgreSQLDDL"]

_SERIALS = {"smallint": "SMALLSERIAL", "integer": "SERIAL", "bigint": "BIGSERIAL"}


class PostgreSQLDDL(DDL):
    """SQL for PostgreSQL."""

    # Tables

    def table_suffix(self, table: Table) -> str:
        text = ""
        if partition := table.options.get("postgresql_partition_by"):
            text += f" PARTITION BY {partition}"
        if storage := table.options.get("postgresql_with"):
            text += f" WITH ({storage})"
        if tablespace := table.options.get("postgresql_tablespace"):
            text += f" TABLESPACE {self.quote(str(tablespace))}"
        return text

    def set_table_options(self, operation: SetTableOptions) -> list[str]:
        statements: list[str] = []
        for name, before, after in operation.options:
            if name != "postgresql_with":
                super().set_table_options(operation)
            old = {part.split("=")[0].strip() for part in str(before or "").split(",")} - {""}
            new = {part.split("=")[0].strip() for part in str(after or "").split(",")} - {""}
            if gone := sorted(old - new):
                statements.append(self._alter(operation.table, f"RESET ({', '.join(gone)})"))
            if after:
                statements.append(self._alter(operation.table, f"SET ({after})"))
        return statements

    # Columns

    def column_spec(self, column: Column, table: Table | None = None) -> str:
        if column.autoincrement and column.type.sql in _SERIALS:
            serial = ColumnType(sql=_SERIALS[column.type.sql], python="")
            column = replace(column, type=serial, default=None)
        return super().column_spec(column, table)

    def alter_column(self, operation: AlterColumn, current: Table | None) -> list[str]:
        changes: list[str] = []
        patch = operation.after
        if isinstance(patch.type, ColumnType):
            changes += self._type_changes(operation, patch.type)
        elif "default" in patch.fields:
            changes.append(self._default_change(patch.default))  # type: ignore[arg-type]
        if "computed" in patch.fields:
            changes.append(self._computed_change(operation))
        if "identity" in patch.fields:
            changes += self._identity_changes(operation)
        if "nullable" in patch.fields:
            changes.append("DROP NOT NULL" if patch.nullable else "SET NOT NULL")
        column = self.quote(operation.name)
        statements = [
            self._alter(operation.table, f"ALTER COLUMN {column} {change}") for change in changes
        ]
        if "autoincrement" in patch.fields:
            statements += self._serial(operation)
        if "comment" in patch.fields:
            comment = patch.comment if isinstance(patch.comment, str) else None
            statements += self.column_comment(operation.table, operation.name, comment)
        return statements

    def _type_changes(self, operation: AlterColumn, new: ColumnType) -> list[str]:
        """The default goes first and comes back last: it may not cast to the new type."""
        changes: list[str] = []
        default = operation.after.default
        if "default" in operation.after.fields and operation.before.default is not None:
            changes.append("DROP DEFAULT")
        using = operation.using or self._using(operation, new)
        changes.append(f"TYPE {new.sql}" + (f" USING {using}" if using else ""))
        if isinstance(default, str):
            changes.append(f"SET DEFAULT {default}")
        elif "default" in operation.after.fields and not changes[0].startswith("DROP"):
            changes.append("DROP DEFAULT")
        return changes

    def _using(self, operation: AlterColumn, new: ColumnType) -> str | None:
        """A cast, where PostgreSQL does not cast by itself.

        It is left out within a family, since an explicit cast cuts texts that are too long
        where the implicit one refuses them.
        """
        before = operation.before.type
        family = type_family(new.sql)
        if isinstance(before, ColumnType):
            if type_family(before.sql) == family and family is not None:
                return None
            if split_collation(before.sql)[0] == split_collation(new.sql)[0]:
                return None
        if family == "text" and "(" not in new.sql:
            return None
        column, bare = self.quote(operation.name), split_collation(new.sql)[0]
        if isinstance(before, ColumnType) and before.enum != new.enum and new.enum:
            return f"{column}::text::{bare}"
        if family == "text":
            return f"{column}::text"
        return f"{column}::{bare}"

    def _default_change(self, default: str | None) -> str:
        return "DROP DEFAULT" if default is None else f"SET DEFAULT {default}"

    def _computed_change(self, operation: AlterColumn) -> str:
        if operation.after.computed is None:
            return "DROP EXPRESSION"
        raise PlanError(
            f"cannot change how column {operation.table}.{operation.name} is generated in place",
            hint="drop the column and add it again",
        )

    def _identity_changes(self, operation: AlterColumn) -> list[str]:
        before, after = operation.before.identity, operation.after.identity
        if not isinstance(after, Identity):
            return ["DROP IDENTITY"]
        if not isinstance(before, Identity):
            return [f"ADD {self.identity_spec(after)}"]
        changes = []
        if before.always != after.always:
            changes.append(f"SET GENERATED {'ALWAYS' if after.always else 'BY DEFAULT'}")
        if replace(before, always=after.always) != after:
            options = _all_options(after).split("; ")
            changes.append(" ".join(f"SET {option}" for option in options))
        return changes

    def _serial(self, operation: AlterColumn) -> list[str]:
        """A sequence that the column owns, started behind its largest value; or none."""
        table, column = operation.table, self.quote(operation.name)
        sequence = Name(f"{table.name}_{operation.name}_seq", table.schema)
        quoted = self.quote_name(sequence)
        literal = quote_literal(quoted)
        if not operation.after.autoincrement:
            return [
                self._alter(table, f"ALTER COLUMN {column} DROP DEFAULT"),
                f"DROP SEQUENCE {quoted}",
            ]
        return [
            f"CREATE SEQUENCE {quoted} OWNED BY {self.quote_name(table)}.{column}",
            f"SELECT setval({literal}, coalesce(max({column}), 0) + 1, false) "
            f"FROM {self.quote_name(table)}",
            self._alter(table, f"ALTER COLUMN {column} SET DEFAULT nextval({literal})"),
        ]

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
                text += " NO INHERIT" if options.get("no_inherit") else ""
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

        A value that was added can't be used before the transaction ends, so the type is made
        anew too where a column's default is one: https://www.postgresql.org/docs/current/sql-altertype.html
        """
        before, after = operation.before, operation.after
        kept = [value for value in after.values if value in before.values]
        added = set(after.values) - set(before.values)
        used = any(default and _names_any(default, added) for _, _, default in operation.columns)
        if tuple(kept) == before.values and not used:
            return self._add_values(before, after)
        return self._replace_enum(operation)

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
        for table, column, default in operation.columns:
            quoted = self.quote(column)
            if default is not None:
                statements.append(self._alter(table, f"ALTER COLUMN {quoted} DROP DEFAULT"))
            change = f"ALTER COLUMN {quoted} TYPE {name} USING {quoted}::text::{name}"
            statements.append(self._alter(table, change))
            if default is not None and _still_there(default, operation):
                change = f"ALTER COLUMN {quoted} SET DEFAULT {default}"
                statements.append(self._alter(table, change))
        return [*statements, f"DROP TYPE {self.quote_name(old)}"]

    def alter_sequence(self, operation: AlterSequence) -> list[str]:
        after = operation.after
        name = self.quote_name(after.name)
        kind = f" AS {after.type or 'bigint'}" if after.type != operation.before.type else ""
        options = _all_options(after).replace("; ", " ")
        statements = [f"ALTER SEQUENCE {name}{kind} {options}"]
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


def _names_any(default: str, values: set[str]) -> bool:
    return any(quote_literal(value) in default for value in values)


def _still_there(default: str, operation: AlterEnum) -> bool:
    gone = set(operation.before.values) - set(operation.after.values)
    return not _names_any(default, gone)


def _all_options(source: Identity | Sequence) -> str:
    """Each option of a sequence, spelled out, so that what was set before is undone."""
    down = (source.increment or 1) < 0
    start = source.start
    if start is None:
        start = (source.maxvalue or -1) if down else (source.minvalue or 1)
    words = [
        f"INCREMENT BY {source.increment or 1}",
        "NO MINVALUE" if source.minvalue is None else f"MINVALUE {source.minvalue}",
        "NO MAXVALUE" if source.maxvalue is None else f"MAXVALUE {source.maxvalue}",
        f"START WITH {start}",
        f"CACHE {source.cache or 1}",
        "CYCLE" if source.cycle else "NO CYCLE",
    ]
    return "; ".join(words)
