"""What PostgreSQL can do."""

from autodiff.dialects.features import Features

__all__ = ["FEATURES"]

FEATURES = Features(
    transactional_ddl=True,
    enum_types=True,
    sequences=True,
    identity=True,
    autoincrements=True,
    comments=True,
    guards_foreign_keys=True,
    namespaces=True,
    materialized_views=True,
    exclusion_constraints=True,
    readers_hold_columns=True,
    concurrent_indexes=True,
    max_name_length=63,
)
