"""Test the command line on PostgreSQL and MariaDB."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.cli.project import COMMENTS, POSTS, TIMESTAMP, Folder

RunScript = Callable[[sa.URL, str], subprocess.CompletedProcess[str]]


@pytest.fixture
def server_project(
    request: pytest.FixtureRequest, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> Folder:
    """Return a project whose database is on a server, named by DATABASE_URL."""
    url: sa.URL = request.getfixturevalue("database")(request.param)
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    folder.write(autodiff='models = "models:Base"\nurl = "${DATABASE_URL}"\n')
    return folder


@pytest.mark.parametrize("server_project", ["postgresql", "mariadb"], indirect=True)
def test_the_blog(server_project: Folder, run_script: RunScript) -> None:
    """generate, check, upgrade, downgrade, lock and scripts work."""
    server_project.grow(POSTS, "add posts")
    server_project.write(models=COMMENTS)
    assert server_project.run("check").code == 1
    assert server_project.run("check", "--offline").code == 1
    server_project.grow(COMMENTS, "add comments")
    assert server_project.fails("generate", "-m", "x", "--rename", "posts.nick:title").code == 2
    server_project.grow(TIMESTAMP, "add timestamp", "--fill", "comments.timestamp=now")
    assert server_project.ok("check").out == "no drift\n"
    assert server_project.ok("check", "--offline").out == "no drift\n"
    before = (server_project.migrations / "autodiff.lock").read_bytes()
    server_project.ok("lock")
    assert (server_project.migrations / "autodiff.lock").read_bytes() == before
    script = server_project.ok("downgrade", "head:base", "--sql").out
    assert script.count("DROP TABLE") == 2
    up = server_project.ok("upgrade", "--sql").out
    assert server_project.ok("downgrade", "base").out == "3 migrations reverted\n"
    url = sa.make_url(os.environ["DATABASE_URL"])
    assert run_script(url, up).stderr == ""
    assert server_project.ok("check").out == "no drift\n"
    assert run_script(url, script).stderr == ""
    status = server_project.ok("status", "--json").data
    assert (status["applied"], len(status["pending"])) == ([], 3)
