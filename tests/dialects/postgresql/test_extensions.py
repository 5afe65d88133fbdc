"""Test that what an extension owns is left alone, in the database and in the models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.support import opened

OBJECTS = (
    "CREATE SCHEMA topology",
    "CREATE TABLE spatial_ref_sys (srid integer PRIMARY KEY, auth varchar(20), num serial)",
    "CREATE INDEX ix_auth ON spatial_ref_sys (auth)",
    "CREATE TABLE topology.layer (id integer PRIMARY KEY)",
    "CREATE VIEW geometry_columns AS SELECT auth FROM spatial_ref_sys",
    "CREATE MATERIALIZED VIEW raster_columns AS SELECT auth FROM spatial_ref_sys",
    "CREATE SEQUENCE topology_id_seq",
    "CREATE TYPE raster_kind AS ENUM ('a', 'b')",
    "CREATE FUNCTION area() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "ALTER EXTENSION plpgsql ADD TABLE spatial_ref_sys",
    "ALTER EXTENSION plpgsql ADD TABLE topology.layer",
    "ALTER EXTENSION plpgsql ADD VIEW geometry_columns",
    "ALTER EXTENSION plpgsql ADD MATERIALIZED VIEW raster_columns",
    "ALTER EXTENSION plpgsql ADD SEQUENCE topology_id_seq",
    "ALTER EXTENSION plpgsql ADD TYPE raster_kind",
    "ALTER EXTENSION plpgsql ADD FUNCTION area()",
    "INSERT INTO spatial_ref_sys (srid, auth) VALUES (1, 'a')",
)


@pytest.fixture
def url(database: Callable[[str], sa.URL]) -> Iterator[sa.URL]:
    """Return a database in which an extension owns an object of each kind."""
    found = database("postgresql")
    with opened(found) as db:
        db.execute(*OBJECTS)
    yield found


def models(*more: sa.schema.SchemaItem) -> sa.MetaData:
    """Return tables in both schemas, so that both are read, and a view, so that views are."""
    metadata = sa.MetaData()
    sa.Table("places", metadata, sa.Column("id", sa.Integer, primary_key=True), *more)
    sa.Table("maps", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="topology")
    sa.Sequence("own_seq", metadata=metadata)
    return metadata


def count(url: sa.URL) -> int:
    with opened(url) as db:
        return int(db.rows("SELECT count(*) FROM spatial_ref_sys")[0][0])


def test_the_objects_of_an_extension_are_not_compared(url: sa.URL, tmp_path: Path) -> None:
    project = Project(url, models(), tmp_path / "m")
    draft = project.draft("create")
    assert draft is not None
    assert draft.summary == ("+ sequence own_seq", "+ table places", "+ table topology.maps")
    draft.write()
    project.upgrade()
    assert not project.check()
    assert project.generate("again") is None
    assert project.rehearse().passed
    reasons = {item.name: item.reason for item in project.left_alone()}
    for name in ("spatial_ref_sys", "topology.layer", "geometry_columns", "topology_id_seq"):
        assert reasons[name] == "belongs to the extension plpgsql"
    project.downgrade("base")
    assert count(url) == 1


def test_a_baseline_does_not_create_them(url: sa.URL, tmp_path: Path) -> None:
    with opened(url) as db:
        db.execute("CREATE TABLE places (id integer PRIMARY KEY)")
    project = Project(url, directory=tmp_path / "m")
    baseline = project.baseline()
    assert baseline.draft.summary == ("+ table places",)


def test_models_can_declare_them(url: sa.URL, tmp_path: Path) -> None:
    """A table, a view, a sequence and a type are neither created nor altered nor dropped.

    A foreign key to the table is created.
    """
    metadata = models(
        sa.Column("srid", sa.ForeignKey("spatial_ref_sys.srid")),
        sa.Column("kind", sa.Enum("a", "b", "c", name="raster_kind")),
    )
    sa.Table("spatial_ref_sys", metadata, sa.Column("srid", sa.Integer, primary_key=True))
    sa.Sequence("topology_id_seq", metadata=metadata)
    project = Project(url, metadata, tmp_path / "m")
    draft = project.draft("create")
    assert draft is not None
    assert draft.proof is not None
    assert draft.proof.skipped is None
    assert draft.summary == ("+ sequence own_seq", "+ table places", "+ table topology.maps")
    draft.write()
    project.upgrade()
    assert not project.check()
    assert not project.check(offline=True)
    without = Project(url, models(), tmp_path / "m")
    summary = without.draft("less", allow_drop=True)
    assert summary is not None
    assert "spatial_ref_sys" not in "".join(summary.summary)
    project.downgrade("base")
    assert count(url) == 1
