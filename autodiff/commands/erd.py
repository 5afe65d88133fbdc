"""Find the tables to draw in a diagram: of the models, of the migrations or of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

from autodiff.autogenerate.schemas import scope_for
from autodiff.dialects import dialect_of
from autodiff.errors import ConfigError, HistoryError
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    from autodiff.schema.objects import Name, Table
    from autodiff.workspace import Workspace

__all__ = ["ErdSource", "find_tables"]

ErdSource: TypeAlias = Literal["models", "database", "history"]
_OWNERS: dict[ErdSource, str] = {
    "models": "models have",
    "database": "database has",
    "history": "migrations have",
}


def find_tables(
    project: Workspace, names: Sequence[str] = (), source: ErdSource = "models"
) -> Mapping[Name, Table]:
    """Return tables by name, sorted.

    Args:
        project: The project.
        names: The names of tables, or patterns such as `billing_*`; all tables without any.
        source: `models`, `database`, or `history` for the schema of the lock file.

    Raises:
        ConfigError: There is no such table, or no database is configured.
        HistoryError: There is no lock file.
    """
    tables = _schema(project, source).tables
    chosen = {name: tables[name] for name in sorted(tables)}
    if not names:
        return chosen
    found = {
        name: table
        for name, table in chosen.items()
        if any(fnmatchcase(str(name), pattern) for pattern in names)
    }
    for pattern in names:
        if not any(fnmatchcase(str(name), pattern) for name in found):
            raise _unknown_table(pattern, list(map(str, chosen)), source)
    return found


def _schema(project: Workspace, source: ErdSource) -> Schema:
    if source == "models":
        return project.declare(project.offline_dialect())
    if source == "history":
        lock = project.lock()
        if lock is None:
            raise HistoryError("there is no lock file", hint="run autodiff lock to write it")
        return lock.described
    known = Schema()
    with project.connect() as connection:
        dialect = dialect_of(connection)
        if project.has_models:
            known = project.declare(dialect)
        return dialect.catalog.reflect(connection, scope_for(known, project.selection()))


def _unknown_table(name: str, known: list[str], source: ErdSource) -> ConfigError:
    close = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "run autodiff erd for all tables"
    return ConfigError(f"the {_OWNERS[source]} no table {name}", hint=hint)
