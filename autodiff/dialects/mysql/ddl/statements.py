"""Write the SQL of each operation for MySQL and MariaDB."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from autodiff.dialects.ddl import DDL
from autodiff.dialects.ddl.comments import CommentDDL
from autodiff.dialects.ddl.rows import RowDDL
from autodiff.dialects.ddl.sequences import SequenceDDL
from autodiff.dialects.ddl.views import ViewDDL
from autodiff.dialects.mysql.ddl.columns import MySQLColumnDDL, differs_by_row
from autodiff.dialects.mysql.ddl.constraints import MySQLConstraintDDL
from autodiff.dialects.mysql.ddl.indexes import MySQLIndexDDL
from autodiff.dialects.mysql.ddl.table_options import follows_charset
from autodiff.dialects.mysql.ddl.tables import MySQLTableDDL
from autodiff.dialects.mysql.ddl.triggers import MySQLTriggerDDL
from autodiff.dialects.mysql.expressions import quote_string, split_on_update
from autodiff.dialects.narrowing import shape
from autodiff.schema.apply import CHARSET_OPTIONS
from autodiff.schema.objects import (
    Column,
    ForeignKey,
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
    AlterSequence,
    Backfill,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateView,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropNamespace,
    Operation,
    RenameColumn,
    RenameConstraint,
    SetComment,
    SetTableOptions,
)
from autodiff.schema.sqltext import end_comment

if TYPE_CHECKING:
    from autodiff.dialects.mysql import MySQL

__all__ = ["MySQLDDL"]

_NUMBER = re.compile(r"(?:-?\d+(?:\.(?P<fraction>\d+))?|true|false)\Z")
_MAX_DIGITS = 65
"""Of a DECIMAL: https://dev.mysql.com/doc/refman/8.4/en/fixed-point-types.html"""
_CREATE_INDEX = re.compile(r"CREATE (?:\w+ )?INDEX ")
_DROP_INDEX = re.compile(r"DROP INDEX ((?:IF EXISTS )?(?:`(?:[^`]|``)+`|\w+)) ON (.+)", re.DOTALL)
_REQUIRE_EMPTY = (
    "SELECT extractvalue('<a/>', (SELECT CASE count(*) WHEN 0 THEN '/a' "
    "ELSE '~the schema is not empty' END "
    "FROM information_schema.tables WHERE table_schema = {name}))"
)
"""A query that fails with "XPATH syntax error: '~the schema is not empty'" if there are tables.

SIGNAL cannot be conditional outside of stored programs, and creating one requires a privilege.
extractvalue() puts an invalid XPath (one that starts with ~) into the message of its error.
https://dev.mysql.com/doc/refman/en/xml-functions.html
"""


class MySQLDDL(DDL):
    """Writes SQL for MySQL and MariaDB."""

    dialect: MySQL
    tables: MySQLTableDDL
    columns: MySQLColumnDDL
    constraints: MySQLConstraintDDL
    indexes: MySQLIndexDDL
    rows: MySQLRowDDL

    def __init__(self, dialect: MySQL) -> None:
        super().__init__(dialect)
        self.triggers = MySQLTriggerDDL(self)
        self.tables = MySQLTableDDL(self)
        self.columns = MySQLColumnDDL(self)
        self.constraints = MySQLConstraintDDL(self)
        self.indexes = MySQLIndexDDL(self)
        self.comments = MySQLCommentDDL(self)
        self.sequences = MySQLSequenceDDL(self)
        self.views = MySQLViewDDL(self)
        self.rows = MySQLRowDDL(self)

    def with_implied_indexes(
        self, current: Table | None, after: Table, statements: Iterable[str]
    ) -> Table:
        return self.indexes.with_replacements(current, after, statements)

    def with_followed_names(self, before: Name, after: Table) -> Table:
        return self.constraints.with_followed_names(before, after)

    def spare_indexes(self, before: Table, after: Table) -> list[str]:
        return self.indexes.spare_indexes(before, after)

    def with_algorithm(self, sql: str, algorithm: str) -> str:
        """Return ALTER TABLE or CREATE INDEX with ALGORITHM and LOCK=NONE.

        DROP INDEX becomes ALTER TABLE: that of MariaDB 10 has no such clauses. MySQL accepts no
        LOCK beside ALGORITHM=INSTANT, which takes none.
        https://dev.mysql.com/doc/refman/en/alter-table.html#alter-table-concurrency
        https://mariadb.com/kb/en/alter-table/#lock
        """
        clauses = [f"ALGORITHM={algorithm}"]
        if self.dialect.is_mariadb or algorithm != "INSTANT":
            clauses.append("LOCK=NONE")
        if (drop := _DROP_INDEX.fullmatch(sql)) is not None:
            sql = f"ALTER TABLE {drop[2]} DROP INDEX {drop[1]}"
        sql = end_comment(sql, backslashes=True)
        if sql.startswith("ALTER TABLE "):
            return f"{sql}, {', '.join(clauses)}"
        if _CREATE_INDEX.match(sql):
            return f"{sql} {' '.join(clauses)}"
        return sql

    def required_table(self, operation: Operation) -> Name | None:
        match operation:
            case AlterColumn() | DropColumn() | RenameColumn():
                return operation.table
            case DropConstraint() | RenameConstraint():
                return operation.table
            case DropIndex() | SetTableOptions() | SetComment(kind="index" | "constraint"):
                return operation.table
            case AddConstraint(constraint=PrimaryKey() | Unique() | ForeignKey()):
                return operation.table
            case CreateIndex() | Backfill():
                return operation.table
            case AddColumn(column=column) if differs_by_row(column):
                return operation.table
            case _:
                return None

    def required_columns(self, operation: Operation) -> tuple[str, ...] | None:
        match operation:
            case AlterColumn(name=name) | DropColumn(name=name):
                return (name,)
            case _:
                return None

    def columns_changed_by_options(
        self, options: Iterable[tuple[str, Option | None, Option | None]], table: Table
    ) -> tuple[str, ...]:
        """Return the columns that have the table's charset, if an option changes it."""
        if not any(name in CHARSET_OPTIONS for name, _, _ in options):
            return ()
        return tuple(column.name for column in table.columns if follows_charset(column))

    def namespace(self, operation: CreateNamespace | DropNamespace) -> list[str]:
        """Return CREATE SCHEMA; or DROP SCHEMA after a query that fails if it has any tables.

        DROP SCHEMA would also drop the tables.
        https://dev.mysql.com/doc/refman/en/drop-database.html
        """
        statements = super().namespace(operation)
        if isinstance(operation, CreateNamespace):
            return statements
        return [_REQUIRE_EMPTY.format(name=quote_string(operation.name)), *statements]


