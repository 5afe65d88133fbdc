"""Lint the migrations of a project, or Alembic's, without a database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.adopt.script_text import convert_text
from autodiff.commands.adopt.scripts import find_scripts
from autodiff.dialects import NAMES, Dialect, dialect_for
from autodiff.errors import ConfigError, HistoryError
from autodiff.lint import (
    Finding,
    History,
    LintRequest,
    lint_migrations,
    load_rules,
    read_lint_settings,
)
from autodiff.migrations import Graph, Migration, load_graph
from autodiff.migrations.alembic_folder import is_alembic_folder
from autodiff.migrations.files import parse_migration
from autodiff.utils.git import changed_files

if TYPE_CHECKING:
    from autodiff.commands.generate import Draft
    from autodiff.workspace import Workspace

__all__ = [
    "LintResult",
    "convert_migration",
    "lint_dialects",
    "lint_draft",
    "lint_project",
    "lint_revisions",
    "select_revisions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintResult:
    """The findings, how many migrations were linted, and the kinds of databases."""

    findings: tuple[Finding, ...]
    migrations: int
    databases: tuple[str, ...]

    def serious(self, *, strict: bool = False) -> tuple[Finding, ...]:
        """Return the errors and warnings; with `strict` the advice too."""
        return tuple(finding for finding in self.findings if strict or finding.is_serious)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """The migrations of a folder, and those to lint; `own` is false for another folder.

    unreadable: migrations that are left out, because their files cannot be read.
    """

    graph: Graph
    revisions: frozenset[str]
    own: bool = True
    unreadable: frozenset[str] = frozenset()


def lint_project(
    project: Workspace,
    targets: Sequence[str] = (),
    *,
    diff_base: str | None = None,
    selection: _Folder | None = None,
) -> LintResult:
    """Return the findings in the migrations of a project.

    Args:
        project: The project.
        targets: Files, folders, migrations and ranges; all migrations without any.
        diff_base: A git revision: only files that changed since the branch left it are linted.
        selection: The migrations to lint, instead of those that targets name.

    Raises:
        HistoryError: The folder is invalid, a target is unknown, or the kind of database is.
        ConfigError: The settings are invalid, or the git revision is unknown.
    """
    rules = load_rules()
    settings = read_lint_settings(project.config.lint, rules)
    dialects = _dialects(project, settings.dialects)
    found: list[Finding] = []
    count = 0
    for folder in _folders(project, targets) if selection is None else [selection]:
        revisions = folder.revisions
        if diff_base is not None:
            revisions &= _changed(folder.graph, diff_base, project)
        is_whole = folder.own and not targets and selection is None
        request = LintRequest(
            order=[
                _ours(migration) if migration.is_alembic else migration
                for migration in folder.graph.migrations.values()
                if migration.revision not in folder.unreadable
            ],
            revisions=revisions,
            dialects=dialects,
            rules=rules,
            settings=settings,
            history=History(graph=folder.graph, lock=project.lock()) if is_whole else None,
            is_application=_application(project),
            lock_timeout=project.config.lock_timeout if folder.own else None,
        )
        found += lint_migrations(request)
        count += len(revisions)
    return LintResult(findings=tuple(found), migrations=count, databases=tuple(map(str, dialects)))


def lint_revisions(
    project: Workspace,
    graph: Graph,
    revisions: Collection[str],
    *,
    unreadable: Collection[str] = (),
) -> LintResult:
    """Return the findings in some migrations of a graph.

    Args:
        project: The project.
        graph: The migrations of the project.
        revisions: Those to lint.
        unreadable: Those whose files cannot be read; they are left out.

    Raises:
        HistoryError: The kind of database is unknown.
        ConfigError: The settings are invalid.
    """
    left_out = frozenset(unreadable)
    selection = _Folder(graph=graph, revisions=frozenset(revisions) - left_out, unreadable=left_out)
    return lint_project(project, selection=selection)


def select_revisions(
    project: Workspace, graph: Graph, target: str | None, diff_base: str | None
) -> set[str]:
    """Return the revisions of a range, or those that changed since a git revision, or both.

    Raises HistoryError for an unknown range, and ConfigError for an unknown git revision.
    """
    revisions = set(graph.migrations) if target is None else _in_range(graph, target)
    if diff_base is not None:
        revisions &= _changed(graph, diff_base, project)
    return revisions


def lint_dialects(project: Workspace) -> list[Dialect]:
    """Return the databases for which migrations are linted.

    Raises HistoryError if they are unknown, and ConfigError for invalid settings.
    """
    return _dialects(project, read_lint_settings(project.config.lint, load_rules()).dialects)


def convert_migration(migration: Migration) -> Migration:
    """Return a migration that imports autodiff's `op`, also if it is a revision of Alembic."""
    return _ours(migration) if migration.is_alembic else migration


