"""A type checker rejects what would be a misspelt setting or argument at run time."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from textwrap import dedent

import pytest
from mypy import api

from autodiff import Project
from autodiff.config import Config, ProjectSettings
from autodiff.project import DraftOptions

CODE = """
from autodiff import Project, diff, op

project = Project("sqlite://", models="app:Base", exclude_tables=["audit_*"], lock_timeout=2.5)
Project("sqlite://", exclude_table=["audit_*"])  # error: exclude_table
Project("sqlite://", lock_timeout="2s")  # error: lock_timeout
Project.load(".", enviroment={})  # error: enviroment
project.generate("add users", fills={"users.name": "x"}, format="sql", rehearse=False)
project.generate("add users", fill={"users.name": "x"})  # error: fill
project.generate("add users", format="yaml")  # error: format
project.draft("add users", reherse=False)  # error: reherse
project.diff("database", "models", rename=["a:b"])  # error: rename
project.upgrade("head", lock_wait=5)
project.upgrade("head", wait=5)  # error: wait
project.upgrade_all(paralel=3)  # error: paralel
project.rehearse(rows="some")  # error: rows
project.check(offline=True)
project.check(online=True)  # error: online
"""


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What mypy says of each line of CODE, in strict mode."""
    folder = tmp_path_factory.mktemp("typing")
    file = folder / "application.py"
    file.write_text(dedent(CODE), encoding="utf-8")
    arguments = ["--strict", "--no-error-summary", "--hide-error-context", "--no-color-output"]
    out, err, _ = api.run([*arguments, f"--cache-dir={folder / 'cache'}", str(file)])
    assert err == ""
    found: dict[int, str] = {}
    for line in out.splitlines():
        place, _, message = line.removeprefix(f"{file}:").partition(": error: ")
        if message:
            found[int(place)] = message
    return found


EXPECTED = {
    number: line.rpartition("# error: ")[2]
    for number, line in enumerate(CODE.splitlines(), 1)
    if "# error: " in line
}


@pytest.mark.parametrize("line", EXPECTED)
def test_a_misspelt_argument_is_an_error(messages: dict[int, str], line: int) -> None:
    """The error names the argument."""
    assert f'"{EXPECTED[line]}"' in messages[line]


def test_correct_arguments_are_accepted(messages: dict[int, str]) -> None:
    """No other line has an error."""
    assert messages.keys() <= EXPECTED.keys()


def test_every_setting_can_be_given_in_code() -> None:
    """The keywords of Project are the fields of Config, except those that Project sets itself."""
    own = {"url", "migrations", "hooks", "env", "env_file", "unset", "variables"}
    assert {field.name for field in fields(Config)} - own == set(ProjectSettings.__annotations__)


def test_generate_takes_the_options_of_draft() -> None:
    """The two lists are the same, in the same order."""
    parameters = list(inspect.signature(Project.draft).parameters)
    assert parameters[2:] == list(DraftOptions.__annotations__)


def test_paths_may_be_text(tmp_path: Path) -> None:
    """A single name stands for a list of one."""
    project = Project(path="backend", models="app:Base", exclude_tables="audit_*", root=tmp_path)
    assert project.config.path == (Path("backend").resolve(),)
    assert project.config.models == ("app:Base",)
    assert project.config.exclude_tables == ("audit_*",)
    assert project.config.root == tmp_path
