"""The command autodiff lint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from autodiff.cli.completion import complete_git_ref, complete_rule
from autodiff.cli.format import short_path
from autodiff.cli.options import complete_range, flag
from autodiff.cli.shell import Shell

if TYPE_CHECKING:
    from autodiff.lint import Finding

__all__ = ["run_lint"]


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
    only_migrations: Annotated[
        bool,
        flag("--only-migrations", "Ignore files that are not migrations, for commit hooks."),
    ] = False,
    strict: Annotated[bool, flag("--strict", "Report advice too, not only risks.")] = False,
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

    No database is needed: the schema before each step is known from the files.
    Revisions of Alembic can be linted too.
    Exit codes: 0 no findings, 1 findings, 2 the command could not run.

    Examples:
        autodiff lint
        autodiff lint 0002:head
        autodiff lint --diff-base origin/main
        autodiff lint alembic/versions
        autodiff lint --explain AD101
    """
    if explain is not None:
        return _explain(shell, explain)
    project = shell.project()
    with shell.working("linting"):
        result = project.lint(
            *(targets or ()), diff_base=diff_base, only_migrations=only_migrations
        )
    found = result.serious(strict=strict)
    hidden = len(result.findings) - len(found)
    if hidden:
        shell.note(f"note: advice was left out: {hidden} findings; pass --strict to see it")
    lines = [line for finding in found for line in finding_lines(finding)]
    lines.append(_summary(len(found), result.migrations))
    shell.answer(
        lines,
        {
            "findings": [_data(finding) for finding in found],
            "migrations": result.migrations,
            "databases": list(result.databases),
        },
    )
    return int(bool(found))


def finding_lines(finding: Finding) -> list[str]:
    """Return the place, the message and the safe way of a finding."""
    return [
        f"{_place(finding)}{finding.severity} {finding.code}: {finding.message}",
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
    where = "1 migration" if migrations == 1 else f"{migrations} migrations"
    found = {0: "no findings", 1: "1 finding"}.get(count, f"{count} findings")
    return f"{found} in {where}"


def _explain(shell: Shell, code: str) -> int:
    from autodiff.lint import find_rule, load_rules
    from autodiff.lint.pages import rule_data, rule_text

    rule = find_rule(code, load_rules())
    shell.answer(rule_text(rule).splitlines(), rule_data(rule))
    return 0
