"""Test that the hooks run in pre-commit on a git repository without a database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOG = ROOT / "fixtures" / "blog"


def run(*command: str, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with the programs of this environment on its path."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),  # Windows starts no process without it
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def commit_all(folder: Path, home: Path) -> str:
    """Create a git repository with one commit in a folder and return the commit's ID."""
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        result = run("git", *command, cwd=folder, home=home)
        assert result.returncode == 0, result.stderr
    return run("git", "rev-parse", "HEAD", cwd=folder, home=home).stdout.strip()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def project(tmp_path: Path, home: Path) -> Path:
    """Create a blog repository at its second step with the hook from another repository."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    revision = commit_all(hooks, home)
    folder = tmp_path / "blog"
    folder.mkdir()
    shutil.copy(BLOG / "models_2.py", folder / "models.py")
    (folder / "autodiff.toml").write_text('models = "models:Base"\nurl = "sqlite:///blog.db"\n')
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks}\n  rev: {revision}\n  hooks:\n  - id: autodiff-check\n"
        "  - id: autodiff-lint\n"
    )
    result = run(sys.executable, "-m", "autodiff", "generate", "-m", "all", cwd=folder, home=home)
    assert result.returncode == 0, result.stderr
    commit_all(folder, home)
    return folder


def test_the_hook_passes_if_each_change_has_a_migration(project: Path, home: Path) -> None:
    """It creates no database."""
    result = run(sys.executable, "-m", "pre_commit", "run", "--all-files", cwd=project, home=home)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "check for model changes without a migration" in result.stdout
    assert result.stdout.count("Passed") == 2
    assert not (project / "blog.db").exists()


def test_the_hook_fails_if_a_migration_is_missing(project: Path, home: Path) -> None:
    """Its output names the change and the command to run."""
    shutil.copy(BLOG / "models_3.py", project / "models.py")
    result = run(sys.executable, "-m", "pre_commit", "run", "--all-files", cwd=project, home=home)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Failed" in result.stdout
    assert "+ column comments.timestamp" in result.stdout
    assert 'autodiff generate -m "..."' in result.stdout
    assert not (project / "blog.db").exists()


def test_a_commit_that_only_deletes_a_migration_is_refused(project: Path, home: Path) -> None:
    """pre-commit has no file for a hook then."""
    install = run(sys.executable, "-m", "pre_commit", "install", cwd=project, home=home)
    assert install.returncode == 0, install.stderr
    (migration,) = (project / "migrations").glob("0001_*.py")
    assert run("git", "rm", "-q", str(migration), cwd=project, home=home).returncode == 0
    result = run("git", "commit", "-m", "delete", cwd=project, home=home)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "check for model changes without a migration" in result.stderr
    assert "autodiff lock" in result.stderr


DROP = """revision = "bbb2"
parents = ("{parent}",)

from autodiff import op


def upgrade() -> None:
    op.drop_table("comments")


def downgrade() -> None:
    raise NotImplementedError
"""


def test_the_lint_hook_reads_only_changed_migrations(project: Path, home: Path) -> None:
    """Other changed files are no error, also if they are not valid Python."""
    (first,) = (project / "migrations").glob("0001_*.py")
    parent = re.search(r'revision = "(\w+)"', first.read_text())
    assert parent is not None
    (project / "migrations" / "0002_drop.py").write_text(DROP.format(parent=parent[1]))
    (project / "tests.py").write_text('"""A fixture."""\n\ndown_revision = "nothing"\n')
    (project / "broken.py").write_text("def (\n")
    (project / "report.sql").write_text("DROP TABLE comments\n")
    commit = run("git", "add", "-A", cwd=project, home=home)
    assert commit.returncode == 0, commit.stderr
    hook = (sys.executable, "-m", "pre_commit", "run", "autodiff-lint")
    result = run(*hook, cwd=project, home=home)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "migrations/0002_drop.py:8: " in result.stdout
    assert "AD101" in result.stdout
    assert "in 1 migration\n" in result.stdout
    result = run(*hook, "--files", "tests.py", "broken.py", "report.sql", cwd=project, home=home)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Passed" in result.stdout
