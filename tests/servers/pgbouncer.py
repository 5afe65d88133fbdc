"""PgBouncer in front of the tests' PostgreSQL: each transaction may get another session.

From the search path, else unpacked from Debian's package.
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
    how="install pgbouncer (Debian: pgbouncer)",
)
SETTINGS = """\
[databases]
* = host={host} port={port} user={user}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
logfile = {folder}/pgbouncer.log
"""


class Pooler:
    """A running PgBouncer with four sessions a database."""

    def __init__(self, server: URL) -> None:
        """Start it; raises `UnavailableError` where there is none to run."""
        found = _program()
        self.home = Home("pgbouncer", signal.SIGINT)
        self._port = 0
        try:
            self._start(server, *_reachable(self.home, found))
        except BaseException:
            self.home.stop()
            raise

    def url(self, database: URL) -> URL:
        """Return the URL of a database by way of the pooler."""
        return database.set(host="127.0.0.1", port=self._port)

    def stop(self) -> None:
        """Stop it."""
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
    """The program where it is installed, or the folder where it is unpacked."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which("pgbouncer", path=folders)
    return Path(found) if found else debian.unpacked(PACKAGE)


def _reachable(home: Home, found: Path) -> tuple[str, dict[str, str] | None]:
    """The program as the pooler's account can run it, and its environment."""
    if found.is_file():
        return f"{found}", None
    root = home.reachable(found, PACKAGE.program, env=debian.library_env(found))
    return f"{root / PACKAGE.program}", debian.library_env(root)
