"""Test migrations that name columns, indexes and constraints in another case than they have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.support import Folder, opened

TABLES = (
    "CREATE TABLE authors (ID INTEGER NOT NULL PRIMARY KEY, Name VARCHAR(20), age INTEGER)",
    "CREATE TABLE books (id INTEGER NOT NULL PRIMARY KEY, author INTEGER, "
    "CONSTRAINT fk_author FOREIGN KEY (author) REFERENCES authors (ID))",
    "CREATE INDEX ix_name ON authors (Name)",
    "INSERT INTO authors VALUES (1, 'Anna', 20)",
    "INSERT INTO books VALUES (2, 1)",
)
STEPS = {
    "two changes of a column": (
        'op.alter_column("authors", "NAME", nullable=False, existing_type=sa.String(20))\n'
        'op.alter_column("authors", "name", type_=sa.String(30), existing_nullable=False)',
        {"ID", "Name", "age"},
    ),
    "a column is renamed twice": (
        'op.alter_column("authors", "name", new_column_name="Label")\n'
        'op.alter_column("authors", "LABEL", new_column_name="name")\n'
        'op.alter_column("authors", "NAME", nullable=False, existing_type=sa.String(20))',
        {"ID", "name", "age"},
    ),
    "two columns exchange their names": (
        'op.alter_column("authors", "NAME", new_column_name="Spare")\n'
        'op.alter_column("authors", "AGE", new_column_name="Name")\n'
        'op.alter_column("authors", "SPARE", new_column_name="Age")\n'
        'op.create_check_constraint("positive", "authors", "NAME > 0")',
        {"ID", "Name", "Age"},
    ),
    "a constraint of a column that is renamed": (
        'op.create_unique_constraint("UQ_age", "authors", ["AGE", "NAME"])\n'
        'op.alter_column("authors", "Age", new_column_name="years")\n'
        'op.drop_constraint("uq_AGE", "authors", type_="unique")',
        {"ID", "Name", "years"},
    ),
    "an index in a batch": (
        'with op.batch_alter_table("authors") as batch:\n'
        '    batch.alter_column("NAME", existing_type=sa.String(20), nullable=False)\n'
        '    batch.create_index("IX_age", ["AGE"])\n'
        '    batch.drop_index("ix_AGE")\n'
        '    batch.drop_column("AGE")',
        {"ID", "Name"},
    ),
    "a foreign key": (
        'op.add_column("books", sa.Column("Second", sa.Integer()))\n'
        'op.create_foreign_key("fk_second", "books", "authors", ["SECOND"], ["id"])\n'
        'op.alter_column("authors", "id", new_column_name="key")\n'
        'op.drop_constraint("FK_AUTHOR", "books", type_="foreignkey")',
        {"key", "Name", "age"},
    ),
}


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
@pytest.mark.parametrize("name", STEPS)
def test_a_migration_can_name_a_column_in_two_cases(
    name: str, kind: str, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A column keeps its spelling unless it is renamed, and the rows are kept."""
    code, columns = STEPS[name]
    url = database(kind)
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", code)
    with opened(url) as db:
        db.execute(*TABLES)
        Project(url, directory=folder.path).upgrade()
        found = db.connection.execute(sa.text("SELECT * FROM authors")).mappings().one()
        if kind == "sqlite":
            assert set(found) == columns
        assert {column.lower() for column in found} == {column.lower() for column in columns}
        assert 1 in found.values()
        assert "Anna" in found.values()
        assert db.connection.execute(sa.text("SELECT author FROM books")).scalar_one() == 1
