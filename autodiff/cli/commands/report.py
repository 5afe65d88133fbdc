"""The command autodiff report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autodiff.cli.format import short_path
from autodiff.cli.options import complete_range, flag
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

if TYPE_CHECKING:
    from autodiff.report import Review

__all__ = ["run_report", "write_output"]


def run_report(
    shell: Shell,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[RANGE]",
            help="One migration (0004) or a range (0002:head).",
            show_default="the newest migration",
            autocompletion=complete_range,
        ),
    ] = None,
    drift: Annotated[
        bool, flag("--drift", "Report drift instead of migrations, with the SQL to end it.")
    ] = False,
    format: Annotated[
        Literal["markdown", "html", "json", "sarif", "github", "junit"],
        typer.Option("--format", help="The format of the report."),
    ] = "markdown",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the report to a file.", show_default=False
        ),
    ] = None,
    diff_base: Annotated[
        str | None,
        typer.Option(
            "--diff-base",
            metavar="REV",
            help="Only migrations that changed since the branch left this git revision, and "
            "merged ones that it edited, moved or deleted.",
        ),
    ] = None,
    rehearse: Annotated[
        bool, flag("--rehearse", "Run the migrations in a scratch database, and show the result.")
    ] = False,
    offline: Annotated[bool, flag("--offline", "Do not connect to the database.")] = False,
) -> int:
    """Report what migrations change, lose and block, for a pull request or a CI server.

    No database is needed. With one, the rows that are lost are counted.
    A part that cannot be made is reported, and the rest of the report is still written.
    Exit codes: 0 nothing found, 1 findings or drift, 2 incomplete.

    Examples:
        autodiff report
        autodiff report --diff-base origin/main
        autodiff report 0004:head --format html --output report.html
        autodiff report --drift --format junit
    """
    from autodiff.report import render_report
    from autodiff.report.data import review_data

    if drift and (target is not None or diff_base is not None or rehearse):
        raise ConfigError(
            "--drift reports no migrations, so it has no RANGE, --diff-base or --rehearse",
            hint="run autodiff report --drift, and autodiff report for the migrations",
        )
    project = shell.project()
    if drift:
        review = project.review_drift(offline=offline)
    else:
        review = project.review(target, diff_base=diff_base, rehearse=rehearse, offline=offline)
    text = render_report(review, "json" if shell.json and output is None else format)
    if output is None:
        shell.out.write(text)
    else:
        write_output(shell, output, text, {**review_data(review), "path": short_path(output)})
    _note_problems(shell, review)
    return 2 if review.is_incomplete else int(review.is_serious)


def write_output(shell: Shell, path: Path, text: str, data: dict[str, object]) -> None:
    """Write a file and print its path."""
    from autodiff.utils.files import write_text

    if path.is_dir():
        raise ConfigError(f"{path} is a folder", hint="name a file in it")
    write_text(path, text)
    shell.answer([short_path(path)], data)


def _note_problems(shell: Shell, review: Review) -> None:
    for problem in review.problems:
        hint = f" (hint: {problem.hint})" if problem.hint else ""
        shell.note(f"error: the report is incomplete: {problem.part}: {problem.message}{hint}")
