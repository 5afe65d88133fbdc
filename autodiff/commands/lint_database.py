"""Choose the databases to lint for, and read the sizes of their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.dialects import NAMES, Dialect, dialect_for, dialect_of
from autodiff.errors import ConfigError, DatabaseError, HistoryError
from autodiff.migrations.alembic_folder import find_alembic_folder
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from contextlib import ExitStack

    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["LintDatabases", "choose_databases", "read_database"]

_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LintDatabases:
    """The databases to lint for.

    rows: the number of rows of each table in the database, if known.
    problem: why they could not be read; empty if they were, or were not wanted.
    connection: the connection to the database, which is open until the end of the command.
    """

    dialects: Sequence[Dialect]
    rows: Mapping[Name, int] = field(default_factory=dict)
    problem: str = ""
    connection: sa.Connection | None = None


def read_database(project: Workspace, most: int, stack: ExitStack) -> LintDatabases:
    """Return the database of the URL, with the number of rows of its tables.

    If it cannot be reached, the kind of database is that of the URL.

    Args:
        project: The project.
        most: The most rows of a small table.
        stack: Closes the connection at its end.
    """
    from autodiff.autogenerate.live_queries import Limits, ask_each

    limits = Limits(
        each=_SECONDS, together=_SECONDS, reached=f"it took more than {_SECONDS:g} seconds"
    )
    try:
        connection = stack.enter_context(project.connect())
        dialect = dialect_of(connection)
        version = connection.dialect.server_version_info or ()
        dialect.version = ".".join(map(str, version)) or dialect.version
        query = lambda: dialect.catalog.row_counts(connection, most)  # noqa: E731
        [answer] = ask_each(connection, dialect, [query], limits)
    except DatabaseError as error:
        return LintDatabases(dialects=[project.offline_dialect()], problem=error.message)
    return LintDatabases(
        dialects=[dialect],
        rows=answer.found or {},
        problem=answer.problem,
        connection=connection,
    )


def choose_databases(
    project: Workspace, named: Sequence[str], targets: Sequence[str]
) -> LintDatabases:
    """Return the databases that are named; else that of the URL, of the lock file or of Alembic.

    Raises:
        ConfigError: A name is not that of a kind of database.
        HistoryError: No kind of database is known.
    """
    if named:
        return LintDatabases(dialects=[_dialect(text) for text in named])
    try:
        dialect = project.offline_dialect()
    except HistoryError as error:
        found = _dialect_of_alembic(targets)
        if found is None:
            raise HistoryError(
                error.message,
                hint="pass --dialect postgresql or --url, or set "
                'dialects = ["postgresql"] in the settings of lint',
            ) from error
        return LintDatabases(dialects=[found])
    lock = project.lock()
    if lock is not None and dialect_for(lock.backend).matches(dialect.name):
        dialect = project.dialect_of_lock(lock)
    return LintDatabases(dialects=[dialect])


def _dialect_of_alembic(targets: Sequence[str]) -> Dialect | None:
    """Return the kind of database of the URL in the nearest alembic.ini above a target."""
    for target in targets:
        path = Path(target).resolve()
        for folder in (path, *path.parents):
            if not (folder / "alembic.ini").is_file():
                continue
            found = find_alembic_folder(folder, "alembic.ini")
            url = (found.options if found is not None else {}).get("sqlalchemy.url", "")
            name = url.partition(":")[0].partition("+")[0]
            return dialect_for(name) if name in NAMES else None
    return None


def _dialect(text: str) -> Dialect:
    """Return the dialect of a text such as "postgresql 16"."""
    name, _, version = text.partition(" ")
    if name not in NAMES:
        raise ConfigError(
            f"unknown kind of database: {name!r}",
            hint=f'use one or more of {", ".join(sorted(NAMES))}, such as "postgresql 16"',
        )
    version = version.strip()
    if version and not version[0].isdigit():
        raise ConfigError(
            f"{version!r} is not a version of {name}",
            hint=f'write a number after the name, such as "{name} 16"',
        )
    return dialect_for(name, version=version or None)
