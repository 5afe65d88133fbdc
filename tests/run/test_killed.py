"""A runner that is killed at any moment loses nothing, and the next run knows what to do."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.run.killing import Moment, place_of, statements_of, upgrade_killed
from tests.support import Folder, opened

ALL = bool(os.environ.get("AUTODIFF_TEST_KILLS"))
"""Whether every moment is tried: some hundred on each database."""
KINDS = ("sqlite", "postgresql", "mariadb")
PEOPLE = """
op.create_table(
    "people",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("age", sa.Integer()),
)
op.create_index("ix_people_name", "people", ["name"])
"""
MANY_STEPS = """
op.execute("INSERT INTO people (id, name) VALUES (1, 'ann'), (2, 'bob'), (3, 'cy')")
op.add_column("people", sa.Column("email", sa.String(99)))
op.backfill("people", {"email": sa.column("name")}, where="email IS NULL")
op.alter_column("people", "email", existing_type=sa.String(99), nullable=False)
op.run(grow_old)
op.create_unique_constraint("uq_people_email", "people", ["email"])
op.create_table(
    "pets",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("owner_id", sa.Integer(), sa.ForeignKey("people.id", name="fk_owner")),
)
connection = op.get_bind()
connection.execute(sa.text("UPDATE people SET name = upper(name)"))
op.execute("INSERT INTO pets (id, owner_id) SELECT id + 10, id FROM people")
op.drop_index("ix_people_name", table_name="people")
op.rename_column("people", "age", "years")
"""
BACK = """
op.rename_column("people", "years", "age")
op.create_index("ix_people_name", "people", ["name"])
op.drop_table("pets")
op.drop_constraint("uq_people_email", "people", type_="unique")
op.drop_column("people", "email")
op.execute("DELETE FROM people")
"""
GROW_OLD = """

def grow_old(connection):
    connection.execute(sa.text("UPDATE people SET age = coalesce(age, 0) + 30"))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Two migrations, the second of many steps of every kind."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    path = folder.write("bbbb", MANY_STEPS, BACK)
    path.write_text(path.read_text() + GROW_OLD)
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_killed_at_any_statement_the_next_run_comes_to_the_same_end(
    database: Callable[[str], sa.URL], folder: Folder, kind: str, direction: str
) -> None:
    """Before and after each statement: the end is that of a run that nobody disturbed."""
    whole = database(kind)
    upward = statements_of(whole, folder)
    count = upward if direction == "upgrade" else statements_of(whole, folder, direction=direction)
    with opened(whole) as db:
        wanted = db.state()
    assert count > 20
    kills = 0
    for moment in moments(count):
        url = database(kind)
        if direction == "downgrade":
            statements_of(url, folder)
        kills += upgrade_killed(url, folder, moment, direction=direction)
        statements_of(url, folder, direction=direction)
        with opened(url) as db:
            assert db.state() == wanted, moment
    assert kills >= 10
    print(f"{kind}, {direction}: {kills} kills, each recovered, no difference")


def moments(count: int) -> list[Moment]:
    """Before and after each of so many statements; a part of them, unless all are asked for."""
    every = [Moment(n, when) for n in range(count) for when in ("before", "after")]
    return every if ALL else every[:: len(every) // 16]


OUTSIDE = """
op.add_column("people", sa.Column("email", sa.String(99)))
with op.autocommit():
    op.create_index("ix_people_email", "people", ["email"])
op.add_column("people", sa.Column("phone", sa.String(99)))
"""
OUTSIDE_BACK = """
op.drop_column("people", "phone")
with op.autocommit():
    op.drop_index("ix_people_email", table_name="people")
op.drop_column("people", "email")
"""


def test_killed_twice_at_one_step_outside_of_the_transaction(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """That the index was built is known to the third run too, wherever the second one ended."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    folder.write("bbbb", OUTSIDE, OUTSIDE_BACK)
    whole = database("postgresql")
    place = place_of("CREATE INDEX ix_people_email", whole, folder)
    with opened(whole) as db:
        wanted = db.state()
    for second in itertools.count(0, 1 if ALL else 3):
        url = database("postgresql")
        assert upgrade_killed(url, folder, Moment(place, "after"))
        if not upgrade_killed(url, folder, Moment(second, "after")):
            break
        statements_of(url, folder)
        with opened(url) as db:
            assert db.state() == wanted, second
    assert second > 10
