"""Test reading file names and main branches from git."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autodiff.utils.git import file_names_at, files_before, has_changed, upstream_refs
from tests.branches import git


def test_names_at_lists_the_committed_files_of_the_folder(tmp_path: Path) -> None:
    """Other folders and uncommitted files are excluded; names may have any letters."""
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


def test_without_a_repository_or_git_there_are_no_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (file_names_at(tmp_path, "HEAD"), upstream_refs(tmp_path)) == (None, [])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (file_names_at(tmp_path, "HEAD"), upstream_refs(tmp_path)) == (None, [])


def test_the_files_of_the_base_are_read_whole(tmp_path: Path) -> None:
    """Deleted files too, and texts that look like the headers of git between two files."""
    texts = {"a.py": b"", "b.py": b"\n\nx blob 3\n", "c.sql": b"SELECT 1", "d.txt": b"other"}
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    endings = (".py", ".sql")
    assert not has_changed(tmp_path, "main", endings)
    (tmp_path / "d.txt").write_text("changed")
    assert not has_changed(tmp_path, "main", endings)
    (tmp_path / "c.sql").unlink()
    assert has_changed(tmp_path, "main", endings)
    del texts["d.txt"]
    assert files_before(tmp_path, "main", endings) == texts


def test_reading_many_files_of_the_base_does_not_copy_the_rest_for_each(tmp_path: Path) -> None:
    """The copies would take several seconds of this process; git itself is not counted."""
    for number in range(1000):
        (tmp_path / f"{number}.py").write_bytes(b"x = 1\n" * 5_000)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    started = time.process_time()
    assert len(files_before(tmp_path, "main", (".py",))) == 1000
    assert time.process_time() - started < 1
