"""Programs from Debian packages, unpacked into a folder of the user's cache.

Nothing is installed: `apt-get` downloads the package and the missing libraries.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers import UnavailableError, runs

INSTALL = re.compile(r"^Inst (\S+) \((\S+)", re.MULTILINE)
CALL_SECONDS = 300


@dataclass(frozen=True)
class Package:
    """A package: `program` is a path below the root, `folder` the prefix of its cache folders."""

    name: str
    program: str
    folder: str
    install_hint: str
    """How to get the program without this package."""


def unpacked(package: Package) -> Path:
    """Return the folder of the unpacked package, which is downloaded if necessary.

    Raises `UnavailableError` if there is no apt-get or it fails.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise UnavailableError(package.install_hint)
    try:
        return cached(package)
    except subprocess.CalledProcessError as error:
        output = (error.stderr or f"{error}").strip().splitlines()[-1]
        raise UnavailableError(
            f"{package.install_hint}; apt-get could not fetch it: {output}"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(
            f"{package.install_hint}; apt-get could not fetch it: {error}"
        ) from error


def cached(package: Package) -> Path:
    """Return the folder of the package in the user's cache.

    A lock ensures that only one test process at a time checks and downloads.
    """
    import fcntl  # Windows, which has no apt-get, has no such module

    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(base) / "autodiff-tests"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{package.folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for root in sorted(cache.glob(f"{package.folder}-*"), reverse=True):
            if runs(root / package.program, env=library_env(root)):
                return root
        return fetch(package, cache)


def fetch(package: Package, cache: Path) -> Path:
    """Download a package and its missing libraries, and unpack them into the cache."""
    packages = needed(_simulate(package), package.name)
    if not packages or not packages[0].startswith(f"{package.name}="):
        raise UnavailableError(f"{package.install_hint}; apt-get would not install it")
    folder = cache / f"fetch-{package.folder}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        _call("apt-get", "download", *packages, cwd=folder)
        for file in folder.glob("*.deb"):
            _call("dpkg", "-x", file.name, "root", cwd=folder)
        version = packages[0].partition("=")[2].rpartition(":")[2]
        target = cache / f"{package.folder}-{version}"
        shutil.rmtree(target, ignore_errors=True)
        return (folder / "root").rename(target)
    finally:
        shutil.rmtree(folder)


def needed(simulation: str, name: str) -> list[str]:
    """Return `name=version` of each package that apt-get would install, the package itself first.

    Packages that it would upgrade are omitted, because a second C library would not work.
    """
    versions = [f"{package}={version}" for package, version in INSTALL.findall(simulation)]
    return sorted(versions, key=lambda package: not package.startswith(f"{name}="))


def library_env(root: Path) -> dict[str, str]:
    """Return the environment for a program that brings its libraries."""
    folders = sorted({f"{library.parent}" for library in root.rglob("*.so.*")})
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(folders)}


def _simulate(package: Package) -> str:
    """Return the output of a simulated installation; root may download missing package lists."""
    if os.geteuid() == 0 and not _call("apt-cache", "pkgnames", package.name).strip():
        _call("apt-get", "update")
    return _call("apt-get", "install", "-s", "--no-install-recommends", package.name)


def _call(*command: str, cwd: Path | None = None) -> str:
    """Run a command to its end and return its output."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C"},
        timeout=CALL_SECONDS,
    ).stdout
