"""Test that a killed run loses nothing and that the next run reaches the same result."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.run.killing import Moment, count_statements, last_statement_number, run_and_kill
from tests.support import Folder, opened

ALL_MOMENTS = bool(os.environ.get("AUTODIFF_TEST_KILLS"))
"""Whether to try every moment: several hundred on each database, instead of a sample."""
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
if op.get_context().dialect.name == "mysql":
    op.execute("CREATE PROCEDURE grow() UPDATE people SET age = age + 1")
    op.execute("CALL grow()")
    op.execute("CREATE TRIGGER shift BEFORE INSERT ON pets FOR EACH ROW SET NEW.id = NEW.id + 100")
    op.execute("CREATE FUNCTION three() RETURNS INT DETERMINISTIC RETURN 3")
    op.execute("UPDATE people SET age = age + three()")
connection = op.get_bind()
connection.execute(sa.text("UPDATE people SET name = upper(name)"))
op.execute("INSERT INTO pets (id, owner_id) SELECT id + 10, id FROM people")
op.drop_index("ix_people_name", table_name="people")
op.rename_column("people", "age", "years")
"""
REVERT_STEPS = """
op.rename_column("people", "years", "age")
op.create_index("ix_people_name", "people", ["name"])
if op.get_context().dialect.name == "mysql":
    op.execute("DROP FUNCTION three")
    op.execute("DROP TRIGGER shift")
    op.execute("CALL grow()")
    op.execute("DROP PROCEDURE grow")
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
    """Return two migrations; the second has many steps of every kind."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    path = folder.write("bbbb", MANY_STEPS, REVERT_STEPS)
    path.write_text(path.read_text() + GROW_OLD)
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_a_run_killed_at_any_statement_is_completed_by_the_next(
    database: Callable[[str], sa.URL], folder: Folder, kind: str, direction: str
) -> None:
    """The result is that of an undisturbed run, for kills before and after each statement."""
    undisturbed = database(kind)
    upgrade_count = count_statements(undisturbed, folder)
    count = (
        upgrade_count
        if direction == "upgrade"
        else count_statements(undisturbed, folder, direction=direction)
    )
    with opened(undisturbed) as db:
        expected_state = db.state()
    assert count > 20
    kills = 0
    for moment in moments(count):
        url = database(kind)
        if direction == "downgrade":
            count_statements(url, folder)
        kills += run_and_kill(url, folder, moment, direction=direction)
        count_statements(url, folder, direction=direction)
        with opened(url) as db:
            assert db.state() == expected_state, moment
    assert kills >= 10
    print(f"{kind}, {direction}: {kills} kills, each recovered, no difference")


def moments(count: int) -> list[Moment]:
    """Return the moments before and after each statement, or a sample of about 16 of them."""
    all_moments = [Moment(n, when) for n in range(count) for when in ("before", "after")]
    return all_moments if ALL_MOMENTS else all_moments[:: len(all_moments) // 16]


AUTOCOMMIT_STEPS = """
op.add_column("people", sa.Column("email", sa.String(99)))
with op.autocommit():
    op.create_index("ix_people_email", "people", ["email"])
op.add_column("people", sa.Column("phone", sa.String(99)))
"""
ROWS = """op.execute("INSERT INTO people (id, name, age) VALUES (1, 'ann', 1), (2, 'bob', 2)")"""
REVERT_AUTOCOMMIT_STEPS = """
op.drop_column("people", "phone")
with op.autocommit():
    op.drop_index("ix_people_email", table_name="people")
op.drop_column("people", "email")
"""


@pytest.mark.parametrize("others", [0, 60], ids=["few tables", "many tables"])
def test_a_table_rebuilt_outside_the_transaction_is_never_lost(
    database: Callable[[str], sa.URL], tmp_path: Path, others: int
) -> None:
    """Among many tables, SQLite copies rows by a temporary table, which a kill would lose."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    rebuild = 'with op.autocommit():\n    op.alter_column("people", "age", type_=sa.String(9))'
    folder.write("bbbb", f"{ROWS}\n{rebuild}", 'op.execute("DELETE FROM people")')

    def filled() -> sa.URL:
        url = database("sqlite")
        with opened(url) as db:
            for number in range(others):
                db.connection.exec_driver_sql(f"CREATE TABLE other{number} (id INTEGER)")
            db.connection.commit()
        return url

    undisturbed = filled()
    count = count_statements(undisturbed, folder)
    with opened(undisturbed) as db:
        expected_state = db.state()
        assert db.rows("SELECT age FROM people ORDER BY id") == [("1",), ("2",)]
    kills = 0
    for moment in moments(count):
        url = filled()
        kills += run_and_kill(url, folder, moment)
        count_statements(url, folder)
        with opened(url) as db:
            assert db.state() == expected_state, moment
    assert kills > 10


def test_a_second_kill_outside_the_transaction_is_recovered(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The third run knows that the index was built, no matter when the second one was killed."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    folder.write("bbbb", AUTOCOMMIT_STEPS, REVERT_AUTOCOMMIT_STEPS)
    undisturbed = database("postgresql")
    index_number = last_statement_number("CREATE INDEX ix_people_email", undisturbed, folder)
    with opened(undisturbed) as db:
        expected_state = db.state()
    for second_number in itertools.count(0, 1 if ALL_MOMENTS else 3):
        url = database("postgresql")
        assert run_and_kill(url, folder, Moment(index_number, "after"))
        if not run_and_kill(url, folder, Moment(second_number, "after")):
            break
        count_statements(url, folder)
        with opened(url) as db:
            assert db.state() == expected_state, second_number
    assert second_number > 10
