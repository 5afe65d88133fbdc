"""Alembic's scripts as migrations of our own, and its version table as history."""

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
from autodiff.commands.lock import relock, replayed_lock
from autodiff.errors import (
    ConfigError,
    DatabaseError,
    HistoryError,
    MigrationFailedError,
    MigrationFileError,
)
from autodiff.migrations import LOCK_NAME, Graph, Lock, Migration, file_name, load_graph, lock_text
from autodiff.migrations.files import parsed
from autodiff.runner.runner import Runner
from autodiff.utils.files import restoring, write_all

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.workspace import Workspace

__all__ = ["Converted", "convert_alembic"]

_IMPORT = re.compile(r"^from alembic import op[ \t]*$", re.MULTILINE)
_VERSIONS = sa.table("alembic_version", sa.column("version_num"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """Alembic's history as ours, not written yet.

    texts: the migrations, in order. applied: those that the database has had, by its own table;
    None where it has no such table. notes: what is left to do by hand.
    """

    project: Workspace
    texts: Mapping[Path, str]
    applied: tuple[Migration, ...] | None
    notes: tuple[str, ...] = ()

    def write(self) -> tuple[Path, ...]:
        """Writes the migrations, records what was applied, and writes the lock file where models
        are configured and there is one head; all or nothing. The paths of the migrations."""
        with restoring([*self.texts, self.project.directory / LOCK_NAME]):
            write_all(self.texts)
            self._write_lock()
            self._record()
        return tuple(self.texts)

    def _write_lock(self) -> None:
        """The lock file, unless it is for these migrations already."""
        graph, lock = self.project.graph(), self.project.lock()
        known = lock is not None and dict(lock.checksums) == checksums(graph)
        if self.project.has_models and len(graph.heads) == 1 and not known:
            lock = _replayed(self.project, graph)
            if lock is None:
                relock(self.project)
            else:
                write_all({self.project.directory / LOCK_NAME: lock_text(lock)})

    def _record(self) -> None:
        if not self.applied:
            return
        graph, schema = self.project.graph(), self.project.config.history_schema
        with self.project.connect() as connection:
            runner = Runner(connection, graph, schema=schema)
            runner.stamp(*(migration.revision for migration in self.applied))


def _replayed(project: Workspace, graph: Graph) -> Lock | None:
    """The lock file as the scripts lead to it on a scratch; None where they can't be run there.

    The models may say more than they do, and `check` is to tell.
    """
    from autodiff.rehearse.history import open_rehearsal_context
    from autodiff.rehearse.stage import Stage

    try:
        with open_rehearsal_context(project, graph, None) as place, Stage(place) as stage:
            for migration in graph.migrations.values():
                stage.up(migration)
            return replayed_lock(project, graph, stage).lock
    except (DatabaseError, MigrationFailedError, MigrationFileError):
        return None


def convert_alembic(project: Workspace, folder: Path) -> Converted:
    """What Alembic's scripts in a folder (or in `versions` below it) come to.

    Raises HistoryError where there is a history already, or the database has had a revision that
    the folder lacks; ConfigError where there are no scripts.
    """
    scripts = folder / "versions" if (folder / "versions").is_dir() else folder
    here = scripts.resolve() == project.directory.resolve()
    graph = load_graph(scripts)
    if not len(graph):
        raise ConfigError(
            f"there are no migrations in {scripts}",
            hint="name the folder that has Alembic's versions: autodiff adopt alembic",
        )
    with project.connect() as connection:
        refuse_history(project, connection, Graph() if here else project.graph())
        applied = _applied(connection, graph)
    texts = {
        migration.path if here else _numbered(project, number, migration): _text(migration)
        for number, migration in enumerate(graph.migrations.values(), 1)
    }
    notes = [note for migration in graph.migrations.values() for note in _left(migration)]
    return Converted(project=project, texts=texts, applied=applied, notes=tuple(notes))


def _numbered(project: Workspace, number: int, migration: Migration) -> Path:
    """0002_add_email.py, where Alembic has ae1027a6acf_add_email.py."""
    slug = migration.name.removeprefix(f"{migration.revision}_")
    return project.directory / f"{file_name(number, slug)}.py"


def _text(migration: Migration) -> str:
    return _IMPORT.sub("from autodiff import op", migration.text)


def _left(migration: Migration) -> Iterator[str]:
    """What a script has of Alembic beside its operations."""
    for node in ast.walk(parsed(migration.path, _text(migration))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        if isinstance(node, ast.stmt) and any(n.partition(".")[0] == "alembic" for n in names):
            yield f"{migration.path.name}:{node.lineno} imports alembic: {ast.unparse(node)}"


def _applied(connection: Connection, graph: Graph) -> tuple[Migration, ...] | None:
    """What the database has had, parents first."""
    there = sa.inspect(connection).has_table("alembic_version")
    rows = connection.execute(sa.select(_VERSIONS)).scalars().all() if there else []
    connection.rollback()
    if missing := sorted(row for row in rows if row not in graph):
        raise HistoryError(
            f"the database is at {', '.join(missing)}, which the folder lacks",
            hint="alembic_version says so: check out the branch that has it, or upgrade with "
            "Alembic first",
        )
    return tuple(graph.in_order(graph.lineage(rows))) if there else None
