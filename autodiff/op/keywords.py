"""Declare the keywords of the functions of op, so that a type checker rejects a misspelt one.

The lists come from these sources:

- `construct_arguments` of SQLAlchemy's dialects for PostgreSQL, MySQL, MariaDB, SQLite, SQL Server
  and Oracle, without arguments that only reflection sets
- the table options in the manuals of MySQL and MariaDB, because SQLAlchemy accepts any name that
  begins with `mysql_` or `mariadb_` there
- the signatures of `sa.Table`, `sa.Index` and the constraints
- the signatures of Alembic's `op`, whose scripts pass some arguments that have no effect here

They exist only for type checkers. At run time the functions pass on every keyword, so options of
other SQLAlchemy dialects work too: mark such a line with `# type: ignore[call-arg]`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

__all__ = [
    "AlterColumnOptions",
    "CheckConstraintOptions",
    "ColumnType",
    "CommentedKind",
    "CreateTableOptions",
    "DropColumnOptions",
    "EnumColumn",
    "ExcludeConstraintOptions",
    "ForeignKeyOptions",
    "IndexOptions",
    "PrimaryKeyOptions",
    "SQLExpression",
    "SequenceOptions",
    "ServerDefault",
    "TableOptions",
    "UniqueConstraintOptions",
]

ColumnType: TypeAlias = TypeEngine[Any] | type[TypeEngine[Any]]
"""A SQLAlchemy type, such as sa.String(20) or sa.Integer."""

SQLExpression: TypeAlias = str | sa.ColumnElement[Any] | sa.TextClause
"""SQL text, or a SQLAlchemy expression."""

ServerDefault: TypeAlias = (
    str | bool | sa.FetchedValue | sa.ColumnElement[Any] | sa.TextClause | None
)
"""A default: SQL, sa.Identity(...) or sa.Computed(...). None drops it, False keeps it."""

CommentedKind: TypeAlias = Literal[
    "constraint", "index", "type", "sequence", "view", "materialized view"
]
"""A kind of object that can have a comment, besides tables and columns."""

EnumColumn: TypeAlias = tuple[str, str, str | None] | tuple[str, str, str | None, bool]
"""A column that has an enum type: table, column, the SQL of its default, and whether an array."""

_Value: TypeAlias = str | int | bool | None


class _PostgreSQLTableOptions(TypedDict, total=False):
    postgresql_ignore_search_path: bool
    postgresql_inherits: str | Sequence[str] | None
    postgresql_on_commit: str | None
    postgresql_partition_by: str | None
    postgresql_tablespace: str | None
    postgresql_using: str | None
    postgresql_with: Mapping[str, Any] | None
    postgresql_with_oids: bool | None


class _SQLiteTableOptions(TypedDict, total=False):
    sqlite_autoincrement: bool | None
    sqlite_strict: bool | None
    sqlite_with_rowid: bool | None


class _OracleTableOptions(TypedDict, total=False):
    oracle_compress: bool | int
    oracle_on_commit: str | None
    oracle_resolve_synonyms: bool
    oracle_tablespace: str | None


class _MySQLTableOptions(TypedDict, total=False):
    mysql_auto_increment: _Value
    mysql_autoextend_size: _Value
    mysql_avg_row_length: _Value
    mysql_character_set: _Value
    mysql_charset: _Value
    mysql_checksum: _Value
    mysql_collate: _Value
    mysql_comment: _Value
    mysql_compression: _Value
    mysql_connection: _Value
    mysql_data_directory: _Value
    mysql_default_character_set: _Value
    mysql_default_charset: _Value
    mysql_default_collate: _Value
    mysql_delay_key_write: _Value
    mysql_encrypted: _Value
    mysql_encryption: _Value
    mysql_encryption_key_id: _Value
    mysql_engine: _Value
    mysql_engine_attribute: _Value
    mysql_ietf_quotes: _Value
    mysql_index_directory: _Value
    mysql_insert_method: _Value
    mysql_key_block_size: _Value
    mysql_max_rows: _Value
    mysql_min_rows: _Value
    mysql_pack_keys: _Value
    mysql_page_checksum: _Value
    mysql_page_compressed: _Value
    mysql_page_compression_level: _Value
    mysql_partition_by: _Value
    mysql_partition_definitions: _Value
    mysql_partitions: _Value
    mysql_password: _Value
    mysql_row_format: _Value
    mysql_secondary_engine_attribute: _Value
    mysql_sequence: _Value
    mysql_start_transaction: _Value
    mysql_stats_auto_recalc: _Value
    mysql_stats_persistent: _Value
    mysql_stats_sample_pages: _Value
    mysql_subpartition_by: _Value
    mysql_subpartitions: _Value
    mysql_tablespace: _Value
    mysql_transactional: _Value
    mysql_union: _Value
    mysql_with_system_versioning: _Value


class _MariaDBTableOptions(TypedDict, total=False):
    mariadb_auto_increment: _Value
    mariadb_autoextend_size: _Value
    mariadb_avg_row_length: _Value
    mariadb_character_set: _Value
    mariadb_charset: _Value
    mariadb_checksum: _Value
    mariadb_collate: _Value
    mariadb_comment: _Value
    mariadb_compression: _Value
    mariadb_connection: _Value
    mariadb_data_directory: _Value
    mariadb_default_character_set: _Value
    mariadb_default_charset: _Value
    mariadb_default_collate: _Value
    mariadb_delay_key_write: _Value
    mariadb_encrypted: _Value
    mariadb_encryption: _Value
    mariadb_encryption_key_id: _Value
    mariadb_engine: _Value
    mariadb_engine_attribute: _Value
    mariadb_ietf_quotes: _Value
    mariadb_index_directory: _Value
    mariadb_insert_method: _Value
    mariadb_key_block_size: _Value
    mariadb_max_rows: _Value
    mariadb_min_rows: _Value
    mariadb_pack_keys: _Value
    mariadb_page_checksum: _Value
    mariadb_page_compressed: _Value
    mariadb_page_compression_level: _Value
    mariadb_partition_by: _Value
    mariadb_partition_definitions: _Value
    mariadb_partitions: _Value
    mariadb_password: _Value
    mariadb_row_format: _Value
    mariadb_secondary_engine_attribute: _Value
    mariadb_sequence: _Value
    mariadb_start_transaction: _Value
    mariadb_stats_auto_recalc: _Value
    mariadb_stats_persistent: _Value
    mariadb_stats_sample_pages: _Value
    mariadb_subpartition_by: _Value
    mariadb_subpartitions: _Value
    mariadb_tablespace: _Value
    mariadb_transactional: _Value
    mariadb_union: _Value
    mariadb_with_system_versioning: _Value


class TableOptions(
    _PostgreSQLTableOptions,
    _MySQLTableOptions,
    _MariaDBTableOptions,
    _SQLiteTableOptions,
    _OracleTableOptions,
    total=False,
):
    """The options of a table that belong to one kind of database."""


class CreateTableOptions(TableOptions, total=False):
    """The options of a table, and the keywords of sa.Table except the schema."""

    autoload_replace: bool
    autoload_with: sa.Engine | sa.Connection | None
    comment: str | None
    extend_existing: bool
    implicit_returning: bool
    include_columns: Collection[str] | None
    info: dict[Any, Any] | None
    keep_existing: bool
    listeners: Sequence[tuple[str, Callable[..., Any]]] | None
    prefixes: Sequence[str] | None
    quote: bool | None
    quote_schema: bool | None
    resolve_fks: bool


class DropColumnOptions(TypedDict, total=False):
    """The keywords of Alembic's drop_column, which have no effect here."""

    existing_nullable: bool | None
    existing_server_default: ServerDefault
    existing_type: ColumnType | None
    mssql_drop_check: bool
    mssql_drop_default: bool
    mssql_drop_foreign_key: bool