class MySQLCommentDDL(CommentDDL):
    """Sets the comments of tables, indexes and unique constraints; other objects have none."""

    ddl: MySQLDDL

    def set(self, operation: SetComment, current: Table | None = None) -> list[str]:
        if operation.kind in ("index", "constraint"):
            return self.ddl.indexes.set_comment(operation, current)
        if operation.kind != "table":
            return []
        comment = quote_string(operation.after or "")
        return [self.alter_table(operation.name, f"COMMENT = {comment}")]


class MySQLSequenceDDL(SequenceDDL):
    """Creates, drops and alters sequences of MariaDB."""

    def create(self, operation: CreateSequence) -> list[str]:
        """Return CREATE SEQUENCE without a type, which MariaDB supports only since 11.5."""
        options = self.options(operation.sequence)
        text = f"CREATE SEQUENCE {self.quote_name(operation.sequence.name)}"
        return [f"{text} {options}" if options else text]

    def alter(self, operation: AlterSequence) -> list[str]:
        """Return ALTER SEQUENCE with all options; 1000 is MariaDB's default for CACHE.

        https://mariadb.com/kb/en/create-sequence/
        """
        after = operation.after
        words = [
            f"INCREMENT BY {1 if after.increment is None else after.increment}",
            "NO MINVALUE" if after.minvalue is None else f"MINVALUE {after.minvalue}",
            "NO MAXVALUE" if after.maxvalue is None else f"MAXVALUE {after.maxvalue}",
            f"START WITH {_first_value(after)}",
            f"CACHE {1000 if after.cache is None else after.cache}",
            "CYCLE" if after.cycle else "NOCYCLE",
        ]
        return [f"ALTER SEQUENCE {self.quote_name(after.name)} {' '.join(words)}"]


class MySQLViewDDL(ViewDDL):
    """Creates and drops views, which cannot have indexes or comments."""

    def create(self, operation: CreateView) -> list[str]:
        view = operation.view
        return [f"CREATE VIEW {self.quote_name(view.name)} AS {view.sql}"]


class MySQLRowDDL(RowDDL):
    """Updates rows without changing columns that have ON UPDATE."""

    def backfill(self, operation: Backfill, current: Table | None = None) -> list[str]:
        return [self.update(operation.table, operation.values, current, operation.where)]

    def fill_nulls(self, column: Column, value: str, *, is_new: bool) -> str | None:
        """Return coalesce() if its type stores the values of the column unchanged.

        It turns a TIMESTAMP into a DATETIME, which is ambiguous when clocks are set back, and an
        ENUM or a BIT into another type. A date 0000-00-00 can be kept, but not assigned again.
        https://dev.mysql.com/doc/refman/8.4/en/comparison-operators.html#function_coalesce
        """
        limits = shape(column.type.sql, {})
        number = _NUMBER.match(value)
        if limits.kind == "text":
            keeps = bool(number) or self.dialect.literal_value(value) is not None
        elif limits.kind == "decimal":
            scale = max(limits.scale or 0, len(number["fraction"] or "") if number else 0)
            keeps = bool(number) and (limits.digits or 0) + scale <= _MAX_DIGITS
        else:
            keeps = bool(number) and limits.kind in ("integer", "float")
        return f"coalesce({self.quote(column.name)}, {value})" if is_new or keeps else None

    def update(
        self,
        table: Name,
        values: Iterable[tuple[str, str]],
        current: Table | None,
        where: str | None = None,
    ) -> str:
        """Return an UPDATE that does not change other columns, not even those with ON UPDATE.

        An assignment of the column to itself prevents the automatic update.
        https://dev.mysql.com/doc/refman/en/timestamp-initialization.html
        """
        pairs = dict(values)
        for column in current.columns if current else ():
            has_on_update = column.default and split_on_update(column.default)[1]
            if has_on_update and column.name not in pairs:
                pairs[column.name] = self.quote(column.name)
        assignments = ", ".join(f"{self.quote(name)} = {sql}" for name, sql in pairs.items())
        condition = f" WHERE {where}" if where else ""
        return f"UPDATE {self.quote_name(table)} SET {assignments}{condition}"


def _first_value(sequence: Sequence) -> int:
    """Return the start value, with MariaDB's default if none is declared.

    https://mariadb.com/kb/en/create-sequence/
    """
    if sequence.start is not None:
        return sequence.start
    if (sequence.increment or 1) > 0:
        return sequence.minvalue or 1
    return sequence.maxvalue or -1
