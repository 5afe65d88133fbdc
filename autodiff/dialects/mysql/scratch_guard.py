"""Keep a migration that is run on a scratch database away from the rest of the server.

A scratch database of MySQL is one of many. A statement can name the others, and accounts and global
variables belong to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from autodiff.dialects.scratch_guard import outside_scratch
from autodiff.schema.sqltext import tokens, unquote_identifier, unquote_literal

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["check_for_scratch", "other_databases"]

_NOTHING = "DO 0"
_READABLE = frozenset(("information_schema", "performance_schema", "sys"))
"""Databases that nothing can be written to."""
_READING = frozenset(("DESC", "DESCRIBE", "EXPLAIN", "SELECT", "SHOW", "TABLE", "VALUES", "WITH"))
"""First words of statements that read."""
_COPYING = frozenset(("INSERT", "REPLACE"))
_BEFORE_TABLES = frozenset(
    "call exists from function ignore into join procedure references table to trigger truncate "
    "update view".split()
)
_ACCOUNTS = re.compile(
    r"(GRANT|REVOKE|FLUSH|(CREATE|ALTER|DROP|RENAME) (OR REPLACE )?(USER|ROLE)"
    r"|SET (@ @ )?(GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|ROLE|DEFAULT ROLE))\b",
    re.IGNORECASE,
)
"""Statements about accounts and global variables, which no comparison shows: they are left out."""
_SERVER = re.compile(
    r"(CHANGE (MASTER|REPLICATION)|CREATE (OR REPLACE )?SERVER|ALTER SERVER|DROP SERVER|INSTALL"
    r"|KILL|PURGE|RESET|SHUTDOWN|START|STOP|UNINSTALL)\b(?! TRANSACTION)",
    re.IGNORECASE,
)
_DATABASE = re.compile(
    r"(USE|(CREATE|ALTER|DROP) (OR REPLACE )?(DATABASE|SCHEMA)( IF( NOT)? EXISTS)?) "
    r"(?!(DEFAULT|CHARACTER|CHARSET|COLLATE|COMMENT)\b)(?P<name>\S+)",
    re.IGNORECASE,
)
_QUALIFIED = re.compile(r"([\w$]+|`[^`]+`)\s*\.")
_SUSPECT = re.compile(
    r"\b(GRANT|REVOKE|FLUSH|USER|ROLE|GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|MASTER|REPLICATION|SERVER"
    r"|INSTALL|UNINSTALL|KILL|PURGE|RESET|SHUTDOWN|START|STOP|USE|DATABASE|SCHEMA|PREPARE|IMMEDIATE)\b",
    re.IGNORECASE,
)


def other_databases(connection: Connection) -> frozenset[str]:
    """Return the databases of a server that a statement could change, except the current one.

    Those whose name begins with its name belong to the same scratch.
    """
    current = str(connection.exec_driver_sql("SELECT DATABASE()").scalar_one())
    found = connection.exec_driver_sql("SHOW DATABASES").scalars().all()
    connection.rollback()
    names = {str(name).lower() for name in found if not str(name).startswith(current)}
    return frozenset(names - _READABLE)


def check_for_scratch(sql: str, others: Collection[str]) -> str | None:
    """Return what to send to a scratch database instead of a statement; None to send that one.

    Raises DatabaseError for a statement that would change another database or the server.
    """
    qualifiers = _QUALIFIED.findall(sql)
    if not _SUSPECT.search(sql) and not any(_plain(name) in others for name in qualifiers):
        return None
    parts = [part for part in tokens(sql, backslashes=True) if part[0] != "space"]
    text = " ".join(token for _, token in parts)
    if _ACCOUNTS.match(text):
        return _NOTHING
    if found := _DATABASE.match(text):
        raise outside_scratch(f"names the database {found['name']}")
    if _SERVER.match(text):
        raise outside_scratch("changes the server")
    name = next(_named_databases(parts, others), None)
    if name is not None:
        raise outside_scratch(f"names the database {name}")
    if {"PREPARE", "IMMEDIATE"} & {token.upper() for kind, token in parts if kind == "word"}:
        for kind, token in parts:
            if kind == "string":
                check_for_scratch(unquote_literal(token) or "", others)
    return None


def _plain(name: str) -> str:
    return unquote_identifier(name).lower()


def _named_databases(parts: Sequence[tuple[str, str]], others: Collection[str]) -> Iterator[str]:
    """Yield the other databases in which a statement names something, unless it only reads that.

    A qualifier is the table of a column if the statement also names a table of that name.
    """
    names = [_plain(token) if kind in ("word", "quoted") else token for kind, token in parts]
    first = names[0].upper() if names else ""
    if first in _READING:
        return
    is_copy = first in _COPYING or (first == "CREATE" and {"table", "view"} & {*names[:8]})
    end = names.index("select") if is_copy and "select" in names else len(names)
    followed = zip(names, [*names[1:], ""], strict=True)
    unqualified = {name for name, after in followed if after != "."}
    for place, name in enumerate(names[:end]):
        if name in others and names[place + 1 : place + 2] == ["."]:
            is_part = place > 0 and names[place - 1] == "."
            if not is_part and (name not in unqualified or _begins_a_table(names, place)):
                yield name


def _begins_a_table(names: Sequence[str], place: int) -> bool:
    return place > 0 and names[place - 1] in _BEFORE_TABLES
