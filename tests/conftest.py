"""Fixtures for all tests: real databases and a clean environment."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack, suppress
from importlib import import_module
from itertools import count
from pkgutil import walk_packages
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL

import autodiff
from tests.servers import Server, StartError, UnavailableError, clients, mariadb, postgresql
from tests.servers.pgbouncer import Pooler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STARTS: dict[str, Callable[[], Server]] = {
    "postgresql": postgresql.start,
    "mariadb": mariadb.start,
    "mysql": mariadb.start_mysql,
}
OPTIONAL = {"mysql"}
"""Servers that AUTODIFF_REQUIRE_SERVERS does not require: only a variable can provide them."""
REQUIRE = os.environ.get("AUTODIFF_REQUIRE_SERVERS", "0") not in {"", "0"}
MISSING = "missing_database"
EXAMPLES = os.environ.get("AUTODIFF_TEST_EXAMPLES")
"""The number of random examples per property test; if unset, 50 fixed examples are used."""

settings.register_profile(
    "ci",
    max_examples=int(EXAMPLES or 40),
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile(
    "full", settings.get_profile("ci"), max_examples=int(EXAMPLES or 5000), derandomize=False
)
settings.load_profile("ci")


def pytest_configure() -> None:
    """Give SIGINT and SIGTERM their default handlers, here and in every child process.

    A run that was started with `nohup`, or with `&` in a script, ignores SIGINT. Python then
    installs no handler that raises KeyboardInterrupt, and children inherit the ignored signal, so
    that Ctrl-C has no effect in tests. Handlers are reset to the default when a child is started.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save what coverage has measured: pytest-xdist kills a worker that exits too slowly.

    The controller of pytest-xdist has measured nothing, about which coverage would warn.
    """
    if not hasattr(session.config, "workerinput"):
        return
    with suppress(ImportError):
        from coverage import Coverage

        if (current := Coverage.current()) is not None:
            current.save()


class Servers:
    """The database servers of this test run, each started on first use."""

    def __init__(self) -> None:
        self._found: dict[str, Server | Exception] = {}

    def get(self, kind: str) -> Server:
        """Return the server of a kind, starting it if necessary.

        Raises StartError or UnavailableError if there is none, the same error on each call.
        """
        if kind not in self._found:
            try:
                self._found[kind] = STARTS[kind]()
            except (StartError, UnavailableError) as error:
                self._found[kind] = error
        found = self._found[kind]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def stop(self) -> None:
        """Stop every server that was started, even if stopping another one fails."""
        with ExitStack() as stack:
            for found in self._found.values():
                if isinstance(found, Server):
                    stack.callback(found.stop)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove variables that autodiff reads, except those named AUTODIFF_TEST_..."""
    for name in list(os.environ):
        is_setting = name.startswith("AUTODIFF_") and not name.startswith("AUTODIFF_TEST_")
        if is_setting or name in {"DATABASE_URL", "NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Yield the servers of this worker and stop them at its end; most tests use `database`."""
    servers = Servers()
    try:
        yield servers
    finally:
        servers.stop()


@pytest.fixture
def database(
    request: pytest.FixtureRequest, servers: Servers, tmp_path: Path
) -> Iterator[Callable[[str], URL]]:
    """Yield a function that creates an empty database of a kind and returns its URL.

    The kind is sqlite, postgresql, mariadb or mysql. Each call creates another database. All are
    dropped when the test ends, even if they are still in use. If the server is unavailable, the
    test is skipped.
    """
    numbers = count(1)
    with ExitStack() as drops:

        def new(kind: str) -> URL:
            if kind == "sqlite":
                path = tmp_path / f"database_{next(numbers)}.db"
                drops.callback(_remove, path)
                return URL.create("sqlite", database=f"{path}")
            try:
                server = servers.get(kind)
            except UnavailableError as error:
                _skip_or_fail(request.node, kind, f"{error}")
            url = server.create()
            drops.callback(server.drop, url)
            return url

        yield new


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_database(request: pytest.FixtureRequest, database: Callable[[str], URL]) -> URL:
    """Return the URL of a new, empty database; the test runs once for each kind."""
    return database(request.param)


@pytest.fixture(scope="session")
def poolers(servers: Servers) -> Iterator[Callable[[], Pooler]]:
    """Yield a function that returns PgBouncer in front of PostgreSQL, started on first use."""
    found: list[Pooler] = []

    def start() -> Pooler:
        if not found:
            found.append(Pooler(servers.get("postgresql").url))
        return found[0]

    try:
        yield start
    finally:
        for pooler in found:
            pooler.stop()


@pytest.fixture
def pooler(request: pytest.FixtureRequest, poolers: Callable[[], Pooler]) -> Pooler:
    """Return PgBouncer in front of PostgreSQL, in transaction mode."""
    try:
        return poolers()
    except UnavailableError as error:
        _skip_or_fail(request.node, "pgbouncer", f"{error}")


@pytest.fixture
def run_script(
    request: pytest.FixtureRequest,
) -> Callable[[URL, str], subprocess.CompletedProcess[str]]:
    """Return a function that runs a script with psql, mariadb or sqlite3."""

    def run(url: URL, script: str) -> subprocess.CompletedProcess[str]:
        try:
            return clients.run_script(url, script)
        except UnavailableError as error:
            _skip_or_fail(request.node, f"client of {url.get_backend_name()}", f"{error}")

    return run


@pytest.fixture(scope="session")
def modules_imported() -> None:
    """Import all modules of autodiff, for tests that use it in several threads.

    When pytest imports a module for the first time, it parses it, in the thread that imports it.
    Python 3.11.7 cannot parse in two threads at the same time: see `autodiff.utils.python_source`.
    """
    for module in walk_packages(autodiff.__path__, "autodiff."):
        if not module.name.endswith(".__main__"):
            import_module(module.name)


def _remove(path: Path) -> None:
    """Remove a database file, unless it is open on Windows: pytest removes the folder later."""
    with suppress(PermissionError):
        path.unlink(missing_ok=True)


def _skip_or_fail(item: pytest.Item, kind: str, reason: str) -> NoReturn:
    """Skip the test, or fail it if servers are required; the summary shows the reason."""
    item.user_properties.append((MISSING, f"{kind}: {reason}"))
    if REQUIRE and kind not in OPTIONAL:
        pytest.fail(f"no {kind}: {reason}", pytrace=False)
    pytest.skip(f"no {kind}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write one line for each kind of database that was unavailable to tests."""
    reports = [
        report
        for outcome in ("skipped", "failed", "error")
        for report in terminalreporter.getreports(outcome)
    ]
    properties = [pair for report in reports for pair in getattr(report, "user_properties", [])]
    if lines := sorted({value for name, value in properties if name == MISSING}):
        terminalreporter.section("databases that were not tested")
        for line in lines:
            terminalreporter.line(line)
