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
    search_path=True,
    materialized_views=True,
    exclusion_constraints=True,
    readers_hold_columns=True,
    concurrent_indexes=True,
    right_to_create="the user needs the right to create databases (ALTER ROLE name CREATEDB)",
    insert_of_numbers=" OVERRIDING SYSTEM VALUE",
    writes_in_with=True,
    max_name_length=63,
)
