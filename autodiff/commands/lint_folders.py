"""Find the migrations to lint: of the project, of another folder, or of Alembic."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from autodiff.config import find_config, load_config
from autodiff.errors import ConfigError, HistoryError, MigrationFileError
from autodiff.migrations import Graph, Migration, load_graph
from autodiff.migrations.alembic_folder import is_alembic_folder
from autodiff.migrations.files import is_migration_name
from autodiff.utils.git import changed_files, unknown_base
from autodiff.utils.imports import add_import_folders

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = [
    "LintFolder",
    "changed_revisions",
    "converted",
    "find_folders",
    "in_other_projects",
    "own_form",
    "select_revisions",
    "unread_revisions",
]

T = TypeVar("T")
_ALEMBIC_FILES = frozenset({"__init__.py", "env.py"})
"""Files in folders of Alembic that are not revisions."""
_ALEMBIC_FIELDS = [
    re.compile(rf"^{name}\b.*=", re.MULTILINE) for name in ("revision", "down_revision")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFolder:
    """The migrations of a folder.

    revisions: those to lint.
    own: whether it is a migrations folder of the project.
    problems: the errors of files that could not be read.
    unread: the revisions of these files; only their headers are known.
    version_table, version_table_schema: the table where Alembic records the revisions of a folder
        that is not of the project.
    """

    graph: Graph
    revisions: frozenset[str]
    own: bool = True
    problems: tuple[MigrationFileError, ...] = ()
    unread: frozenset[str] = frozenset()
    version_table: str = "alembic_version"
    version_table_schema: str | None = None


def find_folders(
    project: Workspace, targets: Sequence[str], *, only_migrations: bool = False
) -> list[LintFolder]:
    """Return the folders that the targets are in, with the revisions to lint.

    only_migrations: whether to ignore files that are not migrations.
    """
    if only_migrations and targets:
        targets = _migrations_among(project, targets)
        if not targets:
            return []
    problems: list[MigrationFileError] = []
    if not targets:
        graph = _own_graph(project, problems)
        own = frozenset(r for r, migration in graph.migrations.items() if not migration.is_alembic)
        return [
            LintFolder(
                graph=graph, revisions=own, problems=tuple(problems), unread=unread_revisions(graph)
            )
        ]
    folders: dict[Path, LintFolder] = {}
    revisions: dict[Path, set[str]] = {}
    for target in targets:
        path = Path(target)
        is_path = path.exists()
        place = (path if path.is_dir() else path.parent).resolve() if is_path else project.directory
        if place not in folders:
            folders[place] = _folder(project, place, problems)
        graph = folders[place].graph
        if not is_path and path.suffix in (".py", ".sql"):
            raise HistoryError(f"{target} does not exist", hint="name a file, a folder or a range")
        chosen = _in_path(graph, path) if is_path else _in_range(graph, target)
        revisions.setdefault(place, set()).update(chosen)
    return [
        replace(
            folder,
            revisions=frozenset(revisions[place]),
            problems=tuple(problems) if number == 0 else (),
            unread=unread_revisions(folder.graph),
        )
        for number, (place, folder) in enumerate(folders.items())
    ]


def _migrations_among(project: Workspace, targets: Sequence[str]) -> list[str]:
    """Return the targets without the files that are not migrations.

    A commit hook passes every changed file: models, tests and settings too.
    """
    own = {
        path.resolve()
        for migration in _own_graph(project, []).migrations.values()
        for path in (migration.path, migration.down_path)
    }

    def is_wanted(target: str) -> bool:
        path = Path(target)
        if path.is_dir() or not (path.exists() or path.suffix):  # a folder, or a range
            return True
        return path.resolve() in own or _is_alembic_revision(path)

    return list(filter(is_wanted, targets))


def _is_alembic_revision(path: Path) -> bool:
    """Return whether a file is a revision of Alembic, in whatever folder it is."""
    if path.suffix != ".py" or not path.is_file() or path.name in _ALEMBIC_FILES:
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    return all(field.search(text) for field in _ALEMBIC_FIELDS)


def _is_own(project: Workspace, folder: Path) -> bool:
    """Return whether a folder is one of the migrations folders of the project."""
    own = {path.resolve() for path in (project.directory, *project.folders)}
    return folder.resolve() in own


def in_other_projects(
    project: Workspace, targets: Sequence[str], *, skip_broken: bool = False
) -> Mapping[str, Path]:
    """Return the targets in migrations folders of other projects, with the folders of the projects.

    One target stands for all files of a folder.

    skip_broken: whether to leave out projects whose configuration is invalid.
    """
    named: dict[Path, str] = {}
    for target in targets:
        path = Path(target)
        if path.is_dir() or (path.is_file() and is_migration_name(path.name)):
            named.setdefault((path if path.is_dir() else path.parent).resolve(), target)
    found = {
        target: _other_project(project, folder, skip_broken=skip_broken)
        for folder, target in named.items()
    }
    return {target: root for target, root in found.items() if root is not None}


def _other_project(project: Workspace, folder: Path, *, skip_broken: bool) -> Path | None:
    """Return the folder of the project that has a migrations folder, None if it is this project."""
    file = None if _is_own(project, folder) else find_config(folder)
    if file is None:
        return None
    try:
        config = load_config(file, environment={})  # AUTODIFF_ENV is for this project
    except ConfigError:
        if skip_broken:
            return None
        raise
    folders = config.locations or (config.migrations,)
    return config.root if folder in [path.resolve() for path in folders] else None


def unread_revisions(graph: Graph) -> frozenset[str]:
    """Return the migrations without a text: a Python file that was read has at least a header."""
    return frozenset(r for r, m in graph.migrations.items() if not m.text and not m.is_sql)


def _own_graph(project: Workspace, problems: list[MigrationFileError]) -> Graph:
    return _in_order(lambda: project.graph(problems=problems), problems)


def _in_order(load: Callable[[], T], problems: list[MigrationFileError]) -> T:
    """Return what was loaded; raise the error of a file whose place in the history is not known."""
    try:
        return load()
    except HistoryError as error:
        if problems:
            raise problems[0] from error
        raise


def _folder(project: Workspace, path: Path, problems: list[MigrationFileError]) -> LintFolder:
    """Return the migrations of a folder, which can be Alembic's folder or its versions."""
    nothing: frozenset[str] = frozenset()
    if _is_own(project, path):
        return LintFolder(graph=_own_graph(project, problems), revisions=nothing)
    if not _is_alembic(path):
        graph = _in_order(lambda: load_graph(path, problems=problems), problems)
        return LintFolder(graph=graph, revisions=nothing, own=False)
    from autodiff.commands.adopt.scripts import find_scripts  # loads many modules

    scripts = _in_order(lambda: find_scripts(project, path, problems), problems)
    found = LintFolder(graph=scripts.graph, revisions=nothing, own=False)
    if scripts.settings is None:
        return found
    add_import_folders(scripts.settings.prepend_sys_path)
    return replace(
        found,
        version_table=scripts.settings.version_table,
        version_table_schema=scripts.settings.version_table_schema,
    )


