"""The command autodiff erd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from autodiff.cli.commands.report import write_output
from autodiff.cli.format import short_path
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

__all__ = ["run_erd"]


def run_erd(
    shell: Shell,
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE]...",
            help="Tables, or patterns such as 'billing_*'.",
            show_default="all tables",
        ),
    ] = None,
    source: Annotated[
        Literal["models", "database", "history"],
        typer.Option("--from", help="The tables to draw; history is the lock file."),
    ] = "models",
    format: Annotated[
        Literal["mermaid", "svg", "html"],
        typer.Option("--format", help="The format of the diagram."),
    ] = "mermaid",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the diagram to a file.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Draw an ER diagram of the models, the database or the migrations.

    Graphviz arranges the tables if it is installed, otherwise the package of
    the extra sqlalchemy-autodiff[diagram]. Mermaid text needs neither.

    Examples:
        autodiff erd
        autodiff erd --from database --format html --output schema.html
        autodiff erd posts 'comment*' --format svg
    """
    from autodiff.report.svg import NO_LAYOUT

    text = shell.project().erd(*(tables or ()), source=source, format=format)
    if text is None:
        reason, _, hint = NO_LAYOUT.partition(": ")
        raise ConfigError(reason, hint=hint)
    if output is not None:
        write_output(shell, output, text, {"path": short_path(output)})
    elif shell.json:
        shell.answer((), {"format": format, "text": text})
    else:
        shell.out.write(text)
    return 0
