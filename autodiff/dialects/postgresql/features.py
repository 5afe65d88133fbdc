"""The features of PostgreSQL. The fields are described in `autodiff.dialects.features`."""

from autodiff.dialects.features import Features

__all__ = ["FEATURES"]

FEATURES = Features(
    transactional_ddl=True,
    sql_grammar="postgres",
    enum_types=True,
    sequences=True,
    identity=True,
    autoincrement=True,
    comments=True,
    writable_views=True,
    merges_unique_constraints=True,
    keys_block_columns=True,
    namespaces=True,
    distinct_index_names=True,
    search_path=True,
    materialized_views=True,
    exclusion_constraints=True,
    dependents_block_columns=True,
    views_follow_renames=True,
    view_settings=True,
    concurrent_indexes=True,
    deferred_checks=True,
    scratch_privilege="the user needs the right to create databases (ALTER ROLE name CREATEDB)",
    insert_identity=" OVERRIDING SYSTEM VALUE",
    default_as_value=True,
    insert_in_cte=True,
    # NAMEDATALEN - 1: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
    max_name_length=63,
    cuts_names_by_bytes=True,
    cuts_long_names=True,
    # https://www.postgresql.org/docs/current/sql-keywords-appendix.html
    reserved_words=frozenset("collation concurrently lateral system_user tablesample".split()),
    free_words=frozenset("between new of off old over".split()),
)
