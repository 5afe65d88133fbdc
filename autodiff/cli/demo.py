"""The walk through the demo: shows the models, types each line, and runs it for real."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path

from autodiff.cli.shell import Shell
from autodiff.demo.steps import BEGIN, STEPS, Line, Step
from autodiff.errors import AutodiffError
from autodiff.project import Project

__all__ = ["walk"]


def walk(shell: Shell, folder: Path) -> None:
    """Takes all steps in a folder, which is the current one, and prints what happens.

    Raises AutodiffError where a line does not do what the demo says it does.
    """
    shell.answer(["A blog on SQLite, in three steps. Lines after a $ are run for real."], {})
    _type(shell, BEGIN, None)
    before = ""
    for step in STEPS:
        shell.answer(["", f"== {step.title}"], {})
        _write_models(shell, folder / "models.py", before, step)
        before = step.models_text()
        project = step.project(folder)
        for line in step.lines:
            _type(shell, line, project)
        if project.status().pending == () and project.check():
            raise _stopped(step.title, "models and database differ")


def _write_models(shell: Shell, path: Path, before: str, step: Step) -> None:
    """Writes models.py and shows it, or what is new in it."""
    text = step.models_text()
    path.write_text(text, encoding="utf-8")
    if not before:
        _type(shell, Line(text=f"cat {path.name}"), None)
        return
    diff = difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=2)
    shell.answer(["", f"New in {path.name}:"], {})
    shell.answer((_signed(line) for line in list(diff)[2:]), {})


def _signed(line: str) -> str:
    """A line of a diff with its sign apart, so that it gets its colour."""
    return f"{line[0]} {line[1:]}".rstrip() if line[0] in "+- " else line


def _type(shell: Shell, line: Line, project: Project | None) -> None:
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
        raise _stopped(line.text, f"it ended with {code}")
    if line.prints is not None and printed != line.prints:
        raise _stopped(line.text, f"it printed {printed!r}")


def _run(shell: Shell, arguments: Sequence[str], project: Project | None) -> int:
    from autodiff.cli.app import main

    return main(arguments, Shell(given=project, debug=shell.debug))


def _execute(project: Project, sql: str) -> str:
    """Runs a statement; its rows as the program sqlite3 prints them."""
    with project.connect() as connection:
        result = connection.exec_driver_sql(sql)
        rows = list(result) if result.returns_rows else []
        connection.commit()
    return "\n".join("|".join(map(str, row)) for row in rows)


def _stopped(where: str, reason: str) -> AutodiffError:
    return AutodiffError(f"the demo stopped at {where!r}: {reason}", hint="please report it")
