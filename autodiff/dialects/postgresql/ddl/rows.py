"""SQL for operations on rows."""

from __future__ import annotations

import re

from autodiff.dialects.ddl.rows import RowDDL
from autodiff.dialects.narrowing import shape
from autodiff.dialects.type_names import split_type
from autodiff.schema.objects import Column

__all__ = ["PostgreSQLRowDDL"]

_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
_NUMBERS = ("integer", "decimal", "float")
_TYPES = {
    "CURRENT_TIMESTAMP": "timestamp with time zone",
    "CURRENT_DATE": "date",
    "true": "boolean",
    "false": "boolean",
}
_TRUNCATED = ("character", "bit", "bit varying")


class PostgreSQLRowDDL(RowDDL):
    """Updates rows."""

    def fill_nulls(self, column: Column, value: str, *, is_new: bool) -> str | None:
        """Return coalesce() of the column and the value, cast to the type of the column.

        Without the cast, coalesce() refuses types that an assignment converts, and it converts a
        timestamp to a timestamp with time zone. A string literal takes the type of the column.
        https://www.postgresql.org/docs/current/typeconv-union-case.html
        """
        wanted = column.type.sql
        is_number = shape(wanted, {}).kind in _NUMBERS and bool(_NUMBER.match(value))
        is_literal = self.dialect.literal_value(value) is not None
        if not (is_number or is_literal or _TYPES.get(value) == wanted):
            type_sql = _type_of_cast(wanted)
            if type_sql is None:
                return None
            value = f"CAST({value} AS {type_sql})"
        return f"coalesce({self.quote(column.name)}, {value})"


def _type_of_cast(sql: str) -> str | None:
    """Return a type that holds every value of a type; None if a cast to it could truncate.

    A cast to a text with a length truncates where an assignment is an error.
    https://www.postgresql.org/docs/current/datatype-character.html
    """
    base, arguments, rest = split_type(sql)
    if base == "character varying" and not rest:
        return base
    return None if base in _TRUNCATED or (arguments and "[" in sql) else sql
