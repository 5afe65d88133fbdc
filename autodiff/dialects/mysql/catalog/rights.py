"""Notice what information_schema hides from a user who has few rights.

A right to the whole database shows all of its tables. Without one, the server shows the tables and
columns for which the user has a right, and MariaDB no checks.
https://mariadb.com/kb/en/information-schema-tables/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff.dialects.mysql.expressions import quote_identifier
from autodiff.errors import DatabaseError
from autodiff.utils.server_states import error_code

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["require_right"]

_PROBE = "SELECT 1 FROM {}.autodiff_no_such_table LIMIT 0"
"""A query that is denied without a right to the whole database, from whichever role it is."""
_DENIED = 1142


def require_right(connection: Connection, schema: str) -> None:
    """Raise DatabaseError if the user has no right to read the whole database."""
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(_PROBE.format(quote_identifier(schema)))
    except Exception as error:  # each driver has its own class
        if error_code(error) == _DENIED:
            raise DatabaseError(
                f"cannot read the database {schema}: the user in the URL has no right to all of "
                "it, so the server hides tables, columns or checks",
                hint=f"GRANT SELECT ON {quote_identifier(schema)}.* TO the user, or to a role "
                "that is active by default",
            ) from None
    finally:
        cursor.close()
