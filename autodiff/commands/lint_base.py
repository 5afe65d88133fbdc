"""Read what a branch had before its own changes: its migrations, and the lock file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from autodiff.migrations import LOCK_NAME
from autodiff.migrations.files import read_folder
from autodiff.utils.git import files_before, has_changed

if TYPE_CHECKING:
    from autodiff.errors import MigrationFileError
    from autodiff.migrations import Migration
    from autodiff.workspace import Workspace

__all__ = ["has_deleted_lock", "read_base"]

_ENDINGS = (".py", ".sql")


def read_base(project: Workspace, ref: str) -> tuple[Migration, ...]:
    """Return the migrations of the project at the point at which the branch left a git revision.

    Their paths do not exist. Empty if the branch changed and deleted none of them. Files that
    could not be read there are left out, because no database has applied them.
    """
    if not any(has_changed(folder, ref, _ENDINGS) for folder in project.folders):
        return ()
    return tuple(found for folder in project.folders for found in _read_before(folder, ref))


def has_deleted_lock(project: Workspace, ref: str) -> bool:
    """Return whether the lock file was deleted since the branch left a git revision."""
    folder = project.directory
    return not (folder / LOCK_NAME).exists() and bool(files_before(folder, ref, (LOCK_NAME,)))


def _read_before(folder: Path, ref: str) -> list[Migration]:
    files = files_before(folder, ref, _ENDINGS)
    problems: list[MigrationFileError] = []
    with TemporaryDirectory(prefix="autodiff-base-") as temporary:
        for name, content in files.items():
            (Path(temporary) / name).write_bytes(content)
        found = read_folder(Path(temporary), problems)
    return [migration for migration in found if migration.text or migration.is_sql]
