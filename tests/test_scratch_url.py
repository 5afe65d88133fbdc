"""scratch_url: a database that is taken when it is empty, and left empty; nobody's data is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.errors import ConfigError, DatabaseError
from tests.support import opened

Databases = Callable[[str], sa.URL]
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


def text(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def contents(url: sa.URL) -> list[str]:
    with opened(url) as db:
        return dialect_of(db.connection).contents(db.connection)


@pytest.fixture
def poor(database: Databases) -> Iterator[Callable[[sa.URL], sa.URL]]:
    """The URL of a PostgreSQL database for a role that may not create one."""
    roles: list[tuple[sa.URL, str]] = []

    def make(url: sa.URL) -> sa.URL:
        name = f"poor_{url.database}"
        with opened(url) as db:
            db.execute(f"CREATE ROLE {name} LOGIN", f"GRANT ALL ON SCHEMA public TO {name}")
        roles.append((url, name))
        return url.set(username=name)

    yield make
    for url, name in roles:
        with opened(url) as db:
            db.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@SERVERS
def test_it_is_used_and_left_empty(database: Databases, kind: str, tmp_path: Path) -> None:
    """generate and rehearse run there, where the live user might do nothing; nothing stays."""
    live, scratch = database(kind), database(kind)
    project = Project(live, models(), tmp_path / "m", scratch_url=text(scratch))
    draft = project.draft("users")
    assert draft is not None and draft.proof is not None and draft.proof.passed
    draft.write()
    found = project.rehearse()
    assert found.passed, found.lines()
    assert contents(scratch) == contents(live) == []
    project.upgrade()
    assert not project.check()


@SERVERS
def test_what_is_not_ours_is_refused(database: Databases, kind: str, tmp_path: Path) -> None:
    """A database with a table, a view or a routine of somebody's stays as it is."""
    live, scratch = database(kind), database(kind)
    project = Project(live, models(), tmp_path / "m", scratch_url=text(scratch))
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
def test_the_live_database_is_refused(database: Databases, kind: str, tmp_path: Path) -> None:
    """By whatever URL it is named, also while it is empty."""
    live = database(kind)
    other = live.set(host="localhost" if live.host == "127.0.0.1" else "127.0.0.1")
    for scratch in (live, other):
        project = Project(live, models(), tmp_path / "m", scratch_url=text(scratch))
        with pytest.raises(ConfigError, match="the live database itself"):
            project.draft("users")


def test_another_kind_is_refused(database: Databases, tmp_path: Path) -> None:
    """What MariaDB shows proves nothing about PostgreSQL."""
    live, scratch = database("postgresql"), database("mariadb")
    project = Project(live, models(), tmp_path / "m", scratch_url=text(scratch))
    with pytest.raises(ConfigError, match="another kind"):
        project.draft("users")


@SERVERS
def test_what_a_killed_run_left_is_swept(database: Databases, kind: str, tmp_path: Path) -> None:
    """The table autodiff_scratch tells that all the rest is autodiff's."""
    live, scratch = database(kind), database(kind)
    with opened(scratch) as db:
        db.execute("CREATE TABLE autodiff_scratch (id integer)", "CREATE TABLE users (id integer)")
    project = Project(live, models(), tmp_path / "m", scratch_url=text(scratch))
    assert project.draft("users") is not None
    assert contents(scratch) == []


@SERVERS
def test_one_run_at_a_time(
    database: Databases, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another run has it, the second one waits a little and then says so."""
    folder = {"postgresql": "postgresql", "mariadb": "mysql"}[kind]
    monkeypatch.setattr(f"autodiff.dialects.{folder}.borrowing._SECONDS", 0)
    live, scratch = database(kind), database(kind)
    project = Project(live, models(), tmp_path / "m", scratch_url=text(scratch))
    with opened(scratch) as db:
        assert dialect_of(db.connection).claim(db.connection)
        with pytest.raises(DatabaseError, match="another run"):
            project.draft("users")
    assert project.draft("users") is not None


@SERVERS
def test_doubts_without_the_live_server(database: Databases, kind: str, tmp_path: Path) -> None:
    """--from history asks it how the database would write a text; MySQL's check does too."""
    live, scratch = database(kind), database(kind)
    project = Project(live, models(), tmp_path / "m", scratch_url=text(scratch))
    project.generate("users")
    project.upgrade()
    same = models("(length(nick) > 1) AND (nick != 'x')")
    again = Project(None, same, tmp_path / "m", scratch_url=text(scratch))
    assert again.draft("nothing", source="history") is None
    assert not Project(live, same, tmp_path / "m", scratch_url=text(scratch)).check()
    assert contents(scratch) == []


def test_no_rights_and_no_scratch_url(
    database: Databases, poor: Callable[[sa.URL], sa.URL], tmp_path: Path
) -> None:
    """rehearse says which right is missing and what else would do; with that, it runs."""
    live, scratch = poor(database("postgresql")), poor(database("postgresql"))
    project = Project(live, models(), tmp_path / "m")
    draft = project.draft("users")
    assert draft is not None and draft.proof is None
    assert "Not rehearsed." in draft.texts[draft.path]
    draft.write()
    with pytest.raises(DatabaseError, match="cannot create a scratch database") as caught:
        project.rehearse()
    assert "CREATEDB" in (caught.value.hint or "")
    assert "scratch_url" in (caught.value.hint or "")
    project = Project(live, models(), tmp_path / "m", scratch_url=text(scratch))
    assert project.rehearse().passed
    assert contents(scratch) == []


def test_sqlite_needs_none(database: Databases, tmp_path: Path) -> None:
    """A scratch in memory is nearer: the setting is not looked at."""
    url = "postgresql://nobody@localhost:1/nothing"
    project = Project(database("sqlite"), models(), tmp_path / "m", scratch_url=url)
    draft = project.draft("users")
    assert draft is not None and draft.proof is not None
