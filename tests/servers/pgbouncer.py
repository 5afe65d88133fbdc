"""PgBouncer in front of the PostgreSQL of the tests; each transaction may get another session.

The program is taken from the search path, else unpacked from the Debian package.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL

from tests.servers import Home, debian

PACKAGE = debian.Package(
    name="pgbouncer",
    program="usr/sbin/pgbouncer",
    folder="pgbouncer",
    install_hint="install pgbouncer (Debian: pgbouncer)",
)
SETTINGS = """\
[databases]
* = host={host} port={port} user={user}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
{settings}
ignore_startup_parameters = extra_float_digits
logfile = {folder}/pgbouncer.log
"""
DEFAULTS = {"pool_mode": "transaction", "default_pool_size": 4, "max_client_conn": 200}


class Pooler:
    """A running PgBouncer, by default with four sessions per database."""

    def __init__(self, server: URL, **settings: str | int) -> None:
        """Start PgBouncer, or raise `UnavailableError` if there is none."""
        program = _program()
        self.home = Home("pgbouncer", signal.SIGINT)
        self._port = 0
        self._settings = {**DEFAULTS, **settings}
        try:
            self._start(server, *_executable(self.home, program))
        except BaseException:
            self.home.stop()
            raise

    def url(self, database: URL) -> URL:
        """Return the URL of a database through the pooler."""
        return database.set(host="127.0.0.1", port=self._port)

    def stop(self) -> None:
        """Stop PgBouncer."""
        self.home.stop()

    def _start(self, server: URL, program: str, env: Mapping[str, str] | None) -> None:
        def command(port: int) -> list[str]:
            self._port = port
            text = SETTINGS.format(
                host=server.host,
                port=server.port,
                user=server.username,
                password=f" password={server.password}" if server.password else "",
                own=port,
                settings="\n".join(f"{k} = {v}" for k, v in self._settings.items()),
                folder=self.home.path,
            )
            file = self.home.path / "pgbouncer.ini"
            file.write_text(text)
            file.chmod(0o644)
            return [program, f"{file}"]

        self.home.serve(command, self._is_ready, env)

    def _is_ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def _program() -> Path:
    """Return the installed program, or the folder of the unpacked package."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    path = shutil.which("pgbouncer", path=folders)
    return Path(path) if path else debian.unpacked(PACKAGE)


def _executable(home: Home, location: Path) -> tuple[str, dict[str, str] | None]:
    """Return the program in a form that the account of the pooler can run, and its environment."""
    if location.is_file():
        return f"{location}", None
    root = home.executable_folder(location, PACKAGE.program, env=debian.library_env(location))
    return f"{root / PACKAGE.program}", debian.library_env(root)
