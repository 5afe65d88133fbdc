"""Test that files are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autodiff.utils.files import write_all, write_text

posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows handles files differently")
IS_ROOT = os.name == "posix" and os.geteuid() == 0


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_text(tmp_path: Path) -> None:
    """The file is UTF-8, line ends are kept, and missing folders are created."""
    path = tmp_path / "new" / "folder" / "a.py"
    write_text(path, "süß\r\nb\n")
    assert path.read_bytes() == "süß\r\nb\n".encode()
    assert entries(path.parent) == ["a.py"]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("a long old text")
    write_text(path, "new")
    assert path.read_text() == "new"


@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_permissions_are_kept(tmp_path: Path, mode: int) -> None:
    """A replaced file keeps its permissions; a new file is readable by all."""
    path = tmp_path / "a.py"
    path.write_text("old")
    path.chmod(mode)
    write_all({path: "new", tmp_path / "b.py": "b"})
    assert path.stat().st_mode & 0o777 == mode
    assert (tmp_path / "b.py").stat().st_mode & 0o777 == 0o644


@posix_only
def test_a_symbolic_link_is_kept(tmp_path: Path) -> None:
    """The file that it points to is written."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_text("old")
    (tmp_path / "a.py").symlink_to(tmp_path / "real" / "a.py")
    write_text(tmp_path / "a.py", "new")
    assert (tmp_path / "a.py").is_symlink()
    assert (tmp_path / "real" / "a.py").read_text() == "new"


def test_nothing_is_written_if_a_text_cannot_be_encoded(tmp_path: Path) -> None:
    """The first file is unchanged, and no temporary file is left."""
    (tmp_path / "a.py").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_all({tmp_path / "a.py": "new", tmp_path / "b.py": "\ud800"})
    assert (tmp_path / "a.py").read_text() == "old"
    assert entries(tmp_path) == ["a.py"]


def test_nothing_is_written_if_a_folder_is_a_file(tmp_path: Path) -> None:
    """The error is raised before the first file is replaced."""
    (tmp_path / "a.py").write_text("old")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        write_all({tmp_path / "a.py": "new", tmp_path / "file" / "b.py": "b"})
    assert (tmp_path / "a.py").read_text() == "old"
    assert entries(tmp_path) == ["a.py", "file"]


@posix_only
@pytest.mark.parametrize("before", ["old", None])
def test_replaced_files_are_restored_if_another_one_fails(
    tmp_path: Path, before: str | None
) -> None:
    """A folder with the name of a file is detected only when the file is moved there."""
    if before is not None:
        (tmp_path / "a.py").write_text(before)
    (tmp_path / "b.py").mkdir()
    start = entries(tmp_path)
    with pytest.raises(IsADirectoryError):
        write_all({tmp_path / "a.py": "new", tmp_path / "b.py": "b"})
    assert entries(tmp_path) == start
    if before is not None:
        assert (tmp_path / "a.py").read_text() == before


@posix_only
@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_nothing_is_written_if_a_folder_is_read_only(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        write_all({tmp_path / "a.py": "a", locked / "b.py": "b"})
    assert entries(tmp_path) == ["locked"]


@posix_only
def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    """The name of the temporary file does not include the file's name."""
    path = tmp_path / ("n" * 250)
    write_text(path, "text")
    assert path.read_text() == "text"
