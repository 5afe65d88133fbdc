"""SQL for columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.ddl.columns import ColumnDDL
from autodiff.dialects.generic.ddl.constructs import table_with
from autodiff.schema.objects import Column, ColumnType, Name, Table
from autodiff.schema.operations import (
    AddColumn,
    AlterColumn,
    ColumnPatch,
    DropColumn,
    RenameColumn,
)
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from autodiff.dialects.generic.ddl.statements import GenericDDL

__all__ = ["GenericColumnDDL"]

_ALTERABLE = frozenset(("type", "nullable", "default", "comment"))


class GenericColumnDDL(ColumnDDL):
    """Adds columns as SQLAlchemy defines them, and alters them with the known statements."""

    ddl: GenericDDL

    def definition(self, column: Column, table: Table | None = None) -> str:
        name = Name("t") if table is None else table.name
        [found] = table_with(name, (column,)).columns
        return str(self.ddl.compiler.get_column_specification(found))

    def add(self, operation: AddColumn, current: Table | None = None) -> list[str]:
        """Return ADD COLUMN, with NOT NULL in a separate statement if the database needs that."""
        column, table = operation.column, operation.table
        if kind := self._not_added(column):
            raise self.ddl.impossible(f"add {kind}, as {table}.{column.name},")
        split = not column.nullable and not self.ddl.dialect.abilities.adds_not_null
        defined = self.definition(replace(column, nullable=True) if split else column)
        words = f"{self.ddl.dialect.abilities.add_column} {defined}"
        statements = [self.alter_table(table, words)]
        if split:
            statements += self._set_nullable(table, column, nullable=False)
        if column.comment is not None and self.features.comments:
            statements += self.ddl.comments.set_on_column(table, column.name, column.comment)
        return statements

    def _not_added(self, column: Column) -> str | None:
        """Return what makes a column one that ADD COLUMN does not accept; None if it does."""
        abilities = self.ddl.dialect.abilities
        if column.computed is not None:
            kind = "stored" if column.computed.persisted else "virtual"
            return None if kind in abilities.adds_computed else f"a {kind} computed column"
        if column.default is None:
            refused = not column.nullable and not abilities.adds_without_default
            return "a NOT NULL column without a default" if refused else None
        if abilities.adds_expressions or _is_literal(column.default):
            return None
        return "a column with an expression as its default"

    def drop(self, operation: DropColumn, current: Table | None = None) -> list[str]:
        table, name = operation.table, operation.name
        drop = self._statement("drop_column", table, name, f"drop column {table}.{name}")
        return [*self._without_default(table, name), drop]

    def rename(self, operation: RenameColumn, current: Table | None = None) -> list[str]:
        table, before, after = operation.table, operation.before, operation.after
        quoted = self.quote_name(table)
        return [
            self.ddl.template(
                self.ddl.dialect.abilities.rename_column,
                f"rename column {table}.{before}",
                table=quoted,
                before=self.quote(old),
                after=self.quote(new),
                after_name=new,
                path=f"{quoted}.{self.quote(old)}",
            )
            for old, new in self.ddl.rename_steps(before, after)
        ]

    def alter(self, operation: AlterColumn, current: Table | None = None) -> list[str]:
        """Return the statements for the type, NOT NULL, the default and the comment.

        Raises PlanError for anything else, and if the database has no statement for it.
        """
        table, name, after = operation.table, operation.name, operation.after
        if other := [field for field in after.fields if field not in _ALTERABLE]:
            raise self.ddl.impossible(f"change {other[0]} of column {table}.{name}")
        column = self._column_before(operation, current)
        changed = after.apply(column)
        statements: list[str] = []
        if "type" in after.fields:
            statements += self._set_type(table, column, changed, "default" in after.fields)
        if "default" in after.fields:
            statements += self._set_default(table, name, changed.default)
        if "nullable" in after.fields and not self._has_set_null(after):
            statements += self._set_nullable(table, changed, nullable=changed.nullable)
        if "comment" in after.fields and self.features.comments:
            statements += self.ddl.comments.set_on_column(table, name, changed.comment)
        return statements

    def _column_before(self, operation: AlterColumn, current: Table | None) -> Column:
        """Return the column, from the table or from the operation."""
        known = None if current is None else current.column(operation.name)
        if known is not None:
            return known
        return operation.before.apply(Column(name=operation.name, type=ColumnType(sql="")))

    def _set_type(
        self, table: Name, column: Column, changed: Column, resets_default: bool
    ) -> list[str]:
        what = f"change the type of column {table}.{column.name} to {changed.type.sql}"
        null = "NULL" if changed.nullable else "NOT NULL"
        statement = self._statement(
            "alter_type", table, column.name, what, type=changed.type.sql, null=null
        )
        if not self.ddl.dialect.abilities.drop_default_first or column.default is None:
            return [statement]
        dropped = self._without_default(table, column.name)
        restored = [] if resets_default else self._set_default(table, column.name, column.default)
        return [*dropped, statement, *restored]

    def _set_default(self, table: Name, name: str, default: str | None) -> list[str]:
        what = f"change the default of column {table}.{name}"
        if default is None:
            return [self._statement("drop_default", table, name, what)]
        before = self._without_default(table, name)
        return [*before, self._statement("set_default", table, name, what, default=default)]

    def _set_nullable(self, table: Name, column: Column, *, nullable: bool) -> list[str]:
        what = f"change NOT NULL of column {table}.{column.name}"
        ability = "drop_not_null" if nullable else "set_not_null"
        return [self._statement(ability, table, column.name, what, type=column.type.sql)]

    def _has_set_null(self, after: ColumnPatch) -> bool:
        """Return whether the statement for the type includes NULL or NOT NULL."""
        text = self.ddl.dialect.abilities.alter_type
        return "type" in after.fields and text is not None and "{null}" in text

    def _without_default(self, table: Name, column: str) -> list[str]:
        """Return the statement that drops the default, if it would block the next one."""
        if not self.ddl.dialect.abilities.drop_default_first:
            return []
        return [self._statement("drop_default", table, column, "drop a default")]

    def _statement(self, ability: str, table: Name, column: str, what: str, **names: str) -> str:
        text: str | None = getattr(self.ddl.dialect.abilities, ability)
        return self.ddl.template(
            text,
            what,
            table=self.quote_name(table),
            column=self.quote(column),
            column_name=column,
            **names,
        )


def _is_literal(sql: str) -> bool:
    """Return whether a default is a string, a number, NULL, TRUE or FALSE."""
    words = [text.upper() for kind, text in tokens(sql) if kind == "word"]
    return all(word in ("NULL", "TRUE", "FALSE") or word[0].isdigit() for word in words)
