"""Lint the migrations of a project, or Alembic's, without a database."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.adopt.script_text import convert_text
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
from autodiff.migrations.files import parse_alembic, parse_migration
from autodiff.utils.git import changed_files

if TYPE_CHECKING:
    from autodiff.commands.generate import Draft
    from autodiff.workspace import Workspace

__all__ = ["LintResult", "lint_draft", "lint_project"]

_ALEMBIC_FILES = frozenset({"__init__.py", "env.py"})
"""Files in folders of Alembic that are not revisions."""
_ALEMBIC_FIELDS = [
    re.compile(rf"^{name}\b.*=", re.MULTILINE) for name in ("revision", "down_revision")
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
    """The migrations of a folder, and those to lint; `own` is false for another folder."""

    graph: Graph
    revisions: frozenset[str]
    own: bool = True


def lint_project(
    project: Workspace,
    targets: Sequence[str] = (),
    *,
    diff_base: str | None = None,
    only_migrations: bool = False,
) -> LintResult:
    """Return the findings in the migrations of a project.

    Args:
        project: The project.
        targets: Files, folders, migrations and ranges; all migrations without any.
        diff_base: A git revision: only files that changed since the branch left it are linted.
        only_migrations: Whether to ignore files that are not migrations.

    Raises:
        HistoryError: The folder is invalid, a target is unknown, or the kind of database is.
        ConfigError: The settings are invalid, or the git revision is unknown.
    """
    rules = load_rules()
    settings = read_lint_settings(project.config.lint, rules)
    dialects = _dialects(project, settings.dialects)
    found: list[Finding] = []
    count = 0
    wanted = _migrations_among(project, targets) if only_migrations and targets else targets
    folders = _folders(project, wanted) if wanted or not targets else []
    for folder in folders:
        revisions = folder.revisions
        if diff_base is not None:
            revisions &= _changed(folder.graph, diff_base, project)
        is_whole = folder.own and not targets
        request = LintRequest(
            order=[
                _ours(migration) if migration.is_alembic else migration
                for migration in folder.graph.migrations.values()
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


def _migrations_among(project: Workspace, targets: Sequence[str]) -> list[str]:
    """Return the targets without the files that are not migrations.

    A commit hook passes every changed file: models, tests and settings too.
    """
    own = {
        path.resolve()
        for migration in project.graph().migrations.values()
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


def _graph(project: Workspace, folder: Path) -> Graph:
    """Return the migrations of a folder, which can be Alembic's folder or its versions."""
    if _is_own(project, folder):
        return project.graph()
    if not _is_alembic(folder):
        return load_graph(folder)
    scripts = folder / "versions" if (folder / "versions").is_dir() else folder
    files = sorted(path for path in scripts.rglob("*.py") if path.name not in _ALEMBIC_FILES)
    revisions = (parse_alembic(path) for path in files)
    return Graph.of(revision for revision in revisions if revision is not None)


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
