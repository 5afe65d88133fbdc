"""Test that the lock file of SQLite never changes another file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.errors import DatabaseError
from tests.support import Folder, opened

TEXT = "something that nobody else has\nsecond line\n"


def lock_path(url: sa.URL) -> Path:
    return Path(f"{url.database}.autodiff-lock")


def link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def hard_link(path: Path, target: Path) -> None:
    path.hardlink_to(target)


def dangling(path: Path, target: Path) -> None:
    path.symlink_to(target.with_name("missing"))


def other_text(path: Path, target: Path) -> None:
    path.write_text(TEXT)


def folder_there(path: Path, target: Path) -> None:
    path.mkdir()


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links need a privilege on Windows")
@pytest.mark.parametrize("prepare", [link, hard_link, dangling, other_text, folder_there])
def test_a_lock_file_that_is_something_else_is_refused(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    prepare: Callable[[Path, Path], None],
) -> None:
    """No file is emptied or created through a link."""
    url = database("sqlite")
    target = tmp_path / "precious"
    target.write_text(TEXT)
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.execute("SELECT 1")')
    with opened(url) as db:
        db.execute("CREATE TABLE t (id INTEGER)")
        prepare(lock_path(url), target)
        with pytest.raises(DatabaseError, match="lock file") as caught:
            db.runner(folder).upgrade()
        assert caught.value.hint
        assert db.history() == []
    assert target.read_text() == TEXT
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("content", ["", "2026-01-01T10:00:00+00:00\nann@host, process 5\n"])
def test_the_file_of_a_killed_run_is_used_again(
    database: Callable[[str], sa.URL], tmp_path: Path, content: str
) -> None:
    url = database("sqlite")
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.execute("SELECT 1")')
    lock_path(url).write_text(content)
    with opened(url) as db:
        assert [m.revision for m in db.runner(folder).upgrade()] == ["aaaa"]
    assert not lock_path(url).exists()


def test_a_lock_file_that_cannot_be_written_is_not_left_locked(
    database: Callable[[str], sa.URL],
) -> None:
    """A limit on the size of files stands for a full disk. The next attempt can take the lock."""
    resource = pytest.importorskip("resource")
    url = database("sqlite")
    with opened(url) as db:
        first, second = (
            dialect_of(db.connection).session.migration_lock(db.connection, None) for _ in range(2)
        )
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            with pytest.raises(DatabaseError, match="cannot write the lock file") as caught:
                first.take("ann@host, process 5")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert f"{lock_path(url)}" in caught.value.message
        assert caught.value.hint
        assert second.take("ann@host, process 6")
        second.release()
