"""Writes files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["write_all", "write_text"]


def write_text(path: Path, text: str) -> None:
    """Writes a file through a temporary one beside it, so that no half of it is ever seen."""
    write_all({path: text})


def write_all(files: Mapping[Path, str]) -> None:
    """Writes several files: all texts are on the disk before the first file is replaced."""
    ready: list[tuple[str, Path]] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            ready.append((temporary, path))
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(temporary).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        for temporary, path in ready:
            Path(temporary).replace(path)
    finally:
        for temporary, _ in ready:
            Path(temporary).unlink(missing_ok=True)
