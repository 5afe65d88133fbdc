"""Convert Alembic's scripts into migrations, and its version table into history."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.commands.adopt.baseline import refuse_history
from autodiff.commands.generate import checksums
from autodiff.commands.lock import relock
from autodiff.errors import (
    ConfigError,
    HistoryError,
)
from autodiff.migrations import (
    LOCK_NAME,
    Graph,
    Migration,
    file_name,
    load_graph,
)
from autodiff.migrations.files import parse_python
from autodiff.utils.files import restore_on_error, write_all

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.workspace import Workspace

__all__ = ["Converted", "convert_alembic"]

_IMPORT = re.compile(r"^from alembic import op[ \t]*$", re.MULTILINE)
_VERSIONS = sa.table("alembic_version", sa.column("version_num"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The converted history, not written yet.

    texts: the migrations, in order.
    applied: the migrations that the database has; None if it has no version table.
    notes: what must be changed by hand.
    """

    project: Workspace
    texts: Mapping[Path, str]
    applied: tuple[Migration, ...] | None
    notes: tuple[str, ...] = ()

    def write(self) -> tuple[Path, ...]:
        """Write the migrations and the lock file, and record what is applied; all or nothing.

        The lock file is written if models are configured and there is one head. Returns the paths
        of the migrations.
        """
        with restore_on_error([*self.texts, self.project.directory / LOCK_NAME]):
            write_all(self.texts)
            self._write_lock()
            self._record()
        return tuple(self.texts)

    def _write_lock(self) -> None:
        """Write the lock file, unless it is already for these migrations."""
        graph, lock = self.project.graph(), self.project.lock()
        known = lock is not None and dict(lock.checksums) == checksums(graph)
        if self.project.has_models and len(graph.heads) == 1 and not known:
            relock(self.project)

    def _record(self) -> None:
        if not self.applied:
            return
        graph = self.project.graph()
        with self.project.connect() as connection:
            runner = self.project.runner(connection, graph)
            runner.stamp(*(migration.revision for migration in self.applied))


def convert_alembic(project: Workspace, folder: Path) -> Converted:
    """Return the migrations for the scripts in a folder, or in `versions` below it.

    Raises HistoryError if there is a history already, or the folder lacks a revision that the
    database has; ConfigError if there are no scripts.
    """
    scripts = folder / "versions" if (folder / "versions").is_dir() else folder
    here = scripts.resolve() == project.directory.resolve()
    graph = load_graph(scripts)
    if not len(graph):
        raise ConfigError(
            f"there are no migrations in {scripts}",
            hint="name the folder that contains Alembic's versions: autodiff adopt alembic",
        )
    with project.connect() as connection:
        refuse_history(project, connection, Graph() if here else project.graph())
        applied = _applied(connection, graph)
    texts = {
        migration.path if here else _numbered(project, number, migration): _text(migration)
        for number, migration in enumerate(graph.migrations.values(), 1)
    }
    notes = [
        note for migration in graph.migrations.values() for note in _alembic_imports(migration)
    ]
    return Converted(project=project, texts=texts, applied=applied, notes=tuple(notes))


def _numbered(project: Workspace, number: int, migration: Migration) -> Path:
    """Return 0002_add_email.py for ae1027a6acf_add_email.py."""
    slug = migration.name.removeprefix(f"{migration.revision}_")
    return project.directory / f"{file_name(number, slug)}.py"


def _text(migration: Migration) -> str:
    return _IMPORT.sub("from autodiff import op", migration.text)


def _alembic_imports(migration: Migration) -> Iterator[str]:
    """Yield what a script imports from Alembic besides its operations."""
    for node in ast.walk(parse_python(migration.path, _text(migration))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        if isinstance(node, ast.stmt) and any(n.partition(".")[0] == "alembic" for n in names):
            yield f"{migration.path.name}:{node.lineno} imports alembic: {ast.unparse(node)}"


def _applied(connection: Connection, graph: Graph) -> tuple[Migration, ...] | None:
    """Return the migrations that the database has, parents first."""
    there = sa.inspect(connection).has_table("alembic_version")
    rows = connection.execute(sa.select(_VERSIONS)).scalars().all() if there else []
    connection.rollback()
    if missing := sorted(row for row in rows if row not in graph):
        raise HistoryError(
            f"the database is at {', '.join(missing)}, which is not in the folder",
            hint="check out the branch that contains it, or upgrade with Alembic first",
        )
    return tuple(graph.in_order(graph.lineage(rows))) if there else None
