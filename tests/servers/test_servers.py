"""The servers themselves: that tests get real databases, and that nothing of them stays."""

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


def test_it_is_the_database_asked_for(any_database: URL, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.id
    function, expected = VERSIONS[kind]
    with connect(any_database) as connection:
        version = connection.exec_driver_sql(f"SELECT {function}").scalar_one()
    assert expected in version


def test_it_is_empty(any_database: URL) -> None:
    assert tables(any_database) == []


@pytest.mark.parametrize("kind", ["sqlite", *SERVERS])
def test_two_databases_are_separate(kind: str, database: NewDatabase) -> None:
    first, second = database(kind), database(kind)
    with connect(first) as connection:
        connection.exec_driver_sql("CREATE TABLE here (id INTEGER)")
    assert (tables(first), tables(second)) == (["here"], [])


def test_optional_mysql_is_mysql(database: NewDatabase) -> None:
    with connect(database("mysql")) as connection:
        assert connection.dialect.name == "mysql"
        assert not getattr(connection.dialect, "is_mariadb", False)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_dropped_database_is_gone(kind: str, database: NewDatabase, servers: Servers) -> None:
    url = database(kind)
    servers.get(kind).drop(url)
    with pytest.raises(OperationalError), connect(url):
        pass


@pytest.mark.parametrize("kind", SERVERS)
def test_a_database_in_use_is_dropped(kind: str, database: NewDatabase, servers: Servers) -> None:
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
def test_characters_beyond_the_basic_plane_are_kept(kind: str, database: NewDatabase) -> None:
    with connect(database(kind)) as connection:
        connection.exec_driver_sql("CREATE TABLE words (word VARCHAR(10))")
        connection.exec_driver_sql("INSERT INTO words VALUES ('é😀')")
        assert connection.exec_driver_sql("SELECT word FROM words").scalar_one() == "é😀"


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "NO_COLOR", "AUTODIFF_URL", "AUTODIFF_REQUIRE_SERVERS"]
)
def test_the_environment_is_plain(name: str) -> None:
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


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that ended and waits to be reaped doesn't."""
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


def test_a_server_that_ends_at_once_is_reported_with_its_words(home: Home) -> None:
    with pytest.raises(StartError, match="no room here"):
        home.serve(lambda port: ["sh", "-c", "echo no room here; exit 1"], lambda: False)


def test_a_command_that_fails_is_reported_with_its_words(home: Home) -> None:
    with pytest.raises(StartError, match="ended with 3:\nbad idea"):
        home.run(["sh", "-c", "echo bad idea >&2; exit 3"])


def test_a_taken_port_is_tried_again(home: Home) -> None:
    ports: list[int] = []

    def command(port: int) -> list[str]:
        ports.append(port)
        return ["sleep", "60"] if len(ports) == 2 else ["false"]

    assert home.serve(command, lambda: len(ports) == 2) == ports[1]


