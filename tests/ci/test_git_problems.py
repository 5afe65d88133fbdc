"""Test that a check which cannot run because of git says so, with the command that mends it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autodiff import Project
from autodiff.ci import Check, CiRequest, run_checks
from autodiff.ci.hosts import Base
from tests.branches import add, git, start

DUBIOUS = "GIT_TEST_ASSUME_DIFFERENT_OWNER"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a repository with two migrations in main, and a branch with a third."""
    folder = tmp_path / "shop"
    folder.mkdir()
    migrations, _ = start(folder)
    add(migrations, "e222", "email", "a111", 2)
    (folder / "autodiff.toml").write_text('url = "sqlite:///shop.db"\n')
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "main")
    git(folder, "switch", "-q", "-c", "branch")
    add(migrations, "e333", "phone", "e222", 3)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "branch")
    return folder


def clone(project: Path, *branches: str) -> Path:
    """Return a repository that has only the last commits of some branches, and the last of them."""
    folder = project.parent / "clone"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", project.as_uri())
    wanted = [f"{branch}:refs/remotes/origin/{branch}" for branch in branches]
    git(folder, "fetch", "-q", "--depth", "1", "origin", *wanted)
    git(folder, "checkout", "-q", f"origin/{branches[-1]}")
    return folder


def lint(folder: Path, diff_base: str | None = None, base: Base | None = None) -> Check:
    request = CiRequest(diff_base=diff_base, base=base, offline=True)
    return run_checks(Project.load(folder), request)[0][-1]


def test_lint_compares_with_the_main_branch(project: Path) -> None:
    check = lint(project)
    assert (check.outcome, check.summary) == ("passed", "no findings in 1 migration since main")


@pytest.mark.parametrize("diff_base", [None, "main"])
def test_a_repository_of_another_user_is_no_success(
    project: Path, diff_base: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is common in containers; the hint of git trusts the folder."""
    monkeypatch.setenv(DUBIOUS, "1")
    base = Base(revisions=("origin/main",), hint="set fetch-depth: 0")
    for check in (lint(project, diff_base), lint(project, diff_base, base)):
        assert check.outcome == "incomplete"
        assert "detected dubious ownership" in check.summary
        assert check.lines[-1].startswith("hint: git config --global --add safe.directory ")


def test_without_the_history_lint_is_incomplete(project: Path) -> None:
    """Both branches are known, but not where they parted; the base may also be missing."""
    folder = clone(project, "main", "branch")
    check = lint(folder, "origin/main")
    assert check.outcome == "incomplete"
    assert "no common commit of 'origin/main' and HEAD" in check.summary
    assert "because the clone is shallow" in check.summary
    assert "git fetch --unshallow" in check.lines[-1]
    git(folder, "update-ref", "-d", "refs/remotes/origin/main")
    for check in (lint(folder), lint(folder, "origin/main")):
        assert check.outcome == "incomplete"
        assert "fetch-depth: 0" in check.lines[-1]
    own = lint(folder, base=Base(revisions=("origin/main",), hint="set GIT_DEPTH"))
    assert own.lines[-1] == "hint: set GIT_DEPTH"


def test_without_git_lint_is_incomplete_in_a_repository(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project))
    check = lint(project)
    assert (check.outcome, check.lines[0]) == (
        "incomplete",
        "git is not installed, or does not answer",
    )


def test_a_new_project_has_no_base(project: Path) -> None:
    """Its branch has another name and there is no remote, or it is not in a repository."""
    git(project, "branch", "-D", "main")
    check = lint(project)
    assert (check.outcome, "no main branch" in check.summary) == ("skipped", True)
    git(project, "remote", "add", "origin", project.as_uri())
    assert lint(project).outcome == "incomplete"
    shutil.rmtree(project / ".git")
    assert lint(project).outcome == "skipped"
