"""Test that a domain which differs is reported, because no migration changes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from autodiff import Project, diff
from autodiff.errors import PlanError


class Score(sa.TypeDecorator[int]):
    """A type of the application that is stored as a domain."""

    impl = postgresql.DOMAIN("score", sa.Integer, check=sa.text("VALUE >= 0"))
    cache_ok = True


def models(*more: str, schema: str | None = None, array: bool = False, **options: Any) -> Any:
    """Return models with a domain of those options, and more columns."""
    options = {"check": sa.text("VALUE >= 0"), **options}
    domain = postgresql.DOMAIN("score", sa.Integer, schema=schema, **options)
    metadata = sa.MetaData()
    sa.Table(
        "items",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("score", postgresql.ARRAY(domain) if array else domain),
        *(sa.Column(name, sa.Integer) for name in more),
    )
    return metadata


def project(database: Callable[[str], sa.URL], before: sa.MetaData, folder: Path) -> sa.URL:
    """Create the database from models and return its URL."""
    url = database("postgresql")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        before.create_all(connection)
    engine.dispose()
    return url


@pytest.mark.parametrize(
    "options",
    [
        {"check": sa.text("VALUE >= 10")},
        {"not_null": True},
        {"default": "5"},
    ],
    ids=["check", "not null", "default"],
)
@pytest.mark.parametrize("array", [False, True])
def test_changed_domain_is_reported(
    options: dict[str, Any], array: bool, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The commands generate, check and diff report it, with a hint."""
    url = project(database, models(array=array), tmp_path)
    changed = Project(url, models(array=array, **options), tmp_path)
    with pytest.raises(PlanError) as caught:
        changed.generate("changed")
    assert caught.value.message.startswith("domain score is integer CHECK (VALUE >= 0), and the")
    assert "ALTER DOMAIN" in (caught.value.hint or "")
    assert [line for line in changed.check().database if "domain score" in line]
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        plan = diff(connection, models(array=array, **options))
    assert [finding.code for finding in plan.findings] == ["domain"]


def test_missing_domain_is_reported(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A migration for an empty database is refused with the reason."""
    with pytest.raises(PlanError) as caught:
        Project(database("postgresql"), models(), tmp_path).generate("first")
    assert caught.value.message == ("the database has no domain score, which items.score uses")


@pytest.mark.parametrize("schema", [None, "public"])
def test_equal_domain_allows_other_changes(
    schema: str | None, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A table with a domain is rehearsed like any other."""
    url = project(database, models(schema=schema), tmp_path)
    changed = Project(url, models("n", schema=schema), tmp_path)
    draft = changed.draft("changed")
    assert draft is not None and draft.proof is not None and draft.proof.passed
    assert list(draft.summary) == ["+ column items.n"]
    draft.write()
    changed.upgrade()
    assert not changed.check()


def test_domain_of_a_type_of_the_application(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A TypeDecorator stores a domain."""
    metadata = sa.MetaData()
    sa.Table("items", metadata, sa.Column("id", sa.Integer), sa.Column("score", Score))
    with pytest.raises(PlanError, match="the database has no domain score"):
        Project(database("postgresql"), metadata, tmp_path).generate("first")
