"""How MySQL and MariaDB spell columns, constraints, indexes and whole tables.

https://dev.mysql.com/doc/refman/en/create-table.html and
https://mariadb.com/kb/en/create-table/
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.ddl import DDL
from autodiff.dialects.mysql.catalog.implicit_indexes import (
    has_chosen_name,
    index_name,
    keys_without_index,
)
from autodiff.dialects.mysql.expressions import (
    canonical_now,
    is_literal,
    quote_string,
    split_on_update,
)
from autodiff.dialects.mysql.partitions import PARTITION_OPTIONS, partition_clause
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Sequence,
    Table,
    Unique,
)
from autodiff.schema.sqltext import strip_parentheses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autodiff.dialects.mysql import MySQL
    from autodiff.schema.operations import CreateIndex, CreateView, SetComment

__all__ = ["MySQLSpecs", "column_check", "is_in_column", "option_words"]

_KINDS = ("fulltext", "spatial", "vector")
"""The index methods that stand in front of the word INDEX."""
_EXPRESSIONS_ALONE = (
    *("tinytext", "text", "mediumtext", "longtext", "json", "vector"),
    *("tinyblob", "blob", "mediumblob", "longblob"),
    *("geometry", "point", "linestring", "polygon", "geometrycollection"),
    *("multipoint", "multilinestring", "multipolygon"),
)
"""Types whose default must be an expression: even a literal stands in parentheses."""
_QUOTED_OPTIONS = (
    *("comment", "connection", "password", "data_directory", "index_directory"),
    *("compression", "encryption", "engine_attribute", "secondary_engine_attribute"),
)
_OPTION_WORDS = {
    "charset": "DEFAULT CHARSET",
    "character_set": "DEFAULT CHARSET",
    "default_charset": "DEFAULT CHARSET",
    "default_character_set": "DEFAULT CHARSET",
    "default_collate": "COLLATE",
    "data_directory": "DATA DIRECTORY",
    "index_directory": "INDEX DIRECTORY",
}
_FIRST_OPTIONS = (
    "engine",
    "charset",
    "character_set",
    "default_charset",
    "default_character_set",
    "collate",
    "default_collate",
)


_OTHER_CLAUSES = ("mysql_with_system_versioning", *PARTITION_OPTIONS)


class MySQLSpecs(DDL):
    """The parts of statements, for MySQL and MariaDB."""

    dialect: MySQL

    # Tables

    def create_table(self, table: Table) -> list[str]:
        """One statement with all indexes in it: an AUTO_INCREMENT column needs its index."""
        parts = [self.column_spec(column, table) for column in table.columns]
        parts += [self.constraint_spec(c, table) for c in self._inline_constraints(table)]
        parts += [self.index_spec(i) for i in (*table.indexes, *_indexes_of_keys(table))]
        body = ",\n    ".join(parts)
        head = f"CREATE {self.table_prefix(table)}TABLE {self.quote_name(table.name)}"
        return [f"{head} (\n    {body}\n){self.table_suffix(table)}"]

    def _inline_constraints(self, table: Table) -> Iterable[Constraint]:
        constraints = super()._inline_constraints(table)
        return [c for c in constraints if not (isinstance(c, Check) and is_in_column(c))]

    def table_suffix(self, table: Table) -> str:
        options = dict(table.options)
        if table.comment is not None:
            options["mysql_comment"] = table.comment
        text = option_words(options)
        if table.options.get("mysql_with_system_versioning"):
            text += " WITH SYSTEM VERSIONING"
        partitions = partition_clause(options)
        return f"{text} {partitions}" if partitions else text

    def alter(self, table: Name, changes: Iterable[str]) -> str:
        """One ALTER TABLE for all the changes."""
        return self._alter(table, ", ".join(changes))

    def update(
        self,
        table: Name,
        values: Iterable[tuple[str, str]],
        current: Table | None,
        where: str | None = None,
    ) -> str:
        """UPDATE that leaves the other columns as they are, those with ON UPDATE too."""
        pairs = dict(values)
        for column in current.columns if current else ():
            touched = column.default and split_on_update(column.default)[1]
            if touched and column.name not in pairs:
                pairs[column.name] = self.quote(column.name)
        listed = ", ".join(f"{self.quote(name)} = {sql}" for name, sql in pairs.items())
        condition = f" WHERE {where}" if where else ""
        return f"UPDATE {self.quote_name(table)} SET {listed}{condition}"

    # Columns

    def column_spec(self, column: Column, table: Table | None = None) -> str:
        """A column with its comment and, on MariaDB, the check that `table` has in it."""
        parts = [self.quote(column.name), column.type.sql]
        parts += self._value_spec(column)
        if column.autoincrement:
            parts.append("AUTO_INCREMENT")
        if column.options.get("mysql_invisible"):
            parts.append("INVISIBLE")
        if column.comment is not None:
            parts.append(f"COMMENT {quote_string(column.comment)}")
        check = table and column_check(table, column.name)
        if check:
            parts.append(f"CHECK ({check.sql})")
        return " ".join(parts)

    def _value_spec(self, column: Column) -> list[str]:
        """How it is generated, or whether it may be NULL and its default.

        NULL is said for a TIMESTAMP, which would be NOT NULL where
        explicit_defaults_for_timestamp is off; MariaDB has no NOT NULL on generated columns.
        """
        if column.computed is not None:
            kind = "STORED" if column.computed.persisted else "VIRTUAL"
            generated = f"GENERATED ALWAYS AS ({column.computed.sql}) {kind}"
            required = not column.nullable and not self.dialect.is_mariadb
            return [generated, "NOT NULL"] if required else [generated]
        parts = [] if column.nullable else ["NOT NULL"]
        if column.nullable and column.type.sql.startswith("timestamp"):
            parts = ["NULL"]
        if column.default is not None:
            parts.append(self.default_clause(column.default, column.type.sql))
        return parts

    def default_clause(self, default: str, type_sql: str) -> str:
        """DEFAULT and ON UPDATE; an expression in parentheses, as MySQL wants it."""
        value, on_update = split_on_update(default)
        parts = []
        if value is not None:
            parts.append(f"DEFAULT {self._default_value(value, type_sql)}")
        if on_update is not None:
            parts.append(f"ON UPDATE {on_update}")
        return " ".join(parts)

    def _default_value(self, value: str, type_sql: str) -> str:
        inner = strip_parentheses(value)
        base = type_sql.split("(")[0].split(" ")[0]
        alone = base in _EXPRESSIONS_ALONE and inner.lower() != "null"
        if (is_literal(inner) and not alone) or canonical_now(inner, type_sql):
            return inner
        return f"({inner})"

    def column_comment(self, table: Name, column: str, comment: str | None) -> list[str]:
        """Nothing: the comment is in the column's definition."""
        return []

    # Constraints

    def constraint_spec(self, constraint: Constraint, table: Table | None = None) -> str:
        """A constraint; a primary key has no name here."""
        if isinstance(constraint, PrimaryKey):
            return self.constraint_body(constraint)
        return super().constraint_spec(constraint, table)

    def constraint_body(self, constraint: Constraint) -> str:
        text = super().constraint_body(constraint)
        if isinstance(constraint, Unique) and constraint.comment is not None:
            text += f" COMMENT {quote_string(constraint.comment)}"
        if isinstance(constraint, Check) and constraint.options.get("mysql_not_enforced"):
            text += " NOT ENFORCED"
        return text

    def deferrable(self, constraint: PrimaryKey | ForeignKey | Unique | Exclusion) -> str:
        """Nothing: constraints are checked at once."""
        return ""

    # Indexes

    def index_spec(self, index: Index) -> str:
        """An index as CREATE TABLE has it, and ALTER TABLE behind the word ADD."""
        name = f"{self.quote(index.name)} " if index.name else ""
        return f"{_kind(index)}INDEX {name}({self.index_elements(index)}){self._options(index)}"

    def create_index(self, operation: CreateIndex) -> list[str]:
        index = operation.index
        exists = "IF NOT EXISTS " if operation.if_not_exists and self.dialect.is_mariadb else ""
        head = f"CREATE {_kind(index)}INDEX {exists}{self.quote(index.name or '')}"
        on = f"ON {self.quote_name(operation.table)} ({self.index_elements(index)})"
        return [f"{head} {on}{self._options(index)}"]

    def index_element(self, element: IndexElement) -> str:
        text = f"({element.text})" if element.is_expression else self.quote(element.text)
        text += f"({element.length})" if element.length else ""
        return text + (" DESC" if element.descending else "")

    def _options(self, index: Index) -> str:
        text = ""
        if index.method and index.method not in _KINDS:
            text += f" USING {index.method.upper()}"
        if index.comment is not None:
            text += f" COMMENT {quote_string(index.comment)}"
        if index.options.get("mysql_invisible"):
            text += " IGNORED" if self.dialect.is_mariadb else " INVISIBLE"
        if parser := index.options.get("mysql_with_parser"):
            text += f" WITH PARSER {parser}"
        return text

    # Other objects

    def set_comment(self, operation: SetComment) -> list[str]:
        """A table's comment; constraints, views and the like have none."""
        if operation.kind != "table":
            return []
        comment = quote_string(operation.after or "")
        return [self._alter(operation.name, f"COMMENT = {comment}")]

    def create_sequence(self, sequence: Sequence) -> list[str]:
        words = self.sequence_options(sequence)
        text = f"CREATE SEQUENCE {self.quote_name(sequence.name)}"
        return [f"{text} {words}" if words else text]

    def create_view(self, operation: CreateView) -> list[str]:
        view = operation.view
        return [f"CREATE VIEW {self.quote_name(view.name)} AS {view.sql}"]


