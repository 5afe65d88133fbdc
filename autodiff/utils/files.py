"""Write files completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["create_ignored_folder", "restore_on_error", "write_all", "write_text"]


def write_text(path: Path, text: str) -> None:
    """Write a file through a temporary one, so that no reader sees a part of it."""
    write_all({path: text})


def write_all(files: Mapping[Path, str | bytes], *, removed: Iterable[Path] = ()) -> None:
    """Write several files and remove others.

    All texts are on the disk before the first file is replaced. If a file can't be replaced or
    removed, the files before it are restored.
    """
    ready: list[tuple[Path, Path]] = []
    try:
        for path, text in files.items():
            ready.append(_prepare(path.resolve(), text))
        written = {path for _, path in ready}
        _replace(ready, [path for path in removed if path.resolve() not in written])
    finally:
        for temporary, _ in ready:
            temporary.unlink(missing_ok=True)


def create_ignored_folder(folder: Path) -> None:
    """Create a folder whose own .gitignore keeps its files out of commits; parents must exist."""
    folder.mkdir(exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        write_text(ignored, "*\n")


@contextmanager
def restore_on_error(paths: Iterable[Path]) -> Iterator[None]:
    """Restore these files if the block raises, and delete those that did not exist before."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, held in before.items():
            with suppress(OSError):
                path.unlink(missing_ok=True) if held is None else path.write_bytes(held)
        raise


def _prepare(path: Path, text: str | bytes) -> tuple[Path, Path]:
    """Return a temporary file with the text, and the file that it will replace."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".autodiff-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary, path


def _replace(ready: Sequence[tuple[Path, Path]], removed: Sequence[Path]) -> None:
    with restore_on_error([*(path for _, path in ready), *removed]):
        for temporary, path in ready:
            temporary.replace(path)
        for path in removed:
            path.unlink()
