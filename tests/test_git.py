"""What git knows of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodiff.utils.git import file_names_at, upstream_refs
from tests.branches import git


def test_names_are_those_of_the_folder_alone(tmp_path: Path) -> None:
    """As a branch has them: not those elsewhere, not those that came later; any letters."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in (tmp_path / "other.py", folder / "0001_a.py", folder / "0002_größe ä.py"):
        path.write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    (folder / "0003_new.py").write_text("")
    assert file_names_at(folder, "HEAD") == {"0001_a.py", "0002_größe ä.py"}
    assert file_names_at(folder, "main") == file_names_at(folder, "HEAD")
    assert file_names_at(folder, "nowhere") is None
    assert file_names_at(folder, "--all") is None
    assert upstream_refs(folder) == ["refs/heads/main"]


def test_without_a_repository_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor without git itself."""
    assert (file_names_at(tmp_path, "HEAD"), upstream_refs(tmp_path)) == (None, [])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (file_names_at(tmp_path, "HEAD"), upstream_refs(tmp_path)) == (None, [])
