"""Write table options of MySQL and MariaDB as SQL.

https://dev.mysql.com/doc/refman/en/create-table.html and
https://mariadb.com/kb/en/create-table/
"""

from __future__ import annotations

from collections.abc import Mapping

from autodiff.dialects.mysql.expressions import quote_string
from autodiff.dialects.mysql.partitions import PARTITION_OPTIONS
from autodiff.dialects.mysql.types import is_text, split_collation
from autodiff.schema.objects import Column, Option

__all__ = ["DEFAULTS", "follows_charset", "option_clauses"]

DEFAULTS: dict[str, Option] = {
    "mysql_row_format": "DEFAULT",
    "mysql_key_block_size": 0,
    "mysql_stats_persistent": "DEFAULT",
    "mysql_stats_auto_recalc": "DEFAULT",
    "mysql_stats_sample_pages": "DEFAULT",
    "mysql_pack_keys": "DEFAULT",
    "mysql_avg_row_length": 0,
    "mysql_max_rows": 0,
    "mysql_min_rows": 0,
    "mysql_checksum": 0,
    "mysql_delay_key_write": 0,
}
"""The value that resets an option to its default, if it has one."""

_QUOTED_OPTIONS = (
    *("comment", "connection", "password", "data_directory", "index_directory"),
    *("compression", "encryption", "engine_attribute", "secondary_engine_attribute"),
)
"""The options whose value is a string literal."""
_OPTION_WORDS = {
    "charset": "DEFAULT CHARSET",
    "character_set": "DEFAULT CHARSET",
    "default_charset": "DEFAULT CHARSET",
    "default_character_set": "DEFAULT CHARSET",
    "default_collate": "COLLATE",
    "data_directory": "DATA DIRECTORY",
    "index_directory": "INDEX DIRECTORY",
}
_FIRST_OPTIONS = (
    "engine",
    "charset",
    "character_set",
    "default_charset",
    "default_character_set",
    "collate",
    "default_collate",
)
"""The options that are written first; the charset is before the collation, as in SQLAlchemy."""

_OTHER_CLAUSES = ("mysql_with_system_versioning", *PARTITION_OPTIONS)
"""Options that are not written as NAME=VALUE."""


def follows_charset(column: Column) -> bool:
    """Return whether a column has the default charset and collation of its table."""
    return is_text(column.type.sql) and split_collation(column.type.sql)[1] is None


def option_clauses(options: Mapping[str, Option]) -> str:
    """Return table options as SQL, each after a space, in an order that the server accepts.

    Partitions are not included: `partition_clause` writes them.
    """
    named = {
        key.removeprefix("mysql_"): value
        for key, value in options.items()
        if key.startswith("mysql_") and key not in _OTHER_CLAUSES
    }
    others = sorted(set(named) - {*_FIRST_OPTIONS})
    order = [name for name in (*_FIRST_OPTIONS, *others) if name in named]
    return "".join(f" {_option(name, named[name])}" for name in order)


def _option(name: str, value: Option) -> str:
    text = quote_string(str(value)) if name in _QUOTED_OPTIONS else str(value)
    return f"{_OPTION_WORDS.get(name, name.upper())}={text}"
