"""Check out a git revision in a temporary worktree, which is always removed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from autodiff.errors import ConfigError

__all__ = ["Checkout", "check_out"]

_REPOSITORY_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"),
)
"""Variables that git sets for its hooks. They would make git use another index or repository.

https://git-scm.com/docs/githooks
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A git revision that is checked out in a separate folder.

    top: the root of the repository's work tree. tree: the same folder at the revision.
    commit: the full id of the commit.
    """

    top: Path
    tree: Path
    commit: str

    def counterpart(self, path: Path) -> Path:
        """Return the path in the checkout for a path in the work tree; other paths unchanged."""
        resolved = path.resolve()
        inside = resolved.is_relative_to(self.top) and not resolved.is_relative_to(self.tree)
        return self.tree / resolved.relative_to(self.top) if inside else path


@contextmanager
def check_out(folder: Path, revision: str) -> Iterator[Checkout]:
    """Check out a revision of the repository that contains a folder; remove it afterwards.

    Hooks of the repository are not run, and files of Git LFS are not downloaded.

    Raises ConfigError if the folder is in no repository, the revision is unknown, or git fails.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel")).resolve()
    commit = _find_commit(folder, revision)
    parent = Path(tempfile.mkdtemp(prefix="autodiff-worktree-")).resolve()
    tree = parent / "tree"
    try:
        _git(
            *(top, "-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--quiet"),
            *("--detach", "--force", str(tree), commit),
        )
        yield Checkout(top=top, tree=tree, commit=commit)
    finally:
        with _without_interrupts():
            _remove(top, parent, tree)


def _find_commit(folder: Path, revision: str) -> str:
    if not revision.strip() or revision.startswith("-") or ".." in revision:
        raise ConfigError(
            f"{revision!r} is not a git revision",
            hint="name one commit, branch or tag, such as origin/main",
        )
    try:
        return _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except ConfigError:
        shallow = _git(folder, "rev-parse", "--is-shallow-repository") == "true"
    reason = ", because the clone is shallow" if shallow else ""
    hint = (
        "fetch the whole history: git fetch --unshallow; in GitHub Actions set fetch-depth: 0 for "
        "actions/checkout"
        if shallow
        else "list the branches with: git branch --all; fetch those of the remote with: git fetch"
    )
    raise ConfigError(f"unknown git revision {revision!r}{reason}", hint=hint)


def _git(folder: Path, *arguments: str) -> str:
    """Run git in its own session, so that Ctrl-C does not stop it half-way; return its output."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(
            f"cannot run git: {error.strerror}", hint="install git, or run autodiff where it is"
        ) from error
    if done.returncode:
        raise _failed(folder, arguments, done.stderr.decode("utf-8", errors="replace"))
    return done.stdout.decode("utf-8", errors="surrogateescape").strip()


def _environment() -> dict[str, str]:
    kept = {name: v for name, v in os.environ.items() if name not in _REPOSITORY_VARIABLES}
    return {**kept, "GIT_LFS_SKIP_SMUDGE": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _failed(folder: Path, arguments: tuple[str, ...], output: str) -> ConfigError:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("not a git repository" in line for line in lines):
        return ConfigError(
            f"{folder} is not in a git repository",
            hint="run the command in the repository of the project",
        )
    reason = lines[0] if lines else "it printed no message"
    command = next((word for word in arguments if word in ("worktree", "rev-parse")), "")
    return ConfigError(f"git {command} failed: {reason}", hint=lines[1] if lines[1:] else None)


def _remove(top: Path, parent: Path, tree: Path) -> None:
    with suppress(ConfigError):
        _git(top, "worktree", "remove", "--force", "--force", str(tree))
    shutil.rmtree(parent, ignore_errors=True)
    with suppress(ConfigError):
        _git(top, "worktree", "prune")


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM for the second that it takes to remove the files."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.signal(number, signal.SIG_IGN) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, handlers, strict=True):
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
