"""SQL for operations, in standard SQL; each dialect overrides what differs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Literal, assert_never

from autodiff.errors import PlanError
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Sequence,
    Table,
    Unique,
)
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterEnum,
    AlterSequence,
    Backfill,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropNamespace,
    DropSequence,
    DropTable,
    DropView,
    Execute,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameEnum,
    RenameEnumValue,
    RenameIndex,
    RenameTable,
    Require,
    SetComment,
    SetTableOptions,
)
from autodiff.schema.sqltext import quote_literal

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["DDL"]


class DDL:
    """Writes the SQL of operations, and knows what each of them needs and affects."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.features = dialect.features
        self.quote = dialect.quote
        self.quote_name = dialect.quote_name

    # What operations need and affect

    def required_table(self, operation: Operation) -> Name | None:
        """Return the table that `statements` needs as `current` for this operation, if any."""
        return None

    def can_share_rebuild(self, operation: Operation) -> bool:
        """Return whether one rebuild of a table can do the operation along with others."""
        return False

    def needs_rebuild(self, operation: Operation, current: Table) -> bool:
        """Return whether only a rebuild of the table can do the operation."""
        return False

    def rebuild(self, operations: Collection[Operation], current: Table) -> list[str]:
        """Return the statements of one rebuild of a table for several operations."""
        raise NotImplementedError

    def keeps_default(self, before: str, after: str) -> bool:
        """Return whether a column keeps its default when its type changes."""
        return True

    def keeps_foreign_keys(self, before: str, after: str) -> bool:
        """Return whether foreign keys can stay when the type of a column of theirs changes."""
        return False

    def columns_changed_by_options(
        self, options: Iterable[tuple[str, Option | None, Option | None]], table: Table
    ) -> tuple[str, ...]:
        """Return the columns that change when options (name, before, after) of a table do."""
        return ()

    def builds_concurrently(self, index: Index, table: Table) -> bool:
        """Return whether a new index of an existing table is built without blocking writes."""
        return index.concurrently and self.features.concurrent_indexes

    # Statements

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        """Return the statements of an operation, in order, without semicolons.

        `current` is the table before the operation; `required_table` returns whether it is needed.
        """
        match operation:
            case CreateNamespace(name=name):
                return [f"CREATE SCHEMA {self.quote(name)}"] if self.features.namespaces else []
            case DropNamespace(name=name):
                return [f"DROP SCHEMA {self.quote(name)}"] if self.features.namespaces else []
            case CreateTable(table=table):
                return self.create_table(table)
            case DropTable(name=name):
                return [f"DROP TABLE {self.quote_name(name)}"]
            case RenameTable():
                return self.rename_table(operation)
            case SetComment():
                return self.set_comment(operation) if self.features.comments else []
            case SetTableOptions():
                return self.set_table_options(operation, current)
            case AddColumn(table=name, column=column):
                return self.add_column(name, column)
            case DropColumn(table=table_name, name=name_):
                return [self._alter(table_name, f"DROP COLUMN {self.quote(name_)}")]
            case RenameColumn(table=table_name, before=old, after=new):
                change = f"RENAME COLUMN {self.quote(old)} TO {self.quote(new)}"
                return [self._alter(table_name, change)]
            case AlterColumn():
                return self.alter_column(operation, current)
            case AddConstraint():
                return self.add_constraint(operation)
            case DropConstraint():
                return self.drop_constraint(operation)
            case RenameConstraint():
                return self.rename_constraint(operation, current)
            case CreateIndex():
                return self.create_index(operation)
            case DropIndex():
                return self.drop_index(operation)
            case RenameIndex():
                return self.rename_index(operation, current)
            case CreateEnum():
                return self.create_enum(operation) if self.features.enum_types else []
            case DropEnum(name=name, if_exists=if_exists):
                exists = "IF EXISTS " if if_exists else ""
                drop = f"DROP TYPE {exists}{self.quote_name(name)}"
                return [drop] if self.features.enum_types else []
            case AlterEnum():
                return self.alter_enum(operation) if self.features.enum_types else []
            case RenameEnum():
                return self.rename_enum(operation) if self.features.enum_types else []
            case RenameEnumValue():
                return self.rename_enum_value(operation) if self.features.enum_types else []
            case CreateSequence(sequence=sequence):
                return self.create_sequence(sequence) if self.features.sequences else []
            case DropSequence(name=name):
                drop = f"DROP SEQUENCE {self.quote_name(name)}"
                return [drop] if self.features.sequences else []
            case AlterSequence():
                return self.alter_sequence(operation) if self.features.sequences else []
            case CreateView():
                return self.create_view(operation)
            case DropView(name=name, materialized=materialized):
                word = "MATERIALIZED VIEW" if materialized else "VIEW"
                return [f"DROP {word} {self.quote_name(name)}"]
            case Backfill():
                return self.backfill(operation)
            case Require():
                return [self.require(operation)]
            case Execute(sql=sql):
                return [sql]
            case _:
                assert_never(operation)

    # Tables

    def create_table(self, table: Table) -> list[str]:
        """CREATE TABLE, then its indexes and comments."""
        parts = [self.column_spec(column, table) for column in table.columns]
        parts += [self.constraint_spec(c, table) for c in self._inline_constraints(table)]
        body = ",\n    ".join(parts)
        head = f"CREATE {self.table_prefix(table)}TABLE {self.quote_name(table.name)}"
        statement = f"{head} (\n    {body}\n){self.table_suffix(table)}"
        indexes = [
            sql
            for index in table.indexes
            for sql in self.create_index(CreateIndex(table=table.name, index=index))
        ]
        return [statement, *indexes, *self._table_comments(table)]

    def _inline_constraints(self, table: Table) -> Iterable[Constraint]:
        order = (PrimaryKey, ForeignKey, Unique, Check, Exclusion)
        return sorted(table.constraints, key=lambda c: order.index(type(c)))

    def _table_comments(self, table: Table) -> list[str]:
        if not self.features.comments:
            return []
        parts: list[str] = []
        if table.comment is not None:
            comment = SetComment(kind="table", name=table.name, after=table.comment)
            parts += self.set_comment(comment)
        for column in table.columns:
            if column.comment is not None:
                parts += self.column_comment(table.name, column.name, column.comment)
        for constraint in table.constraints:
            if constraint.comment is not None and constraint.name:
                parts += self._object_comment("constraint", table.name, constraint)
        for index in table.indexes:
            if index.comment is not None and index.name:
                parts += self._object_comment("index", table.name, index)
        return parts

    def _object_comment(
        self, kind: Literal["constraint", "index"], table: Name, thing: Constraint | Index
    ) -> list[str]:
        name = Name(thing.name or "", table.schema)
        return self.set_comment(SetComment(kind=kind, name=name, table=table, after=thing.comment))

    def table_prefix(self, table: Table) -> str:
        """What stands between CREATE and TABLE, with a space at its end."""
        prefix = table.options.get("prefix")
        return f"{prefix} " if prefix else ""

    def table_suffix(self, table: Table) -> str:
        """What stands after the closing bracket, with a space before it."""
        return ""

    def rename_table(self, operation: RenameTable) -> list[str]:
        """ALTER TABLE ... RENAME TO."""
        return [self._alter(operation.before, f"RENAME TO {self.quote(operation.after.name)}")]

    def set_table_options(
        self, operation: SetTableOptions, current: Table | None = None
    ) -> list[str]:
        """ALTER TABLE for dialect options; an error where the dialect has no way."""
        listed = ", ".join(name for name, _, _ in operation.options)
        raise PlanError(
            f"cannot change {listed} of table {operation.table} in place",
            hint="create a new table, copy the rows, and swap the names",
        )

    def _alter(self, table: Name, change: str) -> str:
        return f"ALTER TABLE {self.quote_name(table)} {change}"

    # Columns

    def column_spec(self, column: Column, table: Table | None = None) -> str:
        """A column as CREATE TABLE and ADD COLUMN have it."""
        parts = [self.quote(column.name), column.type.sql]
        if column.default is not None:
            parts.append(f"DEFAULT {self.default_sql(column.default)}")
        if column.computed is not None:
            kind = "STORED" if column.computed.persisted else "VIRTUAL"
            parts.append(f"GENERATED ALWAYS AS ({column.computed.sql}) {kind}")
        if column.identity is not None:
            parts.append(self.identity_spec(column.identity))
        if not column.nullable:
            parts.append("NOT NULL")
        return " ".join(parts)

    def default_sql(self, default: str) -> str:
        """A default as it stands after the word DEFAULT."""
        return default

    def identity_spec(self, identity: Identity) -> str:
        """GENERATED ... AS IDENTITY with its options."""
        options = self.sequence_options(identity)
        kind = "ALWAYS" if identity.always else "BY DEFAULT"
        return f"GENERATED {kind} AS IDENTITY" + (f" ({options})" if options else "")

    def sequence_options(self, source: Identity | Sequence) -> str:
        """START WITH, INCREMENT BY and so on, as far as they are set."""
        words = (
            ("INCREMENT BY", source.increment),
            ("MINVALUE", source.minvalue),
            ("MAXVALUE", source.maxvalue),
            ("START WITH", source.start),
            ("CACHE", source.cache),
        )
        parts = [f"{word} {value}" for word, value in words if value is not None]
        return " ".join([*parts, "CYCLE"] if source.cycle else parts)

    def add_column(self, table: Name, column: Column) -> list[str]:
        """ALTER TABLE ... ADD COLUMN, and its comment."""
        statements = [self._alter(table, f"ADD COLUMN {self.column_spec(column)}")]
        if column.comment is not None and self.features.comments:
            statements += self.column_comment(table, column.name, column.comment)
        return statements

    def alter_column(self, operation: AlterColumn, current: Table | None) -> list[str]:
        """ALTER TABLE ... ALTER COLUMN."""
        raise NotImplementedError

    # Constraints

    def constraint_spec(self, constraint: Constraint, table: Table | None = None) -> str:
        """A constraint as CREATE TABLE and ADD CONSTRAINT have it."""
        return self.named(constraint) + self.constraint_body(constraint)

    def named(self, constraint: Constraint) -> str:
        """CONSTRAINT and its name, with a space at its end."""
        return f"CONSTRAINT {self.quote(constraint.name)} " if constraint.name else ""

    def constraint_body(self, constraint: Constraint) -> str:
        """A constraint without its name."""
        match constraint:
            case PrimaryKey():
                text = f"PRIMARY KEY ({self.columns(constraint.columns)})"
            case ForeignKey():
                text = self.foreign_key_spec(constraint)
            case Unique():
                text = f"UNIQUE ({self.columns(constraint.columns)})"
            case Check():
                return f"CHECK ({constraint.sql})"
            case Exclusion():
                text = self.exclusion_spec(constraint)
            case _:
                assert_never(constraint)
        return text + self.deferrable(constraint)

    def deferrable(self, constraint: PrimaryKey | ForeignKey | Unique | Exclusion) -> str:
        """DEFERRABLE INITIALLY ..., with a space before it."""
        if not constraint.deferrable:
            return ""
        return " DEFERRABLE" + (" INITIALLY DEFERRED" if constraint.initially_deferred else "")

    def foreign_key_spec(self, key: ForeignKey) -> str:
        """FOREIGN KEY ... REFERENCES ... with its actions."""
        text = (
            f"FOREIGN KEY ({self.columns(key.columns)}) REFERENCES {self.quote_name(key.referred)}"
        )
        if key.referred_columns:
            text += f" ({self.columns(key.referred_columns)})"
        actions = (
            ("MATCH", key.match),
            ("ON UPDATE", key.on_update),
            ("ON DELETE", key.on_delete),
        )
        return text + "".join(f" {word} {action}" for word, action in actions if action)

    def exclusion_spec(self, constraint: Exclusion) -> str:
        """EXCLUDE USING ...; PostgreSQL alone has it."""
        raise PlanError(f"{self.dialect.name} has no exclusion constraints")

    def add_constraint(self, operation: AddConstraint) -> list[str]:
        """ALTER TABLE ... ADD CONSTRAINT."""
        spec = self.constraint_spec(operation.constraint)
        statements = [self._alter(operation.table, f"ADD {spec}")]
        if operation.constraint.comment is not None and operation.constraint.name:
            statements += self._object_comment("constraint", operation.table, operation.constraint)
        return statements

    def drop_constraint(self, operation: DropConstraint) -> list[str]:
        """ALTER TABLE ... DROP CONSTRAINT."""
        change = f"DROP CONSTRAINT {self.quote(operation.name or '')}"
        return [self._alter(operation.table, change)]

    def rename_constraint(self, operation: RenameConstraint, current: Table | None) -> list[str]:
        """ALTER TABLE ... RENAME CONSTRAINT."""
        old, new = self.quote(operation.before), self.quote(operation.after)
        return [self._alter(operation.table, f"RENAME CONSTRAINT {old} TO {new}")]

    def columns(self, names: Iterable[str]) -> str:
        """Column names, quoted, with commas."""
        return ", ".join(self.quote(name) for name in names)

    # Indexes

    def create_index(self, operation: CreateIndex) -> list[str]:
        """CREATE INDEX."""
        index = operation.index
        words = ["CREATE"] + (["UNIQUE"] if index.unique else []) + ["INDEX"]
        if operation.if_not_exists:
            words.append("IF NOT EXISTS")
        words += [self.quote(index.name or ""), "ON", self.quote_name(operation.table)]
        text = " ".join(words) + f" ({self.index_elements(index)})"
        return [text + (f" WHERE {index.where}" if index.where else "")]

    def index_elements(self, index: Index) -> str:
        """The parts of an index, with commas."""
        return ", ".join(self.index_element(element) for element in index.elements)

    def index_element(self, element: IndexElement) -> str:
        """A part of an index: a column or an expression, with its order."""
        text = f"({element.text})" if element.is_expression else self.quote(element.text)
        if element.collation is not None:
            text += f" COLLATE {self.quote(element.collation)}"
        return text + (" DESC" if element.descending else "")

    def drop_index(self, operation: DropIndex) -> list[str]:
        """DROP INDEX."""
        schema = operation.schema or (operation.table.schema if operation.table else None)
        exists = "IF EXISTS " if operation.if_exists else ""
        return [f"DROP INDEX {exists}{self.quote_name(Name(operation.name, schema))}"]

    def rename_index(self, operation: RenameIndex, current: Table | None) -> list[str]:
        """ALTER INDEX ... RENAME TO."""
        schema = operation.schema or (operation.table.schema if operation.table else None)
        old, new = self.quote_name(Name(operation.before, schema)), self.quote(operation.after)
        return [f"ALTER INDEX {old} RENAME TO {new}"]

    # Other objects

    def set_comment(self, operation: SetComment) -> list[str]:
        """COMMENT ON."""
        on = (
            f" ON {self.quote_name(operation.table)}"
            if operation.kind == "constraint" and (operation.table)
            else ""
        )
        name = (
            self.quote(operation.name.name)
            if operation.kind == "constraint"
            else self.quote_name(operation.name)
        )
        text = self.comment_literal(operation.after)
        return [f"COMMENT ON {operation.kind.upper()} {name}{on} IS {text}"]

    def column_comment(self, table: Name, column: str, comment: str | None) -> list[str]:
        """COMMENT ON COLUMN."""
        name = f"{self.quote_name(table)}.{self.quote(column)}"
        return [f"COMMENT ON COLUMN {name} IS {self.comment_literal(comment)}"]

    def comment_literal(self, comment: str | None) -> str:
        """A comment as a literal, or NULL."""
        return "NULL" if comment is None else quote_literal(comment)

    def create_enum(self, operation: CreateEnum) -> list[str]:
        """CREATE TYPE ... AS ENUM."""
        raise NotImplementedError

    def alter_enum(self, operation: AlterEnum) -> list[str]:
        """ALTER TYPE for an enum."""
        raise NotImplementedError

    def rename_enum(self, operation: RenameEnum) -> list[str]:
        """ALTER TYPE ... RENAME TO, and SET SCHEMA before it."""
        raise NotImplementedError

    def rename_enum_value(self, operation: RenameEnumValue) -> list[str]:
        """ALTER TYPE ... RENAME VALUE."""
        raise NotImplementedError

    def create_sequence(self, sequence: Sequence) -> list[str]:
        """CREATE SEQUENCE."""
        kind = f" AS {sequence.type}" if sequence.type else ""
        options = self.sequence_options(sequence)
        text = f"CREATE SEQUENCE {self.quote_name(sequence.name)}{kind}"
        return [f"{text} {options}" if options else text]

    def alter_sequence(self, operation: AlterSequence) -> list[str]:
        """ALTER SEQUENCE."""
        raise NotImplementedError

    def create_view(self, operation: CreateView) -> list[str]:
        """CREATE VIEW."""
        view = operation.view
        word = "MATERIALIZED VIEW" if view.materialized else "VIEW"
        statements = [f"CREATE {word} {self.quote_name(view.name)} AS {view.sql}"]
        for index in view.indexes:
            statements += self.create_index(CreateIndex(table=view.name, index=index))
        if view.comment is not None and self.features.comments:
            kind: Literal["materialized view", "view"]
            kind = "materialized view" if view.materialized else "view"
            comment = SetComment(kind=kind, name=view.name, after=view.comment)
            statements += self.set_comment(comment)
        return statements

    def backfill(self, operation: Backfill) -> list[str]:
        """UPDATE."""
        values = ", ".join(f"{self.quote(column)} = {sql}" for column, sql in operation.values)
        where = f" WHERE {operation.where}" if operation.where else ""
        return [f"UPDATE {self.quote_name(operation.table)} SET {values}{where}"]

    def require(self, operation: Require) -> str:
        """A comment, for those who run the SQL themselves: no statement refuses by itself."""
        lines = [f"no row may come of this: {operation.message}", *operation.query.splitlines()]
        return "\n".join(f"-- {line}" for line in lines)