class AlterColumnOptions(TypedDict, total=False):
    """The keywords of alter_column except the schema."""

    autoincrement: bool | None
    comment: str | Literal[False] | None
    existing_autoincrement: bool | None
    existing_comment: str | None
    existing_nullable: bool | None
    existing_server_default: ServerDefault
    existing_type: ColumnType | None
    mysql_invisible: bool | None
    new_column_name: str | None
    nullable: bool | None
    postgresql_using: str | None
    server_default: ServerDefault
    sqlite_on_conflict_not_null: str | Literal[False] | None
    type_: ColumnType | None


class _ConstraintOptions(TypedDict, total=False):
    deferrable: bool | None
    info: dict[Any, Any] | None
    initially: str | None
    sqlite_on_conflict: str | None


class PrimaryKeyOptions(_ConstraintOptions, total=False):
    """The keywords of sa.PrimaryKeyConstraint."""

    mariadb_using: str | None
    mssql_clustered: bool | None
    mysql_using: str | None
    postgresql_include: Sequence[str] | None


class UniqueConstraintOptions(_ConstraintOptions, total=False):
    """The keywords of sa.UniqueConstraint."""

    mssql_clustered: bool | None
    postgresql_include: Sequence[str] | None
    postgresql_nulls_not_distinct: bool | None


class CheckConstraintOptions(_ConstraintOptions, total=False):
    """The keywords of sa.CheckConstraint."""

    mysql_not_enforced: bool | None
    postgresql_not_valid: bool


class ForeignKeyOptions(TypedDict, total=False):
    """The keywords of sa.ForeignKeyConstraint that create_foreign_key does not name itself."""

    comment: str | None
    info: dict[Any, Any] | None
    link_to_name: bool
    postgresql_not_valid: bool
    sqlite_on_conflict: str | None
    use_alter: bool


class ExcludeConstraintOptions(TypedDict, total=False):
    """The keywords of ExcludeConstraint in sqlalchemy.dialects.postgresql, and the schema."""

    deferrable: bool | None
    initially: str | None
    ops: Mapping[str, str] | None
    schema: str | None
    using: str
    where: SQLExpression | None


class IndexOptions(TypedDict, total=False):
    """The keywords of sa.Index except `unique`."""

    info: dict[Any, Any] | None
    mariadb_invisible: bool | None
    mariadb_length: int | Mapping[str, int] | None
    mariadb_prefix: str | None
    mariadb_using: str | None
    mariadb_with_parser: str | None
    mssql_clustered: bool | None
    mssql_columnstore: bool | None
    mssql_include: Sequence[str] | None
    mssql_where: SQLExpression | None
    mysql_invisible: bool | None
    mysql_length: int | Mapping[str, int] | None
    mysql_prefix: str | None
    mysql_using: str | None
    mysql_with_parser: str | None
    oracle_bitmap: bool
    oracle_compress: bool | int
    oracle_vector: bool | Mapping[str, Any]
    postgresql_concurrently: bool
    postgresql_include: Sequence[str] | None
    postgresql_nulls_not_distinct: bool | None
    postgresql_ops: Mapping[str, str]
    postgresql_tablespace: str | None
    postgresql_using: str | None
    postgresql_where: SQLExpression | None
    postgresql_with: Mapping[str, Any]
    quote: bool | None
    sqlite_where: SQLExpression | None


class SequenceOptions(TypedDict, total=False):
    """The options of a sequence; None is the default of the database."""

    cache: int | None
    comment: str | None
    cycle: bool
    increment: int | None
    maxvalue: int | None
    minvalue: int | None
    start: int | None
    type: str | None
