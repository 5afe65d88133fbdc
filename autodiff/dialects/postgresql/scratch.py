"""A scratch on a PostgreSQL server.

To describe models: schemas inside a transaction that is rolled back. To rehearse a migration,
which names its schemas itself: a database of its own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

__all__ = ["PREFIX", "copy_extensions", "database", "scratch"]

PREFIX = "autodiff_scratch"
"""What the name of each scratch schema and database starts with."""

_OWN = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})[0-9a-f]{{6}}")
_OLD = 3600
_KIND = """
SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype
FROM pg_database WHERE datname = current_database()
"""
_EXTENSIONS = """
SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql' ORDER BY e.oid
"""


@contextmanager
def scratch(connection: Connection, namespaces: Sequence[str]) -> Iterator[Connection | None]:
    """A second connection to the database, in a transaction, with new schemas.

    The first one stands for the default schema and comes first in the search path, so that
    names find what the live database has where the scratch has nothing of that name. None where
    the user may not create a schema. Nothing is left: the transaction is rolled back.
    """
    path = connection.exec_driver_sql("SHOW search_path").scalar()
    with connection.engine.connect() as second:
        transaction = second.begin()
        try:
            quote = second.dialect.identifier_preparer.quote
            try:
                second.exec_driver_sql(f"CREATE SCHEMA {PREFIX}")
                for namespace in namespaces:
                    second.exec_driver_sql(f"CREATE SCHEMA {quote(f'{PREFIX}_{namespace}')}")
            except SQLAlchemyError:
                yield None
                return
            second.exec_driver_sql(f"SET LOCAL search_path = {PREFIX}, {path}")
            yield second
        finally:
            transaction.rollback()


@contextmanager
def database(connection: Connection) -> Iterator[Connection | None]:
    """A connection to a new database with the encoding, collation and extensions of the live one.

    None where the user may not create one. It is dropped at the end; those that killed runs left
    behind more than an hour ago are swept up first.
    """
    live = connection.engine.execution_options(isolation_level="AUTOCOMMIT")
    with live.connect() as maker:
        name = _create(maker)
    if name is None:
        yield None
        return
    try:
        engine = sa.create_engine(live.url.set(database=name), poolclass=sa.pool.NullPool)
        try:
            with engine.connect() as opened:
                copy_extensions(connection, opened)
                yield opened
        finally:
            engine.dispose()
    finally:
        with live.connect() as maker:
            maker.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _create(maker: Connection) -> str | None:
    """The name of a new database; it tells when it was made."""
    _sweep(maker)
    made = int(maker.exec_driver_sql("SELECT extract(epoch FROM now())::bigint").scalar_one())
    name = f"{PREFIX}_{made:08x}{secrets.token_hex(3)}"
    kind = maker.exec_driver_sql(_KIND).one()
    try:
        maker.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{kind.encoding}' "
            f"LC_COLLATE '{kind.datcollate}' LC_CTYPE '{kind.datctype}'"
        )
    except SQLAlchemyError:
        return None
    return name


def _sweep(maker: Connection) -> None:
    now = maker.exec_driver_sql("SELECT extract(epoch FROM now())").scalar_one()
    for name in maker.exec_driver_sql("SELECT datname FROM pg_database").scalars().all():
        match = _OWN.fullmatch(name)
        if match is not None and int(match[1], 16) < now - _OLD:
            with suppress(SQLAlchemyError):
                maker.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


def copy_extensions(live: Connection, scratch: Connection) -> None:
    """The extensions of the live database, as far as they can be had."""
    quote = live.dialect.identifier_preparer.quote
    for extension, schema in live.exec_driver_sql(_EXTENSIONS).all():
        with suppress(SQLAlchemyError), scratch.begin_nested():
            scratch.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
            scratch.exec_driver_sql(
                f"CREATE EXTENSION IF NOT EXISTS {quote(extension)} SCHEMA {quote(schema)} CASCADE"
            )
    scratch.commit()
