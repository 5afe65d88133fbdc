"""Shell: what each command has of its caller, and the only place that prints results."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import typer

from autodiff.cli.colors import colored, painted
from autodiff.cli.format import columns

if TYPE_CHECKING:
    from autodiff.project import Project

__all__ = ["Language", "Shell"]

Language = Literal["python", "sql"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The options that all commands share, and the stream for results.

    `given` is a project that stands in for the one of the configuration: the demo's.
    """

    config: Path | None = None
    env: str | None = None
    url: str | None = None
    json: bool = False
    debug: bool = False
    given: Project | None = None
    out: TextIO = field(default_factory=lambda: sys.stdout)

    def project(self) -> Project:
        """The project that the options name.

        Raises ConfigError where there is none.
        """
        if self.given is not None:
            return self.given
        from autodiff.project import Project

        project = Project.load(self.config or Path(), url=self.url, env=self.env)
        # Models read the environment too, so they must see the variables of a .env file:
        for name, value in project.config.variables.items():
            os.environ.setdefault(name, value)
        return project

    def answer(self, lines: Iterable[str], data: Mapping[str, Any]) -> None:
        """Prints a result: `data` with --json, else the lines, with colours on a terminal."""
        if self.json:
            self._print(json.dumps(data, ensure_ascii=False, indent=2))
            return
        for line in lines:
            self._print(painted(line) if colored(self.out) else line)

    def answer_table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        lines: Iterable[str],
        data: Mapping[str, Any],
    ) -> None:
        """As `answer`, with a table before the lines: drawn on a terminal, else in columns."""
        if not self.json and rows and colored(self.out):
            self._print_table(heads, rows)
        elif not self.json and rows:
            for line in columns([heads, *rows], indent=""):
                self._print(line)
        self.answer(["", *lines] if rows else lines, data)

    def answer_code(self, text: str, language: Language, data: Mapping[str, Any]) -> None:
        """As `answer`, for code: byte for byte, or with its syntax coloured on a terminal."""
        if self.json:
            self.answer((), data)
        elif colored(self.out):
            self._print_highlighted(text, language)
        else:
            typer.echo(text, file=self.out, nl=False)

    def note(self, line: str) -> None:
        """Prints what is no result, on stderr."""
        typer.echo(line, err=True)

    def note_left_alone(self, project: Project, url: str | None = None) -> dict[str, Any]:
        """Prints what is in the database and is not compared, as notes; the same as data."""
        found = project.left_alone(url)
        if not self.json:
            for item in found:
                self.note(f"left alone: {item}")
        return {"left_alone": [asdict(item) for item in found]}

    def _print(self, line: str) -> None:
        typer.echo(line, file=self.out)

    def _print_table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            style = "red" if any(cell.startswith("failed") for cell in row) else ""
            table.add_row(*map(Text, row), style=style)
        Console(file=self.out).print(table)

    def _print_highlighted(self, text: str, language: Language) -> None:
        from rich.console import Console
        from rich.syntax import Syntax

        syntax = Syntax("", language, theme="ansi_dark", background_color="default")
        # As a soft-wrapped text, since Syntax itself cuts long lines at the terminal's width:
        Console(file=self.out).print(syntax.highlight(text), soft_wrap=True, end="")
