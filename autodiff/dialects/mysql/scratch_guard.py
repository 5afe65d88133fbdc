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

__all__ = ["PREFIX", "check_for_scratch", "other_databases"]

PREFIX = "autodiff_scratch"
"""The start of the name of each scratch database."""
_NOTHING = "DO 0"
_READABLE = frozenset(("information_schema", "performance_schema", "sys"))
"""Databases that nothing can be written to."""
_READING = frozenset(("desc", "describe", "explain", "select", "show", "table", "values", "("))
"""First words of statements that read."""
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
_NAME = re.compile(r"[\w$]+|`[^`]+`")
_CODE_IN_COMMENT = re.compile(r"/\*M?!\d*(.*?)\*/", re.DOTALL)
"""A comment that the server runs: https://dev.mysql.com/doc/refman/en/comments.html"""
_SUSPECT = re.compile(
    r"\b(GRANT|REVOKE|FLUSH|USER|ROLE|GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|MASTER|REPLICATION|SERVER"
    r"|INSTALL|UNINSTALL|KILL|PURGE|RESET|SHUTDOWN|START|STOP|USE|DATABASE|SCHEMA|PREPARE|IMMEDIATE)\b",
    re.IGNORECASE,
)
_Token = tuple[str, str]


def other_databases(connection: Connection) -> frozenset[str]:
    """Return the databases of a server that a statement could change, and that are no scratch."""
    current = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
    found = connection.exec_driver_sql("SHOW DATABASES").scalars().all()
    connection.rollback()
    names = {str(name).lower() for name in found if name != current}
    return frozenset({name for name in names if not name.startswith(PREFIX)} - _READABLE)


def check_for_scratch(sql: str, others: Collection[str]) -> str | None:
    """Return what to send to a scratch database instead of a statement; None to send that one.

    Raises DatabaseError for a statement that would change another database or the server.
    """
    if not _SUSPECT.search(sql) and not any(_plain(name) in others for name in _NAME.findall(sql)):
        return None
    code = _CODE_IN_COMMENT.sub(r" \1 ", sql)
    parts = [part for part in tokens(code, backslashes=True) if part[0] != "space"]
    text = " ".join(token for _, token in parts)
    if _ACCOUNTS.match(text):
        return _NOTHING
    if (found := _DATABASE.match(text)) and not _plain(found["name"]).startswith(PREFIX):
        raise outside_scratch(f"names the database {found['name']}")
    if _SERVER.match(text):
        raise outside_scratch("changes the server")
    name = next(_changed_databases(parts, others), None)
    if name is not None:
        raise outside_scratch(f"names the database {name}")
    if {"PREPARE", "IMMEDIATE"} & {token.upper() for kind, token in parts if kind == "word"}:
        for kind, token in parts:
            if kind == "string":
                check_for_scratch(unquote_literal(token) or "", others)
    return None


def _plain(name: str) -> str:
    return unquote_identifier(name).lower()


def _changed_databases(parts: Sequence[_Token], others: Collection[str]) -> Iterator[str]:
    """Yield the other databases in which a statement names something that it can change.

    A qualifier is the table of a column if the statement also names a table of that name.
    """
    names = [_plain(token) if kind in ("word", "quoted") else token for kind, token in parts]
    following = [*names[1:], ""]
    unqualified = {name for name, after in zip(names, following, strict=False) if after != "."}
    for place in _places_of_targets(names):
        name = names[place]
        if name in others and following[place] == "." and names[place - 1 : place] != ["."]:
            is_table = names[place - 1 : place] and names[place - 1] in _BEFORE_TABLES
            if is_table or name not in unqualified:
                yield name


def _places_of_targets(names: Sequence[str]) -> Iterator[int]:
    """Yield the places of the tokens that are not in a query, which only reads."""
    first = names[0] if names else ""
    if first in _READING or (first == "with" and not {"delete", "update"} & {*names}):
        return
    source = _source_words(first, names)
    queries: list[int] = []
    depth = 0
    for place, name in enumerate(names):
        if name == "(":
            depth += 1
            if names[place + 1 : place + 2] == ["select"]:
                queries.append(depth)
        elif name == ")":
            if queries[-1:] == [depth]:
                queries.pop()
            depth -= 1
        elif not queries and name in source:
            return
        if not queries:
            yield place


def _source_words(first: str, names: Sequence[str]) -> Collection[str]:
    """Return the words after which a statement only reads."""
    if first in ("insert", "replace"):
        return ("select",)
    created = {"event", "function", "procedure", "table", "trigger", "view"}
    kind = next((name for name in names if name in created), "") if first == "create" else ""
    return ("select", "like") if kind in ("table", "view") else ()
