"""Real database servers for the tests: started when first asked for, gone afterwards.

`Home` is a temporary folder with one server process in it, `Server` the connection that makes
and drops databases on it. The modules beside this one know how each kind of server is got.
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
ROOM = 2 * 1024**3
"""Free bytes that memory must have: a server needs some 300 MB there, and there are several."""

# Outlives a killed test run: reads process ids until its input ends, and unless the last line
# was "done" it stops that process ($2 is the signal) and removes the folder ($1).
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
    """No such server can be had on this machine; the text says how to get one."""


class StartError(Exception):
    """A server that is here did not start; the text ends with what it said."""


class Home:
    """A temporary folder with one server process; after `stop()` both are gone.

    As root the process runs as `nobody`, because PostgreSQL refuses root. Should the test run be
    killed, a small shell process stops the server and removes the folder in its place.
    """

    def __init__(self, kind: str, stop_signal: signal.Signals) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"autodiff-{kind}-", dir=_base()))
        self.process: subprocess.Popen[bytes] | None = None
        self._log = self.path / "server.log"
        self._signal = stop_signal
        self._account = _account()
        self._own(self.path)
        self._guard = _start_guard(self.path, stop_signal)

    def folder(self, name: str) -> Path:
        """Make a folder for the process in here and return it."""
        path = self.path / name
        path.mkdir()
        self._own(path)
        return path

    def reachable(
        self,
        folder: Path,
        program: str,
        neighbours: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
    ) -> Path:
        """Return `folder`, or a copy of it where our account can't run its `program`."""
        if runs(folder / program, env=env, **self._account):
            return folder
        copies = self.folder("programs")
        for source in (folder, *neighbours):
            shutil.copytree(source, copies / source.name, symlinks=True)
        for path in copies.rglob("*"):
            self._own(path)
        return copies / folder.name

    def run(
        self, command: Sequence[str], stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> None:
        """Run a command to its end; raises `StartError` with what it said when it fails."""
        done = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=START_SECONDS,
            **self._options(env),
        )
        if done.returncode:
            said = done.stdout.decode(errors="replace")
            raise StartError(f"{command[0]} ended with {done.returncode}:\n{said[-4000:]}")

    def serve(
        self,
        command: Callable[[int], Sequence[str]],
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
    ) -> int:
        """Start the server and return its port, once `ready()` says that it answers.

        Somebody else may take a free port before the server does, so it gets three tries.
        """
        for _ in range(3):
            port = _free_port()
            self._spawn(command(port), env)
            if self._wait(ready):
                return port
        said = self._log.read_text(errors="replace")
        raise StartError(f"the server did not start:\n{said[-4000:]}")

    def stop(self) -> None:
        """Stop the server and remove the folder."""
        try:
            self._end()
        finally:
            shutil.rmtree(self.path)
            self._tell_guard("done")
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
        self._tell_guard(str(self.process.pid))

    def _wait(self, ready: Callable[[], bool]) -> bool:
        """Tell whether the server got ready; False when it ended or took too long."""
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

    def _own(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account["user"], self._account["group"], follow_symlinks=False)

    def _tell_guard(self, line: str) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(f"{line}\n")
            self._guard.stdin.flush()


class Server(ABC):
    """A running server on which databases are made and dropped."""

    def __init__(self, url: URL, home: Home | None = None) -> None:
        self.url = url
        self.home = home
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)

    def create(self) -> URL:
        """Make an empty database with a name of its own and return its URL."""
        name = f"autodiff_test_{secrets.token_hex(6)}"
        with self._engine.connect() as connection:
            self._create(connection, name)
        return self.url.set(database=name)

    def drop(self, url: URL) -> None:
        """Drop a database, whoever may still be connected to it."""
        assert url.database is not None
        with self._engine.connect() as connection:
            self._drop(connection, url.database)

    def stop(self) -> None:
        """Close the connection and stop the server, if it is ours."""
        self._engine.dispose()
        if self.home is not None:
            self.home.stop()

    @abstractmethod
    def _create(self, connection: Connection, name: str) -> None: ...

    @abstractmethod
    def _drop(self, connection: Connection, name: str) -> None: ...


def runs(program: Path, **options: Any) -> bool:
    """Tell whether `program --version` works, with these options of `subprocess.run`."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, cwd="/", check=False, **options
        )
    except OSError:
        return False
    return done.returncode == 0


def _base() -> str:
    """Return where server folders go: TMPDIR, memory if there is room, the default."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        system = os.statvfs(MEMORY)
        if system.f_bavail * system.f_frsize >= ROOM and not system.f_flag & os.ST_NOEXEC:
            return str(MEMORY)
    return tempfile.gettempdir()


def _account() -> dict[str, Any]:
    """Return what makes `subprocess` run as `nobody`; nothing unless we are root."""
    if os.geteuid() != 0:
        return {}
    import pwd  # Windows, where no server is started, has no such module

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
