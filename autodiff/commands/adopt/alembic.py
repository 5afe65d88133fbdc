"""Convert Alembic's scripts into migrations, and its version table into history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.commands.adopt.baseline import refuse_history
from autodiff.commands.adopt.script_text import convert_text
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
from autodiff.migrations.alembic_folder import find_alembic_folder
from autodiff.migrations.alembic_history import read_revisions
from autodiff.migrations.files import parse_alembic
from autodiff.utils.files import restore_on_error, write_all

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.workspace import Workspace

__all__ = ["Converted", "convert_alembic"]

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


def convert_alembic(project: Workspace, folder: Path, *, skip: bool = False) -> Converted:
    """Return the migrations for Alembic's scripts in a folder.

    Args:
        project: The project.
        folder: Alembic's folder, its folder of versions, alembic.ini, or a folder of scripts.
        skip: Whether to copy scripts that must be changed by hand too; notes name their lines.

    Raises:
        HistoryError: There is a history already, or the folder lacks a revision that the database
            has.
        ConfigError: There are no scripts, or some must be changed by hand.
    """
    graph, scripts = _scripts(project, folder)
    here = scripts.resolve() == project.directory.resolve()
    if not len(graph):
        raise ConfigError(
            f"there are no migrations in {scripts}",
            hint="name the folder that contains Alembic's versions: autodiff adopt alembic",
        )
    with project.connect() as connection:
        refuse_history(project, connection, Graph() if here else project.graph())
        applied = _applied(connection, graph)
    converted = {
        migration.path if here else _numbered(project, number, migration): convert_text(migration)
        for number, migration in enumerate(graph.migrations.values(), 1)
    }
    problems = [problem for each in converted.values() for problem in each.problems]
    if problems and not skip:
        raise ConfigError(
            [
                "some scripts cannot be converted, so nothing was written:",
                *(f"  {problem}" for problem in problems),
            ],
            hint="let Alembic run them unchanged: autodiff adopt; or pass --skip to copy them, and "
            "change these lines by hand",
        )
    texts = {path: each.text for path, each in converted.items()}
    return Converted(project=project, texts=texts, applied=applied, notes=tuple(problems))


def _scripts(project: Workspace, folder: Path) -> tuple[Graph, Path]:
    """Return the scripts of all folders of versions, and the folder that was named or found."""
    if folder.resolve() == project.directory.resolve():
        return load_graph(folder), folder
    try:
        found = find_alembic_folder(project.config.root, folder.resolve())
    except ConfigError:
        if not folder.is_dir():
            raise
        found = None  # a folder of scripts without env.py
    if found is not None:
        revisions = read_revisions(found)
        places = found.version_locations
        return Graph.of(revisions), places[0] if len(places) == 1 else found.script_location
    scripts = folder / "versions" if (folder / "versions").is_dir() else folder
    files = sorted(path for path in scripts.glob("*.py") if path.name != "__init__.py")
    parsed = (parse_alembic(path) for path in files)
    return Graph.of(revision for revision in parsed if revision is not None), scripts


def _numbered(project: Workspace, number: int, migration: Migration) -> Path:
    """Return 0002_add_email.py for ae1027a6acf_add_email.py."""
    slug = migration.name.removeprefix(f"{migration.revision}_")
    return project.directory / f"{file_name(number, slug)}.py"


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
