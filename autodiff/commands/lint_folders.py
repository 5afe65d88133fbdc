"""Find the migrations to lint: of the project, of another folder, or of Alembic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.errors import ConfigError, HistoryError, MigrationFileError
from autodiff.migrations import Graph, Migration, load_graph
from autodiff.migrations.files import parse_alembic, read_or_note
from autodiff.utils.git import changed_files

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["LintFolder", "changed_revisions", "converted", "find_folders"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFolder:
    """The migrations of a folder.

    revisions: those to lint.
    own: whether it is a migrations folder of the project.
    problems: the errors of files that could not be read.
    unread: the revisions of these files; only their headers are known.
    """

    graph: Graph
    revisions: frozenset[str]
    own: bool = True
    problems: tuple[MigrationFileError, ...] = ()

    unread: frozenset[str] = frozenset()


def find_folders(project: Workspace, targets: Sequence[str]) -> list[LintFolder]:
    """Return the folders that the targets are in, with the revisions to lint."""
    problems: list[MigrationFileError] = []
    if not targets:
        graph = _own_graph(project, problems)
        own = frozenset(r for r, migration in graph.migrations.items() if not migration.is_alembic)
        return [
            LintFolder(graph=graph, revisions=own, problems=tuple(problems), unread=_unread(graph))
        ]
    graphs: dict[Path, Graph] = {}
    revisions: dict[Path, set[str]] = {}
    for target in targets:
        path = Path(target)
        is_path = path.exists()
        place = (path if path.is_dir() else path.parent).resolve() if is_path else project.directory
        if place not in graphs:
            graphs[place] = _graph(project, place, problems)
        graph = graphs[place]
        chosen = _in_path(graph, path) if is_path else _in_range(graph, target)
        revisions.setdefault(place, set()).update(chosen)
    return [
        LintFolder(
            graph=graph,
            revisions=frozenset(revisions[place]),
            own=_is_own(project, place),
            problems=tuple(problems) if number == 0 else (),
            unread=_unread(graph),
        )
        for number, (place, graph) in enumerate(graphs.items())
    ]


def _is_own(project: Workspace, folder: Path) -> bool:
    """Return whether a folder is one of the migrations folders of the project."""
    own = {path.resolve() for path in (project.directory, *project.folders)}
    return folder.resolve() in own


def _unread(graph: Graph) -> frozenset[str]:
    """Return the migrations without a text: a Python file that was read has at least a header."""
    return frozenset(r for r, m in graph.migrations.items() if not m.text and not m.is_sql)


def _own_graph(project: Workspace, problems: list[MigrationFileError]) -> Graph:
    return _in_order(lambda: load_graph(*project.folders, problems=problems), problems)


def _in_order(load: Callable[[], Graph], problems: list[MigrationFileError]) -> Graph:
    """Return a graph; raise the error of a file whose place in the history is not known."""
    try:
        return load()
    except HistoryError as error:
        if problems:
            raise problems[0] from error
        raise


def _graph(project: Workspace, folder: Path, problems: list[MigrationFileError]) -> Graph:
    """Return the migrations of a folder, which can be Alembic's folder or its versions."""
    if _is_own(project, folder):
        return _own_graph(project, problems)
    if not _is_alembic(folder):
        return _in_order(lambda: load_graph(folder, problems=problems), problems)
    scripts = folder / "versions" if (folder / "versions").is_dir() else folder
    files = sorted(
        path for path in scripts.rglob("*.py") if path.name not in ("__init__.py", "env.py")
    )
    read = [read_or_note(path, problems, parse_alembic) for path in files]
    revisions = [replace(found, is_alembic=True) for found in read if found is not None]
    return _in_order(lambda: Graph.of(revisions), problems)


def _is_alembic(folder: Path) -> bool:
    """Return whether a folder has scripts of Alembic, which have a `down_revision`."""
    if (folder / "versions").is_dir() or (folder.parent / "script.py.mako").is_file():
        return True
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.py"))
    return any("down_revision" in text for text in texts)


def _in_path(graph: Graph, path: Path) -> set[str]:
    """Return the revisions of a file, or of all files of a folder."""
    if path.is_dir():
        return set(graph.migrations)
    resolved = path.resolve()
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
    reached = graph.reach(end or "heads")
    if start in ("", "base"):
        return set(reached)
    first = graph.find(start)
    if first.revision not in reached:
        raise HistoryError(
            f"{first.name} does not come before {end}",
            hint="write the older migration first: autodiff lint 0002:0004",
        )
    return set(reached) - (graph.lineage([first.revision]) - {first.revision})


def changed_revisions(graph: Graph, ref: str, project: Workspace) -> set[str]:
    """Return the revisions whose files differ from a git revision."""
    folders = {migration.path.parent for migration in graph.migrations.values()}
    files: set[Path] = set()
    for folder in folders or {project.config.root}:
        changed = changed_files(folder, ref)
        if changed is None:
            raise ConfigError(
                f"git knows no revision {ref!r} in {folder}",
                hint="name a branch or commit that is fetched, such as origin/main",
            )
        files |= changed
    return {
        revision
        for revision, migration in graph.migrations.items()
        if files & {migration.path.resolve(), migration.down_path.resolve()}
    }


def converted(migration: Migration) -> Migration:
    """Return a migration that imports autodiff's `op`, also if it is a revision of Alembic."""
    from autodiff.commands.adopt.script_text import convert_text  # loads many modules

    text = convert_text(migration).text
    missing = _line_of_upgrade(migration.text) - _line_of_upgrade(text)
    return replace(migration, text="\n" * missing + text, is_alembic=False)


def _line_of_upgrade(text: str) -> int:
    """Return the line of upgrade(): imports on several lines become one line."""
    return text[: max(text.find("def upgrade"), 0)].count("\n")
