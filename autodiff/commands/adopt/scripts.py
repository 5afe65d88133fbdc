"""Find the scripts of an Alembic folder, and convert their texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.commands.adopt.helper_modules import HelperModules
from autodiff.commands.adopt.script_text import ConvertedText, ScriptSettings, convert_text
from autodiff.errors import ConfigError, HistoryError, MigrationFileError
from autodiff.migrations import Graph, load_graph
from autodiff.migrations.alembic_folder import AlembicFolder, find_named_folder, is_alembic_folder
from autodiff.migrations.alembic_history import parse_revisions, read_revisions
from autodiff.migrations.files import parse_python, read_text
from autodiff.utils.python_source import assignments, literal_value

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["Scripts", "convert_scripts", "find_scripts"]

_NO_METADATA = re.compile(r"^target_metadata\s*=\s*None\b", re.MULTILINE)
_PREFIXES: dict[Any, str] = {
    sa.Index: "ix",
    sa.UniqueConstraint: "uq",
    sa.CheckConstraint: "ck",
    sa.ForeignKeyConstraint: "fk",
    sa.PrimaryKeyConstraint: "pk",
}
"""The short forms of the classes that a naming convention can have as keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripts:
    """The scripts of an Alembic folder.

    graph: the scripts as migrations.
    place: the folder that was named, or the only one that contains scripts.
    settings: the settings of the Alembic folder; None for a folder of scripts without env.py.
    """

    graph: Graph
    place: Path
    settings: AlembicFolder | None = None

    @property
    def env_py(self) -> Path | None:
        """The file env.py of the folder; above a folder of scripts, the nearest one."""
        folders = (self.place, *self.place.resolve().parents[:2])
        if self.settings is not None:
            folders = (self.settings.script_location,)
        return next((path for folder in folders if (path := folder / "env.py").is_file()), None)


def find_scripts(
    project: Workspace,
    folder: Path,
    problems: list[MigrationFileError] | None = None,
    *,
    name: str | None = None,
) -> Scripts:
    """Return the scripts in a folder, in all folders of versions of the Alembic folder.

    problems: receives the errors of scripts that can't be read, instead of their being raised.
    name: a section of alembic.ini, or a database of a multi-database env.py.

    Raises ConfigError if the folder or the section does not exist.
    """
    if folder.resolve() == project.directory.resolve():
        return Scripts(graph=load_graph(folder), place=folder)
    try:
        found, _ = find_named_folder(project.config.root, folder.resolve(), name)
    except ConfigError:
        if name is not None or not folder.is_dir() or _has_settings(folder):
            raise
        found = None
    if found is None:
        return _without_settings(folder, problems)
    places = found.version_locations
    place = places[0] if len(places) == 1 else found.script_location
    return Scripts(graph=Graph.of(read_revisions(found, problems)), place=place, settings=found)


def _has_settings(folder: Path) -> bool:
    """Return whether a folder may have settings of Alembic, so that an error is about them."""
    return is_alembic_folder(folder) or (folder / "pyproject.toml").is_file()


def _without_settings(folder: Path, problems: list[MigrationFileError] | None) -> Scripts:
    """Return the scripts of a folder that has no env.py."""
    place = folder / "versions" if (folder / "versions").is_dir() else folder
    files = sorted(path for path in place.glob("*.py") if path.name != "__init__.py")
    found = parse_revisions(files, problems, required=False)
    return Scripts(graph=Graph.of(found), place=place)


def convert_scripts(
    project: Workspace, scripts: Scripts, x: Sequence[str] = ()
) -> tuple[dict[str, ConvertedText], dict[str, ConvertedText]]:
    """Return the text of each revision, and of each copy of a helper module by file name.

    x: the arguments that scripts read with `context.get_x_argument()`.

    Raises MigrationFileError, with the line, if a script is not valid Python.
    """
    migrations = scripts.graph.migrations
    helpers = HelperModules(_import_path(project, scripts))
    helpers.find([parse_python(m.path, m.text) for m in migrations.values()])
    is_moved = scripts.place.resolve() != project.directory.resolve()
    settings = replace(_settings(project, scripts), x=tuple(x), is_moved=is_moved)
    texts = {
        revision: convert_text(migration, settings, helpers)
        for revision, migration in migrations.items()
    }
    return texts, helpers.texts()


def _import_path(project: Workspace, scripts: Scripts) -> list[Path]:
    """Return the folders in which a script's imports are looked for."""
    above = [scripts.place, *scripts.place.resolve().parents[:2]]
    added = scripts.settings.prepend_sys_path if scripts.settings else ()
    return [*added, *project.config.import_path, *above]


def _settings(project: Workspace, scripts: Scripts) -> ScriptSettings:
    convention = _naming_convention(project, scripts.env_py)
    names = {key: v for key, v in convention.items() if isinstance(v, str)}
    functions = tuple(key for key, v in convention.items() if callable(v))
    recreates = _recreates_tables(project)
    if scripts.settings is None:
        return ScriptSettings(
            naming_convention=names, functions=functions, recreates_tables=recreates
        )
    return ScriptSettings(
        naming_convention=names,
        functions=functions,
        version_table=scripts.settings.version_table,
        version_table_schema=scripts.settings.version_table_schema,
        config={**scripts.settings.sections, "alembic": scripts.settings.options},
        recreates_tables=recreates,
    )


def _recreates_tables(project: Workspace) -> bool:
    try:
        return project.offline_dialect().features.rebuilds_tables
    except HistoryError:
        return True


def _naming_convention(project: Workspace, env_py: Path | None) -> Mapping[str, Any]:
    """Return the naming convention of the models, if env.py passes models to Alembic.

    One that env.py assigns to their MetaData takes its place. Alembic applies no convention if
    there are several MetaData objects.
    """
    text = "target_metadata" if env_py is None else read_text(env_py)
    if not project.has_models or "target_metadata" not in text or _NO_METADATA.search(text):
        return {}
    [metadata, *others] = project.metadata()
    if others:
        return {}
    assigned = None if env_py is None else _assigned_convention(env_py, text)
    convention = dict(metadata.naming_convention) if assigned is None else assigned
    if convention == dict(sa.MetaData().naming_convention):
        return {}
    return {_PREFIXES.get(key, key): value for key, value in convention.items()}


def _assigned_convention(env_py: Path, text: str) -> dict[Any, Any] | None:
    """Return the naming convention that env.py assigns, None if it assigns none.

    A name that is assigned to at the top of env.py is followed. Nothing is executed.

    Raises ConfigError, with the line, if it is not a dict of constants.
    """
    if "naming_convention" not in text:
        return None
    tree = parse_python(env_py, text)
    found = next(
        (
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Attribute) and target.attr == "naming_convention"
        ),
        None,
    )
    if found is None:
        return None
    value = found.value
    if isinstance(value, ast.Name):
        value = dict(assignments(tree)).get(value.id, value)
    try:
        return dict(literal_value(value))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{env_py}:{found.lineno} assigns a naming convention that cannot be read without "
            "running env.py",
            hint="pass it to the MetaData of the models, as naming_convention, and remove this "
            "line; or let Alembic run the scripts unchanged: autodiff adopt",
        ) from error
