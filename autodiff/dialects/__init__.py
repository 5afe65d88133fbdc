"""All that knows a database by name; a folder each, with the same file names in each.

`dialect_of(connection)` and `dialect_for(name)` give the one to talk to.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect, Scope
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

__all__ = ["NAMES", "Dialect", "Scope", "dialect_for", "dialect_of"]

_CLASSES = {
    "sqlite": ("autodiff.dialects.sqlite", "SQLite"),
    "postgresql": ("autodiff.dialects.postgresql", "PostgreSQL"),
    "mysql": ("autodiff.dialects.mysql", "MySQL"),
    "mariadb": ("autodiff.dialects.mysql", "MySQL"),
}

NAMES = tuple(_CLASSES)
"""The kinds of databases that there are; what is said of mysql holds for MariaDB too."""


def dialect_of(connection: Connection) -> Dialect:
    """The dialect of a connection, which knows the server's version and default schema."""
    version = connection.dialect.server_version_info or ()
    return _make(
        connection.dialect,
        server=".".join(str(part) for part in version[:2]) or None,
        default_schema=connection.dialect.default_schema_name,
    )


def dialect_for(name: str) -> Dialect:
    """The dialect of that name, where there is no server to ask.

    Raises DatabaseError for a name that autodiff does not know.
    """
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import NoSuchModuleError

    driver = {"postgresql": "postgresql.psycopg", "mysql": "mysql.pymysql"}.get(name, name)
    driver = {"mariadb": "mariadb.pymysql"}.get(driver, driver)
    try:
        found = registry.load(driver)
    except NoSuchModuleError as error:
        raise _unknown(name) from error
    # SQLAlchemy's registry gives the class; of mariadb, which it makes up, an instance.
    made = found() if isinstance(found, type) else found
    if made.name == "postgresql":  # standard_conforming_strings, on since 9.1
        made._backslash_escapes = False
    return _make(made, server=None, default_schema=None)


def _make(
    sqlalchemy_dialect: SQLAlchemyDialect, *, server: str | None, default_schema: str | None
) -> Dialect:
    try:
        module, cls = _CLASSES[sqlalchemy_dialect.name]
    except KeyError:
        raise _unknown(sqlalchemy_dialect.name) from None
    dialect: Dialect = getattr(import_module(module), cls)(
        sqlalchemy_dialect, server=server, default_schema=default_schema
    )
    return dialect


def _unknown(name: str) -> DatabaseError:
    return DatabaseError(
        f"autodiff does not know the database {name!r}",
        hint=f"it knows {', '.join(sorted(_CLASSES))}",
    )
