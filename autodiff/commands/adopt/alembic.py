"""Convert Alembic's scripts into migrations, and its version table into history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.adopt.baseline import refuse_adopted, refuse_history
from autodiff.commands.adopt.scripts import Scripts, convert_scripts, find_scripts
from autodiff.commands.generate import checksums
from autodiff.commands.lock import relock
from autodiff.errors import ConfigError, HistoryError
from autodiff.migrations import LOCK_NAME, Graph, Migration, file_name
from autodiff.runner.alembic_versions import version_rows, version_table
from autodiff.utils.files import restore_on_error, write_all

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.workspace import Workspace

__all__ = ["Converted", "convert_alembic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The converted history, not written yet.

    texts: the migrations, in order.
    applied: the migrations that the database has; None if it has no version table.
    notes: what must be changed by hand.
    incomplete: the migrations that contain it.
    helpers: copies of the project's modules that the migrations import.
    """

    project: Workspace
    texts: Mapping[Path, str]
    applied: tuple[Migration, ...] | None
    notes: tuple[str, ...] = ()
    incomplete: tuple[Path, ...] = ()
    helpers: Mapping[Path, str] = field(default_factory=dict)

    def write(self) -> tuple[Path, ...]:
        """Write the migrations and the lock file, and record what is applied; all or nothing.

        The lock file is written if models are configured, and labels distinguish several heads.
        Returns the paths of the migrations.
        """
        files = {**self.texts, **self.helpers}
        with restore_on_error([*files, self.project.directory / LOCK_NAME]):
            write_all(files)
            self._write_lock()
            self._record()
        return tuple(self.texts)

    def _write_lock(self) -> None:
        """Write the lock file, unless it is already for these migrations."""
        graph, lock = self.project.graph(), self.project.lock()
        known = lock is not None and dict(lock.checksums) == checksums(graph)
        if self.project.has_models and graph.has_labeled_heads and not known:
            relock(self.project, converted=True)

    def _record(self) -> None:
        if not self.applied:
            return
        graph = self.project.graph()
        with self.project.connect() as connection:
            runner = self.project.runner(connection, graph)
            runner.stamp(*(migration.revision for migration in self.applied))


def convert_alembic(
    project: Workspace,
    folder: Path,
    *,
    name: str | None = None,
    x: Sequence[str] = (),
    skip: bool = False,
) -> Converted:
    """Return the migrations for Alembic's scripts in a folder.

    Args:
        project: The project.
        folder: Alembic's folder, its folder of versions, alembic.ini, or a folder of scripts.
        name: A section of alembic.ini, or a database of an env.py for several.
        x: The arguments that scripts read with `context.get_x_argument()`.
        skip: Whether to copy scripts that must be changed by hand too; notes name their lines.

    Raises:
        HistoryError: There is a history already, or the folder lacks a revision that the database
            has.
        ConfigError: There are no scripts, or some must be changed by hand.
    """
    scripts = find_scripts(project, folder, name=name)
    graph = scripts.graph
    here = scripts.place.resolve() == project.directory.resolve()
    if not len(graph):
        found = scripts.settings
        name_it = "name the folder that contains Alembic's versions: autodiff adopt alembic"
        raise ConfigError(
            f"there are no migrations in {scripts.place}",
            hint=name_it if found is None else found.locations_hint,
        )
    refuse_adopted(project)
    with project.connect() as connection:
        refuse_history(project, connection, Graph() if here else project.graph())
        applied = _applied(connection, scripts)
    paths = {
        revision: migration.path if here else _numbered(project, number, migration)
        for number, (revision, migration) in enumerate(graph.migrations.items(), 1)
    }
    texts, helpers = convert_scripts(project, scripts, x)
    problems = [line for each in (*texts.values(), *helpers.values()) for line in each.problems]
    if problems and not skip:
        raise ConfigError(
            [
                "some scripts cannot be converted, so nothing was written:",
                *(f"  {problem}" for problem in problems),
            ],
            hint="let Alembic run them unchanged: autodiff adopt; or pass --skip to copy them, and "
            "change these lines by hand",
        )
    return Converted(
        project=project,
        texts={paths[revision]: each.text for revision, each in texts.items()},
        helpers={project.directory / name: each.text for name, each in helpers.items()},
        applied=applied,
        notes=tuple(problems),
        incomplete=tuple(paths[revision] for revision, each in texts.items() if each.problems),
    )


def _numbered(project: Workspace, number: int, migration: Migration) -> Path:
    """Return 0002_add_email.py for ae1027a6acf_add_email.py."""
    slug = migration.name.removeprefix(f"{migration.revision}_")
    return project.directory / f"{file_name(number, slug)}.py"


def _applied(connection: Connection, scripts: Scripts) -> tuple[Migration, ...] | None:
    """Return the migrations that the database has, parents first."""
    settings, graph = scripts.settings, scripts.graph
    table = version_table(
        settings.version_table if settings else "alembic_version",
        settings.version_table_schema if settings else None,
    )
    rows = version_rows(connection, table)
    connection.rollback()
    if missing := sorted(row for row in rows or () if row not in graph):
        raise HistoryError(
            f"the database is at {', '.join(missing)}, which is not in the folder",
            hint="check out the branch that contains it, or upgrade with Alembic first",
        )
    return None if rows is None else tuple(graph.in_order(graph.lineage(rows)))
