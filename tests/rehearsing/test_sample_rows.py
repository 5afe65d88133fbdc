"""Test that the sample rows of many tables share savepoints, and that a refusal costs one table."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from autodiff.dialects import Scope, dialect_of
from autodiff.rehearse.sample_rows import insert_samples

TABLES = 40


def models(refusing: frozenset[int]) -> sa.MetaData:
    """Return tables that each refer to the one before; some refuse each generated row."""
    metadata = sa.MetaData()
    for number in range(TABLES):
        check = sa.CheckConstraint("n > 1000", name=f"large_{number}")
        sa.Table(
            f"t{number:02d}",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("n", sa.Integer, nullable=False),
            sa.Column("before_id", sa.ForeignKey(f"t{max(number - 1, 0):02d}.id")),
            *([check] if number in refusing else []),
        )
    return metadata


@pytest.mark.parametrize(
    ("refusing", "most_savepoints"),
    [(frozenset(), 1), (frozenset([TABLES - 1]), 70), (frozenset(range(0, TABLES, 3)), 300)],
    ids=["none", "the last", "every third"],
)
def test_many_tables_share_a_savepoint(
    any_database: sa.URL, refusing: frozenset[int], most_savepoints: int
) -> None:
    engine = sa.create_engine(any_database, poolclass=sa.NullPool)
    metadata = models(refusing)
    metadata.create_all(engine)
    savepoints: list[str] = []
    with engine.connect() as connection:
        sa.event.listen(connection, "savepoint", lambda _, name: savepoints.append(name))
        dialect = dialect_of(connection)
        schema = dialect.catalog.reflect(connection, Scope())
        notes = insert_samples(connection, dialect, schema, schema, {})
        counts = [
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in metadata.sorted_tables
        ]
    engine.dispose()
    assert counts == [0 if number in refusing else 3 for number in range(TABLES)]
    assert [note.split(":")[0] for note in notes] == [
        f"no sample rows in t{number:02d}" for number in sorted(refusing)
    ]
    assert 0 < len(savepoints) <= most_savepoints
