"""Lint the migrations of a project, or Alembic's: without a database, or with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from autodiff.commands.adopt.script_text import convert_text
from autodiff.dialects import NAMES, Dialect, dialect_for, dialect_of
from autodiff.errors import AutodiffError, ConfigError, DatabaseError, HistoryError, one_line
from autodiff.evidence import Measured, measure_live, with_rehearsal
from autodiff.lint import (
    Evidence,
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
    import sqlalchemy as sa

    from autodiff.commands.generate import Draft
    from autodiff.rehearse import RehearsedStep
    from autodiff.rehearse.rates import Rates
    from autodiff.schema.objects import Name
    from autodiff.workspace import Workspace

__all__ = ["LintResult", "lint_draft", "lint_project"]

_VERSION_TABLE = "alembic_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class LintResult:
    """The findings, how many migrations were linted, and the kinds of databases.

    incomplete: why evidence is missing; None if it is complete, or was not asked for.
    """

    findings: tuple[Finding, ...]
    migrations: int
    databases: tuple[str, ...]
    incomplete: AutodiffError | None = None

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
    evidence: bool = False,
    rehearsed: Sequence[RehearsedStep] = (),
) -> LintResult:
    """Return the findings in the migrations of a project.

    Args:
        project: The project.
        targets: Files, folders, migrations and ranges; all migrations without any.
        diff_base: A git revision: only files that changed since the branch left it are linted.
        evidence: Whether to measure the facts of findings in the project's database. If it cannot
            be reached, the result has the findings, and the error in `incomplete`.
        rehearsed: The migrations that were rehearsed, with what was measured.

    Raises:
        HistoryError: The folder is invalid, a target is unknown, or the kind of database is.
        ConfigError: The settings are invalid, or the git revision is unknown.
    """
    rules = load_rules()
    settings = read_lint_settings(project.config.lint, rules)
    dialects = _dialects(project, settings.dialects)
    found: list[tuple[_Folder, LintRequest, tuple[Finding, ...]]] = []
    for folder in _folders(project, targets):
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
        findings_of_folder = lint_migrations(request)
        if rehearsed:
            statements = {step.name: step.statements for step in rehearsed}
            findings_of_folder = with_rehearsal(findings_of_folder, statements)
        found.append((folder, request, findings_of_folder))
    findings = [finding for _, _, part in found for finding in part]
    incomplete = None
    if evidence and findings:
        rates = {name: rate for step in rehearsed for name, rate in step.rates.items()}
        findings, incomplete = _with_evidence(project, found, rates)
    return LintResult(
        findings=tuple(findings),
        migrations=sum(len(request.revisions) for _, request, _ in found),
        databases=tuple(map(str, dialects)),
        incomplete=incomplete,
    )


_Linted: TypeAlias = tuple["_Folder", LintRequest, tuple[Finding, ...]]


def _with_evidence(
    project: Workspace, linted: Sequence[_Linted], rates: Mapping[Name, Rates]
) -> tuple[list[Finding], AutodiffError | None]:
    """Return the findings with what the database says about them, and why that is incomplete."""
    found: list[Finding] = []
    left = list(linted)
    try:
        with project.connect() as connection:
            while left:
                folder, request, findings = left[0]
                measured = _measured(project, connection, folder, request, findings, rates)
                found += measured.findings
                del left[0]
                if (problem := _incomplete(measured)) is not None:
                    raise problem
    except (DatabaseError, ConfigError, HistoryError) as error:
        return [*found, *(finding for _, _, part in left for finding in part)], error
    return found, None


def _measured(
    project: Workspace,
    connection: sa.Connection,
    folder: _Folder,
    request: LintRequest,
    findings: Sequence[Finding],
    rates: Mapping[Name, Rates],
) -> Measured:
    applied = _applied(project, connection, folder)
    return measure_live(
        connection,
        dialect_of(connection),
        findings,
        [migration for migration in request.order if migration.revision not in applied],
        seconds=project.config.evidence_timeout,
        rates=rates,
    )


def _applied(project: Workspace, connection: sa.Connection, folder: _Folder) -> set[str]:
    """Return the applied revisions; for another folder, those of Alembic's version table."""
    if folder.own:
        return set(project.runner(connection, folder.graph).applied())
    table = dialect_of(connection).catalog.has_table(connection, _VERSION_TABLE, None)
    versions: list[str] = []
    if table:
        query = f"SELECT version_num FROM {_VERSION_TABLE}"
        versions = list(connection.exec_driver_sql(query).scalars())
    connection.rollback()
    return set(folder.graph.lineage([v for v in versions if v in folder.graph]))


def lint_draft(project: Workspace, draft: Draft) -> tuple[Finding, ...]:
    """Return the errors and warnings in a migration that was just generated, with evidence.

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
    found = tuple(f for f in found if f.is_serious and not f.code.startswith("AD1"))
    if draft.proof is not None:
        found = with_rehearsal(found, {migration.name: draft.proof.statements})
    if not found or not draft.is_live:
        return found
    try:
        return _with_live_rows(project, draft, migration, found)
    except (DatabaseError, ConfigError) as error:
        return _marked_incomplete(found, error.message)


def _with_live_rows(
    project: Workspace, draft: Draft, migration: Migration, findings: Sequence[Finding]
) -> tuple[Finding, ...]:
    with project.connect() as connection:
        measured = measure_live(
            connection,
            dialect_of(connection),
            findings,
            [migration],
            seconds=project.config.evidence_timeout,
            rates=draft.proof.rates if draft.proof is not None else {},
        )
    if measured.problem is not None:
        return _marked_incomplete(measured.findings, measured.problem)
    return measured.findings


def _marked_incomplete(findings: Sequence[Finding], reason: str) -> tuple[Finding, ...]:
    """Return findings with the reason why their evidence is incomplete."""
    mark = Evidence(fact="incomplete", value=reason, text=one_line(f"not measured: {reason}"))
    return tuple(replace(finding, evidence=(*finding.evidence, mark)) for finding in findings)


def _incomplete(measured: Measured) -> DatabaseError | None:
    if measured.problem is None:
        return None
    return DatabaseError(
        f"the evidence is incomplete: {measured.problem}",
        hint="run it again when the database is available",
    )


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
    if not _is_alembic(folder):
        return load_graph(folder)
    scripts = folder / "versions" if (folder / "versions").is_dir() else folder
    files = sorted(
        path for path in scripts.rglob("*.py") if path.name not in ("__init__.py", "env.py")
    )
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
