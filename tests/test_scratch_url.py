"""Test scratch_url: only an empty database is used, it is left empty, and no data is lost."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.dialects.postgresql import scratch as postgresql_scratch
from autodiff.errors import ConfigError, DatabaseError, PlanError
from tests.support import opened

CreateDatabase = Callable[[str], sa.URL]
SERVERS = pytest.mark.parametrize("kind", ["postgresql", "mariadb"])


def models(check: str = "length(nick) > 1 AND nick <> 'x'") -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("nick", sa.String(10)),
        sa.CheckConstraint(check, name="ck_nick"),
    )
    return metadata


def url_text(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def contents(url: sa.URL) -> list[str]:
    with opened(url) as db:
        return dialect_of(db.connection).scratch.contents(db.connection)


@pytest.fixture
def without_createdb(database: CreateDatabase) -> Iterator[Callable[[sa.URL], sa.URL]]:
    """Yield a function that returns a URL with a role that may not create databases."""
    roles: list[tuple[sa.URL, str]] = []

    def restrict(url: sa.URL) -> sa.URL:
        name = f"restricted_{url.database}"
        with opened(url) as db:
            db.execute(f"CREATE ROLE {name} LOGIN", f"GRANT ALL ON SCHEMA public TO {name}")
        roles.append((url, name))
        return url.set(username=name)

    yield restrict
    for url, name in roles:
        with opened(url) as db:
            db.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@SERVERS
def test_the_scratch_database_is_used_and_left_empty(
    database: CreateDatabase, kind: str, tmp_path: Path
) -> None:
    """generate and rehearse run there."""
    live, scratch = database(kind), database(kind)
    project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
    draft = project.draft("users")
    assert draft is not None and draft.proof is not None and draft.proof.passed
    draft.write()
    rehearsal = project.rehearse()
    assert rehearsal.passed, rehearsal.lines()
    assert contents(scratch) == contents(live) == []
    project.upgrade()
    assert not project.check()


@SERVERS
def test_a_database_with_other_objects_is_refused(
    database: CreateDatabase, kind: str, tmp_path: Path
) -> None:
    """A table or a view that autodiff did not create is kept."""
    live, scratch = database(kind), database(kind)
    project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
    with opened(scratch) as db:
        db.execute("CREATE TABLE precious (id integer)", "INSERT INTO precious VALUES (1)")
        with pytest.raises(ConfigError, match=r"not empty: .* has table precious"):
            project.draft("users")
        assert db.rows("SELECT * FROM precious") == [(1,)]
        db.execute("DROP TABLE precious", "CREATE VIEW precious AS SELECT 1 AS one")
        with pytest.raises(ConfigError, match="view precious"):
            project.draft("users")
        assert db.rows("SELECT * FROM precious") == [(1,)]


@SERVERS
def test_the_live_database_is_refused(database: CreateDatabase, kind: str, tmp_path: Path) -> None:
    """It is recognized by any URL, even if it is empty."""
    live = database(kind)
    other = live.set(host="localhost" if live.host == "127.0.0.1" else "127.0.0.1")
    for scratch in (live, other):
        project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
        with pytest.raises(ConfigError, match="scratch_url names the live database"):
            project.draft("users")


def test_another_kind_of_database_is_refused(database: CreateDatabase, tmp_path: Path) -> None:
    live, scratch = database("postgresql"), database("mariadb")
    project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
    with pytest.raises(ConfigError, match="another kind"):
        project.draft("users")


@SERVERS
def test_leftovers_of_a_killed_run_are_removed(
    database: CreateDatabase, kind: str, tmp_path: Path
) -> None:
    """The table autodiff_scratch lists what a run created, also in a transaction."""
    live, scratch = database(kind), database(kind)
    leave_objects(live, scratch)
    left = contents(scratch)
    assert "table autodiff_scratch" in left and "table t" in left and "view v" in left
    project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
    assert project.draft("users") is not None
    assert contents(scratch) == []


_KILLED_RUN = """
import os, sys
from autodiff.autogenerate.scratch_sources import open_scratch_url
from autodiff.dialects import dialect_of
from autodiff.utils.connections import open_connection, parse_url

live, scratch = map(parse_url, sys.argv[1:])
with open_connection(live) as connection:
    with open_scratch_url(scratch, dialect_of(connection), connection) as opened:
        opened.exec_driver_sql("CREATE TABLE t (id integer)")
        opened.exec_driver_sql("CREATE VIEW v AS SELECT id FROM t")
        opened.commit()
        os._exit(0)
