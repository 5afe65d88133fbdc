"""What SQLite can do."""

from autodiff.dialects.features import Features

__all__ = ["FEATURES"]

FEATURES = Features(
    transactional_ddl=True,
    enforces_types=False,
    rebuilds_tables=True,
    keys_not_null=False,
    ignores_case=True,
    ignores_table_case=True,
    typeless_columns=True,
    scratch_in_memory=True,
    max_name_length=1000,
)
