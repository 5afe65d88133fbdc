"""Operations to MySQL's and MariaDB's SQL.

https://dev.mysql.com/doc/refman/en/alter-table.html and
https://mariadb.com/kb/en/alter-table/
"""

from __future__ import annotations

from collections.abc import Iterable

from autodiff.dialects.mysql.ddl.clauses import MySQLSpecs, option_words
from autodiff.dialects.mysql.ddl.columns import (
    add_column,
    alter_column,
    differs_by_row,
    drop_column,
    rename_column,
)
from autodiff.dialects.mysql.ddl.constraints import (
    add_constraint,
    create_index,
    drop_constraint,
    drop_index,
    set_index_comment,
)
from autodiff.dialects.mysql.ddl.renames import rename_constraint, rename_index
from autodiff.dialects.mysql.expressions import quote_string
from autodiff.dialects.mysql.partitions import PARTITION_OPTIONS, partition_clause
from autodiff.dialects.mysql.types import is_text, split_collation
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
    DropColumn,
    DropConstraint,
    DropIndex,
    DropNamespace,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    SetComment,
    SetTableOptions,
)

__all__ = ["MySQLDDL"]

_GUARD = (
    "SELECT extractvalue('<a/>', (SELECT CASE count(*) WHEN 0 THEN '/a' "
    "ELSE '~the schema is not empty' END "
    "FROM information_schema.tables WHERE table_schema = {name}))"
)
_CHARSETS = (
    *("mysql_charset", "mysql_collate", "mysql_default_charset", "mysql_default_collate"),
    *("mysql_character_set", "mysql_default_character_set"),
)
_WITHOUT: dict[str, Option] = {
    "mysql_row_format": "DEFAULT",
    "mysql_key_block_size": 0,
    "mysql_stats_persistent": "DEFAULT",
    "mysql_stats_auto_recalc": "DEFAULT",
    "mysql_stats_sample_pages": "DEFAULT",
    "mysql_pack_keys": "DEFAULT",
    "mysql_avg_row_length": 0,
    "mysql_max_rows": 0,
    "mysql_min_rows": 0,
    "mysql_checksum": 0,
    "mysql_delay_key_write": 0,
}
"""What an option is set to when it goes away."""


def _follows_charset(column: Column) -> bool:
    """Whether a column has the charset and collation of its table."""
    return is_text(column.type.sql) and split_collation(column.type.sql)[1] is None


