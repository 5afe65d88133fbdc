"""What is known of the databases without their own dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.dialects.features import Features
from autodiff.dialects.generic.abilities import Abilities
from autodiff.schema.objects import PrimaryKey

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

__all__ = ["Database", "database_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The features and abilities of a database.

    script_writer: the module and class of the writer of its scripts; None if there is none.
    """

    features: Features
    abilities: Abilities
    script_writer: tuple[str, str] | None = None


# https://duckdb.org/docs/stable/sql/statements/alter_table
# A migration is not one transaction: after an UPDATE, DuckDB refuses to create an index, and to
# alter a table with a primary key, until the transaction has ended.
_REFUSE_REFERENCED = """\
SELECT error('DuckDB cannot alter a table that foreign keys refer to: ' || table_name)
FROM duckdb_constraints()
WHERE constraint_type = 'FOREIGN KEY'
  AND lower(referenced_table) = lower({name})
  AND lower(table_name) <> lower({name})"""
DUCKDB = Database(
    features=Features(
        transactional_ddl=False,
        sql_grammar="duckdb",
        savepoints=False,
        comments=True,
        namespaces=True,
        sequences=True,
        named_primary_keys=False,
        case_insensitive_names=True,
        case_insensitive_tables=True,
        autoincrement=True,
        autoincrement_words=frozenset(("NEXTVAL",)),
        scratch_in_memory=True,
        max_name_length=255,  # DuckDB has no limit
    ),
    abilities=Abilities(
        set_default="ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}",
        drop_default="ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT",
        set_not_null="ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL",
        drop_not_null="ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL",
        rename_table="ALTER TABLE {before} RENAME TO {after}",
        rename_column="ALTER TABLE {table} RENAME COLUMN {before} TO {after}",
        alter_type="ALTER TABLE {table} ALTER COLUMN {column} TYPE {type}",
        adds_not_null=False,
        adds_computed=(),
        added_constraints=(PrimaryKey,),
        drops_constraints=False,
        keeps_constraint_names=False,
        reflects_expressions=True,
        indexes_block_alter=True,
        refuse_referenced=_REFUSE_REFERENCED,
        counting_sequence="{table}_{column}_seq",
        native_enums="as a separate type",
        memory_url="duckdb:///:memory:",
        reports_own_version=False,  # that of the PostgreSQL it resembles
    ),
    script_writer=("autodiff.dialects.generic.session.duckdb_script", "DuckDBWriter"),
)

# https://learn.microsoft.com/en-us/sql/t-sql/statements/alter-table-transact-sql
_DROP_DEFAULT = """\
DECLARE @constraint sysname = (
  SELECT name FROM sys.default_constraints
  WHERE parent_object_id = OBJECT_ID(N{table_text})
    AND parent_column_id = COLUMNPROPERTY(OBJECT_ID(N{table_text}), N{column_name_text}, 'ColumnId')
)
IF @constraint IS NOT NULL
BEGIN
  DECLARE @statement nvarchar(max) =
    N'ALTER TABLE ' + N{table_text} + N' DROP CONSTRAINT ' + QUOTENAME(@constraint)
  EXEC (@statement)
END"""
MSSQL = Database(
    features=Features(
        transactional_ddl=True,
        sql_grammar="tsql",
        character_length="LEN",
        byte_length="DATALENGTH",
        alter_repeats_definition=True,
        identity=True,
        sequences=True,
        namespaces=True,
        index_names_per_table=True,
        autoincrement=True,
        autoincrement_words=frozenset(("IDENTITY",)),
        single_autoincrement=True,
        keys_block_columns=True,
        dependents_block_columns=True,
        max_name_length=128,
    ),
    abilities=Abilities(
        add_column="ADD",
        alter_type="ALTER TABLE {table} ALTER COLUMN {column} {type} {null}",
        set_not_null="ALTER TABLE {table} ALTER COLUMN {column} {type} NOT NULL",
        drop_not_null="ALTER TABLE {table} ALTER COLUMN {column} {type} NULL",
        set_default="ALTER TABLE {table} ADD DEFAULT {default} FOR {column}",
        drop_default=_DROP_DEFAULT,
        drop_default_first=True,
        rename_table="EXEC sp_rename N{before_text}, N{after_name_text}",
        rename_column="EXEC sp_rename N{path_text}, N{after_name_text}, N'COLUMN'",
        rename_index="EXEC sp_rename N{path_text}, N{after_name_text}, N'INDEX'",
        rename_constraint="EXEC sp_rename N{before_text}, N{after_name_text}, N'OBJECT'",
        partial_indexes=True,
        runs_migrations=False,
    ),
    script_writer=("autodiff.dialects.generic.session.mssql_script", "SqlcmdWriter"),
)

# https://docs.oracle.com/en/database/oracle/oracle-database/23/sqlrf/ALTER-TABLE.html
ORACLE = Database(
    features=Features(
        transactional_ddl=False,
        sql_grammar="oracle",
        character_length="LENGTH",
        byte_length="LENGTHB",
        comments=True,
        identity=True,
        sequences=True,
        namespaces=True,
        keys_block_columns=True,
        dependents_block_columns=True,
        keys_need_identity=True,
        max_name_length=128,
    ),
    abilities=Abilities(
        add_column="ADD",
        adds_computed=("virtual",),
        alter_type="ALTER TABLE {table} MODIFY {column} {type}",
        set_not_null="ALTER TABLE {table} MODIFY {column} NOT NULL",
        drop_not_null="ALTER TABLE {table} MODIFY {column} NULL",
        set_default="ALTER TABLE {table} MODIFY {column} DEFAULT {default}",
        drop_default="ALTER TABLE {table} MODIFY {column} DEFAULT NULL",
        rename_table="ALTER TABLE {before} RENAME TO {after}",
        rename_column="ALTER TABLE {table} RENAME COLUMN {before} TO {after}",
        rename_index="ALTER INDEX {before} RENAME TO {after}",
        rename_constraint="ALTER TABLE {table} RENAME CONSTRAINT {before} TO {after}",
        runs_migrations=False,
    ),
    script_writer=("autodiff.dialects.generic.session.oracle_script", "SqlplusWriter"),
)

DATABASES = {"duckdb": DUCKDB, "mssql": MSSQL, "oracle": ORACLE}


def database_of(sqlalchemy_dialect: SQLAlchemyDialect) -> Database:
    """Return what is known of the database of a SQLAlchemy dialect, or else what it declares.

    Nothing is assumed to be possible that the standard does not have, such as altering a type.
    """
    known = DATABASES.get(sqlalchemy_dialect.name)
    if known is not None:
        return known
    return Database(
        features=Features(
            transactional_ddl=False,
            sql_grammar="",
            comments=bool(sqlalchemy_dialect.supports_comments),
            identity=bool(getattr(sqlalchemy_dialect, "supports_identity_columns", False)),
            namespaces=True,
            named_primary_keys=False,
            autoincrement=True,
            keys_block_columns=True,
            dependents_block_columns=True,
            max_name_length=sqlalchemy_dialect.max_identifier_length,
        ),
        abilities=Abilities(),
    )