"""


def leave_objects(live: sa.URL, scratch: sa.URL) -> None:
    """Leave objects in a scratch database, by a run that ends without cleaning up."""
    arguments = [sys.executable, "-c", _KILLED_RUN, url_text(live), url_text(scratch)]
    subprocess.run(arguments, check=True)


@SERVERS
@pytest.mark.parametrize("marker", ["id integer", "object text"])
def test_a_table_beside_the_marker_is_kept(
    database: CreateDatabase, kind: str, tmp_path: Path, marker: str
) -> None:
    """What the marker table does not list was not created by autodiff."""
    live, scratch = database(kind), database(kind)
    leave_objects(live, scratch)
    with opened(scratch) as db:
        db.execute(
            "DROP TABLE autodiff_scratch",
            f"CREATE TABLE autodiff_scratch ({marker})",
            "CREATE TABLE precious (id integer)",
            "INSERT INTO precious VALUES (1)",
        )
        project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
        with pytest.raises(ConfigError, match="which autodiff did not create"):
            project.draft("users")
        assert db.rows("SELECT * FROM precious") == [(1,)]


@SERVERS
def test_only_one_run_uses_the_scratch_database(
    database: CreateDatabase, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run waits for a short time and then fails."""
    folder = {"postgresql": "postgresql", "mariadb": "mysql"}[kind]
    monkeypatch.setattr(f"autodiff.dialects.{folder}.scratch._CLAIM_SECONDS", 0)
    live, scratch = database(kind), database(kind)
    project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
    with opened(scratch) as db:
        assert dialect_of(db.connection).scratch.claim(db.connection)
        with pytest.raises(DatabaseError, match="another run"):
            project.draft("users")
    assert project.draft("users") is not None


@SERVERS
def test_sql_is_normalized_without_the_live_database(
    database: CreateDatabase, kind: str, tmp_path: Path
) -> None:
    """generate from the history and check on MySQL use the scratch database."""
    live, scratch = database(kind), database(kind)
    project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
    project.generate("users")
    project.upgrade()
    metadata = models("(length(nick) > 1) AND (nick != 'x')")
    offline_project = Project(None, metadata, tmp_path / "m", scratch_url=url_text(scratch))
    assert offline_project.draft("nothing", source="history") is None
    assert not Project(live, metadata, tmp_path / "m", scratch_url=url_text(scratch)).check()
    assert contents(scratch) == []


SKIPPED = "the user of the database may not create a scratch database"


def test_a_role_that_may_not_create_databases_rehearses_on_an_embedded_server(
    database: CreateDatabase, without_createdb: Callable[[sa.URL], sa.URL], tmp_path: Path
) -> None:
    """The server is stopped, and nothing of it is left."""
    project = Project(without_createdb(database("postgresql")), models(), tmp_path / "m")
    draft = project.draft("users")
    assert draft is not None and draft.proof is not None
    assert draft.proof.skipped is None
    assert draft.proof.described is not None
    draft.write()
    assert project.rehearse().passed
    until = time.monotonic() + 20  # other tests may use such a server at the same time
    while leftovers := list(Path(tempfile.gettempdir()).glob("autodiff-embedded-*/data")):
        assert time.monotonic() < until, leftovers
        time.sleep(0.1)


def test_a_role_that_may_not_create_databases(
    database: CreateDatabase,
    without_createdb: Callable[[sa.URL], sa.URL],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reason is in the file, the result and the lock file, and it can be an error."""
    monkeypatch.setattr(postgresql_scratch, "is_installed", lambda: False)
    live, scratch = (
        without_createdb(database("postgresql")),
        without_createdb(database("postgresql")),
    )
    project = Project(live, models(), tmp_path / "m")
    draft = project.draft("users")
    assert draft is not None and draft.proof is not None
    assert draft.proof.skipped == SKIPPED
    for word in ("CREATEDB", "scratch_url", "sqlalchemy-autodiff[embedded]"):
        assert word in (draft.proof.cure or "")
    assert f"Not rehearsed, because {SKIPPED}." in draft.texts[draft.path]
    strict = Project(live, models(), tmp_path / "m", require_rehearsal=True)
    with pytest.raises(PlanError, match="require_rehearsal") as refused:
        strict.draft("users")
    assert "CREATEDB" in (refused.value.hint or "")
    written = draft.write()
    lock = project.lock()
    assert lock is not None and dict(lock.unrehearsed) == {written.revision: SKIPPED}
    with pytest.raises(DatabaseError, match="cannot create a scratch database") as caught:
        project.rehearse()
    assert "CREATEDB" in (caught.value.hint or "")
    assert "scratch_url" in (caught.value.hint or "")
    project = Project(live, models(), tmp_path / "m", scratch_url=url_text(scratch))
    assert project.rehearse().passed
    assert contents(scratch) == []


def test_sqlite_ignores_scratch_url(database: CreateDatabase, tmp_path: Path) -> None:
    """Its scratch database is in memory."""
    url = "postgresql://nobody@localhost:1/nothing"
    project = Project(database("sqlite"), models(), tmp_path / "m", scratch_url=url)
    draft = project.draft("users")
    assert draft is not None and draft.proof is not None
