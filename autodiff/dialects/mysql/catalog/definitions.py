"""Read the definitions of tables as MariaDB writes them, which is one fast statement for each.

information_schema needs more than ten times as long, because it opens a table once for each kind of
row. MySQL has no SET STATEMENT, without which SHOW CREATE TABLE depends on the session.
https://mariadb.com/kb/en/show-create-table/ and https://mariadb.com/kb/en/set-statement/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from autodiff.dialects.mysql.expressions import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.engine import Connection

    from autodiff.dialects.mysql.catalog.rows import Lines, Place
    from autodiff.schema.objects import Name

__all__ = ["read_actions", "read_definitions"]

_SHOW = "SET STATEMENT sql_mode = '', sql_quote_show_create = 1 FOR SHOW CREATE TABLE {}"
_NO_SUCH_TABLE = 1146
_OPTIONS = re.compile(r"^\).*", re.MULTILINE)
_NEXT_NUMBER = re.compile(r" AUTO_INCREMENT=\d+")
_DEFAULT_INDEX = " USING BTREE"
_FOREIGN_KEY = re.compile(
    r"^  CONSTRAINT `(.+?)` FOREIGN KEY .*\)"
    r"(?: ON DELETE ([A-Z ]+?))?(?: ON UPDATE ([A-Z ]+?))?,?$",
    re.MULTILINE,
)
_DEFAULT_ACTION = "RESTRICT"


def read_definitions(connection: Connection, names: Sequence[Name]) -> str | None:
    """Return the definitions of tables of the current database, without what rows change in them.

    The lines of a table are sorted, because a column or key that was dropped and added again may
    have another place. Returns None if one of the names is no ordinary table: other objects have
    properties that the text lacks.
    """
    texts: list[str] = []
    cursor: Any = connection.connection.cursor()
    try:
        for name in names:
            text = _definition(cursor, name)
            if text is None:
                return None
            texts.append(f"{name.name}\n{text}")
    finally:
        cursor.close()
    return "\n\n".join(texts)


def _definition(cursor: Any, name: Name) -> str | None:
    """Return the definition of a table; an empty text if there is none."""
    try:
        cursor.execute(_SHOW.format(quote_identifier(name.name)))
        text: str = cursor.fetchone()[1]
    except Exception as error:  # each driver has its own class
        # The user may not read the table, or the connection is lost: `reflect` reports that.
        return "" if error.args[:1] == (_NO_SUCH_TABLE,) else None
    if not text.startswith("CREATE TABLE") or "\n) ENGINE=" not in text or " SEQUENCE=1" in text:
        return None
    text = _OPTIONS.sub(lambda options: _NEXT_NUMBER.sub("", options[0]), text)
    lines = (line.removesuffix(",").removesuffix(_DEFAULT_INDEX) for line in text.split("\n"))
    return "\n".join(sorted(lines))


def read_actions(connection: Connection, places: Collection[Place], unit: str) -> Lines:
    """Return the lines of the actions of foreign keys of tables, in any database.

    information_schema shows them only to a user with another right than SELECT to the whole
    database.
    """
    lines: dict[Place, list[str]] = {}
    for place in places:
        quoted = ".".join(map(quote_identifier, place))
        row = connection.exec_driver_sql(
            _SHOW.format(quoted), execution_options={"no_parameters": True}
        ).one()
        lines[place] = [
            unit.join(
                (key.replace("``", "`"), update or _DEFAULT_ACTION, delete or _DEFAULT_ACTION)
            )
            for key, delete, update in _FOREIGN_KEY.findall(row[1])
        ]
    return lines
