"""Values without a meaning, for rows whose real values are lost."""

from __future__ import annotations

import re

__all__ = ["neutral_value"]

_VALUES = {
    "character char nchar varchar nvarchar text clob citext tinytext mediumtext longtext": "''",
    "bytea blob tinyblob mediumblob longblob binary varbinary": "''",
    "smallint integer int bigint tinyint mediumint numeric decimal": "0",
    "real float double money bit year": "0",
    "boolean": "false",
    "date": "CURRENT_DATE",
    "timestamp datetime": "CURRENT_TIMESTAMP",
    "time": "'00:00:00'",
    "json jsonb": "'{}'",
    "uuid": "'00000000-0000-0000-0000-000000000000'",
}
_BY_WORD = {word: value for words, value in _VALUES.items() for word in words.split()}


def neutral_value(type_sql: str) -> str | None:
    """Return SQL for a value of the type without a meaning, by the first word of the type."""
    return _BY_WORD.get(re.split(r"[ (]", type_sql.lower())[0])