def lint_draft(project: Workspace, draft: Draft) -> tuple[Finding, ...]:
    """Return the errors and warnings in a migration that was just generated.

    Those about data loss are left out: the draft lists the losses, with their numbers.
    """
    if draft.plan is None:
        return ()
    rules = load_rules()
    migration = parse_migration(draft.path, *draft.texts.values())
    if not migration.is_sql:  # it can be a revision for Alembic
        migration = _ours(migration)
    found = lint_migrations(
        LintRequest(
            order=[migration],
            revisions=frozenset([migration.revision]),
            dialects=[draft.plan.dialect],
            rules=rules,
            settings=read_lint_settings(project.config.lint, rules),
            lock_timeout=project.config.lock_timeout,
            tables=draft.plan.current.tables,
        )
    )
    return tuple(f for f in found if f.is_serious and not f.code.startswith("AD1"))


def _dialects(project: Workspace, named: Sequence[str]) -> list[Dialect]:
    """Return the databases of the settings; else that of the URL or of the lock file."""
    if named:
        return [_dialect(text) for text in named]
    try:
        dialect = project.offline_dialect()
    except HistoryError as error:
        raise HistoryError(
            error.message,
            hint='pass --url, or set dialects = ["postgresql"] in the settings of lint',
        ) from error
    lock = project.lock()
    if lock is not None and lock.backend == dialect.backend:
        dialect.version = lock.version
    return [dialect]


def _dialect(text: str) -> Dialect:
    """Return the dialect of a text such as "postgresql 16"."""
    name, _, version = text.partition(" ")
    if name not in NAMES:
        raise ConfigError(
            f"lint.dialects names an unknown kind of database: {name!r}",
            hint=f"use one or more of {', '.join(sorted(NAMES))}",
        )
    dialect = dialect_for(name)
    dialect.version = version or None
    return dialect


def _folders(project: Workspace, targets: Sequence[str]) -> list[_Folder]:
    """Return the folders that the targets are in, with the revisions to lint."""
    if not targets:
        graph = project.graph()
        own = frozenset(r for r, migration in graph.migrations.items() if not migration.is_alembic)
        return [_Folder(graph=graph, revisions=own)]
    graphs: dict[Path, Graph] = {}
    revisions: dict[Path, set[str]] = {}
    for target in targets:
        path = Path(target)
        is_path = path.exists()
        place = (path if path.is_dir() else path.parent).resolve() if is_path else project.directory
        graph = graphs.setdefault(place, graphs.get(place) or _graph(project, place))
        chosen = _in_path(graph, path) if is_path else _in_range(graph, target)
        revisions.setdefault(place, set()).update(chosen)
    return [
        _Folder(graph=graph, revisions=frozenset(revisions[place]), own=_is_own(project, place))
        for place, graph in graphs.items()
    ]


def _is_own(project: Workspace, folder: Path) -> bool:
    """Return whether a folder is one of the migrations folders of the project."""
    own = {path.resolve() for path in (project.directory, *project.folders)}
    return folder.resolve() in own


def _graph(project: Workspace, folder: Path) -> Graph:
    """Return the migrations of a folder, which can be Alembic's folder or its versions."""
    if _is_own(project, folder):
        return project.graph()
    return find_scripts(project, folder).graph if _is_alembic(folder) else load_graph(folder)


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


def _changed(graph: Graph, ref: str, project: Workspace) -> set[str]:
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


def _ours(migration: Migration) -> Migration:
    """Return a migration that imports autodiff's `op`, also if it is a revision of Alembic."""
    text = convert_text(migration).text
    missing = _line_of_upgrade(migration.text) - _line_of_upgrade(text)
    return replace(migration, text="\n" * missing + text, is_alembic=False)


def _line_of_upgrade(text: str) -> int:
    """Return the line of upgrade(): imports on several lines become one line."""
    return text[: max(text.find("def upgrade"), 0)].count("\n")


def _application(project: Workspace) -> Callable[[str], bool]:
    """Return a function that checks whether a module belongs to the application."""
    packages = {name.partition(":")[0].partition(".")[0] for name in project.config.models}
    folders = project.config.import_path

    def belongs(module: str) -> bool:
        if module in packages:
            return True
        return any((folder / f"{module}.py").is_file() for folder in folders)

    return belongs
