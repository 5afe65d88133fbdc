"""The migration lock of SQLite: a file next to the database, locked by the operating system.

The operating system releases the lock when the process ends, even after a crash. SQLite's own lock
cannot serve: it ends with each transaction.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import Connection

from autodiff.dialects.migration_lock import Holder, Lock
from autodiff.errors import DatabaseError

__all__ = ["FileLock"]


class FileLock(Lock):
    """A lock on the file NAME.autodiff-lock; an in-memory database needs no lock."""

    def __init__(self, connection: Connection) -> None:
        files = connection.exec_driver_sql("PRAGMA database_list").all()
        connection.rollback()
        main = next((row[2] for row in files if row[1] == "main"), "")
        self._path = Path(f"{main}.autodiff-lock") if main else None
        self._file: int | None = None

    def take(self, who: str) -> bool:
        """Try once to lock the file, and write `who` into it for other runs to read."""
        if self._path is None:
            return True
        try:
            # the umask restricts this mode: other users may run migrations too
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DatabaseError(
                f"cannot create the lock file {self._path}: {error.strerror}",
                hint="make the folder writable: SQLite also creates its journal there",
            ) from error
        if not _lock(file) or not _is_at(file, self._path):
            os.close(file)
            return False
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        os.ftruncate(file, 0)
        os.write(file, f"{now}\n{who}\n".encode())
        self._file = file
        return True

    def release(self) -> None:
        """Remove the file, then unlock it.

        In this order nobody can lock a file that is about to be removed; see `_is_at`.
        """
        if self._file is None or self._path is None:
            return
        with suppress(OSError):
            self._path.unlink()
        os.close(self._file)
        self._file = None

    def holder(self) -> Holder | None:
        """Return the holder that is written in the file, None if there is none."""
        try:
            since, who = self._path.read_text().splitlines()[:2] if self._path else ("", "")
            return Holder(who=who, since=dt.datetime.fromisoformat(since))
        except (OSError, ValueError):  # just released, or not written yet
            return None


def _is_at(file: int, path: Path) -> bool:
    """Return whether the path still names the open file: its last holder may have removed it."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        """Try to lock the file for this process, and return whether it is locked."""
        try:
            # Locks of Windows also prevent reading, so lock a byte far after the text.
            os.lseek(file, 1 << 20, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(file, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        """Try to lock the file for this process, and return whether it is locked."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
