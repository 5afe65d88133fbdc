"""What a database can do: the record that the rest of the code asks, instead of its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a dialect's database can do.

    transactional_ddl: DDL can be rolled back, with the record of the migration.
    rebuilds_tables: ALTER TABLE reaches little; tables are rebuilt from what they are.
    restates_columns: altering a column repeats all of its definition.
    unique_is_index: a unique constraint and a unique index are one thing.
    named_primary_keys: a primary key has a name of its own.
    keys_not_null: a primary key makes its columns NOT NULL.
    autoincrements: a column can be SERIAL or AUTO_INCREMENT.
    counts_by_key: a table has one AUTO_INCREMENT column at most, and it must lead a key.
    autoincrements_anywhere: any column with an index can be AUTO_INCREMENT.
    typeless_columns: a column need not have a type.
    ignores_table_case: names of tables that differ in case alone are one name.
    search_path: a connection looks for names in schemas that it can be told.
    scratch_in_memory: a scratch needs no server.
    enforces_types: a value that does not fit a column's type is refused, or cut.
    text_sizes: the bytes that types of texts hold, where that is limited.
    index_names_per_table: index names are unique in their table, not in their schema.
    readers_hold_columns: what a view or a computed column reads can't be altered or dropped.
    guards_foreign_keys: what a foreign key rests on can't change under it.
    ignores_case: names in a table that differ in case alone are one name, in quotes too.
    right_to_create: how a user gets the right to make a scratch database.
    insert_of_defaults: what an INSERT that names no column ends in.
    insert_of_numbers: what stands before VALUES where a column that numbers itself gets a value.
    writes_in_with: one statement can insert into several tables (WITH ... AS (INSERT ...)).
    backslash_escapes: strings may hold \\', and # begins a comment.
    """

    transactional_ddl: bool
    enforces_types: bool = True
    text_sizes: Mapping[str, int] = field(default_factory=dict)
    rebuilds_tables: bool = False
    restates_columns: bool = False
    unique_is_index: bool = False
    named_primary_keys: bool = True
    keys_not_null: bool = True
    index_names_per_table: bool = False
    ignores_case: bool = False
    ignores_table_case: bool = False
    autoincrements_anywhere: bool = False
    typeless_columns: bool = False
    guards_foreign_keys: bool = False
    backslash_escapes: bool = False
    writes_in_with: bool = False
    readers_hold_columns: bool = False
    enum_types: bool = False
    sequences: bool = False
    autoincrements: bool = False
    counts_by_key: bool = False
    identity: bool = False
    comments: bool = False
    namespaces: bool = False
    search_path: bool = False
    materialized_views: bool = False
    exclusion_constraints: bool = False
    concurrent_indexes: bool = False
    scratch_in_memory: bool = False
    right_to_create: str = ""
    insert_of_defaults: str = "DEFAULT VALUES"
    insert_of_numbers: str = ""
    max_name_length: int = 63
