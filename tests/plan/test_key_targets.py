"""Test the finding about foreign keys to columns that are not unique."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from autodiff import Project, diff
from autodiff.dialects.mysql import MySQL
from autodiff.errors import RehearsalFailedError

TARGETS = {
    "a primary key": (sa.Integer, {"primary_key": True}, ()),
    "a unique column": (sa.String(9), {"unique": True}, ()),
    "a unique index": (sa.String(9), {}, (sa.Index("ix_code", "code", unique=True),)),
}


def models(kind: Any, options: dict[str, bool], parts: tuple[sa.Index, ...]) -> sa.MetaData:
    metadata = sa.MetaData()
    own_key = () if "primary_key" in options else (sa.Column("id", sa.Integer, primary_key=True),)
    code = sa.Column("code", kind, **options)
    indexes = (sa.Index(part.name, "code", unique=part.unique) for part in parts)
    sa.Table("places", metadata, *own_key, code, *indexes)
    sa.Table(
        "shops",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("place", kind, sa.ForeignKey("places.code")),
    )
    return metadata


@pytest.mark.parametrize("name", TARGETS)
def test_a_unique_target(name: str) -> None:
    with sa.create_engine("sqlite://").connect() as connection:
        assert diff(connection, models(*TARGETS[name])).findings == ()


def test_a_target_that_is_not_unique(any_database: sa.URL, tmp_path: Path) -> None:
    """SQLite creates the key; the other databases refuse it, and the error says why."""
    plain = models(sa.String(9), {}, ())
    project = Project(any_database, plain, tmp_path / "m")
    kind = any_database.get_backend_name()
    what = "has no index" if kind == "mysql" else "is not unique"
    message = f"the foreign key shops.place references places.code, which {what}"
    if kind == "sqlite":
        draft = project.draft("shops")
        assert draft is not None and draft.plan is not None
        [finding] = draft.plan.findings
        assert (finding.severity, finding.message) == ("warning", message)
        return
    with pytest.raises(RehearsalFailedError) as caught:
        project.draft("shops")
    assert caught.value.problems[0] == message
    assert caught.value.hint == (
        "reference the primary key, or declare the referenced columns as unique"
    )


def test_an_index_is_enough_on_mariadb(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """InnoDB accepts an index that begins with the columns."""
    metadata = models(sa.String(9), {}, (sa.Index("ix_code", "code"),))
    draft = Project(database("mariadb"), metadata, tmp_path / "m").draft("shops")
    assert draft is not None and draft.plan is not None and draft.plan.findings == ()


def test_an_index_is_not_enough_on_mysql(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Since MySQL 8.4 a foreign key must refer to a unique key."""
    metadata = models(sa.String(9), {}, (sa.Index("ix_code", "code"),))
    with pytest.raises(RehearsalFailedError) as caught:
        Project(database("mysql"), metadata, tmp_path / "m").draft("shops")
    assert caught.value.problems[0].endswith("references places.code, which is not unique")


@pytest.mark.parametrize(
    ("version", "is_enough"), [("8.0", True), ("8.4", False), ("9.7", False), (None, False)]
)
def test_an_index_is_enough_on_old_versions_of_mysql(version: str | None, is_enough: bool) -> None:
    dialect = MySQL(mysql.dialect(), version=version)  # type: ignore[no-untyped-call]
    assert dialect.features.keys_reference_indexes is is_enough
