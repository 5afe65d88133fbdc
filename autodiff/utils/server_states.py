"""Say what to do if a database refuses a request because of its state, such as read-only."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["error_code", "read_only_hint", "state_hint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """A state of a database, by the codes of its errors, and by words for errors without a code.

    Codes are SQLSTATEs of PostgreSQL and numbers of MySQL and MariaDB. SQLite has none, and neither
    have errors of connecting to PostgreSQL.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    https://mariadb.com/kb/en/mariadb-error-code-reference/
    """

    codes: frozenset[str | int]
    words: tuple[str, ...]
    hint: str


_READ_ONLY = _State(
    # read_only_sql_transaction; ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE
    codes=frozenset(("25006", 1792, 1836)),
    words=("read-only option", "readonly database", "attached in read-only mode"),
    hint="the database is read-only here: connect to the primary server if this is a replica, or "
    "change the setting of the server, the database or the user, or the file's permissions",
)
_TOO_MANY_CONNECTIONS = _State(
    # too_many_connections; ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED
    codes=frozenset(("53300", 1040, 1203, 1226)),
    words=(
        *("too many connections", "too many clients", "remaining connection slots"),
        "no more connections allowed",  # PgBouncer
    ),
    hint="close other connections and try again, or raise the limit of the server, the database or "
    "the user",
)
_TOO_SLOW = _State(
    codes=frozenset((1969, 3024)),  # ER_STATEMENT_TIMEOUT, ER_QUERY_TIMEOUT
    words=("due to statement timeout",),  # query_canceled has other reasons too
    hint="raise the time limit of statements: of the server, the database or the user, or in the "
    "options of the URL",
)
_CHANGED_TABLE = _State(
    codes=frozenset(("42703", 1054)),  # undefined_column; ER_BAD_FIELD_ERROR
    words=("no such column", "has no column named"),
    hint="another program or another version of autodiff may have changed the table; --debug shows "
    "the statement",
)
# The errors of PgBouncer have one code, protocol_violation: https://www.pgbouncer.org/usage.html
_STATEMENT_POOLING = _State(
    codes=frozenset(),
    words=("statement pooling mode",),
    hint="autodiff needs transactions, which statement pooling does not allow: connect to the "
    "server itself, or to a pooler in another mode",
)
_PAUSED = _State(
    codes=frozenset(),
    words=("query_wait_timeout",),
    hint="the pooler gave no session in time: the database may be paused (RESUME), all sessions in "
    "use, or the server unavailable",
)
_DISABLED = _State(
    codes=frozenset(),
    words=('" is disabled', "not currently accepting connections"),
    hint="the database accepts no connections: allow them on the pooler (ENABLE) or the server "
    "(ALTER DATABASE ... ALLOW_CONNECTIONS true)",
)
_STATES = (
    *(_READ_ONLY, _TOO_MANY_CONNECTIONS, _TOO_SLOW, _CHANGED_TABLE),
    *(_STATEMENT_POOLING, _PAUSED, _DISABLED),
)


def state_hint(error: BaseException) -> str | None:
    """Return what to do about a state of the database, None if an error has another cause."""
    return next((state.hint for state in _STATES if _is_in(state, error)), None)


def read_only_hint(error: BaseException) -> str | None:
    """Return what to do about a read-only database, None if an error has another cause."""
    return _READ_ONLY.hint if _is_in(_READ_ONLY, error) else None


def _is_in(state: _State, error: BaseException) -> bool:
    original = getattr(error, "orig", None) or error
    if error_code(original) in state.codes:
        return True
    return any(word in f"{original}".lower() for word in state.words)


def error_code(error: BaseException) -> object:
    """Return the code of a driver's error: a text of PostgreSQL, a number of MySQL or MariaDB."""
    first = error.args[0] if error.args else None
    if isinstance(first, dict):  # pg8000
        return first.get("C")
    for code in (first, getattr(error, "errno", None)):  # errno: MariaDB Connector
        if isinstance(code, int):
            return code
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
