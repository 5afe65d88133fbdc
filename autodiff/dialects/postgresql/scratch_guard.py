"""Keep a migration that is run on a scratch database away from the rest of the server.

Roles, databases, tablespaces and settings of the server belong to all databases.
https://www.postgresql.org/docs/current/managing-databases.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.scratch_guard import check_statements
from autodiff.schema.sql_statements import split_statements
from autodiff.schema.sqltext import tokens, unquote_identifier

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["keep_server"]

_NOTHING = "-- not sent to a scratch database"
_SERVER = re.compile(
    r"(ALTER SYSTEM|(CREATE|ALTER|DROP) (DATABASE|TABLESPACE|SUBSCRIPTION)|REASSIGN OWNED"
    r"|COMMENT ON (DATABASE|ROLE|TABLESPACE|SUBSCRIPTION)"
    r"|(GRANT|REVOKE) .* ON (DATABASE|TABLESPACE|PARAMETER))\b"
)
_MEMBERSHIP = re.compile(r"(GRANT|REVOKE) (?!.* ON )")
_ROLE = re.compile(
    r"(?P<verb>CREATE|ALTER|DROP|DROP OWNED BY) ((ROLE|USER|GROUP) (?!MAPPING\b)|(?<=OWNED BY ))"
    r"(IF EXISTS )?(?P<name>\"[^\"]+\"|[^\s;,]+)"
)
_SUSPECT = re.compile(
    r"\b(ROLE|USER|GROUP|GRANT|REVOKE|SYSTEM|DATABASE|TABLESPACE|SUBSCRIPTION|OWNED)\b",
    re.IGNORECASE,
)
_IN_BODY = re.compile(
    r"\b(CREATE|ALTER|DROP)\s+(?:ROLE|USER|GROUP)\s+(?!MAPPING\b)(?:IF\s+EXISTS\s+)?"
    r"(\"[^\"]+\"|[\w$]+)",
    re.IGNORECASE,
)


@contextmanager
def keep_server(connection: Connection) -> Iterator[None]:
    """Leave out what changes the server, and drop the created roles at the end.

    Roles that exist already are not changed.
    """
    before = _roles(connection)
    created: dict[str, None] = {}

    def check(sql: str) -> str | None:
        return _check(sql, before, created) if _SUSPECT.search(sql) else None

    check_statements(connection, check)
    try:
        yield
    finally:
        _drop(connection, list(created))


def _check(sql: str, before: frozenset[str], created: dict[str, None]) -> str | None:
    """Return what to send instead of a text, which can contain several statements."""
    statements = list(split_statements(sql))
    if len(statements) < 2:
        return _check_one(sql, before, created)
    instead = [_check_one(statement, before, created) for statement in statements]
    if not any(instead):
        return None
    kept = [statement for statement, other in zip(statements, instead, strict=True) if not other]
    return ";\n".join(kept) or _NOTHING


def _check_one(sql: str, before: frozenset[str], created: dict[str, None]) -> str | None:
    """Return what to send instead of a statement, and note the roles that it may create."""
    words = [
        token.upper() if kind == "word" else token for kind, token in tokens(sql) if kind != "space"
    ]
    text = " ".join(words)
    if _SERVER.match(text):
        return _NOTHING
    if found := _ROLE.match(text):
        name = _plain(found["name"])
        if found["verb"] == "CREATE" and name not in before:
            created[name] = None
        return None if name in created else _NOTHING
    if _MEMBERSHIP.match(text):
        roles = {_plain(word) for word in words[1:]}
        return None if roles & created.keys() else _NOTHING
    for verb, role in _IN_BODY.findall(sql):  # a DO block, or a function
        name, creates = _plain(role), verb.upper() == "CREATE"
        if creates and name not in before:
            created[name] = None
        elif not creates and name in before:
            return _NOTHING
    return None


def _plain(name: str) -> str:
    return unquote_identifier(name) if name.startswith('"') else name.lower()


def _roles(connection: Connection) -> frozenset[str]:
    found = connection.exec_driver_sql("SELECT rolname FROM pg_roles").scalars().all()
    connection.rollback()
    return frozenset(found)


def _drop(connection: Connection, names: list[str]) -> None:
    """Drop roles, with what they own in the scratch database."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    with suppress(SQLAlchemyError):
        connection.rollback()
        existing = _roles(connection) if names else frozenset()
        for name in names:
            if name in existing:
                connection.exec_driver_sql(f"DROP OWNED BY {quote(name)} CASCADE")
                connection.exec_driver_sql(f"DROP ROLE {quote(name)}")
        connection.commit()
