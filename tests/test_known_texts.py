"""Test that texts which the models still have are no difference to those of the catalog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project

LENGTH = "length(k) BETWEEN 1 AND 5"


def models(*more: sa.Column[Any], checks: tuple[str, ...] = ("ck_l", "ck_n")) -> sa.MetaData:
    """Return a table with expressions that servers spell in another way."""
    metadata = sa.MetaData()
    texts = {"ck_l": LENGTH, "ck_n": "n IN (1, 2, 3)"}
    number: sa.Column[Any] = sa.Column("n", sa.Integer)
    table = sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        number,
        *more,
        sa.Column("k", sa.String(32)),
        sa.Column("g", sa.String(64), sa.Computed("trim(lower(k))", persisted=True)),
        sa.Column("d", sa.Integer, server_default=sa.text("(1 + length('ab'))")),
        *(sa.CheckConstraint(texts[name], name=name) for name in checks),
    )
    some = sa.text("k LIKE 'a%' AND n BETWEEN 1 AND 5")
    sa.Index("ix_part", table.c.n, postgresql_where=some, sqlite_where=some)
    return metadata


@pytest.fixture
def url(any_database: sa.URL, tmp_path: Path) -> sa.URL:
    """Return a database with the first migration."""
    project = Project(any_database, models(), tmp_path)
    project.generate("first")
    project.upgrade()
    return any_database


def test_check_reports_only_what_has_changed(url: sa.URL, tmp_path: Path) -> None:
    """With a database, and offline."""
    project = Project(url, models(sa.Column("x", sa.Integer)), tmp_path)
    for offline in (False, True):
        assert project.check(offline=offline).models == ("+ column t.x",)
    assert project.check().database == ("+ column t.x",)
    assert project.check().by_hand == ()


def test_a_changed_text_is_reported(url: sa.URL, tmp_path: Path) -> None:
    metadata = models()
    [check] = [c for c in metadata.tables["t"].constraints if c.name == "ck_l"]
    metadata.tables["t"].constraints.remove(check)
    metadata.tables["t"].append_constraint(sa.CheckConstraint("length(k) > 2", name="ck_l"))
    [line] = Project(url, metadata, tmp_path).check(offline=True).models
    words = re.fullmatch(r"~ check t\.ck_l: condition (.+) -> (.+)", line)
    assert words is not None
    assert words[1] != words[2] == "length(k) > 2"


def test_generate_from_the_history(url: sa.URL, tmp_path: Path) -> None:
    """The migration does not replace what has not changed, and the lock file stays right."""
    project = Project(url, models(sa.Column("x", sa.Integer)), tmp_path)
    migration = project.generate("second", source="history")
    assert migration is not None
    text = migration.path.read_text()
    assert [line.strip() for line in text.splitlines() if "op." in line] == [
        'op.add_column("t", sa.Column("x", sa.Integer()))',
        'op.drop_column("t", "x")',
    ]
    project.upgrade()
    assert not project.check()
    assert not project.check(offline=True)
    assert project.generate("third") is None


def test_constraints_in_another_order(url: sa.URL, tmp_path: Path) -> None:
    """Table.to_metadata() copies them in any order."""
    project = Project(url, models(checks=("ck_n", "ck_l")), tmp_path)
    assert not project.check()
    assert not project.check(offline=True)
    assert project.generate("second", source="history") is None