class MySQLDDL(MySQLSpecs):
    """SQL for MySQL and MariaDB."""

    def required_table(self, operation: Operation) -> Name | None:
        match operation:
            case AlterColumn() | DropColumn() | RenameColumn():
                return operation.table
            case DropConstraint() | RenameConstraint():
                return operation.table
            case DropIndex() | SetTableOptions() | SetComment(kind="index"):
                return operation.table
            case AddConstraint(constraint=PrimaryKey() | Unique() | ForeignKey()):
                return operation.table
            case CreateIndex() | Backfill():
                return operation.table
            case AddColumn(column=column) if differs_by_row(column):
                return operation.table
            case _:
                return None

    def columns_changed_by_options(
        self, options: Iterable[tuple[str, Option | None, Option | None]], table: Table
    ) -> tuple[str, ...]:
        """Return the columns that follow a charset or collation of the table, if that changes."""
        if not any(name in _CHARSETS for name, _, _ in options):
            return ()
        return tuple(column.name for column in table.columns if _follows_charset(column))

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        match operation:
            case AddColumn():
                return add_column(self, operation, current)
            case Backfill(table=table, values=values, where=where):
                return [self.update(table, values, current, where)]
            case AlterColumn():
                return alter_column(self, operation, current)
            case DropColumn():
                return drop_column(self, operation, current)
            case RenameColumn():
                return rename_column(self, operation, current)
            case DropConstraint():
                return drop_constraint(self, operation, current)
            case RenameConstraint():
                return rename_constraint(self, operation, current)
            case DropIndex():
                return drop_index(self, operation, current)
            case RenameIndex():
                return rename_index(self, operation)
            case AddConstraint():
                return add_constraint(self, operation, current)
            case CreateIndex():
                return create_index(self, operation, current)
            case SetComment(kind="index"):
                return set_index_comment(self, operation, current)
            case SetTableOptions():
                return self._set_options(operation, current)
            case DropNamespace(name=name):
                return self._drop_namespace(name)
            case _:
                return super().statements(operation, current)

    # Tables

    def rename_table(self, operation: RenameTable) -> list[str]:
        before, after = self.quote_name(operation.before), self.quote_name(operation.after)
        return [f"RENAME TABLE {before} TO {after}"]

    def _set_options(self, operation: SetTableOptions, current: Table | None) -> list[str]:
        """ALTER TABLE for all options at once; texts move to a new charset with the table."""
        options: dict[str, Option] = {}
        for name, _, after in operation.options:
            value = _WITHOUT.get(name) if after is None else after
            if name in PARTITION_OPTIONS:
                continue
            if value is None or not name.startswith("mysql_"):
                self.set_table_options(operation)
            else:
                options[name] = value
        changes = self._partitions(operation, current)
        if any(name in options for name in _CHARSETS):
            return [self.alter(operation.table, self._converted(options, current)), *changes]
        if options:
            changes.insert(0, self._alter(operation.table, option_words(options).strip()))
        return changes

    def _partitions(self, operation: SetTableOptions, current: Table | None) -> list[str]:
        """The partitions anew, which moves the rows; what is not mentioned stays as it is."""
        told = {name: after for name, _, after in operation.options if name in PARTITION_OPTIONS}
        if not told:
            return []
        known = current.options if current is not None else {}
        now = {name: value for name, value in known.items() if name in PARTITION_OPTIONS}
        wanted = {name: value for name, value in (now | told).items() if value is not None}
        clause = partition_clause(wanted) or "REMOVE PARTITIONING"
        return [self._alter(operation.table, clause)]

    def _converted(self, options: dict[str, Option], current: Table | None) -> list[str]:
        """The new default charset, and the columns that follow it, stated anew.

        Not CONVERT TO, where the table is known: that makes a MEDIUMTEXT of a TEXT, and reaches
        columns with a collation of their own.
        """
        plain = {name: value for name, value in options.items() if name not in _CHARSETS}
        if current is None:
            return [*_separate(plain), _convert_to(options)]
        columns = [
            f"MODIFY COLUMN {self.column_spec(column, current)}"
            for column in current.columns
            if _follows_charset(column)
        ]
        return [option_words(options).strip(), *columns]

    def _drop_namespace(self, name: str) -> list[str]:
        """DROP SCHEMA, which would take the tables with it, behind a query that then fails.

        The error says "XPATH syntax error: '~the schema is not empty'".
        """
        guard = _GUARD.format(name=quote_string(name))
        return [guard, f"DROP SCHEMA {self.quote(name)}"]

    # Sequences

    def alter_sequence(self, operation: AlterSequence) -> list[str]:
        after = operation.after
        words = [
            f"INCREMENT BY {after.increment or 1}",
            "NO MINVALUE" if after.minvalue is None else f"MINVALUE {after.minvalue}",
            "NO MAXVALUE" if after.maxvalue is None else f"MAXVALUE {after.maxvalue}",
            f"START WITH {_start(after)}",
            f"CACHE {1000 if after.cache is None else after.cache}",
            "CYCLE" if after.cycle else "NOCYCLE",
        ]
        return [f"ALTER SEQUENCE {self.quote_name(after.name)} {' '.join(words)}"]


def _separate(options: dict[str, Option]) -> list[str]:
    return [option_words(options).strip()] if options else []


def _convert_to(options: dict[str, Option]) -> str:
    said = {name: value for name, value in options.items() if name in _CHARSETS}
    collation = next((value for name, value in said.items() if name.endswith("collate")), None)
    charset = next((value for name, value in said.items() if not name.endswith("collate")), None)
    text = f"CONVERT TO CHARACTER SET {charset or str(collation).split('_')[0]}"
    return text + (f" COLLATE {collation}" if collation else "")


def _start(sequence: Sequence) -> int:
    if sequence.start is not None:
        return sequence.start
    if (sequence.increment or 1) > 0:
        return sequence.minvalue or 1
    return sequence.maxvalue or -1
