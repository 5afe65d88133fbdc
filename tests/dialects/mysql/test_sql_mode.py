"""Test that the sql_mode of a connection changes nothing, or is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import DatabaseError
from tests.support import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def in_mode(url: sa.URL, mode: str) -> sa.URL:
    return url.update_query_dict({"init_command": f"SET sql_mode = '{mode}'"})


def test_no_backslash_escapes(database: Callable[[str], sa.URL], kind: str, tmp_path: Path) -> None:
    """The sql_mode of the connection does not change the values of the models."""
    metadata = sa.MetaData()
    sa.Table(
        "items",
        metadata,
        sa.Column("name", sa.String(20), server_default="it's a\\b", comment="c\\d"),
        sa.Column("kind", sa.Enum("e\\f", name="kind"), server_default="e\\f"),
    )
    url = database(kind)
    project = Project(in_mode(url, "NO_BACKSLASH_ESCAPES"), metadata, tmp_path / "m")
    draft = project.generate("items")
    assert draft is not None
    assert 'server_default="it\'s a\\\\b"' in draft.path.read_text()
    project.upgrade()
    assert not project.check()
    with opened(url) as db:
        db.execute("INSERT INTO items () VALUES ()")
        assert db.rows("SELECT name, kind FROM items") == [("it's a\\b", "e\\f")]


def test_oracle(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """The mode has another grammar, so commands refuse it with a hint."""
    project = Project(in_mode(database("mariadb"), "ORACLE"), sa.MetaData(), tmp_path / "m")
    for command in (project.check, project.status, project.upgrade):
        with pytest.raises(DatabaseError, match="sql_mode of the connection has ORACLE"):
            command()
