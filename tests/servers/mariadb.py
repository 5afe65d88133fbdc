"""MariaDB and MySQL servers, from AUTODIFF_TEST_MARIADB_URL and AUTODIFF_TEST_MYSQL_URL.

Without the first variable, `mariadbd` is run from the search path. If it is not there and `apt-get`
is, the packages are unpacked into a folder of the user's cache; nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError

from tests.servers import Home, Server, StartError, UnavailableError, debian

if TYPE_CHECKING:
    from sqlalchemy import Connection

VARIABLE = "AUTODIFF_TEST_MARIADB_URL"
MYSQL_VARIABLE = "AUTODIFF_TEST_MYSQL_URL"
PACKAGE = "mariadb-server-core"
INSTALL_HINT = f"set {VARIABLE}, or install mariadbd (Debian: {PACKAGE})"
FOLDERS = ("/usr/sbin", "/usr/local/sbin")
"""Folders that are searched in addition to the search path."""
UNPACKED_MARIADBD = "usr/sbin/mariadbd"
SERVER = debian.Package(
    name=PACKAGE, program=UNPACKED_MARIADBD, folder="mariadb", install_hint=INSTALL_HINT
)

SCRIPTS = (
    "*_system_tables.sql",
    "*_performance_tables.sql",
    "*_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
)
"""Scripts that create the system tables; versions differ in the prefix of their names."""

FAST_SETTINGS = (
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--sync-frm=0",
)
"""Settings that trade durability for speed."""

WITHOUT_TLS = {"ssl_disabled": "true"}
"""For PyMySQL, which otherwise reads the machine's certificates for each connection, in 26 ms."""


class MariaDB(Server):
    """A MariaDB or MySQL server."""

    def _create(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")

    def _drop(self, connection: Connection, name: str) -> None:
        """Close the connections, whose open transactions would block, and drop the database."""
        for process in connection.exec_driver_sql("SHOW PROCESSLIST").mappings().all():
            if process["db"] == name:
                with suppress(DBAPIError):
                    connection.exec_driver_sql(f"KILL {process['Id']}")
        connection.exec_driver_sql("SET SESSION lock_wait_timeout = 20")
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


@dataclass(frozen=True)
class Installation:
    """The location of MariaDB: installed if `root` is None, else unpacked into `root`."""

    mariadbd: Path
    root: Path | None = None

    @classmethod
    def unpacked(cls, root: Path) -> Installation:
        """Return the installation in a folder of unpacked packages."""
        return cls(root / UNPACKED_MARIADBD, root)

    @property
    def share(self) -> Path:
        """The folder of the messages and of the scripts that create the system tables."""
        share = self.mariadbd.parent.parent / "share"
        for folder in (share / "mysql", share / "mariadb"):
            if any(folder.glob(SCRIPTS[0])):
                return folder
        raise StartError(f"no {SCRIPTS[0]} in {share}/mysql or {share}/mariadb")

    @property
    def env(self) -> dict[str, str] | None:
        """The environment of the server; an unpacked server brings its libraries."""
        if self.root is None:
            return None
        return debian.library_env(self.root)

    def executable(self, home: Home) -> Installation:
        """Return this installation, or a copy of it that the account of the server can run."""
        if self.root is None:
            return self
        return self.unpacked(home.executable_folder(self.root, UNPACKED_MARIADBD, env=self.env))


def start() -> MariaDB:
    """Return a running MariaDB, or raise `UnavailableError` if there is none."""
    if url := os.environ.get(VARIABLE):
        return MariaDB(make_url(url).set(drivername="mysql+pymysql"))
    installation = find()
    home = Home("mariadb", signal.SIGTERM)
    try:
        port = _boot(home, installation.executable(home))
    except BaseException:
        home.stop()
        raise
    own_url = URL.create("mysql+pymysql", "root", host="127.0.0.1", port=port, query=WITHOUT_TLS)
    return MariaDB(own_url, home)


def start_mysql() -> MariaDB:
    """Return the MySQL server that the environment names, or raise `UnavailableError`."""
    if url := os.environ.get(MYSQL_VARIABLE):
        return MariaDB(make_url(url).set(drivername="mysql+pymysql"))
    raise UnavailableError(f"set {MYSQL_VARIABLE}")


def find() -> Installation:
    """Return the MariaDB to run: an installed one, else one unpacked into the cache."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS])
    if installed := shutil.which("mariadbd", path=path):
        return Installation(Path(installed).resolve())
    return Installation.unpacked(debian.unpacked(SERVER))


def _boot(home: Home, installation: Installation) -> int:
    """Create a data folder, start the server on it and return its port."""
    program = [f"{installation.mariadbd}", "--no-defaults", f"--datadir={home.folder('data')}"]
    program += [f"--lc-messages-dir={installation.share}", f"--tmpdir={home.path}", *FAST_SETTINGS]
    home.run([*program, "--bootstrap"], _system_tables(installation.share), installation.env)
    pid_file = home.path / "server.pid"

    def command(port: int) -> list[str]:
        return [
            *program,
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={home.path}/server.sock",
            f"--pid-file={pid_file}",
            "--skip-networking=0",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--innodb-fast-shutdown=2",
        ]

    return home.serve(command, pid_file.exists, installation.env)


def _system_tables(share: Path) -> bytes:
    """Return the statements that create the system tables."""
    scripts = [path.read_bytes() for pattern in SCRIPTS for path in share.glob(pattern)]
    first = b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"
    return first + b"\n".join(scripts)
