"""A browser and a project folder for the tests of reports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import CONFIG, POSTS, Folder
from tests.report.project import write_shop
from tests.servers import UnavailableError
from tests.servers.chromium import ARGUMENTS, find_browser

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

REQUIRE = os.environ.get("AUTODIFF_REQUIRE_SERVERS", "0") not in {"", "0"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield headless Chromium; without one the test is skipped, or fails if it is required.

    While Playwright is started, an event loop runs in this thread, and ``asyncio.run`` fails. If
    the browser outlived its module, every asynchronous test after it would fail.
    """
    from playwright.sync_api import sync_playwright

    try:
        program, environment = find_browser()
    except UnavailableError as error:
        if REQUIRE:
            pytest.fail(f"no chromium: {error}", pytrace=False)
        pytest.skip(f"no chromium: {error}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, env=dict(environment), args=list(ARGUMENTS)
        )
        yield started
        started.close()


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Folder:
    """Return the folder of the shop, which is the current folder; its database is not there."""
    monkeypatch.chdir(tmp_path)
    write_shop(tmp_path)
    return Folder(tmp_path, capsys)


@pytest.fixture
def blog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Folder:
    """Return the folder of a blog on SQLite with one table, whose migration is applied."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    folder = Folder(tmp_path, capsys)
    folder.write(autodiff=CONFIG, models=POSTS)
    folder.ok("generate", "-m", "posts")
    folder.ok("upgrade")
    return folder
