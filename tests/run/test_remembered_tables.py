"""Test that a table remembered during a migration matches the catalog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support import Folder, opened

ID = 'sa.Column("id", sa.Integer(), primary_key=True)'
TABLES = (
    f'op.create_table("t", {ID}, sa.Column("a", sa.String(20), comment="of a"), '
    'sa.Column("b", sa.Integer(), server_default="1"), sa.Column("c", sa.Text()))\n'
    'op.create_index("ix_a_b", "t", ["a", "b"])'
)
SEQUENCES = {
    "the same column twice": [
        'op.alter_column("t", "a", type_=sa.String(40))',
        'op.alter_column("t", "a", nullable=False)',
        'op.alter_column("t", "a", server_default="x")',
    ],
    "a new column": [
        'op.add_column("t", sa.Column("d", sa.Boolean(), server_default=sa.true()))',
        'op.alter_column("t", "d", nullable=False)',
        'op.alter_column("t", "b", type_=sa.BigInteger())',
        'op.create_index("ix_d", "t", ["d"])',
    ],
    "a new column with a check of the server": [
        'op.add_column("t", sa.Column("d", sa.JSON()))',
        'op.alter_column("t", "c", type_=sa.String(30))',
        'op.alter_column("t", "d", nullable=False)',
    ],
    "a dropped column": [
        'op.drop_column("t", "a")',
        'op.alter_column("t", "b", nullable=False)',
        'op.add_column("t", sa.Column("a", sa.Integer()))',
        'op.alter_column("t", "a", server_default="5")',
        'op.create_index("ix_a_b", "t", ["a", "b"])',
    ],
    "indexes of a new table": [
        f'op.create_table("child", {ID}, sa.Column("a_id", sa.Integer()), sa.Column("n", '
        'sa.Integer()), sa.ForeignKeyConstraint(["a_id"], ["t.id"], name="fk_child"))',
        'op.create_index("ix_n", "child", ["n"])',
        'op.create_index("ix_n_a", "child", ["n", "a_id"])',
        'op.create_index("ix_a_n", "child", ["a_id", "n"])',
        'op.create_index("ix_a", "child", ["a_id"])',
    ],
    "indexes of a new table that changes": [
        f'op.create_table("child", {ID}, sa.Column("a_id", sa.Integer()), '
        'sa.Column("n", sa.Integer()))',
        'op.create_index("ix_n", "child", ["n"])',
        'op.create_foreign_key("fk_child", "child", "t", ["a_id"], ["id"])',
        'op.create_index("ix_a", "child", ["a_id"])',
        'op.drop_index("ix_n", "child")',
        'op.create_index("ix_n", "child", ["n", "a_id"])',
    ],
    "an index of a counter": [
        f'op.create_table("child", {ID}, sa.Column("k", sa.String(9)))',
        'op.create_index("ix_id", "child", ["id"])',
    ],
    "a renamed column": [
        'op.alter_column("t", "b", type_=sa.BigInteger())',
        'op.rename_column("t", "b", "z")',
        'op.alter_column("t", "z", nullable=False)',
        'op.drop_column("t", "c")',
    ],
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_one_migration_does_what_several_do(
    kind: str, database: Callable[[str], sa.URL], tmp_path: Path, name: str
) -> None:
    """Each of several migrations reads the tables anew."""
    steps = SEQUENCES[name]
    found = []
    for number, parts in enumerate([["\n".join(steps)], steps]):
        folder = Folder(tmp_path / f"{number}")
        folder.write("start", TABLES, "pass")
        for place, code in enumerate(parts):
            folder.write(f"step{place}", code, "pass")
        with opened(database(kind)) as db:
            db.runner(folder).upgrade()
            found.append(db.schema())
    assert found[0] == found[1]