def _indexes_of_keys(table: Table) -> list[Index]:
    """Indexes for foreign keys whose name the server chose: it would name these as the key."""
    indexes: list[Index] = []
    for key in keys_without_index(table):
        known = replace(table, indexes=(*table.indexes, *indexes))
        if has_chosen_name(key) and key in keys_without_index(known):
            elements = tuple(IndexElement(text=name) for name in key.columns)
            indexes.append(Index(name=index_name(key, known), elements=elements))
    return indexes


def is_in_column(check: Check) -> bool:
    """Whether MariaDB has the check in its column's definition."""
    return check.options.get("mysql_level") == "column"


def column_check(table: Table, column: str) -> Check | None:
    """The check that MariaDB has in the column's definition."""
    check = table.constraint(column)
    return check if isinstance(check, Check) and is_in_column(check) else None


def option_words(options: Mapping[str, Option]) -> str:
    """Table options as SQL, each with a space before it, in an order that the server takes.

    How the table is partitioned is not among them: `partition_clause` says it.
    """
    named = {
        key.removeprefix("mysql_"): value
        for key, value in options.items()
        if key.startswith("mysql_") and key not in _OTHER_CLAUSES
    }
    others = sorted(set(named) - {*_FIRST_OPTIONS})
    order = [name for name in (*_FIRST_OPTIONS, *others) if name in named]
    return "".join(f" {_option(name, named[name])}" for name in order)


def _option(name: str, value: Option) -> str:
    text = quote_string(str(value)) if name in _QUOTED_OPTIONS else str(value)
    return f"{_OPTION_WORDS.get(name, name.upper())}={text}"


def _kind(index: Index) -> str:
    if index.method in _KINDS:
        return f"{index.method.upper()} "
    return "UNIQUE " if index.unique else ""
