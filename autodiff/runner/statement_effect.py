"""Determine what a hand-written statement changes, to know how a stopped run can be resumed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import Enum

from autodiff.schema.operations import CreateNamespace, DropNamespace, Execute, Operation
from autodiff.schema.sqltext import first_word, tokens

__all__ = [
    "Effect",
    "can_change_settings",
    "can_stop_partway",
    "changes_only_rows",
    "effect_of",
    "runs_in_transaction",
    "sets_session",
    "statement_digest",
]

_ROW_STATEMENTS = frozenset(("DELETE", "INSERT", "REPLACE", "SELECT", "UPDATE", "WITH"))
"""First words of statements that a transaction can undo on every database."""
_DEFINING = frozenset(("ALTER", "CREATE", "DROP", "RENAME"))
_OBJECTS = frozenset(
    ("EVENT", "FUNCTION", "INDEX", "PROCEDURE", "SEQUENCE", "TABLE", "TRIGGER", "VIEW")
)
_WITHOUT_TRACE = frozenset(
    ("AUTO_INCREMENT", "DISCARD", "EXCHANGE", "FORCE", "IMPORT", "PARTITION", "TEMPORARY")
)
"""Words of statements on tables whose effect is not in the fingerprint of the catalog."""
_BODIES = frozenset(("AS", "BEGIN", "DO", "FOR", "RETURN", "SELECT", "SET"))
"""Words that may begin a body, in which a qualified name is no name of the object."""
_PROGRAMS = frozenset(("BEGIN", "CALL", "DO", "EXECUTE", "FOR", "IF", "LOOP", "REPEAT", "WHILE"))
"""First words of statements that run other statements, and may fail after some of them."""
_TRANSACTIONAL = frozenset(
    ("ALTER", "ANALYZE", "COMMENT", "CREATE", "DROP", "GRANT", "LOCK", "REFRESH", "REVOKE")
) | frozenset(("SECURITY", "TRUNCATE"))
_NOT_TRANSACTIONAL = frozenset(
    ("CONCURRENTLY", "DATABASE", "SUBSCRIPTION", "SYSTEM", "TABLESPACE", "VALUE")
)
"""Words of statements that PostgreSQL refuses in a transaction block, or may refuse."""
_WITHOUT_SETTINGS = frozenset(
    ("ALTER", "COMMENT", "CREATE", "DELETE", "DROP", "GRANT", "INSERT", "REPLACE", "REVOKE")
) | frozenset(("TRUNCATE", "UPDATE"))
_SERVER = frozenset(("GLOBAL", "PASSWORD", "PERSIST", "PERSIST_ONLY"))
_SETTING = frozenset(("PRAGMA", "RESET", "SET_CONFIG", "TEMP", "TEMPORARY", "USE"))


class Effect(Enum):
    """Where the effect of a step can be seen after a run was killed.

    ROWS: in rows, which a transaction keeps together with the journal.
    CATALOG: in the fingerprint of the catalog.
    UNKNOWN: neither, or both.
    """

    ROWS = "rows"
    CATALOG = "catalog"
    UNKNOWN = "unknown"


def effect_of(
    operations: Sequence[Operation], statements: Sequence[str], *, backslashes: bool
) -> Effect:
    """Return where the effect of a step can be seen."""
    if all(changes_only_rows(sql, backslashes=backslashes) for sql in statements):
        return Effect.ROWS
    if any(isinstance(operation, CreateNamespace | DropNamespace) for operation in operations):
        return Effect.UNKNOWN
    if not any(isinstance(operation, Execute) for operation in operations):
        return Effect.CATALOG
    defines = all(_defines_object(sql, backslashes) for sql in statements)
    return Effect.CATALOG if defines else Effect.UNKNOWN


def changes_only_rows(sql: str, *, backslashes: bool) -> bool:
    """Return whether a statement reads or changes rows, and no object of the schema."""
    return first_word(sql, backslashes=backslashes) in _ROW_STATEMENTS


def _words(sql: str, backslashes: bool) -> list[str]:
    return [token.upper() for kind, token in tokens(sql, backslashes=backslashes) if kind == "word"]


def _defines_object(sql: str, backslashes: bool) -> bool:
    """Return whether a statement creates, alters or drops one object of the current schema."""
    words = _words(sql, backslashes)
    kind = next((word for word in words[:12] if word in _OBJECTS), None)
    if not words or words[0] not in _DEFINING or kind is None:
        return False
    parts = [
        (kind, token.upper())
        for kind, token in tokens(sql, backslashes=backslashes)
        if kind != "space"
    ]
    if any(token == ";" for _, token in parts[:-1]) and kind in ("INDEX", "SEQUENCE", "TABLE"):
        return False  # several statements
    if kind == "TABLE" and _WITHOUT_TRACE.intersection(words):
        return False
    if words[0] == "RENAME" and ("other", ",") in parts:
        return False  # tables that trade their names may look the same
    end = next((n for n, (_, token) in enumerate(parts) if token == "(" or token in _BODIES), None)
    return ("other", ".") not in parts[:end]


def runs_in_transaction(sql: str) -> bool:
    """Return whether PostgreSQL runs a statement in a transaction, of which it is all or nothing.

    https://www.postgresql.org/docs/current/sql-begin.html
    """
    words = _words(sql, False)
    return bool(words) and words[0] in _TRANSACTIONAL and not _NOT_TRANSACTIONAL.intersection(words)


def can_stop_partway(sql: str, *, backslashes: bool) -> bool:
    """Return whether a statement that the server refused may have had a part of its effect."""
    return first_word(sql, backslashes=backslashes) in _PROGRAMS


def can_change_settings(sql: str, *, backslashes: bool) -> bool:
    """Return whether a statement may change the session, directly or in a function it calls."""
    words = _words(sql, backslashes)
    if not words or ";" in sql.rstrip().rstrip(";"):  # perhaps several statements
        return True
    return words[0] not in _WITHOUT_SETTINGS or bool(_SETTING.intersection(words))


def sets_session(sql: str, *, backslashes: bool) -> bool:
    """Return whether a statement only changes session settings."""
    words = _words(sql, backslashes)
    if ";" in sql.rstrip().rstrip(";"):
        return False
    return words[:1] in (["SET"], ["USE"]) and not _SERVER.intersection(words[1:2])


def statement_digest(sql: str) -> str:
    """Return what the journal holds of a statement."""
    return hashlib.sha256(sql.encode()).hexdigest()[:32]
