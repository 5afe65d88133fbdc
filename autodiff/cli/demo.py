"""Walk through the demo: show the models, then run each command line and show its output."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path

from autodiff.cli.shell import Shell
from autodiff.demo.steps import INIT, STEPS, Line, Step
from autodiff.errors import AutodiffError
from autodiff.project import Project

__all__ = ["walk_through"]


def walk_through(shell: Shell, folder: Path) -> None:
    """Run all steps in a folder, which must be the current one, and print the output.

    Raises AutodiffError if a line does not have the expected result.
    """
    shell.answer(["A blog on SQLite in three steps. Each line after a $ is really run."], {})
    _run_line(shell, INIT, None)
    before = ""
    for step in STEPS:
        shell.answer(["", f"== {step.title}"], {})
        _write_models(shell, folder / "models.py", before, step)
        before = step.models_text()
        project = step.project(folder)
        for line in step.lines:
            _run_line(shell, line, project)
        if project.status().pending == () and project.check():
            raise _stopped(step.title, "the models and the database differ")


def _write_models(shell: Shell, path: Path, before: str, step: Step) -> None:
    """Write models.py and show it, or show only the changes if it existed before."""
    text = step.models_text()
    path.write_text(text, encoding="utf-8")
    if not before:
        _run_line(shell, Line(text=f"cat {path.name}"), None)
        return
    diff = difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=2)
    shell.answer(["", f"New in {path.name}:"], {})
    # The first two lines of a diff are the names of the files:
    shell.answer((_separate_sign(line) for line in list(diff)[2:]), {})


def _separate_sign(line: str) -> str:
    """Put a space after the sign of a diff line, so that the line is colored by its sign."""
    return f"{line[0]} {line[1:]}".rstrip() if line[0] in "+- " else line


def _run_line(shell: Shell, line: Line, project: Project | None) -> None:
    """Print a line, run it, print its output and check its exit code and its output."""
    shell.answer(["", f"$ {line.text}"], {})
    program, *arguments = shlex.split(line.text)
    printed, code = "", 0
    match program:
        case "autodiff":
            code = _run(shell, arguments, project)
        case "cat":
            shell.answer_code(Path(arguments[0]).read_text(encoding="utf-8"), "python", {})
        case "sqlite3" if project is not None:
            printed = _execute(project, arguments[1])
            shell.answer(printed.splitlines(), {})
        case _:
            raise AssertionError(line.text)
    if code:
        shell.answer([f"(exit code {code})"], {})
    if code != line.code:
        raise _stopped(line.text, f"the exit code was {code}")
    if line.prints is not None and printed != line.prints:
        raise _stopped(line.text, f"the output was {printed!r}")


def _run(shell: Shell, arguments: Sequence[str], project: Project | None) -> int:
    from autodiff.cli.app import main

    return main(arguments, Shell(fixed_project=project, debug=shell.debug))


def _execute(project: Project, sql: str) -> str:
    """Run a statement and return its rows in the format of the program sqlite3."""
    with project.connect() as connection:
        result = connection.exec_driver_sql(sql)
        rows = list(result) if result.returns_rows else []
        connection.commit()
    return "\n".join("|".join(map(str, row)) for row in rows)


def _stopped(step: str, reason: str) -> AutodiffError:
    return AutodiffError(
        f"the demo stopped at {step!r}: {reason}",
        hint="this is a bug in autodiff: please report it",
    )
