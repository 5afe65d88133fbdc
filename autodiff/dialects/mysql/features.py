"""The features of MySQL and MariaDB.

Each DDL statement commits the open transaction, so `transactional_ddl` is false.
https://dev.mysql.com/doc/refman/en/implicit-commit.html
"""

from dataclasses import replace

from autodiff.dialects.features import Features

__all__ = ["FEATURES", "MARIADB_FEATURES", "OLD_FEATURES"]

FEATURES = Features(
    transactional_ddl=False,
    optional_database=True,
    column_options=("mysql_invisible",),
    sql_grammar="mysql",
    algorithms=("INSTANT", "INPLACE"),
    # In bytes: https://dev.mysql.com/doc/refman/en/storage-requirements.html
    text_sizes={
        "tinytext": 2**8 - 1,
        "text": 2**16 - 1,
        "mediumtext": 2**24 - 1,
        "longtext": 2**32 - 1,
        "tinyblob": 2**8 - 1,
        "blob": 2**16 - 1,
        "mediumblob": 2**24 - 1,
        "longblob": 2**32 - 1,
    },
    alter_repeats_definition=True,
    unique_is_index=True,
    autoincrement=True,
    single_autoincrement=True,
    autoincrement_outside_key=True,
    case_insensitive_names=True,
    named_primary_keys=False,
    deferrable_foreign_keys=False,
    deferrable_unique_keys=False,
    match_clause=False,  # it makes MySQL ignore ON DELETE and ON UPDATE
    index_prefixes=True,
    index_names_per_table=True,
    keys_block_columns=True,
    backslash_escapes=True,
    comments=True,
    writable_views=True,
    namespaces=True,
    insert_defaults="() VALUES ()",
    default_as_value=True,
    scratch_privilege="the user needs the privilege to create databases whose names begin with "
    "autodiff_scratch (GRANT ALL ON `autodiff\\_scratch%`.* TO name)",
    # https://dev.mysql.com/doc/refman/en/identifier-length.html
    max_name_length=64,
    # Those of MySQL 8.4 and 9: https://dev.mysql.com/doc/refman/en/keywords.html
    reserved_words=frozenset("external library manual sets tablesample".split()),
    free_words=frozenset(
        "admin array general get_master_public_key ignore_server_ids master_heartbeat_period "
        "member parse_gcol_expr persist persist_only role slow sql_after_gtids "
        "sql_before_gtids".split()
    ),
)

OLD_FEATURES = replace(FEATURES, keys_reference_indexes=True)
"""Features before MySQL 8.4, which requires that a foreign key refers to a unique key.

https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html
"""
MARIADB_FEATURES = replace(
    OLD_FEATURES,
    sequences=True,
    algorithms=("INSTANT", "NOCOPY", "INPLACE"),
    # Some of the free words are reserved in Oracle mode: https://mariadb.com/kb/en/reserved-words/
    reserved_words=frozenset(
        "delete_domain_id master_demote_to_replica master_demote_to_slave portion "
        "sql_buffer_result sql_cache sql_no_cache".split()
    ),
    free_words=frozenset(
        "body database elsif general goto history ignore_server_ids master_heartbeat_period option "
        "others package period position raise rowtype schema slow system system_time versioning "
        "window without".split()
    ),
)
