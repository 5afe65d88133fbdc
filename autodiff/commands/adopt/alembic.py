"""Convert Alembic's scripts into migrations, and its version table into history."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.commands.adopt.baseline import refuse_history
from autodiff.commands.adopt.helper_modules import HelperModules
from autodiff.commands.adopt.script_text import ConvertedText, ScriptSettings, convert_text
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

_NO_METADATA = re.compile(r"^target_metadata\s*=\s*None\b", re.MULTILINE)
_PREFIXES: dict[Any, str] = {
    sa.Index: "ix",
    sa.UniqueConstraint: "uq",
    sa.CheckConstraint: "ck",
    sa.ForeignKeyConstraint: "fk",
    sa.PrimaryKeyConstraint: "pk",
}
"""The short forms of the classes that a naming convention can have as keys."""
_VERSIONS = sa.table("alembic_version", sa.column("version_num"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The converted history, not written yet.

    texts: the migrations, in order.
    applied: the migrations that the database has; None if it has no version table.
    notes: what must be changed by hand.
    helpers: copies of the project's modules that the migrations import.
    """

    project: Workspace
    texts: Mapping[Path, str]
    applied: tuple[Migration, ...] | None
    notes: tuple[str, ...] = ()
    helpers: Mapping[Path, str] = field(default_factory=dict)

    def write(self) -> tuple[Path, ...]:
        """Write the migrations and the lock file, and record what is applied; all or nothing.

        The lock file is written if models are configured and there is one head. Returns the paths
        of the migrations.
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
    paths = {
        revision: migration.path if here else _numbered(project, number, migration)
        for number, (revision, migration) in enumerate(graph.migrations.items(), 1)
    }
    converted, helpers = convert_scripts(project, graph, folder)
    notes = [note for each in (*converted.values(), *helpers.values()) for note in each.problems]
    return Converted(
        project=project,
        texts={paths[revision]: each.text for revision, each in converted.items()},
        helpers={project.directory / name: each.text for name, each in helpers.items()},
        applied=applied,
        notes=tuple(notes),
    )


def convert_scripts(
    project: Workspace, graph: Graph, folder: Path
) -> tuple[dict[str, ConvertedText], dict[str, ConvertedText]]:
    """Return the text of each revision, and of each copy of a helper module by file name."""
    above = [folder, *folder.resolve().parents[:2]]
    helpers = HelperModules([project.config.root or Path.cwd(), *above])
    helpers.find([parse_python(m.path, m.text) for m in graph.migrations.values()])
    env_py = next((path for parent in above if (path := parent / "env.py").is_file()), None)
    convention = _naming_convention(project, env_py)
    settings = ScriptSettings(
        naming_convention={key: v for key, v in convention.items() if isinstance(v, str)},
        functions=tuple(key for key, v in convention.items() if callable(v)),
    )
    scripts = {
        revision: convert_text(migration, settings, helpers)
        for revision, migration in graph.migrations.items()
    }
    return scripts, helpers.texts()


def _naming_convention(project: Workspace, env_py: Path | None) -> Mapping[str, Any]:
    """Return the naming convention of the models, if env.py passes models to Alembic.

    Alembic applies no convention if there are several MetaData objects.
    """
    text = "target_metadata" if env_py is None else env_py.read_text(encoding="utf-8")
    if not project.has_models or "target_metadata" not in text or _NO_METADATA.search(text):
        return {}
    [metadata, *others] = project.metadata()
    convention = {} if others else dict(metadata.naming_convention)
    if convention == dict(sa.MetaData().naming_convention):
        return {}
    return {_PREFIXES.get(key, key): value for key, value in convention.items()}


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
