"""Test that scratch databases of PostgreSQL are dropped only if nobody uses them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.dialects.postgresql import scratch as scratch_module
from autodiff.dialects.postgresql.scratch import PREFIX
from autodiff.errors import RehearsalFailedError
from tests.support import opened


def databases(connection: sa.Connection) -> set[str]:
    found = connection.exec_driver_sql("SELECT datname FROM pg_database").scalars().all()
    connection.rollback()
    return set(found)


def test_leftovers(database: Callable[[str], sa.URL], monkeypatch: pytest.MonkeyPatch) -> None:
    """A marked database without a connection is dropped; one in use or without a mark is not."""
    monkeypatch.setattr(scratch_module, "_MIN_AGE", 0)
    foreign = f"{PREFIX}_00000001abcdef"
    abandoned = f"{PREFIX}_00000002abcdef"
    with opened(database("postgresql")) as db:
        live = db.connection.execution_options(isolation_level="AUTOCOMMIT")
        scratch = dialect_of(live).scratch
        try:
            for name in (foreign, abandoned):
                live.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
            mark = scratch_module._MARK
            live.exec_driver_sql(f"COMMENT ON DATABASE {abandoned} IS '{mark}'")
            with scratch.open_database(live) as first:
                assert first is not None
                used = first.engine.url.database
                assert abandoned not in databases(live)
                time.sleep(1.1)  # names have seconds
                with scratch.open_database(live) as second:
                    assert second is not None
                    assert {used, second.engine.url.database, foreign} <= databases(live)
                assert first.exec_driver_sql("SELECT 1").scalar_one() == 1
        finally:
            for name in (foreign, abandoned):
                live.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


def with_path(url: sa.URL, path: str) -> sa.URL:
    return url.update_query_dict({"options": f"-csearch_path={path}"})


def users() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


def test_default_schema(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """It need not be `public`: the scratch database gets it, and the rehearsal passes."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute('CREATE SCHEMA "a%B"')
    project = Project(with_path(url, '"a%B"'), users(), tmp_path / "m")
    draft = project.draft("users")
    assert draft is not None and draft.proof is not None
    assert (draft.proof.skipped, draft.proof.problems) == (None, ())
    draft.write()
    project.upgrade()
    rehearsal = project.rehearse()
    assert rehearsal.passed, rehearsal.lines()
    assert not project.check()


def test_no_default_schema(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """The hint of a refusal names the search path, of which no schema exists."""
    url = database("postgresql")
    with pytest.raises(RehearsalFailedError, match="no schema has been selected") as refused:
        Project(with_path(url, "nowhere"), users(), tmp_path / "m").draft("users")
    assert "search_path (nowhere)" in (refused.value.hint or "")
