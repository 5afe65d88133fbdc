"""Test that generate reports schemas and extensions which only this database has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from autodiff import Project
from tests.support import opened


def in_schema(metadata: sa.MetaData) -> None:
    sa.Table("items", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="audit")


def enum_in_schema(metadata: sa.MetaData) -> None:
    mood = sa.Enum("a", name="mood", schema="audit")
    sa.Table("items", metadata, sa.Column("id", sa.Integer), sa.Column("mood", mood))


def type_of_extension(metadata: sa.MetaData) -> None:
    sa.Table("items", metadata, sa.Column("name", postgresql.CITEXT))


def array_of_extension(metadata: sa.MetaData) -> None:
    sa.Table("items", metadata, sa.Column("name", postgresql.ARRAY(postgresql.CITEXT)))


def operator_class_of_extension(metadata: sa.MetaData) -> None:
    table = sa.Table("items", metadata, sa.Column("name", sa.Text))
    operators = {"name": "gin_trgm_ops"}
    sa.Index("ix", table.c.name, postgresql_using="gin", postgresql_ops=operators)


def function_of_extension(metadata: sa.MetaData) -> None:
    check = sa.CheckConstraint("similarity(name, 'x') > 0", name="similar")
    sa.Table("items", metadata, sa.Column("name", sa.Text), check)


def nothing_special(metadata: sa.MetaData) -> None:
    column = sa.Column("similarity", sa.Text)
    sa.Table("items", metadata, sa.Column("id", sa.Integer, primary_key=True), column)


SETUP = ("CREATE SCHEMA audit", "CREATE EXTENSION citext", "CREATE EXTENSION pg_trgm")
CASES = {
    in_schema: ("schema audit", "CREATE SCHEMA IF NOT EXISTS audit"),
    enum_in_schema: ("schema audit", "CREATE SCHEMA IF NOT EXISTS audit"),
    type_of_extension: ("extension citext", "CREATE EXTENSION IF NOT EXISTS"),
    array_of_extension: ("extension citext", "CREATE EXTENSION IF NOT EXISTS"),
    operator_class_of_extension: ("extension pg_trgm", "CREATE EXTENSION IF NOT EXISTS"),
    function_of_extension: ("extension pg_trgm", "CREATE EXTENSION IF NOT EXISTS"),
    nothing_special: (None, ""),
}


@pytest.mark.parametrize("build", CASES, ids=lambda build: build.__name__)
def test_what_was_made_by_hand_is_reported(
    build: Callable[[sa.MetaData], None], database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The finding names what is missing and the statement; a migration with it ends the report."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute(*SETUP)
    metadata = sa.MetaData()
    build(metadata)
    place, hint = CASES[build]
    project = Project(url, metadata, tmp_path)
    draft = project.draft("first")
    assert draft is not None and draft.plan is not None
    found = [item for item in draft.plan.findings if item.code == "made-by-hand"]
    assert [item.place for item in found] == ([place] if place else [])
    assert all(hint in (item.hint or "") for item in found)
    if place is None:
        return
    empty = project.draft("before", empty=True)
    assert empty is not None
    path = empty.write().path
    kind, name = place.split()
    statement = f'op.execute("CREATE {kind.upper()} IF NOT EXISTS {name}")'
    path.write_text(path.read_text().replace("    pass", f"    {statement}", 1))
    project.upgrade()
    draft = project.draft("second")
    assert draft is not None and draft.plan is not None
    assert "made-by-hand" not in [item.code for item in draft.plan.findings]


def test_a_check_of_the_rows_needs_no_extension(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Its statement is a comment, in which no name is looked for."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute(*SETUP, "CREATE TABLE items (name text)")
    metadata = sa.MetaData()
    sa.Table("items", metadata, sa.Column("name", sa.Text, nullable=False))
    draft = Project(url, metadata, tmp_path).draft("first")
    assert draft is not None and draft.plan is not None
    assert any(sql.startswith("-- ") for sql in draft.plan.sql())
    assert "made-by-hand" not in [item.code for item in draft.plan.findings]
