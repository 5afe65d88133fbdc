"""Test action.yml by running its steps as GitHub does, and the documented job of GitLab."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from autodiff.cli import main
from autodiff.project import Project
from tests.ci.conftest import TOKEN
from tests.ci.server import PERSON, CodeHost

Variables = Callable[..., dict[str, str]]
ROOT = Path(__file__).resolve().parent.parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("bash") is None, reason="needs bash with POSIX paths"
)


_MIGRATIONS = (
    (2, "create"),
    (1, "drop comments", "--from", "history", "--allow-drop=comments"),
)


def git(folder: Path, *arguments: str) -> None:
    """Run git without the settings of the machine."""
    names = {
        f"GIT_{who}_{what}": "a@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    environment = {**os.environ, **names, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=environment
    )


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a repository with a branch that adds a migration, which drops a table."""
    folder = tmp_path_factory.mktemp("shop") / "back end"
    folder.mkdir()
    models = ROOT / "fixtures" / "blog"
    (folder / "autodiff.toml").write_text('models = "models:Base"\nurl = "sqlite:///blog.db"\n')
    git(folder, "init", "-q", "-b", "main")
    for number, message, *options in _MIGRATIONS:
        shutil.copy(models / f"models_{number}.py", folder / "models.py")
        # A separate process, because the models must be imported again:
        generate = [sys.executable, "-m", "autodiff", "generate", "-m", message, *options]
        subprocess.run(generate, cwd=folder, check=True, capture_output=True, env=environment())
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", message)
        if message == "create":
            git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    return folder


