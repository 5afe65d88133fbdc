"""Shell: the common options of a command, and the only code that prints results."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import typer

from autodiff.cli.colors import color_by_sign, has_colors
from autodiff.cli.format import align_columns

if TYPE_CHECKING:
    from autodiff.project import Project

__all__ = ["Language", "Shell"]

Language = Literal["python", "sql"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The options that all commands share, and the stream for results.

    `fixed_project` is used instead of the configured project; the demo sets it.
    """

    config: Path | None = None
    env: str | None = None
    url: str | None = None
    json: bool = False
    debug: bool = False
    fixed_project: Project | None = None
    out: TextIO = field(default_factory=lambda: sys.stdout)

    def project(self) -> Project:
        """Return the project that the options select.

        Raises ConfigError if no configuration is found.
        """
        if self.fixed_project is not None:
            return self.fixed_project
        from autodiff.project import Project

        project = Project.load(self.config or Path(), url=self.url, env=self.env)
        # Models may read environment variables too, so they must see those of a .env file:
        for name, value in project.config.variables.items():
            os.environ.setdefault(name, value)
        project.on_connect(lambda database: self.note(f"database: {database}"))
        return project

    def answer(self, lines: Iterable[str], data: Mapping[str, Any]) -> None:
        """Print a result: `data` with --json, otherwise the lines, colored on a terminal."""
        if self.json:
            self._print(json.dumps(data, ensure_ascii=False, indent=2))
            return
        for line in lines:
            self._print(color_by_sign(line) if has_colors(self.out) else line)

    def answer_table(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        lines: Iterable[str],
        data: Mapping[str, Any],
    ) -> None:
        """Print a result as `answer` does, with a table before the lines."""
        if not self.json and rows and has_colors(self.out):
            self._print_table(headings, rows)
        elif not self.json and rows:
            for line in align_columns([headings, *rows], indent=""):
                self._print(line)
        self.answer(["", *lines] if rows else lines, data)

    def answer_code(self, text: str, language: Language, data: Mapping[str, Any]) -> None:
        """Print code as `answer` does: unchanged, or highlighted on a terminal."""
        if self.json:
            self.answer((), data)
        elif has_colors(self.out):
            self._print_highlighted(text, language)
        else:
            typer.echo(text, file=self.out, nl=False)

    def note(self, line: str) -> None:
        """Print a line that is not a part of the result on stderr."""
        typer.echo(line, err=True)

    def note_unmanaged(self, project: Project, url: str | None = None) -> dict[str, Any]:
        """Print the objects that autodiff does not compare as notes, and return them as data."""
        unmanaged = project.left_alone(url)
        if not self.json:
            for item in unmanaged:
                self.note(f"not compared: {item}")
        return {"left_alone": [asdict(item) for item in unmanaged]}

    def _print(self, line: str) -> None:
        typer.echo(line, file=self.out)

    def _print_table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            style = "red" if any(cell.startswith("failed") for cell in row) else ""
            table.add_row(*map(Text, row), style=style)
        Console(file=self.out).print(table)

    def _print_highlighted(self, text: str, language: Language) -> None:
        from rich.console import Console
        from rich.syntax import Syntax

        syntax = Syntax("", language, theme="ansi_dark", background_color="default")
        # Printed as text with soft wrapping, because Syntax cuts lines at the terminal's width:
        Console(file=self.out).print(syntax.highlight(text), soft_wrap=True, end="")
