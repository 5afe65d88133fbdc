"""The migration lock of SQLite: a file next to the database, locked by the operating system.

The operating system releases the lock when the process ends, even after a crash. SQLite's own lock
cannot serve: it ends with each transaction.
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import Connection

from autodiff.dialects.migration_lock import Holder, Lock
from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.errors import DatabaseError

__all__ = ["FileLock"]

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
"""Windows lacks the flag; `_open` checks the path there, before anything is written."""
_LONGEST = 4096
"""Bytes of a lock file at most: a time, a user, a host and a process."""


class FileLock(Lock):
    """A lock on the file NAME.autodiff-lock; an in-memory database needs no lock.

    With another history table than the default one, the file is NAME.TABLE.autodiff-lock.
    """

    def __init__(self, connection: Connection, history_table: str) -> None:
        files = connection.exec_driver_sql("PRAGMA database_list").all()
        connection.rollback()
        main = next((row[2] for row in files if row[1] == "main"), "")
        own = "" if history_table == HISTORY_TABLE else f".{history_table}"
        self._path = Path(f"{main}{own}.autodiff-lock") if main else None
        self._file: int | None = None

    def take(self, who: str) -> bool:
        """Try once to lock the file, and write `who` into it for other runs to read."""
        if self._path is None:
            return True
        file = _open(self._path)
        if not _lock(file) or not _is_at(file, self._path):
            os.close(file)
            return False
        if not _is_lock_file(file):
            os.close(file)
            raise _refused(self._path, "it holds something else than a lock")
        self._file = file
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        try:
            os.ftruncate(file, 0)
            os.write(file, f"{now}\n{who}\n".encode())
        except OSError as error:
            self.release()
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise DatabaseError(
                f"cannot write the lock file {self._path}: {error.strerror}",
                hint="make room on the disk: the migrations need it too" if is_full else None,
            ) from error
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
            if self._path is None or self._path.is_symlink():
                return None
            since, who = self._path.read_text(encoding="utf-8").splitlines()[:2]
            return Holder(who=who, since=dt.datetime.fromisoformat(since))
        except (OSError, ValueError):  # just released, or not written yet
            return None


def _open(path: Path) -> int:
    """Open the lock file, and create it if it is missing; follow no link.

    Whoever can write to the folder could put a link to another file there, which would be emptied.
    """
    try:
        # The umask restricts this mode: other users may run migrations too.
        file = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINKS, 0o666)
    except OSError as error:
        if path.is_symlink():
            raise _refused(path, "it is a symbolic link") from error
        raise DatabaseError(
            f"cannot create the lock file {path}: {error.strerror}",
            hint="make the folder writable: SQLite also creates its journal there",
        ) from error
    state = os.fstat(file)
    if path.is_symlink() or not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
        os.close(file)
        raise _refused(path, "it is a link or a special file")
    return file


def _refused(path: Path, reason: str) -> DatabaseError:
    return DatabaseError(
        f"cannot use the lock file {path}: {reason}",
        hint=f"find out who created it, and remove it: {path}",
    )


def _is_lock_file(file: int) -> bool:
    """Return whether a file is empty or has what `take` writes, so that it can be overwritten."""
    content = os.read(file, _LONGEST)
    os.lseek(file, 0, os.SEEK_SET)
    if not content:
        return True
    try:
        since, who = content.decode().splitlines()
        dt.datetime.fromisoformat(since)
    except ValueError:
        return False
    return len(content) < _LONGEST and bool(who)


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