def _is_alembic(folder: Path) -> bool:
    """Return whether a folder is Alembic's, or has scripts of it, which have a `down_revision`."""
    if is_alembic_folder(folder) or (folder / "versions").is_dir():
        return True
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("*.py"))
    return any("down_revision" in text for text in texts)


def _in_path(graph: Graph, path: Path) -> set[str]:
    """Return the revisions of a file, or of all files of a folder."""
    resolved = path.resolve()
    if path.is_dir():
        inside = {
            r for r, m in graph.migrations.items() if m.path.resolve().is_relative_to(resolved)
        }
        return inside or set(graph.migrations)
    found = {
        revision
        for revision, migration in graph.migrations.items()
        if resolved in (migration.path.resolve(), migration.down_path.resolve())
    }
    if not found:
        raise HistoryError(
            f"{path} is not a migration", hint="name a file of the migrations folder, or a range"
        )
    return found


def _in_range(graph: Graph, target: str) -> set[str]:
    """Return the revisions of a migration, or of a range such as `0002:0004`, both included."""
    start, colon, end = target.partition(":")
    if not colon:
        return {graph.find(target).revision}
    if ":" in end:
        raise HistoryError(
            f"{target!r} is not a range", hint="write the first and the last one: 0002:0004"
        )
    reached = graph.reach(end or "heads")
    if start in ("", "base"):
        return set(reached)
    first = graph.find(start)
    if first.revision not in reached:
        raise HistoryError(
            f"{first.name} does not come before {end}",
            hint="write the older migration first, as in 0002:0004",
        )
    return set(reached) - (graph.lineage([first.revision]) - {first.revision})


def changed_revisions(graph: Graph, ref: str, project: Workspace) -> set[str]:
    """Return the revisions whose files differ from a git revision."""
    folders = {migration.path.parent for migration in graph.migrations.values()}
    files: set[Path] = set()
    for folder in folders or {project.config.root}:
        changed = changed_files(folder, ref)
        if changed is None:
            raise unknown_base(folder, ref)
        files |= changed
    return {
        revision
        for revision, migration in graph.migrations.items()
        if files & {migration.path.resolve(), migration.down_path.resolve()}
    }


def select_revisions(
    project: Workspace, graph: Graph, target: str | None, diff_base: str | None
) -> set[str]:
    """Return the revisions of a range, or those that changed since a git revision, or both.

    Raises HistoryError for an unknown range, and ConfigError for an unknown git revision.
    """
    revisions = set(graph.migrations) if target is None else _in_range(graph, target)
    if diff_base is not None:
        revisions &= changed_revisions(graph, diff_base, project)
    return revisions


def own_form(migration: Migration) -> Migration:
    """Return the migration itself, or a revision of Alembic as `converted` returns it."""
    return converted(migration) if migration.is_alembic else migration


def converted(migration: Migration) -> Migration:
    """Return a migration that imports autodiff's `op`, also if it is a revision of Alembic."""
    from autodiff.commands.adopt.script_text import convert_text  # loads many modules

    text = convert_text(migration).text
    missing = _line_of_upgrade(migration.text) - _line_of_upgrade(text)
    return replace(migration, text="\n" * missing + text, is_alembic=False)


def _line_of_upgrade(text: str) -> int:
    """Return the line of upgrade(): imports on several lines become one line."""
    return text[: max(text.find("def upgrade"), 0)].count("\n")
