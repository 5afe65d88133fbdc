"""Test that SQLite's check of foreign keys never undoes a migration silently."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import AutodiffError
from tests.support import Database, Folder, opened

PARENT = "CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT)"
UNCHECKABLE = {
    "not unique": "CREATE TABLE child (code TEXT REFERENCES parent (code))",
    "no such column": "CREATE TABLE child (code TEXT REFERENCES parent (missing))",
    "wrong number of columns": (
        "CREATE TABLE child (a TEXT, code TEXT, FOREIGN KEY (a, code) REFERENCES parent)"
    ),
    "temporary": "CREATE TEMPORARY TABLE child (code TEXT REFERENCES parent (code));"
    "CREATE TEMPORARY TABLE parent (id INTEGER PRIMARY KEY, code TEXT)",
    "quoted": 'CREATE TABLE "the "" child" (code TEXT REFERENCES parent (code))',
}
NEW_TABLE = 'op.create_table("new", sa.Column("id", sa.Integer(), primary_key=True))'
ORDERS = "CREATE TABLE orders (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))"


@pytest.fixture
def url(database: Callable[[str], sa.URL]) -> sa.URL:
    return database("sqlite")


@pytest.fixture
def db(url: sa.URL) -> Iterator[Database]:
    with opened(url) as db:
        db.execute(PARENT)
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "m")


@pytest.mark.parametrize("enforced", [False, True], ids=["off", "on"])
@pytest.mark.parametrize("child", UNCHECKABLE.values(), ids=UNCHECKABLE)
def test_a_migration_is_applied_beside_a_key_that_cannot_be_checked(
    db: Database, folder: Folder, child: str, enforced: bool
) -> None:
    """The key was there before, and stays."""
    db.execute(*child.split(";"), f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")
    folder.write("aaaa", NEW_TABLE, 'op.drop_table("new")')
    assert [m.revision for m in db.runner(folder).upgrade()] == ["aaaa"]
    assert "new" in db.tables()
    assert db.history() == ["aaaa"]
    assert [m.revision for m in db.runner(folder).downgrade()] == ["aaaa"]
    assert "new" not in db.tables()
    assert db.history() == []
    assert db.rows("PRAGMA foreign_keys") == [(int(enforced),)]


@pytest.mark.parametrize("child", [UNCHECKABLE["not unique"], ""], ids=["mismatch", "none"])
def test_violations_of_other_keys_are_still_refused(
    db: Database, folder: Folder, child: str
) -> None:
    """A key that cannot be checked does not hide the others, nor rows that were there before."""
    db.execute(ORDERS, "INSERT INTO orders VALUES (1, 99)", *([child] if child else []))
    folder.write("aaaa", 'op.execute("INSERT INTO orders VALUES (2, NULL)")')
    folder.write("bbbb", 'op.execute("INSERT INTO orders VALUES (3, 5)")')
    with pytest.raises(AutodiffError, match="violate foreign keys: orders -> parent"):
        db.runner(folder).upgrade()
    assert db.rows("SELECT id FROM orders ORDER BY id") == [(1,), (2,)]
    assert db.history() == ["aaaa"]


@pytest.mark.parametrize(
    ("child", "row"),
    [
        ("CREATE TABLE child (code TEXT REFERENCES parent (code))", "'nothing'"),
        (
            "CREATE TABLE child (code TEXT REFERENCES parent (code), "
            "parent_id INTEGER REFERENCES parent)",
            "'a', 5",
        ),
    ],
    ids=["its own key", "another key of its table"],
)
def test_rows_are_checked_where_sqlite_cannot(
    db: Database, folder: Folder, child: str, row: str
) -> None:
    """Rows without a parent are counted by a query."""
    db.execute("INSERT INTO parent VALUES (1, 'a')", child)
    folder.write("aaaa", f'op.execute("INSERT INTO child VALUES ({row})")')
    with pytest.raises(AutodiffError, match="violate foreign keys: child -> parent"):
        db.runner(folder).upgrade()
    assert db.rows("SELECT * FROM child") == []
    assert db.history() == []


ADD_KEY = """
op.create_table("child", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("code", sa.Text(), sa.ForeignKey("parent.code", name="fk_code")))
"""


@pytest.mark.parametrize("enforced", [False, True], ids=["off", "on"])
def test_a_new_key_that_cannot_be_checked_is_refused_only_if_keys_are_enforced(
    db: Database, folder: Folder, enforced: bool
) -> None:
    """SQLite accepts it, and refuses each write to the child while foreign keys are on."""
    db.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")
    folder.write("aaaa", ADD_KEY)
    if not enforced:
        db.runner(folder).upgrade()
        assert db.history() == ["aaaa"]
        return
    with pytest.raises(AutodiffError, match="columns that are not unique") as caught:
        db.runner(folder).upgrade()
    assert caught.value.hint == "add a unique constraint on the columns that the key refers to"
    assert db.tables() == ["parent"]
    assert db.history() == []


ADD_CHILD = """
op.create_table("child", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("parent_id", sa.Integer(), sa.ForeignKey("parent.id", name="fk_parent")))
"""
KEEPING = {
    "a new table": NEW_TABLE,
    "a new column": 'op.add_column("orders", sa.Column("n", sa.Integer(), server_default="3"))',
    "a new index": 'op.create_index("ix_parent", "orders", ["parent_id"])',
    "a dropped index": (
        'op.create_index("ix_parent", "orders", ["parent_id"])\n'
        'op.drop_index("IX_parent", table_name="orders")'
    ),
    "a dropped column": 'op.drop_column("parent", "code")',
    "a view": 'op.create_view("v", "SELECT id FROM parent")\nop.drop_view("v")',
    "a check of rows": 'op.require("SELECT id FROM parent WHERE code = \'x\'", "no x")',
}
BREAKING = {
    "SQL": 'op.execute("UPDATE orders SET parent_id = 7")',
    "SQL after a new table": f'{NEW_TABLE}\nop.execute("UPDATE orders SET parent_id = 7")',
    "a function": "op.run(lambda c: c.exec_driver_sql('UPDATE orders SET parent_id = 7'))",
    "the connection": "op.get_bind().exec_driver_sql('UPDATE orders SET parent_id = 7')",
    "a clause": 'op.execute(sa.text("UPDATE orders SET parent_id = 7"))',
    "rows": 'op.bulk_insert(sa.table("orders", sa.column("parent_id")), [{"parent_id": 7}])',
    "a backfill": 'op.backfill("orders", {"parent_id": 7})',
    "a dropped parent": 'op.drop_table("parent")',
    "a renamed column": (
        'op.execute("PRAGMA legacy_alter_table = ON")\nop.rename_table("parent", "renamed")'
    ),
}


def checks(db: Database, run: Callable[[], object]) -> list[str]:
    """Return the checks of foreign keys that are sent when a function runs."""
    sent: list[str] = []
    sa.event.listen(
        db.connection, "before_cursor_execute", lambda *arguments: sent.append(arguments[2])
    )
    run()
    return [sql for sql in sent if "foreign_key_check" in sql]


@pytest.mark.parametrize("steps", KEEPING.values(), ids=KEEPING)
def test_rows_are_not_read_if_no_key_can_break(db: Database, folder: Folder, steps: str) -> None:
    """A check reads all rows with foreign keys, which can take much longer than the migration."""
    db.execute(ORDERS, "INSERT INTO parent (id) VALUES (1)", "INSERT INTO orders VALUES (1, 1)")
    folder.write("aaaa", steps)
    assert checks(db, lambda: db.runner(folder).upgrade()) == []
    assert db.history() == ["aaaa"]
    assert checks(db, lambda: db.runner(folder).stamp("base")) == []
    assert db.history() == []


def test_of_a_new_child_only_the_key_is_checked(db: Database, folder: Folder) -> None:
    folder.write("aaaa", ADD_CHILD)
    db.runner(folder).stamp("base")
    assert checks(db, lambda: db.runner(folder).upgrade()) == []
    assert db.history() == ["aaaa"]
    db.execute("DROP TABLE child", "PRAGMA foreign_keys = ON")
    db.runner(folder).stamp("base")
    assert checks(db, lambda: db.runner(folder).upgrade()) == [
        'PRAGMA "main".foreign_key_check("child")'
    ]


@pytest.mark.parametrize("steps", BREAKING.values(), ids=BREAKING)
def test_whatever_can_break_a_key_is_checked(db: Database, folder: Folder, steps: str) -> None:
    db.execute(ORDERS, "INSERT INTO parent (id) VALUES (1)", "INSERT INTO orders VALUES (1, 1)")
    folder.write("aaaa", steps)
    before = db.rows("SELECT * FROM orders")
    with pytest.raises(AutodiffError, match="violate foreign keys: orders -> parent"):
        db.runner(folder).upgrade()
    assert db.rows("SELECT * FROM orders") == before
    assert db.history() == []


def test_a_mismatch_of_a_new_table_is_new_after_other_steps(db: Database, folder: Folder) -> None:
    """The state before the steps is taken when the first one can break a key."""
    db.execute("PRAGMA foreign_keys = ON")
    folder.write("aaaa", f'{ADD_KEY}\nop.execute("INSERT INTO parent (id) VALUES (5)")')
    with pytest.raises(AutodiffError, match="columns that are not unique"):
        db.runner(folder).upgrade()


def test_a_unique_index_that_a_key_needs_is_not_dropped(db: Database, folder: Folder) -> None:
    db.execute(
        "PRAGMA foreign_keys = ON",
        "CREATE UNIQUE INDEX uq ON parent (code)",
        "CREATE TABLE child (code TEXT REFERENCES parent (code))",
    )
    folder.write("aaaa", 'op.drop_index("uq", table_name="parent")')
    with pytest.raises(AutodiffError, match="columns that are not unique"):
        db.runner(folder).upgrade()
    assert db.rows("SELECT name FROM sqlite_master WHERE name = 'uq'") == [("uq",)]


@pytest.mark.parametrize(
    ("steps", "parents", "children"),
    [
        ('op.alter_column("parent", "code", type_=sa.String(9))', [(5, "a")], [(1, 5)]),
        ('op.drop_column("parent", "code")', [(5,)], [(1, 5)]),
        ('op.create_unique_constraint("uq_code", "parent", ["code"])', [(5, "a")], [(1, 5)]),
        ('op.execute("DELETE FROM orders")\nop.drop_table("parent")', None, []),
    ],
    ids=["rebuild", "drop column", "constraint", "drop table"],
)
def test_no_row_is_deleted_outside_the_transaction(
    db: Database,
    folder: Folder,
    steps: str,
    parents: list[tuple[object, ...]] | None,
    children: list[tuple[object, ...]],
) -> None:
    """While keys are enforced, SQLite deletes the rows that refer to a table that is dropped."""
    orders = ORDERS.replace("(id)", "(id) ON DELETE CASCADE")
    db.execute(orders, "INSERT INTO parent VALUES (5, 'a')", "INSERT INTO orders VALUES (1, 5)")
    db.execute("PRAGMA foreign_keys = ON")
    folder.write("aaaa", f"with op.autocommit():\n{textwrap.indent(steps, '    ')}")
    db.runner(folder).upgrade()
    if parents is None:
        assert "parent" not in db.tables()
    else:
        assert db.rows("SELECT * FROM parent") == parents
    assert db.rows("SELECT * FROM orders") == children
    assert db.rows("PRAGMA foreign_keys") == [(1,)]


def test_each_step_outside_the_transaction_is_checked_once(db: Database, folder: Folder) -> None:
    """The state after a step is that before the next one: only the journal is written between."""
    db.execute(ORDERS, "INSERT INTO parent (id) VALUES (1)", "INSERT INTO orders VALUES (1, 1)")
    step = 'op.execute("UPDATE orders SET parent_id = 1")\n'
    folder.write("aaaa", f"with op.autocommit():\n{textwrap.indent(step * 20, '    ')}")
    assert len(checks(db, lambda: db.runner(folder).upgrade())) == 21


def test_rows_of_another_connection_are_seen_between_steps(db: Database, folder: Folder) -> None:
    """The next step is not blamed for a row that another connection broke."""
    db.execute(ORDERS, "INSERT INTO parent (id) VALUES (1)", "INSERT INTO orders VALUES (1, 1)")
    step = """
        import sqlite3

        path = op.get_bind().engine.url.database
        with op.autocommit():
            op.execute("UPDATE orders SET parent_id = 1")
            with sqlite3.connect(path) as other:
                other.execute("INSERT INTO orders VALUES (2, 7)")
            op.execute("UPDATE orders SET parent_id = 1 WHERE id = 1")
    """
    folder.write("aaaa", step)
    db.runner(folder).upgrade()
    assert db.rows("SELECT * FROM orders ORDER BY id") == [(1, 1), (2, 7)]


def test_a_key_broken_outside_the_transaction_is_refused(db: Database, folder: Folder) -> None:
    """A dropped table keeps the rows that refer to it, so it stays."""
    db.execute(ORDERS, "INSERT INTO parent VALUES (5, 'a')", "INSERT INTO orders VALUES (1, 5)")
    folder.write("aaaa", 'with op.autocommit():\n    op.drop_table("parent")')
    with pytest.raises(AutodiffError, match="violate foreign keys: orders -> parent"):
        db.runner(folder).upgrade()
    assert db.rows("SELECT * FROM parent") == [(5, "a")]
    assert db.history() == []


def test_a_rebuild_outside_the_transaction_is_checked_once_before_and_after(
    db: Database, folder: Folder
) -> None:
    """The transaction that was left learns nothing of it, as it has ended."""
    db.execute(ORDERS, "INSERT INTO parent (id) VALUES (1)", "INSERT INTO orders VALUES (1, 1)")
    rebuild = 'op.alter_column("parent", "code", type_=sa.String(9))'
    folder.write("aaaa", f"with op.autocommit():\n    {rebuild}")
    assert len(checks(db, lambda: db.runner(folder).upgrade())) == 2


DELETES = [
    "op.execute('DELETE FROM parent')",
    "op.execute(sa.delete(sa.table('parent')))",
    "op.run(lambda connection: connection.execute(sa.text('DELETE FROM parent')))",
    "op.bulk_insert(sa.table('orders', sa.column('parent_id')), [{'parent_id': 7}])",
]


@pytest.mark.parametrize("code", DELETES)
def test_new_violations_outside_of_the_transaction_are_refused(
    db: Database, folder: Folder, code: str
) -> None:
    """The step is rolled back, and the run is resumed after the rows are fixed."""
    db.execute(ORDERS, "INSERT INTO parent VALUES (1, 'a')", "INSERT INTO orders VALUES (1, 1)")
    folder.write("aaaa", f"with op.autocommit():\n    op.execute('VACUUM')\n    {code}")
    with pytest.raises(AutodiffError) as caught:
        db.runner(folder).upgrade()
    assert "rows that violate foreign keys: orders -> parent" in caught.value.message
    assert "each step in op.autocommit() must keep the keys" in f"{caught.value.hint}"
    assert db.rows("SELECT count(*) FROM parent, orders") == [(1,)]
    db.execute("DELETE FROM orders", "INSERT INTO parent VALUES (7, 'b')")
    db.runner(folder).upgrade()
    assert db.history() == ["aaaa"]


def test_old_violations_outside_of_the_transaction_are_kept(db: Database, folder: Folder) -> None:
    db.execute(ORDERS, "INSERT INTO orders VALUES (1, 1)")
    folder.write("aaaa", "with op.autocommit():\n    op.execute('UPDATE orders SET id = 2')")
    db.runner(folder).upgrade()
    assert db.rows("SELECT id, parent_id FROM orders") == [(2, 1)]
