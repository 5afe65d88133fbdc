"""The command autodiff lint."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autodiff.cli.completion import complete_git_ref, complete_rule
from autodiff.cli.failures import USAGE, report_error
from autodiff.cli.format import evidence_line, short_path
from autodiff.cli.options import complete_range, flag
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from autodiff.commands.lint import LintResult
    from autodiff.lint import Finding
    from autodiff.project import Project

__all__ = ["finding_lines", "run_lint"]


def run_lint(
    shell: Shell,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|RANGE]...",
            help="Files, folders, migrations (0004) or ranges (0002:head).",
            show_default="all migrations",
            autocompletion=complete_range,
        ),
    ] = None,
    diff_base: Annotated[
        str | None,
        typer.Option(
            "--diff-base",
            metavar="REV",
            help="Only files that changed since the branch left this git revision.",
            autocompletion=complete_git_ref,
        ),
    ] = None,
    dialect: Annotated[
        list[str] | None,
        typer.Option(
            "--dialect",
            metavar="NAME",
            help='The database to lint for, such as "postgresql 16". Can be repeated.',
            show_default="that of the configuration",
        ),
    ] = None,
    only_migrations: Annotated[
        bool,
        flag("--only-migrations", "Ignore files that are not migrations, for commit hooks."),
    ] = False,
    strict: Annotated[bool, flag("--strict", "Report advice too, not only risks.")] = False,
    evidence: Annotated[
        bool | None,
        typer.Option(
            "--evidence/--no-evidence",
            help="Measure facts about the findings in the database, which is only read. Default: "
            "only with --url.",
            show_default=False,
        ),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="CODE",
            help="Print the description of a rule.",
            autocompletion=complete_rule,
        ),
    ] = None,
) -> int:
    """Find steps in migrations that lose data, fail, or block the database.

    No database is needed: the schema before each step is known from the files. With --url,
    findings that are harmless because a table has few rows are left out, and each finding in
    a migration that is not applied has its numbers: rows, NULLs, duplicates and the like.
    Revisions of Alembic can be linted too, without a configuration.
    Exit codes: 0 no findings, 1 findings, 2 the command could not run, or not to its end.

    Examples:
        autodiff lint
        autodiff lint 0002:head
        autodiff lint --diff-base origin/main
        autodiff lint alembic/versions --dialect postgresql
        autodiff lint --evidence
        autodiff lint --explain AD101
    """
    if explain is not None:
        return _explain(shell, explain)
    measures = evidence if evidence is not None else shell.url is not None
    project = _project(shell, targets)
    _check_project(shell, project, targets or ())
    connects = _connects(shell, dialect)
    with shell.working("linting"):
        result = project.lint(
            *(targets or ()),
            diff_base=diff_base,
            only_migrations=only_migrations,
            databases=dialect or (),
            connect=connects,
            evidence=measures,
        )
    found = result.serious(strict=strict)
    hidden = len(result.findings) - len(found)
    if hidden:
        shell.note(f"note: advice was left out: {_count(hidden)}; pass --strict to see it")
    if result.harmless:
        shell.note(f"note: left out because a table has few rows: {_count(result.harmless)}")
    lines = [line for finding in found for line in finding_lines(finding)]
    lines.append(_summary(len(found), result.migrations))
    shell.answer(
        lines,
        {
            "findings": [_data(finding) for finding in found] if shell.json else [],
            "migrations": result.migrations,
            "databases": list(result.databases),
            "harmless": result.harmless,
            "complete": result.is_complete,
            "problems": [{"error": p.message, "hint": p.hint} for p in result.problems],
        },
    )
    if result.problems:
        _report_problems(shell, result)
        return USAGE
    return int(bool(found))


def _project(shell: Shell, targets: list[str] | None) -> Project:
    """Return the project; without a configuration, one with the default settings.

    That needs targets which are files or folders, such as the revisions of Alembic.
    """
    from autodiff.config import find_config
    from autodiff.project import Project

    are_paths = bool(targets) and all(Path(target).exists() for target in targets or ())
    is_fixed = shell.config is not None or shell.env is not None or shell.fixed_project is not None
    if is_fixed or find_config(Path.cwd()) is not None:
        return shell.project()
    if not are_paths:
        for target in targets or ():
            if os.sep in target and not Path(target).exists():
                raise ConfigError(f"{target} does not exist", hint="name a file or a folder")
        return shell.project()
    return Project(shell.url or os.environ.get("DATABASE_URL"))


def _check_project(shell: Shell, project: Project, targets: Sequence[str]) -> None:
    """Refuse migrations of other projects; if --config names the project, only note them.

    A commit hook passes the files of all projects of a repository.
    """
    from autodiff.commands.lint_folders import in_other_projects

    is_named = shell.config is not None
    for target, root in in_other_projects(project, targets, skip_broken=is_named).items():
        message = f"{target} belongs to another project"
        option = f"--config {shlex.quote(short_path(root))}"
        if not is_named:
            raise ConfigError(message, hint=f"lint it with its settings: autodiff {option} lint")
        shell.note(f"note: {message}: {option}")


def _connects(shell: Shell, dialect: list[str] | None) -> bool:
    if shell.url is not None and dialect:
        raise ConfigError(
            "--url and --dialect cannot both be passed",
            hint="with --url, the migrations are linted for that database",
        )
    return shell.url is not None


def _report_problems(shell: Shell, result: LintResult) -> None:
    """Print the errors after the findings; with --json they are a part of the answer."""
    if shell.json:
        return
    for problem in result.problems:
        report_error(shell, problem.message, problem.hint, kind=type(problem).__name__)
    if not result.is_complete:
        shell.note("note: the findings are incomplete")


def finding_lines(finding: Finding) -> list[str]:
    """Return the place, the message, the evidence and the safe way of a finding."""
    return [
        f"{_place(finding)}{finding.severity} {finding.code}: {finding.message}",
        *(f"  {evidence_line(fact)}" for fact in finding.evidence),
        f"  safe way: {finding.safe_way}",
    ]


def _place(finding: Finding) -> str:
    if finding.file is None:
        return ""
    line = f":{finding.line}" if finding.line else ""
    return f"{short_path(finding.file)}{line}: "


def _data(finding: Finding) -> dict[str, object]:
    if finding.file is not None:
        finding = replace(finding, file=finding.file.resolve())
    data = finding.to_data()
    return {**data, "file": short_path(finding.file) if finding.file is not None else None}


def _summary(count: int, migrations: int) -> str:
    where = counted(migrations, "migration")
    return f"{_count(count)} in {where}"


def _count(findings: int) -> str:
    return counted(findings, "finding") if findings else "no findings"


def _explain(shell: Shell, code: str) -> int:
    from autodiff.lint import find_rule, load_rules
    from autodiff.lint.pages import rule_data, rule_text

    rule = find_rule(code, load_rules())
    shell.answer(rule_text(rule).splitlines(), rule_data(rule))
    return 0
