"""Scratch databases on a PostgreSQL server.

Models are described in new schemas, inside a transaction that is rolled back: that needs no
privilege to create databases. Migrations contain schema names, so they run in a separate database.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.postgresql.catalog.conditions import in_no_extension
from autodiff.dialects.postgresql.embedded import EXTRA, is_installed, open_server
from autodiff.dialects.postgresql.scratch_guard import keep_server
from autodiff.dialects.scratch import Scratch
from autodiff.schema.objects import Name
from autodiff.utils.connections import OWN_ENGINE

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["PREFIX", "PostgreSQLScratch"]

PREFIX = "autodiff_scratch"
"""The start of the name of each scratch schema and scratch database."""

_SCRATCH_NAME = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})[0-9a-f]{{6}}")
_MIN_AGE = 60
"""Seconds: the longest time between creating a scratch database and connecting to it."""
_MARK = "a scratch database of autodiff: it is dropped when no run is connected to it"
_LEFTOVERS = f"""
SELECT d.datname FROM pg_database d
WHERE d.datname LIKE '{PREFIX}%' AND shobj_description(d.oid, 'pg_database') = '{_MARK}'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datid = d.oid)
"""
_LOCALE = """
SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype
FROM pg_database WHERE datname = current_database()
"""
_EXTENSIONS = """
SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql' ORDER BY e.oid
"""
_LOCK = 4_722_819_305_117_884
"""A random number that no other program locks; an advisory lock belongs to one database."""
_CLAIM_SECONDS = 20.0
"""How long to wait for another run: most use a scratch database for a few seconds."""
_IDENTITY = """
SELECT concat_ws(' ', pg_postmaster_start_time(), oid) FROM pg_database
WHERE datname = current_database()
"""
_CONTENTS = f"""
SELECT kind, name, target, place FROM (
  SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                        WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table'
                        ELSE 'table' END AS kind,
         c.relnamespace AS namespace, c.relname AS name,
         format('%I.%I', n.nspname, c.relname) AS target,
         CASE WHEN c.relkind = 'S' THEN 2 ELSE 1 END AS place
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT c.relispartition
    AND {in_no_extension("pg_class", "c.oid")}
    AND NOT EXISTS (SELECT 1 FROM pg_depend i WHERE i.classid = 'pg_class'::regclass
                    AND i.objid = c.oid AND i.deptype IN ('a', 'i') AND c.relkind = 'S')
  UNION ALL
  SELECT 'routine', p.pronamespace, p.proname, p.oid::regprocedure::text, 3
  FROM pg_proc p
  WHERE {in_no_extension("pg_proc", "p.oid")}
  UNION ALL
  SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, t.typnamespace, t.typname,
         format('%I.%I', n.nspname, t.typname), 4
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE (t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
    AND {in_no_extension("pg_type", "t.oid")}
) found JOIN pg_namespace s ON s.oid = found.namespace
WHERE s.nspname !~ '^pg_' AND s.nspname <> 'information_schema'
ORDER BY place, kind, s.nspname, name
"""
_NAMESPACES = """
SELECT n.nspname FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
  AND NOT EXISTS (SELECT 1 FROM pg_extension e WHERE e.extnamespace = n.oid)
ORDER BY n.nspname
"""
_INVENTORY = f"""
SELECT kind || ' ' || target FROM ({_CONTENTS}) contents
UNION ALL SELECT 'schema ' || nspname FROM ({_NAMESPACES}) namespaces
"""


class PostgreSQLScratch(Scratch):
    """Opens schemas in a transaction, databases, and the database of `scratch_url`."""

    @contextmanager
    def open(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """Open a second connection to the database, in a transaction with new schemas.

        The first schema replaces the default schema and comes first in the search path, so names
        that the scratch does not have are found in the live database. None if the user may not
        create a schema. The transaction is rolled back.
        """
        assert connection is not None
        path = connection.exec_driver_sql("SHOW search_path").scalar()
        with connection.engine.connect() as second:
            transaction = second.begin()
            try:
                quote = second.dialect.identifier_preparer.quote_identifier
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
    def open_database(
        self, connection: Connection | None, *, namespaces: Sequence[str] = ()
    ) -> Iterator[Connection | None]:
        """Open a new database with the encoding, collation and extensions of the live one.

        None if the user may not create one. The database is dropped at the end. Databases that
        killed runs left behind are dropped first: no run is connected to them.
        """
        assert connection is not None
        live = connection.engine.execution_options(isolation_level="AUTOCOMMIT")
        with live.connect() as maker:
            name = _create(maker)
        if name is None:
            yield None
            return
        try:
            url = live.url.set(database=name)
            _create_default_schema(url, connection.dialect.default_schema_name)
            engine = sa.create_engine(url, poolclass=sa.pool.NullPool, execution_options=OWN_ENGINE)
            try:
                with engine.connect() as opened:
                    _copy_extensions(connection, opened)
                    yield opened
            finally:
                engine.dispose()
        finally:
            with live.connect() as maker:
                maker.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @property
    def embedded_extra(self) -> str | None:
        return EXTRA

    @contextmanager
    def open_embedded(self, connection: Connection | None) -> Iterator[Connection | None]:
        """Start a private server, if the extra `embedded` is installed."""
        if not is_installed():
            yield None
            return
        with open_server() as url:
            engine = sa.create_engine(url, poolclass=sa.pool.NullPool, execution_options=OWN_ENGINE)
            try:
                with engine.connect() as opened:
                    if connection is not None:
                        _copy_extensions(connection, opened)
                    yield opened
            finally:
                engine.dispose()

    @contextmanager
    def keep_server(self, connection: Connection) -> Iterator[None]:
        """Leave out statements about the whole server; roles are dropped at the end."""
        with keep_server(connection):
            yield

    def make_dialect(self, connection: Connection) -> Dialect:
        return type(self.dialect)(
            connection.dialect, version=self.dialect.version, default_schema=PREFIX
        )

    def map_name(self, name: Name) -> Name:
        return name if name.schema is None else Name(name.name, f"{PREFIX}_{name.schema}")

    def identity(self, connection: Connection) -> str:
        """Return the start time of the server and the number of the database."""
        return str(connection.exec_driver_sql(_IDENTITY).scalar_one())

    def claim(self, connection: Connection) -> bool:
        """Take an advisory lock on the session; return False if another run keeps it for too long.

        https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
        """
        query = f"SELECT pg_try_advisory_lock({_LOCK})"
        until = time.monotonic() + _CLAIM_SECONDS
        while True:
            taken = bool(connection.exec_driver_sql(query).scalar())
            connection.commit()
            if taken or time.monotonic() > until:
                return taken
            time.sleep(0.2)

    def copy_prerequisites(self, live: Connection | None, scratch: Connection) -> None:
        if live is not None:
            _copy_extensions(live, scratch)

    def creatable_names(self, live: Connection) -> frozenset[str]:
        from autodiff.dialects.postgresql.scratch_functions import creatable_names

        return creatable_names(live)

    def creating_statements(self, live: Connection, names: Collection[str]) -> list[str]:
        from autodiff.dialects.postgresql.scratch_functions import creating_statements

        return creating_statements(live, names)

    def contents(self, connection: Connection) -> list[str]:
        """List the relations, routines, types and schemas that belong to no extension."""
        default = sa.func.quote_ident(connection.dialect.default_schema_name)
        public = connection.execute(sa.select(default)).scalar()
        found = [
            f"{row.kind} {row.target.removeprefix(f'{public}.')}"
            for row in connection.execute(sa.text(_CONTENTS))
        ]
        found += [f"schema {name}" for name in _namespaces(connection)]
        connection.rollback()
        return found

    @property
    def inventory(self) -> str:
        return _INVENTORY

    def clear(self, connection: Connection) -> None:
        """Drop all objects that `contents` lists. Extensions remain."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        for row in connection.execute(sa.text(_CONTENTS)).all():
            word = row.kind.upper()
            # IF EXISTS: CASCADE on a previous object may have dropped this one
            sql = f"DROP {word} IF EXISTS {row.target} CASCADE"
            connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        for name in _namespaces(connection):
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {quote(name)} CASCADE")
        connection.commit()


def _create(maker: Connection) -> str | None:
    """Create a database and return its name; None if the user lacks the privilege.

    The name contains the server's time, so that `_drop_leftovers` finds old databases. Only the
    template template0 allows another encoding and locale.
    https://www.postgresql.org/docs/current/manage-ag-templatedbs.html
    """
    _drop_leftovers(maker)
    made = int(maker.exec_driver_sql("SELECT extract(epoch FROM now())::bigint").scalar_one())
    name = f"{PREFIX}_{made:08x}{secrets.token_hex(3)}"
    locale = maker.exec_driver_sql(_LOCALE).one()
    try:
        maker.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{locale.encoding}' "
            f"LC_COLLATE '{locale.datcollate}' LC_CTYPE '{locale.datctype}'"
        )
        maker.exec_driver_sql(f"COMMENT ON DATABASE {name} IS '{_MARK}'")
    except SQLAlchemyError:
        return None
    return name


