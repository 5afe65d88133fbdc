"""Programs out of Debian's packages, unpacked into a folder of the user's cache.

Nothing is installed: `apt-get` downloads a package and the libraries that are missing.
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
    """A package, its program below the root, and what its folders in the cache start with."""

    name: str
    program: str
    folder: str
    how: str
    """How a person gets the program in another way."""


def unpacked(package: Package) -> Path:
    """Return the folder in which a package is unpacked, fetched first when none there works.

    Raises `UnavailableError` where there is no apt-get, or it fails.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise UnavailableError(package.how)
    try:
        return cached(package)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or f"{error}").strip().splitlines()[-1]
        raise UnavailableError(f"{package.how}; apt-get could not fetch it: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{package.how}; apt-get could not fetch it: {error}") from error


def cached(package: Package) -> Path:
    """Return its folder in the user's cache.

    One test process at a time looks and fetches; the others wait and find it done.
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
    """Download a package and the libraries that are missing, and unpack them into the cache."""
    packages = needed(_simulate(package), package.name)
    if not packages or not packages[0].startswith(f"{package.name}="):
        raise UnavailableError(f"{package.how}; apt-get would not install it")
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
    """Return `name=version` of what apt-get says it would install, the package itself first.

    Packages that it would upgrade stay as they are: the C library is not one to run beside.
    """
    found = [f"{package}={version}" for package, version in INSTALL.findall(simulation)]
    return sorted(found, key=lambda package: not package.startswith(f"{name}="))


def library_env(root: Path) -> dict[str, str]:
    """The environment for a program that brings libraries."""
    folders = sorted({f"{library.parent}" for library in root.rglob("*.so.*")})
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(folders)}


def _simulate(package: Package) -> str:
    """Return what apt-get would do to install it; root may fetch missing package lists."""
    if os.geteuid() == 0 and not _call("apt-cache", "pkgnames", package.name).strip():
        _call("apt-get", "update")
    return _call("apt-get", "install", "-s", "--no-install-recommends", package.name)


def _call(*command: str, cwd: Path | None = None) -> str:
    """Run a command to its end and return what it wrote."""
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
