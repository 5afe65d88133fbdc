"""The databases that autodiff supports: one package each, with the same module names in each.

No other package knows a database by its name: it asks `Features` or calls a part of `Dialect`.
`dialect_of(connection)` and `dialect_for(name)` return the dialect to use: one of these packages,
else one that another distribution adds by the entry point `autodiff.dialects`, else the generic
one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.dialects.scope import Scope
from autodiff.errors import ConfigError, DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

__all__ = ["NAMES", "Dialect", "Scope", "accept_options", "dialect_for", "dialect_of"]
__all__ += ["is_known", "prepare_engine", "version_text"]

_ENTRY_POINTS = "autodiff.dialects"
_DIALECTS_OF_SQLALCHEMY = "sqlalchemy.dialects"
_WITHOUT_DIALECT = ("mssql", "oracle")
"""The databases of SQLAlchemy's own dialects that have no package here."""

_CLASSES = {
    "sqlite": ("autodiff.dialects.sqlite", "SQLite"),
    "postgresql": ("autodiff.dialects.postgresql", "PostgreSQL"),
    "mysql": ("autodiff.dialects.mysql", "MySQL"),
    "mariadb": ("autodiff.dialects.mysql", "MySQL"),
}

_DRIVERS = {
    "postgresql": "postgresql.psycopg",
    "mysql": "mysql.pymysql",
    "mariadb": "mariadb.pymysql",
}

NAMES = tuple(_CLASSES)
"""The kinds of databases with their own package; "mysql" includes MariaDB."""


def is_known(name: str) -> bool:
    """Return whether there is a dialect for a kind of database, also without its driver."""
    return name in _CLASSES or name in _WITHOUT_DIALECT or name in _installed_names()


@cache
def _installed_names() -> frozenset[str]:
    """Return the names of databases whose dialects other distributions have."""
    from importlib.metadata import entry_points

    groups = (entry_points(group=group) for group in (_ENTRY_POINTS, _DIALECTS_OF_SQLALCHEMY))
    return frozenset(point.name.partition(".")[0] for group in groups for point in group)


def accept_options(text: str) -> None:
    """Let SQLAlchemy accept the options in the text of a migration, such as `mysql_invisible`.

    A migration for several databases can have them on a database that ignores them.
    """
    if "mysql_" in text:
        import_module("autodiff.dialects.mysql.declared_options").register_options()


def prepare_engine(engine: Engine, tables: Sequence[str], schema: str | None) -> None:
    """Let an engine ask one query when it connects, if its dialect has one."""
    _class_for(engine.dialect.name).prepare_engine(engine, tables, schema)


def version_text(version: Sequence[object] | None) -> str | None:
    """Return the first two parts of the version that a driver reports, such as "10.11"."""
    return ".".join(str(part) for part in (version or ())[:2]) or None


def dialect_of(connection: Connection, *, scratch_url: URL | None = None) -> Dialect:
    """Return the dialect of a connection, with the server's version and default schema.

    `scratch_url` names a database that may be emptied and used as a scratch.

    Raises ConfigError for a connection to a server without a database.
    """
    dialect = _make(
        connection.dialect,
        version=version_text(connection.dialect.server_version_info),
        default_schema=connection.dialect.default_schema_name,
        scratch_url=scratch_url,
    )
    if dialect.features.optional_database and not dialect.default_schema:
        server = connection.engine.url.get_backend_name()
        raise ConfigError(
            "the URL names a server, but no database on it",
            hint=f"name a database in the URL: {server}://user@host/DATABASE",
        )
    return dialect


def dialect_for(
    name: str,
    *,
    sqlalchemy_name: str | None = None,
    version: str | None = None,
    default_schema: str | None = None,
    scratch_url: URL | None = None,
) -> Dialect:
    """Return the dialect of that name, for use without a server.

    `sqlalchemy_name` is SQLAlchemy's name of its dialect if that is another: MariaDB is "mysql" if
    the URL calls it so, and the types, variants and options of models ask for that name. `version`
    is that of the server, such as "8.0", if it is known. `default_schema` is the schema of tables
    that name none, if it is known. `scratch_url` names a database that may be emptied and used as a
    scratch.

    Raises DatabaseError for a kind of database that has no SQLAlchemy dialect.
    """
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import NoSuchModuleError

    loaded = sqlalchemy_name or name
    try:
        found = registry.load(_DRIVERS.get(loaded, loaded))
    except NoSuchModuleError as error:
        raise _unknown(name) from error
    # SQLAlchemy's registry returns a class; for mariadb, which it generates, an instance.
    settings = {"is_mariadb": True} if (name, loaded) == ("mariadb", "mysql") else {}
    made = found(**settings) if isinstance(found, type) else found
    _set_as_connected(made, version)
    return _make(made, version=version, default_schema=default_schema, scratch_url=scratch_url)


def _set_as_connected(made: Any, version: str | None) -> None:
    """Set what SQLAlchemy asks a server of this version for, so that it writes the same SQL.

    Without a version, that is the newest one. Without its last part, that is the newest of them.
    """
    number = tuple(map(int, re.findall(r"\d+", version or "1000")))
    major, minor, *_ = (*number, 0)
    if made.name == "postgresql":
        made._backslash_escapes = False  # standard_conforming_strings, on since 9.1
        made.supports_virtual_generated_columns = major >= 18
    if made.name in ("mysql", "mariadb"):
        # SQLAlchemy 2.0 derives the next from it
        made.server_version_info = number if len(number) != 2 else (*number, 1000)
        with suppress(AttributeError):
            made._support_float_cast = (major, minor) >= ((10, 4) if made.is_mariadb else (8, 0))
    if getattr(made, "is_mariadb", False):
        made.supports_sequences = True
        if hasattr(made, "_allows_uuid_binds"):  # SQLAlchemy 2.0 knows no UUID of MariaDB
            made.supports_native_uuid = (major, minor) >= (10, 7)


def _make(
    sqlalchemy_dialect: SQLAlchemyDialect,
    *,
    version: str | None = None,
    default_schema: str | None = None,
    scratch_url: URL | None,
) -> Dialect:
    dialect: Dialect = _class_for(sqlalchemy_dialect.name)(
        sqlalchemy_dialect,
        version=version,
        default_schema=default_schema,
        scratch_url=scratch_url,
    )
    return dialect


def _class_for(name: str) -> Any:
    """Return the class for a kind of database."""
    if name in _CLASSES:
        module, cls = _CLASSES[name]
        return getattr(import_module(module), cls)
    return _added_class(name) or import_module("autodiff.dialects.generic").Generic


@cache
def _added_class(name: str) -> Any:
    """Return the class that another distribution adds, None if there is none.

    Raises DatabaseError if it cannot be imported.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group=_ENTRY_POINTS, name=name):
        try:
            return point.load()
        except Exception as error:
            raise DatabaseError(
                f"cannot import the dialect {point.value} for {name}: {error}",
                hint="update or uninstall the distribution that has it"
                + (f": {point.dist.name}" if point.dist is not None else ""),
            ) from error
    return None


def _unknown(name: str) -> DatabaseError:
    return DatabaseError(
        f"autodiff does not know the database {name!r}",
        hint=f"it knows {', '.join(sorted(_CLASSES))}, and each database whose SQLAlchemy dialect "
        "is installed",
    )