def _create_default_schema(url: sa.URL, name: str | None) -> None:
    """Create the default schema of the live database, if no schema of the search path exists.

    SQLAlchemy reads the default schema when an engine first connects, so this is another engine.
    """
    if name is None or name == "public":
        return
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, execution_options=OWN_ENGINE)
    try:
        with engine.begin() as connection:
            if connection.dialect.default_schema_name is None:
                connection.execute(sa.schema.CreateSchema(name))
    finally:
        engine.dispose()


def _namespaces(connection: Connection) -> list[str]:
    """Return the schemas that belong to no extension, without the default schema."""
    names = connection.execute(sa.text(_NAMESPACES)).scalars()
    return [name for name in names if name != connection.dialect.default_schema_name]


def _drop_leftovers(maker: Connection) -> None:
    """Drop scratch databases that killed runs left behind, as far as the user may."""
    now = maker.exec_driver_sql("SELECT extract(epoch FROM now())").scalar_one()
    options = {"no_parameters": True}
    for name in maker.exec_driver_sql(_LEFTOVERS, execution_options=options).scalars().all():
        match = _SCRATCH_NAME.fullmatch(name)
        if match is not None and int(match[1], 16) < now - _MIN_AGE:
            with suppress(SQLAlchemyError):  # a run may have connected in the meantime
                maker.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


def _copy_extensions(live: Connection, scratch: Connection) -> None:
    """Create the extensions of the live database that the user is allowed to create."""
    quote = live.dialect.identifier_preparer.quote_identifier
    for extension, schema in live.exec_driver_sql(_EXTENSIONS).all():
        with suppress(SQLAlchemyError), scratch.begin_nested():
            scratch.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
            scratch.exec_driver_sql(
                f"CREATE EXTENSION IF NOT EXISTS {quote(extension)} SCHEMA {quote(schema)} CASCADE"
            )
    scratch.commit()