def environment(**more: str) -> dict[str, str]:
    """Return variables that no CI of ours has set, with this version of autodiff on the path."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("GITHUB_", "GITLAB_", "CI"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}


class Job:
    """A job of GitHub that runs the action: its exit code, log, summary and outputs."""

    def __init__(self, folder: Path, temporary: Path, variables: Mapping[str, str]) -> None:
        self.summary, self.log, self.code = temporary / "summary.md", "", 0
        self._outputs = temporary / "output"
        self._folder = folder
        self._environment = environment(
            **variables,
            RUNNER_TEMP=str(temporary),
            GITHUB_STEP_SUMMARY=str(self.summary),
            GITHUB_OUTPUT=str(self._outputs),
        )

    def run(self, **inputs: str) -> Job:
        """Run the steps until one fails."""
        given = {name: str(each["default"]) for name, each in ACTION["inputs"].items()}
        given |= {
            "command": f"{sys.executable} -m autodiff",
            **{n.replace("_", "-"): v for n, v in inputs.items()},
        }
        for step in STEPS:
            if "inputs.comment" in step.get("if", "") and given["comment"] != "true":
                continue
            own = {name: self._value(text, given) for name, text in step["env"].items()}
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self._folder,
                env={**self._environment, **own},
                capture_output=True,
                text=True,
                check=False,
            )
            self.log += done.stdout + done.stderr
            self.code = done.returncode
            if self.code:
                break
        return self

    @property
    def result(self) -> str:
        return self._outputs.read_text().split("=")[-1].strip()

    def _value(self, text: str, given: Mapping[str, str]) -> str:
        (name,) = re.fullmatch(r"\$\{\{ ([\w.-]+) \}\}", text).groups()  # type: ignore[union-attr]
        if name == "steps.check.outputs.result":
            return self.result
        value = given[name.removeprefix("inputs.")]
        return TOKEN if value == "${{ github.token }}" else value


@pytest.fixture
def job(branch: Path, tmp_path: Path, github: Variables) -> Job:
    return Job(branch, tmp_path, github(GITHUB_BASE_REF="main", GITHUB_TOKEN=""))


def test_the_action_comments_and_fails_for_a_finding(host: CodeHost, job: Job) -> None:
    job.run()
    assert (job.code, job.result) == (1, "failed"), job.log
    (comment,) = host.comments
    assert "### autodiff: please review" in comment["body"]
    assert "no drift" in comment["body"]
    assert "2 migrations passed" in comment["body"]
    assert "in 1 migration since origin/main" in comment["body"]
    assert "AD101" in comment["body"]
    assert job.summary.read_text().strip() in comment["body"]
    assert TOKEN not in job.log + job.summary.read_text()
    job.run(offline="true")
    assert len(host.comments) == 1
    assert "updated the comment" in job.log


def test_inputs_are_not_read_as_commands(host: CodeHost, job: Job, tmp_path: Path) -> None:
    """They are one argument each, also with spaces, quotes and options in them."""
    touch = f"touch {tmp_path}/hacked"
    attack = f"x\"; {touch}; '; {touch} `{touch}` $({touch}) --help"
    job.run(name=attack, diff_base=attack, offline="true")
    assert not (tmp_path / "hacked").exists()
    assert (job.code, job.result) == (2, "incomplete"), job.log
    assert "touch" in host.comments[0]["body"]
    for step in STEPS:
        assert "${{" not in step["run"]


def test_only_the_comment_has_the_token() -> None:
    """The other steps import the models of the pull request."""
    with_token = [step["name"] for step in STEPS if "token" in str(step["env"]).lower()]
    assert with_token == ["Comment"]
    assert " comment " in STEPS[1]["run"]


def test_a_comment_that_cannot_be_written_does_not_change_the_result(
    host: CodeHost, job: Job
) -> None:
    host.fail("POST", 403)
    job.run(offline="true")
    assert (job.code, job.result) == (1, "failed")
    assert "error: GitHub does not let this token write comments" in job.log
    assert "hint: give the job the permission pull-requests: write" in job.log
    assert "::warning::autodiff could not write the comment" in job.log
    host.requests.clear()
    assert job.run(comment="false", offline="true").code == 1
    assert host.requests == []


def test_checks_that_cannot_run_are_reported_beside_the_others(
    host: CodeHost, branch: Path, tmp_path: Path, github: Variables
) -> None:
    """The base is not fetched; the database is not reachable, and its password is not shown."""
    url = "postgresql+psycopg://app:geheim@127.0.0.1:9/shop"
    job = Job(branch, tmp_path, github(GITHUB_BASE_REF="develop")).run(database_url=url)
    assert (job.code, job.result) == (2, "incomplete")
    text = job.summary.read_text()
    assert "### autodiff: a check could not run" in text
    assert "| ✅ Models and migrations | no drift |" in text
    assert "set fetch-depth: 0" in text
    assert "geheim" not in text + job.log


def test_each_input_is_documented() -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    for name in ACTION["inputs"]:
        assert f"| `{name}` |" in page


def documented(language: str, start: str) -> Any:
    """Return the block of code of the page that has a text."""
    page = (ROOT / "docs" / "ci.md").read_text()
    blocks = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    (block,) = (block for block in blocks if start in block)
    return yaml.safe_load(block)


def test_the_documented_workflow_has_few_permissions() -> None:
    workflow = documented("yaml", "on: pull_request\n")
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "pull_request_target" not in str(workflow)
    (step,) = (
        s for s in workflow["jobs"]["migrations"]["steps"] if "autodiff" in s.get("uses", "")
    )
    assert set(step["with"]) <= set(ACTION["inputs"])


def test_the_documented_job_of_gitlab_runs(
    host: CodeHost, branch: Path, tmp_path: Path, gitlab: dict[str, str]
) -> None:
    """It comments on the merge request, and its exit code is that of the checks."""
    host.author = PERSON
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, command in (("autodiff", f'{sys.executable} -m autodiff "$@"'), ("pip", "true")):
        program = programs / name
        program.write_text(f"#!/bin/sh\n{command}\n")
        program.chmod(0o755)
    base = subprocess.run(
        ["git", "-C", str(branch), "rev-parse", "origin/main"],
        capture_output=True,
        text=True,
        check=True,
    )
    script = "\n".join(documented("yaml", "CI_PIPELINE_SOURCE")["autodiff"]["script"])
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=branch,
        env=environment(
            **gitlab,
            CI_MERGE_REQUEST_DIFF_BASE_SHA=base.stdout.strip(),
            PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
            DATABASE_URL="sqlite:///blog.db",
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    (branch / "autodiff.md").unlink()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "created the comment" in done.stdout
    assert "### autodiff: please review" in host.comments[0]["body"]


def test_the_comment_is_read_from_standard_input(
    github: Variables, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside of a pull request, nothing is done; an empty text is an error."""
    for text, variables, code, part in (
        (b"hello", github(), 0, '"outcome": "created"'),
        (b"hello", {"GITHUB_ACTIONS": ""}, 0, '"reason": "this is not a job of GitHub Actions'),
        (b" \n", github(), 2, '"error": "the text of the comment is empty"'),
    ):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert main(["comment", "-", "--json"]) == code
        assert part in capsys.readouterr().out


def test_the_project_is_not_changed(branch: Path) -> None:
    """No database and no file is left by the checks before."""
    assert Project.load(branch).has_database
    assert {path.name for path in branch.iterdir()} == {
        ".git",
        "autodiff.toml",
        "migrations",
        "models.py",
    }
