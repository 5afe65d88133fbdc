"""Find the algorithm and the lock with which MySQL or MariaDB accepts a change of a table.

https://dev.mysql.com/doc/refman/en/innodb-online-ddl-operations.html
https://mariadb.com/kb/en/innodb-online-ddl-overview/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from autodiff.dialects.meter import Effects, Meter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

__all__ = ["MySQLMeter"]

_DDL = re.compile(
    r"\s*(?:(ALTER\s+(?:ONLINE\s+)?(?:IGNORE\s+)?TABLE)|(CREATE|DROP)\b.*?\bINDEX)\b", re.I
)
_NAMED = re.compile(
    r"\b(ALGORITHM|LOCK)\s*=\s*(DEFAULT|INSTANT|NOCOPY|INPLACE|COPY|NONE|SHARED|EXCLUSIVE)\b", re.I
)
_NAME = r"((?:`(?:[^`]|``)+`|[\w$]+)(?:\.(?:`(?:[^`]|``)+`|[\w$]+))?)"
_CREATED = re.compile(rf"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}", re.I)
_CHANGED = re.compile(
    rf"\s*(?:ALTER\s+TABLE\s+{_NAME}|CREATE\s+(?:UNIQUE\s+)?INDEX\s+{_NAME}\s+ON\s+{_NAME})", re.I
)
_DONE = "DO 0"
"""A statement without an effect, in place of one that was run with its algorithm."""
# ER_ALTER_OPERATION_NOT_SUPPORTED with and without a reason, ER_WRONG_USAGE for a combination, and
# ER_UNKNOWN_ALTER_ALGORITHM: https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html
_NOT_SUPPORTED = frozenset((1845, 1846, 1221, 1800, 1801))
_CHOICES = (
    *(("INSTANT", None), ("NOCOPY", "NONE"), ("INPLACE", "NONE"), ("NOCOPY", "SHARED")),
    *(("INPLACE", "SHARED"), ("COPY", "NONE"), ("COPY", "SHARED")),
)
"""The algorithms from the least to the most disturbing, in the order in which servers choose."""


class MySQLMeter(Meter):
    """Runs each change of a table with the first algorithm that the server accepts.

    The server chooses the same algorithm without the clause, so the result is the same. If it
    accepts none, for example because existing rows violate the change, the statement is sent
    unchanged. So is a change of a table that the migration created: nobody waits for it.
    """

    def __init__(self, connection: Connection, *, is_mariadb: bool) -> None:
        self._connection = connection
        self._is_mariadb = is_mariadb
        self._found = Effects()
        self._created: set[str] = set()

    def reset(self) -> None:
        self._created.clear()

    def begin(self, sql: str, *, with_locks: bool = True) -> str:
        self._found = Effects()
        if created := _CREATED.match(sql):
            self._created.add(created[1])
        changed = _CHANGED.match(sql)
        if changed is not None and (changed[1] or changed[3]) in self._created:
            return sql
        match = _DDL.match(sql)
        if match is None:
            return sql
        if named := {word.upper(): value.upper() for word, value in _NAMED.findall(sql)}:
            self._found = Effects(algorithm=named.get("ALGORITHM"), lock=named.get("LOCK"))
            return sql
        for algorithm, lock in self._choices():
            number = self._refusal(_with_clause(sql, algorithm, lock, is_alter=bool(match[1])))
            if number is None:
                self._found = Effects(algorithm=algorithm, lock=lock or "NONE")
                return _DONE
            if number not in _NOT_SUPPORTED:
                return sql
        return sql

    def end(self, sql: str) -> Effects:
        return self._found

    def _choices(self) -> Iterator[tuple[str, str | None]]:
        for algorithm, lock in _CHOICES:
            if self._is_mariadb or algorithm != "NOCOPY":
                yield algorithm, lock

    def _refusal(self, sql: str) -> int | None:
        """Run a statement; return the number of the error if the server refuses it."""
        cursor: Any = self._connection.connection.cursor()
        try:
            cursor.execute(sql)
        except Exception as error:  # each driver has its own class
            number = error.args[0] if error.args else None
            return number if isinstance(number, int) else 0
        finally:
            cursor.close()
        return None


def _with_clause(sql: str, algorithm: str, lock: str | None, *, is_alter: bool) -> str:
    """Return a statement with an algorithm and a lock, after any comment at its end."""
    words = [f"ALGORITHM={algorithm}", *([f"LOCK={lock}"] if lock else [])]
    text = sql.rstrip().rstrip(";")
    if is_alter:
        return f"{text}\n, {', '.join(words)}"
    return f"{text}\n{' '.join(words)}"
