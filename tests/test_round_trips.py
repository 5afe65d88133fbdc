"""Test that a check needs few round trips to the server, for any number of tables and schemas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.servers.proxy import open_proxy

LATENCY = 0.02
"""Seconds that each round trip takes longer."""
LIMIT = 11
SECOND = {"postgresql": 4, "mariadb": 6}
"""Two queries of autodiff. The others set up a connection: psycopg sends two messages; PyMySQL logs
in, sets the character set and turns autocommit off, and SQLAlchemy sets the character set again."""
MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
for schema in {schemas}:
    for number in range({tables}):
        sa.Table(
            f"things_{{number}}",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(20), unique=True, server_default="x"),
            sa.Column("number", sa.Integer, index=True),
            schema=schema,
        )
"""
MIGRATION = """
revision = "a1"
parents = ()


def upgrade():
    pass


def downgrade():
    pass
"""


def _create_schemas(url: sa.URL, amount: int, database: Callable[[str], sa.URL]) -> list[str]:
    """Create schemas and return their names; a schema of MariaDB is another database."""
    if url.get_backend_name() == "mysql":
        return [str(database("mariadb").database) for _ in range(amount)]
    names = [f"schema_{number}" for number in range(amount)]
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for name in names:
            connection.execute(sa.schema.CreateSchema(name))
    engine.dispose()
    return names


@pytest.mark.parametrize(("schemas", "tables"), [(1, 10), (10, 1), (10, 30)])
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_check_needs_few_round_trips(
    kind: str,
    schemas: int,
    tables: int,
    database: Callable[[str], sa.URL],
    tmp_path: Path,
) -> None:
    """The first check is below the limit, and the second one needs two queries."""
    url = database(kind)
    names = [None, *_create_schemas(url, schemas - 1, database)]
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_nothing.py").write_text(MIGRATION)
    module = f"models_{kind}_{schemas}_{tables}"
    (tmp_path / f"{module}.py").write_text(MODELS.format(schemas=names, tables=tables))
    (tmp_path / "autodiff.toml").write_text(f'models = "{module}:metadata"\n')
    text = url.render_as_string(hide_password=False)
    project = Project.load(tmp_path, url=text)
    [metadata] = project.metadata()
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    metadata.create_all(engine)
    project.upgrade()
    engine.dispose()
    with open_proxy(url, LATENCY) as (proxy, through):
        project = Project.load(tmp_path, url=through.render_as_string(hide_password=False))
        first = project.check(cache=True)
        first_trips, proxy.trips = proxy.trips, 0
        second = project.check(cache=True)
        second_trips = proxy.trips
    assert not first, first
    assert second == first
    assert first_trips <= LIMIT
    assert second_trips == SECOND[kind]
