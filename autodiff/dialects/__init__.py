"""The databases that autodiff supports: one package each, with the same module names in each.

No other package knows a database by its name: it asks `Features` or calls a part of `Dialect`.
`dialect_of(connection)` and `dialect_for(name)` return the dialect to use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect
from autodiff.dialects.scope import Scope
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

__all__ = ["NAMES", "Dialect", "Scope", "dialect_for", "dialect_of"]

_CLASSES = {
    "sqlite": ("autodiff.dialects.sqlite", "SQLite"),
    "postgresql": ("autodiff.dialects.postgresql", "PostgreSQL"),
    "mysql": ("autodiff.dialects.mysql", "MySQL"),
    "mariadb": ("autodiff.dialects.mysql", "MySQL"),
}

NAMES = tuple(_CLASSES)
"""The supported kinds of databases; "mysql" includes MariaDB."""


def dialect_of(connection: Connection, *, scratch_url: URL | None = None) -> Dialect:
    """Return the dialect of a connection, with the server's version and default schema.

    `scratch_url` names a database that may be emptied and used as a scratch.

    Raises DatabaseError for a kind of database that autodiff does not support.
    """
    version = connection.dialect.server_version_info or ()
    return _make(
        connection.dialect,
        version=".".join(str(part) for part in version[:2]) or None,
        default_schema=connection.dialect.default_schema_name,
        scratch_url=scratch_url,
    )


def dialect_for(
    name: str, *, default_schema: str | None = None, scratch_url: URL | None = None
) -> Dialect:
    """Return the dialect of that name, for use without a server.

    `default_schema` is the schema of tables that name none, if it is known. `scratch_url` names a
    database that may be emptied and used as a scratch.

    Raises DatabaseError for a kind of database that autodiff does not support.
    """
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import NoSuchModuleError

    driver = {"postgresql": "postgresql.psycopg", "mysql": "mysql.pymysql"}.get(name, name)
    driver = {"mariadb": "mariadb.pymysql"}.get(driver, driver)
    try:
        found = registry.load(driver)
    except NoSuchModuleError as error:
        raise _unknown(name) from error
    # SQLAlchemy's registry returns a class; for mariadb, which it generates, an instance.
    made = found() if isinstance(found, type) else found
    if made.name == "postgresql":  # standard_conforming_strings, on since 9.1
        made._backslash_escapes = False
    return _make(made, default_schema=default_schema, scratch_url=scratch_url)


def _make(
    sqlalchemy_dialect: SQLAlchemyDialect,
    *,
    version: str | None = None,
    default_schema: str | None = None,
    scratch_url: URL | None,
) -> Dialect:
    try:
        module, cls = _CLASSES[sqlalchemy_dialect.name]
    except KeyError:
        raise _unknown(sqlalchemy_dialect.name) from None
    dialect: Dialect = getattr(import_module(module), cls)(
        sqlalchemy_dialect,
        version=version,
        default_schema=default_schema,
        scratch_url=scratch_url,
    )
    return dialect


def _unknown(name: str) -> DatabaseError:
    return DatabaseError(
        f"autodiff does not know the database {name!r}",
        hint=f"it knows {', '.join(sorted(_CLASSES))}",
    )
