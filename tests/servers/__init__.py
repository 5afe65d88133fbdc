"""Real database servers for the tests, started on first use and removed at the end.

A `Home` is a temporary folder with one server process. A `Server` creates and drops databases. The
modules of this package locate and start each kind of server.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import URL, Connection

START_SECONDS = 60
STOP_SECONDS = 20
MEMORY = Path("/dev/shm")
MIN_FREE_MEMORY = 2 * 1024**3
"""Free bytes that /dev/shm must have: each of several servers needs about 300 MB there."""

# Survives a killed test run. It reads process IDs until its input ends. If the last line was not
# "done", it stops the last process with signal $2 and removes the folder $1.
GUARD = """
pid=
while read -r line; do pid=$line; done
[ "$pid" = done ] && exit 0
[ -n "$pid" ] && kill -s "$2" "$pid"
tries=0
while [ "$tries" -lt 50 ] && [ -n "$pid" ] && kill -0 "$pid"; do
    tries=$((tries + 1))
    sleep 0.1
done
rm -rf "$1"
"""


class UnavailableError(Exception):
    """The server is not available on this machine; the message explains how to get it."""


class StartError(Exception):
    """A server failed to start; the message ends with its output."""


class Home:
    """A temporary folder with one server process; `stop()` removes both.

    As root, the process runs as `nobody`, because PostgreSQL does not run as root. If the test run
    is killed, a shell process stops the server and removes the folder.
    """

    def __init__(self, kind: str, stop_signal: signal.Signals) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"autodiff-{kind}-", dir=_base_folder()))
        self.process: subprocess.Popen[bytes] | None = None
        self._log = self.path / "server.log"
        self._signal = stop_signal
        self._account = _account()
        self._change_owner(self.path)
        self._guard = _start_guard(self.path, stop_signal)

    def folder(self, name: str) -> Path:
        """Create a folder that belongs to the process and return it."""
        path = self.path / name
        path.mkdir()
        self._change_owner(path)
        return path

    def executable_folder(
        self,
        folder: Path,
        program: str,
        libraries: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
    ) -> Path:
        """Return `folder`, or a copy of it if the server's account cannot run its `program`."""
        if runs(folder / program, env=env, **self._account):
            return folder
        copies = self.folder("programs")
        for source in (folder, *libraries):
            shutil.copytree(source, copies / source.name, symlinks=True)
        for path in copies.rglob("*"):
            self._change_owner(path)
        return copies / folder.name

    def run(
        self, command: Sequence[str], stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> None:
        """Run a command to its end; if it fails, raise `StartError` with its output."""
        process = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=START_SECONDS,
            **self._options(env),
        )
        if process.returncode:
            output = process.stdout.decode(errors="replace")
            raise StartError(f"{command[0]} ended with {process.returncode}:\n{output[-4000:]}")

    def serve(
        self,
        command: Callable[[int], Sequence[str]],
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
    ) -> int:
        """Start the server and return its port as soon as `ready()` returns True.

        Another process may take the free port before the server does, so there are three attempts.
        """
        for _ in range(3):
            port = _free_port()
            self._spawn(command(port), env)
            if self._wait_until_ready(ready):
                return port
        output = self._log.read_text(errors="replace")
        raise StartError(f"the server did not start:\n{output[-4000:]}")

    def stop(self) -> None:
        """Stop the server and remove the folder."""
        try:
            self._end()
        finally:
            shutil.rmtree(self.path)
            self._notify_guard("done")
            self._guard.communicate()

    def _spawn(self, command: Sequence[str], env: Mapping[str, str] | None) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._options(env),
            )
        self._notify_guard(str(self.process.pid))

    def _wait_until_ready(self, ready: Callable[[], bool]) -> bool:
        """Return whether the server is ready; False if it ended or did not start in time."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            if ready():
                return True
            time.sleep(0.01)
        self._end()
        return False

    def _end(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self._signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _options(self, env: Mapping[str, str] | None) -> dict[str, Any]:
        return {"cwd": "/", "env": env, **self._account}

    def _change_owner(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account["user"], self._account["group"], follow_symlinks=False)

    def _notify_guard(self, line: str) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(f"{line}\n")
            self._guard.stdin.flush()


class Server(ABC):
    """A running server that creates and drops databases."""

    def __init__(self, url: URL, home: Home | None = None) -> None:
        self.url = url
        self.home = home
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)

    def create(self) -> URL:
        """Create an empty database with a unique name and return its URL."""
        name = f"autodiff_test_{secrets.token_hex(6)}"
        with self._engine.connect() as connection:
            self._create(connection, name)
        return self.url.set(database=name)

    def drop(self, url: URL) -> None:
        """Drop a database, even if there are connections to it."""
        assert url.database is not None
        with self._engine.connect() as connection:
            self._drop(connection, url.database)

    def stop(self) -> None:
        """Close the connection, and stop the server if it was started by the tests."""
        self._engine.dispose()
        if self.home is not None:
            self.home.stop()

    @abstractmethod
    def _create(self, connection: Connection, name: str) -> None: ...

    @abstractmethod
    def _drop(self, connection: Connection, name: str) -> None: ...


def runs(program: Path, **options: Any) -> bool:
    """Return whether `program --version` succeeds, with options for `subprocess.run`."""
    try:
        process = subprocess.run(
            [program, "--version"], capture_output=True, cwd="/", check=False, **options
        )
    except OSError:
        return False
    return process.returncode == 0


def _base_folder() -> str:
    """Return the folder for servers: TMPDIR, or memory if there is enough, or the default."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        system = os.statvfs(MEMORY)
        if (
            system.f_bavail * system.f_frsize >= MIN_FREE_MEMORY
            and not system.f_flag & os.ST_NOEXEC
        ):
            return str(MEMORY)
    return tempfile.gettempdir()


def _account() -> dict[str, Any]:
    """Return the options that make `subprocess` run as `nobody`, empty unless run as root."""
    if os.geteuid() != 0:
        return {}
    import pwd  # Windows does not have this module, but no server is started there

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _start_guard(folder: Path, stop_signal: signal.Signals) -> subprocess.Popen[str]:
    name = stop_signal.name.removeprefix("SIG")
    return subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", str(folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
