"""Fixtures for every test: real databases, and an environment without surprises."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack, suppress
from itertools import count
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL

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
"""What AUTODIFF_REQUIRE_SERVERS does not ask for: only an environment variable can give it."""
REQUIRE = os.environ.get("AUTODIFF_REQUIRE_SERVERS", "0") not in {"", "0"}
MISSING = "missing_database"
EXAMPLES = os.environ.get("AUTODIFF_TEST_EXAMPLES")
"""How many random examples a property is tried with, instead of 100 that are always the same."""

settings.register_profile(
    "ci",
    max_examples=int(EXAMPLES or 100),
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


class Servers:
    """The servers of this test run, each started when it is first asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Server | Exception] = {}

    def get(self, kind: str) -> Server:
        """Return the server of a kind; raises the same error each time when there is none."""
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
        """Stop every server that was started, even when stopping another one fails."""
        with ExitStack() as stack:
            for found in self._found.values():
                if isinstance(found, Server):
                    stack.callback(found.stop)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what the caller's environment would tell autodiff; AUTODIFF_TEST_... stays."""
    for name in list(os.environ):
        ours = name.startswith("AUTODIFF_") and not name.startswith("AUTODIFF_TEST_")
        if ours or name in {"DATABASE_URL", "NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this worker, stopped at its end. Most tests want `database` instead."""
    servers = Servers()
    try:
        yield servers
    finally:
        servers.stop()


@pytest.fixture
def database(
    request: pytest.FixtureRequest, servers: Servers, tmp_path: Path
) -> Iterator[Callable[[str], URL]]:
    """A function from sqlite, postgresql, mariadb or mysql to the URL of a new, empty database.

    Each call makes another one; all are dropped when the test ends, also while in use. A test
    that asks for a server that can't be had is skipped.
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
                _give_up(request.node, kind, f"{error}")
            url = server.create()
            drops.callback(server.drop, url)
            return url

        yield new


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_database(request: pytest.FixtureRequest, database: Callable[[str], URL]) -> URL:
    """The URL of a new, empty database, on each kind in turn."""
    return database(request.param)


@pytest.fixture(scope="session")
def poolers(servers: Servers) -> Iterator[Callable[[], Pooler]]:
    """A function that gives the pooler in front of PostgreSQL, started when first asked for."""
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
    """PgBouncer in front of PostgreSQL, in transaction mode."""
    try:
        return poolers()
    except UnavailableError as error:
        _give_up(request.node, "pgbouncer", f"{error}")


@pytest.fixture
def run_script(
    request: pytest.FixtureRequest,
) -> Callable[[URL, str], subprocess.CompletedProcess[str]]:
    """A function that runs a script with the database's own client: psql, mariadb or sqlite3."""

    def run(url: URL, script: str) -> subprocess.CompletedProcess[str]:
        try:
            return clients.run_script(url, script)
        except UnavailableError as error:
            _give_up(request.node, f"client of {url.get_backend_name()}", f"{error}")

    return run


def _remove(path: Path) -> None:
    """Remove a database file, unless it is open on Windows: pytest removes the folder later."""
    with suppress(PermissionError):
        path.unlink(missing_ok=True)


def _give_up(item: pytest.Item, kind: str, how: str) -> NoReturn:
    """Skip the test, or fail it where servers are required; the summary will say how."""
    item.user_properties.append((MISSING, f"{kind}: {how}"))
    if REQUIRE and kind not in OPTIONAL:
        pytest.fail(f"no {kind}: {how}", pytrace=False)
    pytest.skip(f"no {kind}: {how}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write one line for each kind of database that tests were without."""
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
