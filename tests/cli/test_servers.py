"""The same command line on real servers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.cli.project import COMMENTS, POSTS, TIMESTAMP, Folder

RunScript = Callable[[sa.URL, str], subprocess.CompletedProcess[str]]


@pytest.fixture
def on_server(
    request: pytest.FixtureRequest, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> Folder:
    """A project whose database is on a server, named by DATABASE_URL."""
    url: sa.URL = request.getfixturevalue("database")(request.param)
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    folder.write(autodiff='models = "models:Base"\nurl = "${DATABASE_URL}"\n')
    return folder


@pytest.mark.parametrize("on_server", ["postgresql", "mariadb"], indirect=True)
def test_the_blog(on_server: Folder, run_script: RunScript) -> None:
    """generate, upgrade, check, drift, downgrade: all of it by the command line."""
    on_server.grow(POSTS, "add posts")
    on_server.write(models=COMMENTS)
    assert on_server.run("check").code == 1
    assert on_server.run("check", "--offline").code == 1
    on_server.grow(COMMENTS, "add comments")
    assert on_server.fails("generate", "-m", "x", "--rename", "posts.nick:title").code == 2
    on_server.grow(TIMESTAMP, "add timestamp", "--fill", "comments.timestamp=now")
    assert on_server.ok("check").out == "no drift\n"
    assert on_server.ok("check", "--offline").out == "no drift\n"
    before = (on_server.migrations / "autodiff.lock").read_bytes()
    on_server.ok("lock")
    assert (on_server.migrations / "autodiff.lock").read_bytes() == before
    script = on_server.ok("downgrade", "head:base", "--sql").out
    assert script.count("DROP TABLE") == 2
    up = on_server.ok("upgrade", "--sql").out
    assert on_server.ok("downgrade", "base").out == "3 migrations reverted\n"
    url = sa.make_url(os.environ["DATABASE_URL"])
    assert run_script(url, up).stderr == ""
    assert on_server.ok("check").out == "no drift\n"
    assert run_script(url, script).stderr == ""
    status = on_server.ok("status", "--json").data
    assert (status["applied"], len(status["pending"])) == ([], 3)
