"""The command autodiff ci."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from autodiff.cli.completion import complete_git_ref
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell

__all__ = ["run_ci"]


def run_ci(
    shell: Shell,
    diff_base: Annotated[
        str | None,
        typer.Option(
            "--diff-base",
            metavar="REV",
            help="Lint files that changed since the branch left this git revision. Default: the "
            "base of the pull request, or the main branch.",
            autocompletion=complete_git_ref,
            show_default=False,
        ),
    ] = None,
    offline: Annotated[
        bool, flag("--offline", "Do not run the migrations in a scratch database.")
    ] = False,
    strict: Annotated[bool, flag("--strict", "Report advice of lint too, not only risks.")] = False,
    name: Annotated[
        str,
        typer.Option(
            "--name", metavar="NAME", help="The name in the title, if several jobs run this."
        ),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Write the result as Markdown, for autodiff comment."
        ),
    ] = None,
) -> int:
    """Check a pull request: drift, every migration on a scratch database, and lint.

    A check that cannot run does not prevent the others. In GitHub Actions, the
    result is added to the summary of the job.
    Exit codes: 0 no problem, 1 drift or findings, 2 a check could not run.

    Examples:
        autodiff ci
        autodiff ci --diff-base origin/main --output autodiff.md
        autodiff ci --offline
    """
    from autodiff.ci import CiRequest, ci_markdown, find_base, run_checks, write_job_summary
    from autodiff.ci.checks import markdown_report

    project = shell.project()
    base = None if diff_base is not None else find_base(os.environ)
    request = CiRequest(diff_base=diff_base, base=base, offline=offline, strict=strict)
    with shell.working("checking") as describe:
        project.on_step(describe)
        checks, compared = run_checks(project, request)
        describe("writing the report")
        report = markdown_report(compared, _project_options(shell), shell.url)
    text = ci_markdown(checks, name=name, report=report)
    if output is not None:
        output.write_text(text, encoding="utf-8", errors="backslashreplace")
    write_job_summary(text, os.environ)
    lines: list[str] = []
    for check in checks:
        lines += [f"{check.title}: {check.summary}", *(f"  {line}" for line in check.lines)]
    shell.answer(lines, {"checks": [check.to_data() for check in checks], "markdown": text})
    outcomes = {check.outcome for check in checks}
    return 2 if "incomplete" in outcomes else int("failed" in outcomes)


def _project_options(shell: Shell) -> list[str]:
    """Return the options that select the project, without the URL, which may have a password."""
    config = [] if shell.config is None else ["--config", str(shell.config)]
    return [*config, *([] if shell.env is None else ["--env", shell.env])]