def test_programs_out_of_reach_are_copied(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    script = folder / "script"
    script.write_text('#!/bin/sh\n[ "$ALLOWED" = yes ]\n')
    script.chmod(0o755)
    copy = home.reachable(folder, "script", env={**os.environ, "ALLOWED": "no"})
    assert copy != folder
    home.run([f"{copy}/script"], env={**os.environ, "ALLOWED": "yes"})


KILLED = """
import os, signal
from tests.servers import mariadb, postgresql
for server in (postgresql.start(), mariadb.start()):
    print(server.home.process.pid, server.home.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_test_run_leaves_nothing(database: NewDatabase) -> None:
    for kind in SERVERS:
        database(kind)
        if os.environ.get(f"AUTODIFF_TEST_{kind.upper()}_URL"):
            pytest.skip(f"the {kind} server is not ours")
    done = run_python("-c", KILLED)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    assert len(found) == len(SERVERS)
    assert wait_for(lambda: not any(lives(int(pid)) for pid, _ in found))
    assert wait_for(lambda: not any(Path(folder).exists() for _, folder in found))


# --- where there is no server ----------------------------------------------------------------

HIDDEN = """
from tests.servers import mariadb, postgresql
mariadb.FOLDERS = ()
postgresql.PACKAGE = "embedded_postgres_that_is_not_there"
"""


def run_python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    path = f"{ROOT}{os.pathsep}{variables.pop('PYTHONPATH', '')}"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_without_servers(folder: Path, *options: str, **variables: str) -> tuple[int, str]:
    """Run two of the tests above where no server can be found; return exit code and output."""
    (folder / "hide_servers.py").write_text(HIDDEN)
    done = run_python(
        *("-m", "pytest", "-p", "hide_servers", "-p", "no:cacheprovider", *options),
        *(f"{THIS}::test_it_is_the_database_asked_for", f"{THIS}::test_the_environment_is_plain"),
        **{"PATH": "", "PYTHONPATH": f"{folder}", **variables},
    )
    return done.returncode, done.stdout + done.stderr


def test_missing_servers_are_skipped_and_summed_up(tmp_path: Path) -> None:
    code, output = run_without_servers(tmp_path, "-n", "1", DATABASE_URL="x", AUTODIFF_URL="x")
    assert code == 0, output
    assert "5 passed, 2 skipped" in output
    for kind, how in (("mariadb", mariadb.HOW), ("postgresql", postgresql.HOW)):
        assert output.splitlines().count(f"{kind}: {how}") == 1, output


def test_missing_servers_fail_where_they_are_required(tmp_path: Path) -> None:
    code, output = run_without_servers(tmp_path, AUTODIFF_REQUIRE_SERVERS="1")
    assert code == 1, output
    assert "5 passed, 2 errors" in output
    assert f"no mariadb: {mariadb.HOW}" in output


def test_mysql_needs_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(mariadb.MYSQL_VARIABLE, raising=False)
    with pytest.raises(UnavailableError, match=mariadb.MYSQL_VARIABLE):
        mariadb.start_mysql()


# --- MariaDB by way of apt -------------------------------------------------------------------

SIMULATED = """\
Inst libaio1 (0.3.113-4 Debian:12/oldstable [amd64])
Inst libc6 [2.36-9] (2.36-10 Debian:12/oldstable [amd64])
Inst mariadb-server-core (1:10.11.19-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
Conf libaio1 (0.3.113-4 Debian:12/oldstable [amd64])
"""


@pytest.fixture
def no_mariadbd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The cache folder of a machine without MariaDB."""
    monkeypatch.setattr(mariadb, "FOLDERS", ())
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    return tmp_path / "cache" / "autodiff-tests"


def fake(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_needed_packages_start_with_mariadb_and_upgrade_nothing() -> None:
    assert debian.needed(SIMULATED, mariadb.PACKAGE) == [
        "mariadb-server-core=1:10.11.19-0+deb12u1",
        "libaio1=0.3.113-4",
    ]


def test_without_apt_the_reason_says_how_to_get_it(no_mariadbd: Path) -> None:
    with pytest.raises(UnavailableError, match="set AUTODIFF_TEST_MARIADB_URL, or install"):
        mariadb.find()


def test_an_apt_that_fails_is_quoted(no_mariadbd: Path, tmp_path: Path) -> None:
    fake(tmp_path / "bin" / "dpkg", "exit 0")
    for name in ("apt-get", "apt-cache"):
        fake(tmp_path / "bin" / name, "echo no network >&2; exit 100")
    with pytest.raises(UnavailableError, match="apt-get could not fetch it: no network"):
        mariadb.find()
    assert [path.name for path in no_mariadbd.iterdir()] == ["mariadb.lock"]


@pytest.mark.parametrize(("user", "known", "updates"), [(0, "", 1), (0, "known", 0), (1, "", 0)])
def test_only_root_fetches_package_lists_and_only_missing_ones(
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


def test_an_installed_mariadbd_comes_first(no_mariadbd: Path, tmp_path: Path) -> None:
    fake(tmp_path / "bin" / "mariadbd", "exit 0")
    assert mariadb.find() == mariadb.Installation((tmp_path / "bin" / "mariadbd").resolve())


def test_many_at_once_fetch_one_time(no_mariadbd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Path] = []
    found: list[Path] = []

    def fetch(package: debian.Package, cache: Path) -> Path:
        fetched.append(cache)
        time.sleep(0.05)
        root = cache / "mariadb-1"
        fake(root / package.program, "exit 0")
        return root

    def look() -> None:
        found.append(debian.cached(mariadb.SERVER))

    monkeypatch.setattr(debian, "fetch", fetch)
    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == [no_mariadbd]
    assert found == [no_mariadbd / "mariadb-1"] * 8


def test_a_cached_server_that_does_not_run_is_fetched_again(
    no_mariadbd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(no_mariadbd / "mariadb-1" / mariadb.SERVER.program, "exit 1")
    new = no_mariadbd / "mariadb-2"
    monkeypatch.setattr(debian, "fetch", lambda package, cache: new)
    assert debian.cached(mariadb.SERVER) == new
