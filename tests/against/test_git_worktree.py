"""Test the temporary worktree of a git revision."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autodiff.errors import ConfigError
from autodiff.utils.git_worktree import check_out
from tests.branches import git


def worktrees(folder: Path) -> int:
    listed = subprocess.run(
        ["git", "-C", str(folder), "worktree", "list"], capture_output=True, text=True, check=True
    )
    return len(listed.stdout.splitlines())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one commit in which `app/a.txt` is old."""
    top = tmp_path / "größe repository"
    (top / "app").mkdir(parents=True)
    (top / "app" / "a.txt").write_text("old")
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    (top / "app" / "a.txt").write_text("new")
    return top


def test_a_revision_is_checked_out_and_removed(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work tree is unchanged; hooks do not run; variables of a running hook are ignored."""
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / "nowhere" / "index"))
    with (
        pytest.raises(KeyboardInterrupt),
        check_out(repository / "app", "HEAD") as checkout,
    ):
        file = checkout.counterpart(repository / "app" / "a.txt")
        assert file.read_text() == "old"
        assert checkout.counterpart(file) == file
        assert checkout.counterpart(Path("/elsewhere")) == Path("/elsewhere")
        assert worktrees(repository) == 2
        raise KeyboardInterrupt
    assert (file.exists(), worktrees(repository)) == (False, 1)
    assert (repository / "app" / "a.txt").read_text() == "new"


@pytest.mark.parametrize(
    ("revision", "reason"),
    [
        ("nowhere", "unknown git revision 'nowhere'"),
        ("--all", "'--all' is not a git revision"),
        ("main..HEAD", "'main..HEAD' is not a git revision"),
        ("", "'' is not a git revision"),
    ],
)
def test_an_unknown_revision_is_refused(repository: Path, revision: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised, check_out(repository, revision):
        pass
    assert raised.value.message == reason


def test_a_shallow_clone_is_named_as_the_reason(repository: Path, tmp_path: Path) -> None:
    git(repository, "commit", "-qam", "two")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), str(clone))
    with pytest.raises(ConfigError) as raised, check_out(clone, "HEAD~1"):
        pass
    assert raised.value.message == "unknown git revision 'HEAD~1', because the clone is shallow"
    assert "git fetch --unshallow" in (raised.value.hint or "")


def test_without_a_repository_or_git_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="is not in a git repository"), check_out(tmp_path, "a"):
        pass
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="cannot run git"), check_out(tmp_path, "a"):
        pass
