"""Test dialects that other distributions add by the entry point `autodiff.dialects`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import sqlalchemy as sa

import autodiff.dialects
from autodiff.dialects import dialect_for, dialect_of, is_known
from autodiff.dialects.generic import Generic
from autodiff.errors import DatabaseError

MODULE = """
from dataclasses import replace

from autodiff.dialects.generic import Generic


class Added(Generic):
    def __init__(self, sqlalchemy_dialect, **options):
        super().__init__(sqlalchemy_dialect, **options)
        self.features = replace(self.features, transactional_ddl=True)

    def __str__(self):
        return "an added dialect"
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Yield a function that installs a distribution with a dialect for a kind of database."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name: str, value: str) -> None:
        (tmp_path / "added_dialect.py").write_text(MODULE)
        info = tmp_path / "added_dialect-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: added-dialect\nVersion: 1.0\n")
        text = dedent(f"""
            [autodiff.dialects]
            {name} = {value}
        """)
        (info / "entry_points.txt").write_text(text)
        _forget()

    yield add
    sys.modules.pop("added_dialect", None)
    _forget()


def _forget() -> None:
    importlib.invalidate_caches()
    autodiff.dialects._added_class.cache_clear()
    autodiff.dialects._installed_names.cache_clear()


def test_an_added_dialect_comes_before_the_generic_one(install) -> None:  # type: ignore[no-untyped-def]
    """Use the class of an installed distribution, with a connection and without one."""
    engine = sa.create_engine("duckdb:///:memory:")
    with engine.connect() as connection:
        assert type(dialect_of(connection)) is Generic
        install("duckdb", "added_dialect:Added")
        assert str(dialect_of(connection)) == "an added dialect"
    assert str(dialect_for("duckdb")) == "an added dialect"
    assert dialect_for("duckdb").features.transactional_ddl


def test_a_supported_database_keeps_its_own_dialect(install) -> None:  # type: ignore[no-untyped-def]
    """Ignore an added dialect for a database that autodiff has a package for."""
    install("sqlite", "added_dialect:Added")
    assert not isinstance(dialect_for("sqlite"), Generic)


def test_a_dialect_that_cannot_be_imported(install) -> None:  # type: ignore[no-untyped-def]
    """Name the entry point and the distribution in the error."""
    install("duckdb", "added_dialect:Missing")
    with pytest.raises(DatabaseError, match="cannot import the dialect added_dialect:Missing") as e:
        dialect_for("duckdb")
    assert "added-dialect" in str(e.value.hint)


def test_known_kinds_of_databases(install) -> None:  # type: ignore[no-untyped-def]
    """Know the databases of installed dialects, and refuse other names."""
    assert is_known("sqlite")
    assert is_known("mssql")
    assert is_known("duckdb")
    assert not is_known("acme")
    install("acme", "added_dialect:Added")
    assert is_known("acme")
    with pytest.raises(DatabaseError, match="does not know the database 'nothing'"):
        dialect_for("nothing")
