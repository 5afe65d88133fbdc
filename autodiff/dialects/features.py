"""The features of a database: the rest of the code asks for them instead of its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a dialect's database supports and requires.

    Transactions and DDL:
    transactional_ddl: DDL can be rolled back, along with the record of the migration.
    savepoints: a part of a transaction can be rolled back.
    rebuilds_tables: ALTER TABLE can change little, so tables are rebuilt.
    alter_repeats_definition: altering a column repeats all of its definition.
    concurrent_indexes: an index can be built without blocking writes.
    deferred_checks: a constraint can be added first, and checked for existing rows later.
    algorithms: values of the ALGORITHM clause that keep ALTER TABLE from blocking, best first.

    Objects:
    enum_types, sequences, identity, comments, materialized_views, exclusion_constraints: the
        database has them.
    namespaces: tables can be in other schemas than the default one.
    search_path: a connection can be told in which schemas to look for names.
    optional_database: a connection can be to a server only, without a database.

    Names:
    max_name_length: the longest name of an object.
    cuts_names_by_bytes: whether the server cuts a name that has more bytes.
    cuts_long_names: a longer name is cut without an error; the length is counted in bytes.
    reserved_words: words that must be quoted as names, and that SQLAlchemy does not quote.
    free_words: words that need no quotes as names, and that SQLAlchemy quotes.
    named_primary_keys: a primary key can be given a name.
    index_prefixes: an index can have the first characters of a column: name(10).
    repeated_constraint_names: several constraints of a table can have one name.
    index_names_per_table: index names are unique in their table, not in their schema.
    case_insensitive_names: names in a table that differ only in case are equal, in quotes too.
    case_insensitive_tables: names of tables that differ only in case are equal.

    Columns and keys:
    enforces_types: a value that does not fit the type of its column is refused, or cut.
    typeless_columns: a column may have no type.
    column_options: the options of a column that can be changed.
    text_sizes: the number of bytes that types of texts and bytes hold, if that is limited.
    primary_keys_not_null: a primary key makes its columns NOT NULL.
    unique_is_index: a unique constraint and a unique index are the same.
    distinct_index_names: an index cannot have the name of another index, or of a table or another
        object, in its schema; otherwise only indexes of one table need different names.
    merges_unique_constraints: CREATE TABLE keeps one of several equal unique constraints.
    checks_key_targets: a foreign key to columns that are not unique is refused when it is created.
    deferrable_foreign_keys, deferrable_unique_keys: such a constraint can be checked at the end of
        a transaction.
    match_clause: a foreign key can have MATCH.
    keys_reference_indexes: an index that begins with the columns is enough for a foreign key.
    autoincrement: a column can be SERIAL or AUTO_INCREMENT.
    autoincrement_words: the words by which SQLAlchemy's SQL of such a column is recognized.
    single_autoincrement: a table has at most one such column, which must start a key.
    autoincrement_outside_key: such a column need not be in the primary key.
    keys_need_identity: an integer primary key is numbered only if it is an identity.
    keys_block_columns: the columns of a foreign key, and those that it refers to, cannot change
        while the key exists.
    dependents_block_columns: a column cannot be altered or dropped while a view or a generated
        column reads it.
    views_follow_renames: views, and triggers that the database parses, follow the new name of a
        table or column.
    writable_views: rows can be written through a view of one table.
    view_settings: a view has an owner, grants and options that are dropped with it.

    Rows:
    backslash_escapes: strings may hold \\', and # begins a comment.
    insert_defaults: the end of an INSERT of a row of defaults.
    insert_identity: the words before VALUES in an INSERT with values for an identity column.
    default_as_value: DEFAULT can be one of the values of an INSERT.
    insert_in_cte: one statement can insert into several tables (WITH ... AS (INSERT ...)).

    SQL:
    sql_grammar: the name of its SQL in sqlglot; empty for that of the standard.
    character_length, byte_length: the functions that return the length of a text, and of bytes.

    Scratch databases:
    scratch_in_memory: a scratch needs no server.
    scratch_privilege: how a user gets the right to create a scratch database; empty if autodiff
        creates none.
    """

    transactional_ddl: bool
    savepoints: bool = True
    rebuilds_tables: bool = False
    alter_repeats_definition: bool = False
    concurrent_indexes: bool = False
    deferred_checks: bool = False
    algorithms: tuple[str, ...] = ()

    enum_types: bool = False
    sequences: bool = False
    identity: bool = False
    comments: bool = False
    materialized_views: bool = False
    exclusion_constraints: bool = False
    namespaces: bool = False
    search_path: bool = False
    optional_database: bool = False

    max_name_length: int = 63
    cuts_names_by_bytes: bool = False
    cuts_long_names: bool = False
    reserved_words: frozenset[str] = frozenset()
    free_words: frozenset[str] = frozenset()
    named_primary_keys: bool = True
    index_prefixes: bool = False
    repeated_constraint_names: bool = False
    index_names_per_table: bool = False
    case_insensitive_names: bool = False
    case_insensitive_tables: bool = False

    enforces_types: bool = True
    typeless_columns: bool = False
    column_options: tuple[str, ...] = ()
    text_sizes: Mapping[str, int] = field(default_factory=dict)
    primary_keys_not_null: bool = True
    unique_is_index: bool = False
    distinct_index_names: bool = False
    merges_unique_constraints: bool = False
    checks_key_targets: bool = True
    deferrable_foreign_keys: bool = True
    deferrable_unique_keys: bool = True
    match_clause: bool = True
    keys_reference_indexes: bool = False
    autoincrement: bool = False
    autoincrement_words: frozenset[str] = frozenset(
        ("SERIAL", "BIGSERIAL", "SMALLSERIAL", "AUTO_INCREMENT")
    )
    single_autoincrement: bool = False
    autoincrement_outside_key: bool = False
    keys_need_identity: bool = False
    keys_block_columns: bool = False
    dependents_block_columns: bool = False
    views_follow_renames: bool = False
    writable_views: bool = False
    view_settings: bool = False

    backslash_escapes: bool = False
    insert_defaults: str = "DEFAULT VALUES"
    insert_identity: str = ""
    default_as_value: bool = False
    insert_in_cte: bool = False

    sql_grammar: str
    character_length: str = "char_length"
    byte_length: str = "octet_length"

    scratch_in_memory: bool = False
    scratch_privilege: str = ""
