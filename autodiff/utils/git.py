"""Ask git about a folder, without changing anything.

Without git, every answer is empty; `refusal` and its neighbors say why.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

from autodiff.errors import ConfigError

__all__ = [
    "changed_files",
    "file_names_at",
    "files_before",
    "has_changed",
    "ref_names",
    "refusal",
    "top_folder",
    "unknown_base",
    "unknown_main_branch",
    "upstream_refs",
]

_UPSTREAM_REFS = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
    "MERGE_HEAD",
)
_FETCH = "fetch the whole history: git fetch --unshallow; in GitHub Actions set fetch-depth: 0"
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
    base = _merge_base(folder, ref)
    if base is None:
        return None
    changed = _git(
        folder, "diff", "-z", "--name-only", "--relative", "--diff-filter=d", base, "--", "."
    )
    new = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", ".")
    if changed is None or new is None:
        return None
    names = filter(None, [*changed.split("\0"), *new.split("\0")])
    return frozenset((folder / name).resolve() for name in names)


def has_changed(folder: Path, ref: str, endings: tuple[str, ...]) -> bool:
    """Return whether files of a folder were changed or deleted since a branch left `ref`.

    Files with other endings do not count. The folder may have been deleted.
    """
    there, inside = _nearest(folder)
    base = _merge_base(there, ref)
    if base is None:
        return False
    options = ("-z", "--name-only", "--no-renames", "--diff-filter=a")
    changed = _git(there, "diff", *options, base, "--", inside) or ""
    return any(name.endswith(endings) for name in changed.split("\0"))


def files_before(folder: Path, ref: str, endings: tuple[str, ...]) -> Mapping[str, bytes]:
    """Return the files of a folder at the point at which a branch left `ref`, by their names.

    Files in subfolders and with other endings are left out. Empty if the ref is unknown. The folder
    may have been deleted.
    """
    there, inside = _nearest(folder)
    base = _merge_base(there, ref)
    if base is None:
        return {}
    listed = dict(_blobs(_git(there, "ls-tree", "-z", base, inside) or ""))
    blobs = {name: blob for name, blob in listed.items() if name.endswith(endings)}
    wanted = "".join(f"{blob}\n" for blob in blobs.values())
    contents = _run(there, "cat-file", "--batch", text=wanted)
    if contents is None:
        raise ConfigError(
            f"git cannot read the files of {base} in {folder}", hint="fetch them: git fetch"
        )
    return dict(zip(blobs, _contents(BytesIO(contents)), strict=True))


def _nearest(folder: Path) -> tuple[Path, str]:
    """Return the nearest folder that exists, and the path of the folder from there for git."""
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    return there, f"./{folder.relative_to(there).as_posix()}/"


def _merge_base(folder: Path, ref: str) -> str | None:
    """Return the commit at which a branch left `ref`, None if there is none."""
    base = None if ref.startswith("-") else _git(folder, "merge-base", ref, "HEAD")
    return base.strip() if base else None


def _blobs(listed: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the ID of each regular file that `git ls-tree -z` lists."""
    for line in filter(None, listed.split("\0")):
        facts, _, path = line.partition("\t")
        mode, _, blob = facts.split()
        if mode.startswith("100"):
            yield path.rpartition("/")[2], blob


def _contents(answer: BytesIO) -> Iterator[bytes]:
    """Yield the files in the answer of `git cat-file --batch`: ID, kind, size, and content."""
    while header := answer.readline():
        size = int(header.split()[-1])
        yield answer.read(size + 1)[:size]


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


def refusal(folder: Path) -> ConfigError | None:
    """Return why git does not read the repository of a folder, None if it does.

    A folder outside of every repository is no refusal.
    """
    if not any((path / ".git").exists() for path in (folder, *folder.resolve().parents)):
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--git-dir"],
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return ConfigError(
            "git is not installed, or does not answer", hint="install git where autodiff runs"
        )
    if done.returncode == 0:
        return None
    lines = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
    reason = lines[0].removeprefix("fatal: ") if lines else "it printed no message"
    commands = [line.strip() for line in lines if line.strip().startswith("git config")]
    return ConfigError(
        f"git does not read the repository: {reason}", hint="; ".join(commands) or None
    )


def unknown_base(folder: Path, ref: str) -> ConfigError:
    """Return why git does not know the point at which a branch left `ref`."""
    if (refused := refusal(folder)) is not None:
        return refused
    is_known = not ref.startswith("-") and _git(
        folder, "rev-parse", "--verify", f"{ref}^{{commit}}"
    )
    problem = f"no common commit of {ref!r} and HEAD" if is_known else f"no revision {ref!r}"
    if _is_shallow(folder):
        return ConfigError(
            f"git knows {problem} in {folder}, because the clone is shallow", hint=_FETCH
        )
    return ConfigError(
        f"git knows {problem} in {folder}",
        hint="name a branch or commit that is fetched, such as origin/main",
    )


def unknown_main_branch(folder: Path) -> ConfigError | None:
    """Return why git knows no main branch; None if there may be none yet, as in a new project."""
    if (refused := refusal(folder)) is not None:
        return refused
    if not _is_shallow(folder) and not _git(folder, "remote"):
        return None
    fetch = _FETCH if _is_shallow(folder) else "fetch it: git fetch origin"
    return ConfigError("git knows no main branch", hint=f"{fetch}; or pass --diff-base")


def _is_shallow(folder: Path) -> bool:
    return (_git(folder, "rev-parse", "--is-shallow-repository") or "").strip() == "true"


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of git, None if it fails or is not installed."""
    output = _run(folder, *arguments)
    return None if output is None else output.decode("utf-8", errors="surrogateescape")


def _run(folder: Path, *arguments: str, text: str = "") -> bytes | None:
    """Return the output of git for a text as its input, None if it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            input=text.encode(),
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
