"""Parts written by hand are undone where the file says how, in the right order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from tests.run.killing import upgrade_killed
from tests.run.test_killed import moments
from tests.support import Database, Folder, opened

CREATE = """
op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer()))
op.execute("INSERT INTO t VALUES (1, 10), (2, 20)")
"""
FUNCTIONS = """

def double(connection):
    connection.execute(sa.text("UPDATE t SET n = n * 2"))


def halve(connection):
    connection.execute(sa.text("UPDATE t SET n = n / 2"))


def add_ids(connection):
    connection.execute(sa.text("UPDATE t SET n = n + m"))


def take_ids(connection):
    connection.execute(sa.text("UPDATE t SET n = n - m"))
"""
ADD_M = 'op.add_column("t", sa.Column("m", sa.Integer(), server_default="3"))'
DROP_M = 'op.drop_column("t", "m")'
FAILS = 'op.create_unique_constraint("uq_m", "t", ["m"])'


@pytest.fixture
def mariadb(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("mariadb")) as found:
        yield found


def folder_of(path: Path, up: str, down: str) -> Folder:
    folder = Folder(path / "m")
    folder.write("aaaa", CREATE, 'op.drop_table("t")')
    file = folder.write("bbbb", up, down)
    file.write_text(file.read_text() + FUNCTIONS)
    return folder


def stop(db: Database, folder: Folder) -> tuple[object, ...]:
    """Lets the second migration fail; the state before it."""
    db.runner(folder).upgrade("aaaa")
    before = db.state()
    with pytest.raises(MigrationFailedError):
        db.runner(folder).upgrade()
    assert db.rows("SELECT n FROM t") != [(10,), (20,)]
    return before


def lines(*parts: str) -> str:
    return "\n".join(parts)


DROP_UNIQUE = 'op.drop_constraint("uq_m", "t", type_="unique")'
CASES = {
    "reverse alone": (
        lines(ADD_M, "op.run(add_ids, reverse=take_ids)", "op.run(double, reverse=halve)", FAILS),
        lines(DROP_UNIQUE, DROP_M),
    ),
    "the same in downgrade": (
        lines(ADD_M, "op.run(add_ids, reverse=take_ids)", "op.run(double, reverse=halve)", FAILS),
        lines(DROP_UNIQUE, "op.run(halve)", "op.run(take_ids)", DROP_M),
    ),
    "one of them in downgrade": (
        lines(ADD_M, "op.run(add_ids, reverse=take_ids)", "op.run(double, reverse=halve)", FAILS),
        lines(DROP_UNIQUE, "op.run(take_ids)", DROP_M),
    ),
    "statements": (
        lines(
            'op.execute("UPDATE t SET n = n + 7", reverse="UPDATE t SET n = n - 7")',
            ADD_M,
            'op.execute("UPDATE t SET n = n * m", reverse="UPDATE t SET n = n / m")',
            FAILS,
        ),
        lines(DROP_UNIQUE, 'op.execute("UPDATE t SET n = n / m")', DROP_M),
    ),
    "rows of a new table": (
        lines(
            "op.run(double, reverse=halve)",
            'op.create_table("u", sa.Column("id", sa.Integer(), primary_key=True))',
            'op.bulk_insert(sa.table("u", sa.column("id")), [{"id": 1}, {"id": 2}])',
            'op.execute("INSERT INTO u VALUES (3)")',
            'op.create_index("ix", "u", ["nothing_there"])',
        ),
        lines('op.drop_index("ix", "u")', 'op.drop_table("u")', "op.run(halve)"),
    ),
    "what was not reached": (
        lines(ADD_M, "op.run(double, reverse=halve)", FAILS, "op.run(add_ids)"),
        lines(DROP_UNIQUE, "op.run(halve)", DROP_M),
    ),
}


@pytest.mark.parametrize("up, down", CASES.values(), ids=CASES)
def test_what_says_its_way_back_is_taken_back(
    mariadb: Database, tmp_path: Path, up: str, down: str
) -> None:
    """Each once, and before what it rests on."""
    folder = folder_of(tmp_path, up, down)
    before = stop(mariadb, folder)
    assert [m.revision for m in mariadb.runner(folder).downgrade()] == ["bbbb"]
    assert mariadb.state() == before
    assert mariadb.runner(folder).unfinished() is None


def test_a_downgrade_that_stopped_is_taken_back_too(mariadb: Database, tmp_path: Path) -> None:
    """By what upgrade() did."""
    folder = folder_of(
        tmp_path,
        lines("op.run(double, reverse=halve)", ADD_M),
        lines(DROP_M, "op.run(halve)", 'op.execute("SELECT nonsense")'),
    )
    mariadb.runner(folder).upgrade()
    whole = mariadb.state()
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).downgrade()
    assert mariadb.rows("SELECT n FROM t ORDER BY id") == [(10,), (20,)]
    assert mariadb.runner(folder).upgrade() == []
    assert mariadb.state() == whole


UNKNOWN = {
    "a function without": (lines(ADD_M, "op.run(double)", FAILS), lines(DROP_UNIQUE, DROP_M)),
    "a function of downgrade": (lines(ADD_M, FAILS), lines(DROP_UNIQUE, "op.run(halve)", DROP_M)),
    "rows of downgrade": (
        lines(ADD_M, FAILS),
        lines(DROP_UNIQUE, "op.execute(sa.delete(sa.table('t')))", DROP_M),
    ),
    "a connection": (
        lines(ADD_M, "double(op.get_bind())", FAILS),
        lines(DROP_UNIQUE, "op.run(halve)", DROP_M),
    ),
    "an index behind a statement": (
        lines(ADD_M, FAILS, 'op.execute("CREATE INDEX ix ON t (n)")'),
        lines('op.drop_index("ix", "t")', DROP_UNIQUE, DROP_M),
    ),
}


@pytest.mark.parametrize("up, down", UNKNOWN.values(), ids=UNKNOWN)
def test_what_does_not_is_named(mariadb: Database, tmp_path: Path, up: str, down: str) -> None:
    """Nothing is touched, and the hint says how a file tells it."""
    folder = folder_of(tmp_path, up, down)
    mariadb.runner(folder).upgrade("aaaa")
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).upgrade()
    before = mariadb.state()
    with pytest.raises(MigrationFailedError, match="hand-written part") as caught:
        mariadb.runner(folder).downgrade()
    assert "op.run(function, reverse=...)" in str(caught.value.hint)
    assert mariadb.state() == before


def test_killed_while_it_is_taken_back(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """The next downgrade goes on with it: each function is called once."""
    folder = folder_of(tmp_path, *CASES["one of them in downgrade"])
    with opened(database("mariadb")) as db:
        wanted = stop(db, folder)
        db.runner(folder).downgrade()
        assert db.state() == wanted
    kills = 0
    for moment in moments(60):
        url = database("mariadb")
        with opened(url) as db:
            stop(db, folder)
        kills += upgrade_killed(url, folder, moment, direction="downgrade", target="-1")
        with opened(url) as db:
            if db.runner(folder).unfinished() is not None:
                db.runner(folder).downgrade()
            assert db.state() == wanted, moment
    assert kills >= 5


def test_reverse_is_for_text(mariadb: Database, tmp_path: Path) -> None:
    """A statement of SQLAlchemy has none; the hint names what has."""
    folder = folder_of(tmp_path, 'op.execute(sa.select(1), reverse="SELECT 1")', "pass")
    with pytest.raises(MigrationFailedError, match="reverse for SQL text alone") as caught:
        mariadb.runner(folder).upgrade()
    assert "op.run(function, reverse=...)" in str(caught.value.hint)
