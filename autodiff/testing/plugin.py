"""The pytest plugin: options and fixtures.

pytest imports this module in every session, so it imports autodiff only in fixtures that are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.project import Project
    from autodiff.rehearse import RehearsedHistory
    from autodiff.testing.migrator import Migrator

_WHOLE = "all migrations"
"""The only parameter if the migrations are not known when the tests are collected."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    parser.addini(
        "autodiff_config",
        "The configuration file of autodiff, or the folder where the search for it starts, "
        "relative to the root folder.",
        default=".",
    )
    parser.addini(
        "autodiff_url",
        "A database on the server on which scratch databases are created; ${NAME} is an "
        "environment variable. By default the database of the configuration.",
    )
    parser.getgroup("autodiff").addoption(
        "--autodiff-url",
        metavar="URL",
        help="A database on the server on which autodiff creates scratch databases.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the ready tests."""
    config.addinivalue_line("markers", "autodiff: a test of the database migrations.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each migration if it uses the fixture `autodiff_migration`."""
    if "autodiff_migration" in metafunc.fixturenames:
        names = _migration_names(metafunc.config)
        metafunc.parametrize("autodiff_migration", names, scope="session")


@pytest.fixture(scope="session")
def autodiff_project(pytestconfig: pytest.Config) -> Project:
    """Return the project; override it to return another one."""
    with _errors_as_failures():
        return _load_project(pytestconfig)


@pytest.fixture(scope="session")
def autodiff_rehearsal(autodiff_project: Project) -> RehearsedHistory:
    """Return the result of running each migration up, down and up again in a scratch database."""
    with _errors_as_failures():
        return autodiff_project.rehearse()


@pytest.fixture
def autodiff_engine(autodiff_project: Project) -> Iterator[sa.Engine]:
    """Yield an engine of an empty scratch database, which is removed after the test."""
    from autodiff.testing.scratch_engine import open_scratch_engine

    with _errors_as_failures(), open_scratch_engine(autodiff_project) as engine:
        yield engine


@pytest.fixture
def autodiff_migrator(autodiff_project: Project, autodiff_engine: sa.Engine) -> Migrator:
    """Return an object that applies and reverts migrations in an empty scratch database."""
    from autodiff.testing.migrator import Migrator

    return Migrator(autodiff_project, autodiff_engine)


@pytest.fixture
def autodiff_upgraded_engine(autodiff_migrator: Migrator) -> sa.Engine:
    """Return an engine of a scratch database to which all migrations were applied."""
    with _errors_as_failures():
        autodiff_migrator.upgrade()
    return autodiff_migrator.engine


def _load_project(config: pytest.Config) -> Project:
    from autodiff.project import Project

    project = Project.load(config.rootpath / config.getini("autodiff_config"))
    url = config.getoption("--autodiff-url") or config.getini("autodiff_url")
    if url:
        url = project.config.with_variables(url)
        project.config = replace(project.config, url=url, unset=(), override=None)
    return project


def _migration_names(config: pytest.Config) -> list[str]:
    """Return the names of all migrations, or one placeholder without a configuration."""
    from autodiff.errors import AutodiffError, ConfigError

    try:
        graph = _load_project(config).graph()
    except ConfigError:
        return [_WHOLE]  # the fixture autodiff_project may be overridden
    except AutodiffError as error:
        pytest.fail(str(error), pytrace=False)
    return [migration.name for migration in graph.migrations.values()]


@contextmanager
def _errors_as_failures() -> Iterator[None]:
    """Show an error of autodiff as a message without a traceback."""
    from autodiff.errors import AutodiffError

    try:
        yield
    except AutodiffError as error:
        pytest.fail(str(error), pytrace=False)
