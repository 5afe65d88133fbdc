"""What git knows of a folder. Nothing is changed, and nothing is known where there is no git."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["file_names_at", "upstream_refs"]

_TRUNKS = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
    "MERGE_HEAD",
)
_SECONDS = 30


def file_names_at(folder: Path, ref: str) -> frozenset[str] | None:
    """The names of the files in a folder as a branch or commit has them, None where it is unknown.

    Without the files of folders within it.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if not commit or ref.startswith("-"):
        return None
    listed = _git(folder, "ls-tree", "-z", "--name-only", commit.strip(), "./")
    return None if listed is None else frozenset(filter(None, listed.split("\0")))


def upstream_refs(folder: Path) -> list[str]:
    """Where others' work may be found, the likeliest first: the main branch, there and here; and
    what is being merged."""
    return [ref for ref in _TRUNKS if _git(folder, "rev-parse", "--verify", "--quiet", ref)]


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, None where it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", errors="surrogateescape")
