"""Transactions and the lock of a migration on MySQL and MariaDB, where DDL commits by itself."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.migration_lock import Holder, Lock, lock_key
from autodiff.dialects.timeouts import Blocker, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

__all__ = [
    "NamedLock",
    "blockers",
    "keys_aside",
    "limited",
    "met_lock",
    "reading",
    "transaction",
    "usual_escapes",
]

_PLAIN = "NO_BACKSLASH_ESCAPES"


def usual_escapes(sql_mode: str) -> str:
    """The sql_mode in which a backslash in a string is an escape, as our statements have it.

    https://dev.mysql.com/doc/refman/en/sql-mode.html#sqlmode_no_backslash_escapes
    """
    return ",".join(mode for mode in sql_mode.split(",") if mode and mode != _PLAIN)


@contextmanager
def transaction(connection: Connection, limits: Limits, *, is_mariadb: bool) -> Iterator[None]:
    """BEGIN and COMMIT around data statements; ROLLBACK on any error.

    Each DDL statement commits what came before it, and itself; a rollback takes back only the
    data statements after the last one. `foreign_key_checks` and `sql_mode` are at the end what they
    were before.
    https://dev.mysql.com/doc/refman/en/implicit-commit.html
    """
    with connection.begin():
        checks, mode = connection.exec_driver_sql("SELECT @@foreign_key_checks, @@sql_mode").one()
        if _PLAIN in mode:
            connection.exec_driver_sql(f"SET sql_mode = '{usual_escapes(mode)}'")

        def put_back() -> None:
            connection.exec_driver_sql(f"SET foreign_key_checks = {int(checks)}")
            if _PLAIN in mode:
                connection.exec_driver_sql(f"SET sql_mode = '{mode}'")

        limited = _session(connection, _limits(limits, is_mariadb=is_mariadb))
        with _afterwards(put_back), limited:
            yield


@contextmanager
def _afterwards(put_back: Callable[[], None]) -> Iterator[None]:
    """Then puts something back; after an error that is tried too, and the error is what is told."""
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):
            put_back()
        raise
    put_back()


@contextmanager
def reading(connection: Connection, seconds: float, *, is_mariadb: bool) -> Iterator[None]:
    """One snapshot, read-only; rolled back. The limit is the connection's, and is put back."""
    connection.rollback()
    try:
        with limited(connection, seconds, is_mariadb=is_mariadb):
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            yield
    finally:
        connection.rollback()


@contextmanager
def limited(connection: Connection, seconds: float, *, is_mariadb: bool) -> Iterator[None]:
    """Each statement limited in time, on MySQL each SELECT; the session is then as it was."""
    with _session(connection, _statement_limit(max(seconds, 0.001), is_mariadb=is_mariadb)):
        yield


@contextmanager
def keys_aside(connection: Connection) -> Iterator[None]:
    """No foreign key is looked at meanwhile."""
    connection.exec_driver_sql("SET foreign_key_checks = 0")
    try:
        yield
    finally:
        connection.exec_driver_sql("SET foreign_key_checks = 1")


def _limits(limits: Limits, *, is_mariadb: bool) -> dict[str, str]:
    """The session's limits on locks of rows and of tables, and on statements.

    Those on locks count whole seconds, and have no "for ever".
    https://mariadb.com/kb/en/server-system-variables/#lock_wait_timeout
    """
    lock = str(max(round(limits.lock), 1)) if limits.lock else str(_LONGEST)
    return {
        "lock_wait_timeout": lock,
        "innodb_lock_wait_timeout": lock,
        **_statement_limit(limits.statement, is_mariadb=is_mariadb),
    }


def _statement_limit(seconds: float, *, is_mariadb: bool) -> dict[str, str]:
    """MySQL limits SELECT alone; 0 is no limit.

    https://mariadb.com/kb/en/aborting-statements/
    https://dev.mysql.com/doc/refman/en/server-system-variables.html#sysvar_max_execution_time
    """
    if is_mariadb:
        return {"max_statement_time": f"{seconds:g}"}
    return {"max_execution_time": str(round(seconds * 1000))}


@contextmanager
def _session(connection: Connection, values: dict[str, str]) -> Iterator[None]:
    """Variables of the session with these values; then as they were."""
    named = ", ".join(f"@@SESSION.{name}" for name in values)
    before = connection.exec_driver_sql(f"SELECT {named}").one()
    _set(connection, values)
    own = dict(zip(values, map(str, before), strict=True))
    with _afterwards(lambda: _set(connection, own)):
        yield


_LONGEST = 31536000
"""The largest value of lock_wait_timeout: a year."""


def _set(connection: Connection, values: dict[str, str]) -> None:
    told = ", ".join(f"SESSION {name} = {value}" for name, value in values.items())
    connection.exec_driver_sql(f"SET {told}")


def met_lock(error: BaseException) -> bool:
    """ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK."""
    return bool(error.args) and error.args[0] in (1205, 1213)


def blockers(connection: Connection) -> list[Blocker]:
    """Sessions with a transaction that is open, the oldest first, where that may be seen."""
    try:
        rows = connection.execute(_BLOCKERS).all()
    except SQLAlchemyError:  # needs the PROCESS privilege
        return []
    return [
        Blocker(
            who=f"{row.user}@{row.host}",
            session=row.id,
            since=row.started,
            state=row.command,
            query=row.info,
        )
        for row in rows
    ]


_BLOCKERS = sa.text("""
SELECT p.id AS id, p.user AS user, p.host AS host, p.command AS command, p.info AS info,
       t.trx_started AS started
FROM information_schema.innodb_trx t
JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
WHERE p.id <> CONNECTION_ID() ORDER BY t.trx_started, p.id LIMIT 3
""")


class NamedLock(Lock):
    """GET_LOCK: of the session, and of the whole server, so its name tells the database.

    https://dev.mysql.com/doc/refman/en/locking-functions.html
    """

    def __init__(self, connection: Connection, schema: str | None) -> None:
        self._connection = connection
        database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        connection.rollback()
        self._name = f"autodiff_{lock_key(schema or database).hex()[:32]}"

    def take(self, who: str) -> bool:
        """One try."""
        return bool(self._ask("SELECT GET_LOCK(:name, 0)") == 1)

    def release(self) -> None:
        """Gives it back."""
        self._ask("SELECT RELEASE_LOCK(:name)")

    def holder(self) -> Holder | None:
        """The session that holds it."""
        session = self._ask("SELECT IS_USED_LOCK(:name)")
        if session is None:
            return None
        row = self._connection.execute(_SESSION, {"id": session}).first()
        self._connection.rollback()
        who = f"{row.user}@{row.host}, session {session}" if row else f"session {session}"
        return Holder(who=who, doing=row.info if row else None, end=f"KILL {session}")

    def _ask(self, sql: str) -> Any:
        answer = self._connection.execute(sa.text(sql), {"name": self._name}).scalar_one()
        self._connection.rollback()
        return answer


_SESSION = sa.text("""
SELECT user AS user, host AS host, info AS info
FROM information_schema.processlist WHERE id = :id
""")
