"""Lint the migrations of a project, or Alembic's: without a database, or with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from autodiff.commands.lint_base import has_deleted_lock, read_base
from autodiff.commands.lint_database import LintDatabases, choose_databases, read_database
from autodiff.commands.lint_evidence import LintedFolder, attach_evidence, attach_to_draft
from autodiff.commands.lint_folders import (
    LintFolder,
    changed_revisions,
    find_folders,
    own_form,
)
from autodiff.errors import AutodiffError, ConfigError, DatabaseError, MigrationFileError
from autodiff.lint import (
    Finding,
    History,
    LintRequest,
    lint_migrations,
    load_rules,
    read_lint_settings,
    run_rules,
)
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    from autodiff.commands.generate import Draft
    from autodiff.dialects import Dialect
    from autodiff.lint import Rule
    from autodiff.lint.settings import LintSettings
    from autodiff.migrations import Graph, Migration
    from autodiff.rehearse import RehearsedStep
    from autodiff.workspace import Workspace

__all__ = ["LintResult", "lint_databases", "lint_draft", "lint_project", "lint_revisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintResult:
    """The findings.

    migrations: how many migrations were linted.
    databases: the kinds of databases.
    harmless: how many findings were left out because their tables have few rows.
    problems: the errors of what could not be read, or of comments that name no rule.
    """

    findings: tuple[Finding, ...]
    migrations: int
    databases: tuple[str, ...]
    harmless: int = 0
    problems: tuple[AutodiffError, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether everything could be read."""
        return all(isinstance(problem, ConfigError) for problem in self.problems)

    def serious(self, *, strict: bool = False) -> tuple[Finding, ...]:
        """Return the errors and warnings; with `strict` the advice too."""
        return tuple(finding for finding in self.findings if strict or finding.is_serious)


@pause_garbage_collection()
def lint_project(
    project: Workspace,
    targets: Sequence[str] = (),
    *,
    diff_base: str | None = None,
    databases: Sequence[str] = (),
    connect: bool = False,
    evidence: bool = False,
    rehearsed: Sequence[RehearsedStep] = (),
    selection: LintFolder | None = None,
    only_migrations: bool = False,
) -> LintResult:
    """Return the findings in the migrations of a project.

    Args:
        project: The project.
        targets: Files, folders, migrations and ranges; all migrations without any.
        diff_base: A git revision: only files that changed since the branch left it are linted.
        databases: The databases to lint for, such as "postgresql 16".
        connect: Whether to ask the database how many rows its tables have. Then the migrations are
            linted for that database alone.
        evidence: Whether to measure the facts of findings in the project's database. If it cannot
            be reached, that is one of the problems.
        rehearsed: The migrations that were rehearsed, with what was measured.
        selection: The migrations to lint, instead of those that targets name; with diff_base also
            the whole history.
        only_migrations: Whether to ignore files that are not migrations.

    Raises:
        HistoryError: The folder is invalid, a target is unknown, or the kind of database is.
        ConfigError: The settings are invalid, or the git revision is unknown.
    """
    rules = load_rules()
    settings = read_lint_settings(project.config.lint, rules)
    folders = (
        find_folders(project, targets, only_migrations=only_migrations)
        if selection is None
        else [selection]
    )
    with ExitStack() as stack:
        if not folders:
            found = LintDatabases(dialects=())  # without migrations, none needs to be known
        elif connect:
            found = read_database(project, settings.small_table, stack)
        else:
            found = choose_databases(project, databases or settings.dialects, targets)
        return _lint(
            project,
            folders,
            rules,
            settings,
            found,
            diff_base=diff_base,
            evidence=evidence,
            rehearsed=rehearsed,
            is_whole=not targets and (selection is None or diff_base is not None),
        )


