"""Ask git about a folder, without changing anything. Without git, every answer is empty."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["changed_files", "file_names_at", "ref_names", "top_folder", "upstream_refs"]

_UPSTREAM_REFS = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
    "MERGE_HEAD",
)
_TIMEOUT = 30
"""Seconds. git responds immediately on a local disk, but a network file system may hang."""


def file_names_at(folder: Path, ref: str) -> frozenset[str] | None:
    """Return the names of a folder's files in a branch or commit, None if it is unknown.

    Files in subfolders are left out.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if not commit or ref.startswith("-"):
        return None
    listed = _git(folder, "ls-tree", "-z", "--name-only", commit.strip(), "./")
    return None if listed is None else frozenset(filter(None, listed.split("\0")))


def changed_files(folder: Path, ref: str) -> frozenset[Path] | None:
    """Return the files below a folder that differ from the point at which a branch left `ref`.

    Files that git does not track yet are included. None if the ref is unknown.
    """
    base = None if ref.startswith("-") else _git(folder, "merge-base", ref, "HEAD")
    if not base:
        return None
    changed = _git(
        folder,
        "diff",
        "-z",
        "--name-only",
        "--relative",
        "--diff-filter=d",
        base.strip(),
        "--",
        ".",
    )
    new = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", ".")
    if changed is None or new is None:
        return None
    names = filter(None, [*changed.split("\0"), *new.split("\0")])
    return frozenset((folder / name).resolve() for name in names)


def top_folder(folder: Path) -> Path | None:
    """Return the top folder of the working tree that a folder is in, None outside of git."""
    found = _git(folder, "rev-parse", "--show-toplevel")
    return Path(found.removesuffix("\n")).resolve() if found else None


def ref_names(folder: Path) -> list[str]:
    """Return the names of the branches, remote branches and tags, such as `origin/main`."""
    names = _git(folder, "for-each-ref", "--format=%(refname:short)")
    return (names or "").split()


def upstream_refs(folder: Path) -> list[str]:
    """Return the refs that can have other people's work, the most likely one first.

    These are the main branch on the remote, the local main branch, and the branch that is being
    merged.
    """
    return [ref for ref in _UPSTREAM_REFS if _git(folder, "rev-parse", "--verify", "--quiet", ref)]


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of git, None if it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", errors="surrogateescape")
