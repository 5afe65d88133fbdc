"""Test the command line on PostgreSQL and MariaDB."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from autodiff.dialects.postgresql import scratch as postgresql_scratch
from tests.cli.project import COMMENTS, POSTS, TIMESTAMP, Folder
from tests.support import opened

AUTODIFF = 'models = "models:Base"\nurl = "${DATABASE_URL}"\n'
RunScript = Callable[[sa.URL, str], subprocess.CompletedProcess[str]]


@pytest.fixture
def server_project(
    request: pytest.FixtureRequest, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> Folder:
    """Return a project whose database is on a server, named by DATABASE_URL."""
    url: sa.URL = request.getfixturevalue("database")(request.param)
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    folder.write(autodiff=AUTODIFF)
    return folder


@pytest.fixture
def restricted_project(server_project: Folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Return a project whose user may change its database, and create no other one."""
    monkeypatch.setattr(postgresql_scratch, "is_installed", lambda: False)
    url = sa.make_url(os.environ["DATABASE_URL"])
    name = f"limited_{str(url.database)[-12:]}"
    is_postgresql = url.get_backend_name() == "postgresql"
    with opened(url) as db:
        if is_postgresql:
            db.execute(f"CREATE ROLE {name} LOGIN", f"GRANT ALL ON SCHEMA public TO {name}")
        else:
            db.execute(f"CREATE USER {name}", f"GRANT ALL ON `{url.database}`.* TO {name}")
    monkeypatch.setenv("DATABASE_URL", url.set(username=name).render_as_string(False))
    yield server_project
    with opened(url) as db:
        if is_postgresql:
            db.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
        else:
            db.execute(f"DROP USER {name}")


REASON = "the user of the database may not create a scratch database"


@pytest.mark.parametrize("server_project", ["postgresql", "mariadb"], indirect=True)
def test_a_user_who_may_not_create_a_database(restricted_project: Folder) -> None:
    """The missing rehearsal is reported on stderr, in JSON, in the file and in the lock file."""
    folder = restricted_project
    folder.write(models=POSTS)
    result = folder.ok("generate", "-m", "add posts")
    assert f"warning: not rehearsed, because {REASON}\nhint: the user needs the " in result.err
    [path] = folder.migrations.glob("0001_*.py")
    assert f"Not rehearsed, because {REASON}." in path.read_text()
    lock = (folder.migrations / "autodiff.lock").read_text()
    assert list(json.loads(lock)["unrehearsed"].values()) == [REASON]
    folder.ok("upgrade")
    assert folder.ok("check", "--offline").out == "no drift\n"
    folder.write(models=COMMENTS)
    data = folder.ok("generate", "-m", "x", "--dry-run", "--json").data
    assert data["rehearsal"]["rehearsed"] is False
    assert data["rehearsal"]["skipped"] == REASON
    assert data["rehearsal"]["hint"].startswith("the user needs the ")
    (folder.migrations / "autodiff.lock").unlink()
    folder.ok("lock")
    assert "  + table comments\n" in folder.run("check", "--offline").out
    folder.write(autodiff=f"{AUTODIFF}require_rehearsal = true\n")
    with folder.untouched():
        refused = folder.fails("generate", "-m", "x")
    assert f"error: the migration was not rehearsed, because {REASON}; require_" in refused.err
    folder.ok("downgrade", "base")  # so that only the operations show the schema
    (folder.migrations / "autodiff.lock").unlink()
    folder.ok("lock")
    assert "  + table comments\n" in folder.run("check", "--offline").out


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


USERS_WITH_MOOD = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[str] = mapped_column(sa.Enum("sad", "ok", name="mood"))
"""


@pytest.fixture
def without_usage(server_project: Folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Return a migrated project whose role may not use the default schema."""
    server_project.write(models=USERS_WITH_MOOD)
    server_project.ok("generate", "-m", "users")
    server_project.ok("upgrade")
    url = sa.make_url(os.environ["DATABASE_URL"])
    role = f"limited_{str(url.database)[-12:]}"
    with opened(url) as db:
        db.execute(
            f"CREATE ROLE {role} LOGIN",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
            "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
        )
    monkeypatch.setenv("DATABASE_URL", url.set(username=role).render_as_string(False))
    yield server_project
    with opened(url) as db:
        db.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.parametrize("path", ["public", 'nowhere,"public"', "PUBLIC"])
@pytest.mark.parametrize("server_project", ["postgresql"], indirect=True)
def test_a_role_without_usage_on_its_schema(
    without_usage: Folder, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL shows a schema that may not be used as if there were none."""
    url = sa.make_url(os.environ["DATABASE_URL"])
    options = url.update_query_dict({"options": f"-csearch_path={path}"})
    monkeypatch.setenv("DATABASE_URL", options.render_as_string(False))
    for command in ("status", "check", "diff", "upgrade"):
        error = without_usage.fails(command).err
        assert f"the role {url.username} may not use the schema public" in error, command
        assert f"GRANT USAGE ON SCHEMA public TO {url.username}" in error, command
