"""Put the Alembic history of a project before its migrations, and leave its files unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.adopt.baseline import refuse_adopted
from autodiff.commands.lock import relock
from autodiff.errors import AutodiffError, ConfigError, HistoryError
from autodiff.migrations import LOCK_NAME, Graph, Migration
from autodiff.migrations.alembic_folder import AlembicFolder, find_named_folder
from autodiff.migrations.alembic_history import (
    ALEMBIC_FILE,
    AlembicHistory,
    alembic_text,
    read_revisions,
)
from autodiff.runner.alembic_versions import AlembicPart
from autodiff.utils.files import restore_on_error, write_all

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["Bridge", "bridge_alembic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """An Alembic history that the project will have before its migrations; nothing is written yet.

    texts: the file alembic.toml.
    revisions: Alembic's revisions, in order.
    applied: those that the database has; None if it has no version table, or there is no database.
    """

    project: Workspace
    history: AlembicHistory
    texts: Mapping[Path, str]
    revisions: tuple[Migration, ...]
    applied: tuple[Migration, ...] | None

    def write(self) -> tuple[str, ...]:
        """Write alembic.toml and the lock file, and record what is applied; all or nothing.

        Returns notes: why the lock file could not be written.
        """
        with restore_on_error([*self.texts, self.project.directory / LOCK_NAME]):
            write_all(self.texts)
            self.project.exclude_version_table()
            if self.applied:
                with self.project.open_runner() as runner:
                    runner.record_alembic()
            return self._write_lock()

    def _write_lock(self) -> tuple[str, ...]:
        if not self.project.has_models or not self.project.graph().heads:
            return ()
        try:
            relock(self.project)
        except AutodiffError as error:
            reason = error.message.splitlines()[0]
            return (f"the lock file was not written, run autodiff lock when it can be: {reason}",)
        return ()


def bridge_alembic(
    project: Workspace,
    named: Path | None = None,
    *,
    name: str | None = None,
    x: Sequence[str] = (),
) -> Bridge:
    """Return the Alembic history of a project, as the part that comes before its migrations.

    Args:
        project: The project.
        named: alembic.ini, pyproject.toml or the folder; None searches them.
        name: A section of alembic.ini, or a database of a multi-database env.py.
        x: The arguments that env.py and the revisions read with `context.get_x_argument()`.

    Raises:
        ConfigError: There is no Alembic history, or it is not complete.
        HistoryError: There is a history already, or the database has a revision without a file.
    """
    folder, database = _find(project, named, name)
    _require_complete(folder, project.directory)
    history = AlembicHistory(
        folder=folder,
        database=database,
        version_table=folder.version_table,
        version_table_schema=folder.version_table_schema,
        x=tuple(x),
    )
    refuse_adopted(project)
    own = project.graph()
    if len(own):
        raise HistoryError(
            f"cannot adopt Alembic's history: there are migrations in {project.directory}: "
            + ", ".join(migration.path.name for migration in own.migrations.values()),
            hint="adopt it before the first migration is generated",
        )
    graph = Graph.of(read_revisions(folder), history)
    if not len(graph):
        raise ConfigError(
            f"there are no revisions in {history.location}",
            hint=f"{folder.locations_hint}; or, for a database without migrations, run autodiff "
            "adopt --baseline",
        )
    path = project.directory / ALEMBIC_FILE
    return Bridge(
        project=project,
        history=history,
        texts={path: alembic_text(history, project.directory)},
        revisions=tuple(graph.migrations.values()),
        applied=_applied(project, graph, history),
    )


def _find(
    project: Workspace, named: Path | None, name: str | None
) -> tuple[AlembicFolder, str | None]:
    """Return the Alembic folder, and the name of its database if it is for several."""
    root = project.config.root
    start = None if named is None else named.resolve()
    found, database = find_named_folder(root, start, name)
    if found is None:
        raise ConfigError(
            f"there is no Alembic history in {root}: no alembic.ini, no [tool.alembic] in "
            "pyproject.toml, and no migrations/alembic.ini",
            hint="name its folder: autodiff adopt FOLDER; or, for a database without migrations, "
            "run autodiff adopt --baseline",
        )
    if name is not None:
        return found, database
    if len(found.databases) > 1:
        raise ConfigError(
            f"{found.source} is for several databases: {', '.join(found.databases)}",
            hint=f"name the one of this project: autodiff adopt --name {found.databases[0]}",
        )
    return found, next(iter(found.databases), None)


def _require_complete(folder: AlembicFolder, migrations: Path) -> None:
    if not folder.env_py.is_file():
        raise ConfigError(
            f"Alembic's folder {folder.script_location} has no env.py",
            hint="restore it from version control: new databases are upgraded through it",
        )
    if migrations.resolve() in [each.resolve() for each in folder.version_locations]:
        raise ConfigError(
            f"the migrations folder {migrations} is the one in which Alembic has its revisions",
            hint='set another one in the configuration, such as migrations = "db/migrations"',
        )


def _applied(
    project: Workspace, graph: Graph, history: AlembicHistory
) -> tuple[Migration, ...] | None:
    """Return the revisions that the database has, in order."""
    if project.config.url is None:
        return None
    with project.connect() as connection:
        found = AlembicPart(history=history, graph=graph).applied(connection)
        connection.rollback()
    return None if found is None else tuple(graph.in_order(found))
