"""Shell: the common options of a command, and the output of results."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from autodiff.cli.activity import show_activity
from autodiff.cli.format import align_columns
from autodiff.cli.terminal import (
    Language,
    has_colors,
    print_code,
    print_forms,
    print_json,
    print_lines,
    print_table,
)
from autodiff.utils.quoting import one_line

if TYPE_CHECKING:
    from autodiff.project import Project

__all__ = ["Shell"]


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
    quiet: bool = False
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
        project.while_connecting(lambda: self.working("connecting to the database"))
        return project

    @property
    def shows_progress(self) -> bool:
        """Whether progress is shown on stderr."""
        return not (self.json or self.quiet)

    def working(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """Show a text while a block takes longer than a second; it yields a function to change it.

        Whatever is printed or asked in the block stays readable.
        """
        return show_activity(text, is_shown=self.shows_progress)

    def answer(self, lines: Iterable[str], data: Mapping[str, Any]) -> None:
        """Print a result: `data` with --json, otherwise the lines, colored on a terminal."""
        if self.json:
            print_json(data, self.out)
        else:
            print_lines(list(lines), self.out)

    def answer_table(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        lines: Iterable[str],
        data: Mapping[str, Any],
    ) -> None:
        """Print a result as `answer` does, with a table before the lines."""
        if not self.json and rows and has_colors(self.out):
            print_table(headings, rows, self.out)
        elif not self.json and rows:
            print_lines(align_columns([headings, *rows], indent=""), self.out)
        self.answer(["", *lines] if rows else lines, data)

    def answer_changes(
        self, changes: Iterable[tuple[str, tuple[str, str] | None]], lines: Iterable[str]
    ) -> None:
        """Print changes at a terminal, the changed objects in their old and new form, then lines.

        Each change is its line and the two forms.
        """
        for line, forms in changes:
            print_lines([line], self.out)
            if forms is not None:
                print_forms(*forms, self.out)
        print_lines(list(lines), self.out)

    def answer_code(self, text: str, language: Language, data: Mapping[str, Any]) -> None:
        """Print code as `answer` does: unchanged, or highlighted on a terminal."""
        if self.json:
            self.answer((), data)
        else:
            print_code(text, language, self.out)

    def note(self, line: str) -> None:
        """Print a line that is not a part of the result on stderr."""
        print_lines([one_line(line)], sys.stderr)

    def note_unmanaged(self, project: Project, url: str | None = None) -> dict[str, Any]:
        """Print the objects that autodiff does not compare as notes, and return them as data."""
        unmanaged = project.left_alone(url)
        if not self.json:
            for item in unmanaged:
                self.note(f"not compared: {item}")
        return {"left_alone": [asdict(item) for item in unmanaged]}