def _lint(
    project: Workspace,
    folders: Sequence[LintFolder],
    rules: Mapping[str, Rule],
    settings: LintSettings,
    found: LintDatabases,
    *,
    diff_base: str | None,
    evidence: bool,
    rehearsed: Sequence[RehearsedStep],
    is_whole: bool,
) -> LintResult:
    """Run the rules on the folders.

    is_whole: whether the folders are the whole history of the project.
    """
    problems: list[AutodiffError] = []
    if found.problem:
        problems.append(
            DatabaseError(
                f"cannot read how many rows the tables have: {found.problem}",
                hint="without --url, the migrations are linted as if all tables were large",
            )
        )
    linted: list[LintedFolder] = []
    count = harmless = 0
    for folder in folders:
        revisions = folder.revisions - folder.unread
        if diff_base is not None:
            revisions &= changed_revisions(folder.graph, diff_base, project)
        problems += folder.problems
        request = LintRequest(
            order=_readable(folder, problems),
            revisions=revisions,
            dialects=found.dialects,
            rules=rules,
            settings=settings,
            history=_history(project, folder, diff_base) if folder.own and is_whole else None,
            is_application=_application(project),
            lock_timeout=project.config.lock_timeout if folder.own else None,
            statement_timeout=project.config.statement_timeout if folder.own else None,
            rows=found.rows,
        )
        ran = run_rules(request)
        problems += (*ran.problems, *ran.unknown_codes)
        harmless += ran.harmless
        count += len(revisions)
        linted.append(
            LintedFolder(folder=folder, order=request.order, findings=tuple(ran.findings))
        )
    findings, more = attach_evidence(
        project, linted, rehearsed, live=evidence and not found.problem, connection=found.connection
    )
    return LintResult(
        findings=tuple(findings),
        migrations=count,
        databases=tuple(map(str, found.dialects)),
        harmless=harmless,
        problems=(*problems, *more),
    )


def lint_revisions(
    project: Workspace,
    graph: Graph,
    revisions: Collection[str],
    *,
    unreadable: Collection[str] = (),
    diff_base: str | None = None,
    evidence: bool = False,
) -> LintResult:
    """Return the findings in some migrations of a graph.

    Args:
        project: The project.
        graph: The migrations of the project.
        revisions: Those to lint.
        unreadable: Those whose files cannot be read; they are left out.
        diff_base: A git revision, with which the whole history is compared too.
        evidence: Whether to measure the facts of findings in the project's database.

    Raises:
        HistoryError: The kind of database is unknown.
        ConfigError: The settings are invalid.
    """
    folder = LintFolder(graph=graph, revisions=frozenset(revisions), unread=frozenset(unreadable))
    return lint_project(project, selection=folder, diff_base=diff_base, evidence=evidence)


def lint_databases(project: Workspace) -> list[Dialect]:
    """Return the databases for which migrations are linted.

    Raises HistoryError if they are unknown, and ConfigError for invalid settings.
    """
    settings = read_lint_settings(project.config.lint, load_rules())
    return list(choose_databases(project, settings.dialects, ()).dialects)


def _history(project: Workspace, folder: LintFolder, diff_base: str | None) -> History:
    history = History(graph=folder.graph, lock=project.lock(), unread=folder.unread)
    if diff_base is None:
        return history
    return replace(
        history,
        base=read_base(project, diff_base),
        lock_deleted=has_deleted_lock(project, diff_base),
    )


def _readable(folder: LintFolder, problems: list[AutodiffError]) -> list[Migration]:
    """Return the migrations of a folder in their order; add the errors of the others."""
    found: list[Migration] = []
    for revision, migration in folder.graph.migrations.items():
        if revision in folder.unread:
            continue
        try:
            found.append(own_form(migration))
        except MigrationFileError as error:
            problems.append(error)
    return found


def lint_draft(project: Workspace, draft: Draft) -> tuple[Finding, ...]:
    """Return the errors and warnings in a migration that was just generated, with evidence.

    Those about data loss are left out: the draft lists the losses, with their numbers.
    """
    if draft.plan is None:
        return ()
    rules = load_rules()
    migration = own_form(draft.parsed())
    found = lint_migrations(
        LintRequest(
            order=[migration],
            revisions=frozenset([migration.revision]),
            dialects=[draft.plan.dialect],
            rules=rules,
            settings=read_lint_settings(project.config.lint, rules),
            lock_timeout=project.config.lock_timeout,
            statement_timeout=project.config.statement_timeout,
            tables=draft.plan.current.tables,
        )
    )
    found = tuple(f for f in found if f.is_serious and not f.code.startswith("AD1"))
    return attach_to_draft(project, draft, migration, found)


def _application(project: Workspace) -> Callable[[str], bool]:
    """Return a function that checks whether a module belongs to the application."""
    packages = {name.partition(":")[0].partition(".")[0] for name in project.config.models}
    folders = project.config.import_path

    @cache
    def belongs(module: str) -> bool:
        if module in packages:
            return True
        return any((folder / f"{module}.py").is_file() for folder in folders)

    return belongs
