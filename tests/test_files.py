"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autodiff.files import write_all, write_text

posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows handles files differently")
IS_ROOT = os.name == "posix" and os.geteuid() == 0


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_text_is_written(tmp_path: Path) -> None:
    """In UTF-8, with the line ends as given, into folders that are made; nothing else is left."""
    path = tmp_path / "new" / "folder" / "a.py"
    write_text(path, "süß\r\nb\n")
    assert path.read_bytes() == "süß\r\nb\n".encode()
    assert entries(path.parent) == ["a.py"]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    """By the new text alone."""
    path = tmp_path / "a.py"
    path.write_text("a long old text")
    write_text(path, "new")
    assert path.read_text() == "new"


@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_permissions_are_kept(tmp_path: Path, mode: int) -> None:
    """Those of the file that is replaced; a new file can be read by all."""
    path = tmp_path / "a.py"
    path.write_text("old")
    path.chmod(mode)
    write_all({path: "new", tmp_path / "b.py": "b"})
    assert path.stat().st_mode & 0o777 == mode
    assert (tmp_path / "b.py").stat().st_mode & 0o777 == 0o644


@posix_only
def test_a_link_stays_one(tmp_path: Path) -> None:
    """The file that it points at is written."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_text("old")
    (tmp_path / "a.py").symlink_to(tmp_path / "real" / "a.py")
    write_text(tmp_path / "a.py", "new")
    assert (tmp_path / "a.py").is_symlink()
    assert (tmp_path / "real" / "a.py").read_text() == "new"


def test_nothing_is_written_where_a_text_is_no_text(tmp_path: Path) -> None:
    """The first file stays as it was, and no temporary one is left."""
    (tmp_path / "a.py").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_all({tmp_path / "a.py": "new", tmp_path / "b.py": "\ud800"})
    assert (tmp_path / "a.py").read_text() == "old"
    assert entries(tmp_path) == ["a.py"]


def test_nothing_is_written_where_a_folder_is_a_file(tmp_path: Path) -> None:
    """Known before the first file is replaced."""
    (tmp_path / "a.py").write_text("old")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        write_all({tmp_path / "a.py": "new", tmp_path / "file" / "b.py": "b"})
    assert (tmp_path / "a.py").read_text() == "old"
    assert entries(tmp_path) == ["a.py", "file"]


@posix_only
@pytest.mark.parametrize("before", ["old", None])
def test_what_was_replaced_comes_back_when_another_fails(
    tmp_path: Path, before: str | None
) -> None:
    """A file where there is a folder of that name is known only when it is put there."""
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
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    """Nothing is written anywhere."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        write_all({tmp_path / "a.py": "a", locked / "b.py": "b"})
    assert entries(tmp_path) == ["locked"]


@posix_only
def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    """The temporary file beside it has a name of its own that is short."""
    path = tmp_path / ("n" * 250)
    write_text(path, "text")
    assert path.read_text() == "text"
