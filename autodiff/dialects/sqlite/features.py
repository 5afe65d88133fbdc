"""The features of SQLite. The fields are described in `autodiff.dialects.features`."""

from autodiff.dialects.features import Features

__all__ = ["FEATURES"]

FEATURES = Features(
    transactional_ddl=True,
    sql_grammar="sqlite",
    enforces_types=False,
    rebuilds_tables=True,
    primary_keys_not_null=False,
    case_insensitive_names=True,
    case_insensitive_tables=True,
    repeated_constraint_names=True,
    distinct_index_names=True,
    checks_key_targets=False,
    deferrable_unique_keys=False,
    typeless_columns=True,
    column_options=("sqlite_on_conflict_not_null",),
    views_follow_renames=True,
    scratch_in_memory=True,
    max_name_length=1000,  # SQLite has no limit; no name that a person chose is longer
    reserved_words=frozenset(("nothing", "returning")),
)
