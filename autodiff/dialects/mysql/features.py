"""What MySQL and MariaDB can do."""

from dataclasses import replace

from autodiff.dialects.features import Features

__all__ = ["FEATURES", "MARIADB_FEATURES"]

FEATURES = Features(
    transactional_ddl=False,
    text_sizes={
        "tinytext": 2**8 - 1,
        "text": 2**16 - 1,
        "mediumtext": 2**24 - 1,
        "longtext": 2**32 - 1,
    },
    restates_columns=True,
    unique_is_index=True,
    autoincrements=True,
    counts_by_key=True,
    autoincrements_anywhere=True,
    ignores_case=True,
    named_primary_keys=False,
    index_names_per_table=True,
    guards_foreign_keys=True,
    backslash_escapes=True,
    comments=True,
    namespaces=True,
    insert_of_defaults="() VALUES ()",
    right_to_create="the user needs the right to create databases whose names begin with "
    "autodiff_scratch (GRANT ALL ON `autodiff\\_scratch%`.* TO name)",
    max_name_length=64,
)

MARIADB_FEATURES = replace(FEATURES, sequences=True)
