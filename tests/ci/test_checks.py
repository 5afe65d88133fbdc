"""Test the results of the checks of a pull request."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodiff import Project
from autodiff.ci.checks import Check, CiRequest, run_checks
from autodiff.ci.markdown import ci_markdown
from tests.ci.test_action import git
from tests.support import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return the migrations of a repository whose main branch has one that creates a table."""
    (tmp_path / "autodiff.toml").write_text('url = "sqlite:///app.db"\n')
    folder = Folder(tmp_path / "migrations")
    folder.write("aaaa", 'op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True))')
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    return folder


def lint(folder: Folder) -> Check:
    project = Project.load(folder.path.parent)
    checks, _ = run_checks(project, CiRequest(diff_base="main", offline=True))
    return next(check for check in checks if check.title == "Lint")


def test_a_finding_has_the_path_of_its_file(folder: Folder) -> None:
    folder.write("bbbb", 'op.drop_table("t")', "raise NotImplementedError")
    check = lint(folder)
    assert check.outcome == "failed"
    assert check.lines[0].startswith("migrations/0002_step_bbbb.py:10: warning AD101: ")


def test_lint_is_incomplete_if_a_file_cannot_be_read(folder: Folder) -> None:
    path = folder.write("bbbb", 'op.drop_table("t")')
    path.write_text(path.read_text().replace("drop_table(", "drop_table(("))
    check = lint(folder)
    assert check.outcome == "incomplete"
    assert check.summary.startswith("incomplete: ")
    assert "0002_step_bbbb.py:10" in check.lines[0]


def test_a_comment_that_names_no_rule_is_told_beside_a_report(folder: Folder) -> None:
    """The report of the changed migrations does not have it."""
    path = folder.write("bbbb", 'op.execute("SELECT 1")')
    path.write_text(f"# autodiff: ignore[nonsense]\n{path.read_text()}")
    check = lint(folder)
    assert check.outcome == "incomplete"
    assert check.summary.startswith("incomplete: no findings")
    assert "0002_step_bbbb.py:1" in ci_markdown([check], report="the report")
