"""Test databases whose tables were written by hand, in ways in which models are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.schema.describe import describe_change
from tests.support import opened


def table(*columns: sa.Column[int]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def counted(default: str) -> sa.MetaData:
    return table(sa.Column("v", sa.Integer, server_default=sa.text(default)))


def sequence(increment: int | None = None, type_: type[sa.Integer] | None = None) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Sequence("sq", metadata=metadata, increment=increment, data_type=type_)
    return metadata


def family(*, checked: bool = True, type_: type[sa.Integer] = sa.Integer) -> sa.MetaData:
    """Return a table, and one that inherits its columns and its check."""
    checks = [sa.CheckConstraint("x > 0")] if checked else []
    metadata = table(sa.Column("x", sa.Integer), *checks)
    sa.Table(
        "b",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("x", sa.Integer),
        sa.Column("y", type_),
        postgresql_inherits="a",
    )
    return metadata


def differences(project: Project) -> tuple[str, ...]:
    return tuple(map(describe_change, project.diff().changes))


HEXADECIMAL = ("CREATE TABLE a (id INTEGER PRIMARY KEY, v INTEGER DEFAULT 0x1F)",)
NEGATIVE = ("CREATE TABLE a (id INTEGER PRIMARY KEY, v INTEGER DEFAULT -0x10)",)
LARGE = ("CREATE TABLE a (id INTEGER PRIMARY KEY, v INTEGER DEFAULT 0xFFFFFFFFFFFFFFFF)",)
WIDENED = (
    "CREATE TABLE a (id serial PRIMARY KEY, n serial)",
    "ALTER TABLE a ALTER n TYPE bigint",
)
INHERITED = (
    "CREATE TABLE a (id serial PRIMARY KEY, x integer CHECK (x > 0))",
    "CREATE TABLE b (PRIMARY KEY (id), y integer) INHERITS (a)",
)
DESCENDING = ("CREATE SEQUENCE sq INCREMENT -1 MINVALUE -100 MAXVALUE -1", "SELECT nextval('sq')")
ASCENDING = ("CREATE SEQUENCE sq", "SELECT nextval('sq')")


@pytest.mark.parametrize(
    ("kind", "statements", "metadata", "expected"),
    [
        ("sqlite", HEXADECIMAL, counted("0x1f"), ()),
        ("sqlite", HEXADECIMAL, counted("31"), ()),
        ("sqlite", HEXADECIMAL, counted("0"), ("~ column a.v: default 0x1F -> 0",)),
        ("sqlite", HEXADECIMAL, table(), ("- column a.v",)),
        ("sqlite", NEGATIVE, counted("-16"), ()),
        ("sqlite", LARGE, counted("-1"), ()),
        ("postgresql", WIDENED, table(), ("- column a.n",)),
        ("postgresql", INHERITED, family(), ()),
        ("postgresql", INHERITED, family(checked=False), ("- check a.a_x_check",)),
        (
            "postgresql",
            INHERITED,
            family(type_=sa.BigInteger),
            ("~ column b.y: integer -> bigint",),
        ),
        ("postgresql", ASCENDING, sequence(), ()),
        ("postgresql", ASCENDING, sequence(-1), ("~ sequence sq: increment none -> -1",)),
        (
            "postgresql",
            ASCENDING,
            sequence(-1, sa.Integer),
            ("~ sequence sq: type none -> integer, increment none -> -1",),
        ),
        (
            "postgresql",
            DESCENDING,
            sequence(),
            ("~ sequence sq: increment -1 -> none, minvalue -100 -> none",),
        ),
    ],
)
def test_a_migration_leads_to_the_models_and_back(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    kind: str,
    statements: tuple[str, ...],
    metadata: sa.MetaData,
    expected: tuple[str, ...],
) -> None:
    """The differences are the expected ones, and are there again after the downgrade."""
    url = database(kind)
    with opened(url) as db:
        db.execute(*statements)
    project = Project(url, metadata, tmp_path)
    assert differences(project) == expected
    if expected:
        project.generate("change")
        project.upgrade()
        assert differences(project) == ()
        project.downgrade("base")
        assert differences(project) == expected
