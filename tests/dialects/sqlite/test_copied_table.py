"""Test that a copied table is what ALTER TABLE would have made of it, byte for byte."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.dialects.sqlite.catalog.copied_table import statements_to_copy
from tests.support import Folder, opened

ADD = "ALTER TABLE t ADD COLUMN added INTEGER DEFAULT 7 NOT NULL"
DROP = "ALTER TABLE t DROP COLUMN a"
TABLES = {
    "plain": "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)",
    "comments": "CREATE TABLE t (id INTEGER PRIMARY KEY, -- the key\n  a TEXT /* old */, b TEXT)",
    "no key": "CREATE TABLE t (id INTEGER, a TEXT, b TEXT)",
    "key that is no rowid": "CREATE TABLE t (id INTEGER PRIMARY KEY DESC, a TEXT, b TEXT)",
    "without rowid": "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT) WITHOUT ROWID",
    "a column named rowid": "CREATE TABLE t (id INTEGER, a TEXT, b TEXT, rowid TEXT, oid TEXT)",
    "conflict": "CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, a TEXT, b UNIQUE)",
    "collation": "CREATE TABLE t (id INTEGER, a TEXT, b TEXT COLLATE NOCASE CHECK (b <> ''))",
    "generated": "CREATE TABLE t (id INTEGER, a TEXT, b TEXT, c AS (b || '!') STORED, d AS (id))",
    "types": "CREATE TABLE t (id REAL, a TEXT, b)",
    "foreign key": "CREATE TABLE t (id INTEGER REFERENCES o DEFERRABLE, a TEXT, b TEXT)",
    "another case": 'CREATE TABLE "T" (id INTEGER PRIMARY KEY, "A" TEXT, b TEXT)',
}
INDEXES = {
    "none": [],
    "some": [
        "CREATE INDEX  ix_b ON t (b COLLATE NOCASE DESC) -- why",
        "CREATE UNIQUE INDEX ux ON t (id, b) WHERE id > 0",
        "CREATE INDEX ix_e ON t (lower(b))",
    ],
}
ROWS = [(7, "x", "y"), (3, "1", "02"), (12, None, "z"), (1, b"\x00", "")]


def contents(database: sqlite3.Connection) -> list[object]:
    """Return the definitions, and all rows with the types and numbers that they are stored with."""
    definitions = database.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type = 'index', rowid"
    ).fetchall()
    columns = [row[1] for row in database.execute("PRAGMA table_xinfo(t)")]
    typed = ", ".join(f'"{column}", typeof("{column}")' for column in columns)
    order = "id" if "WITHOUT" in definitions[0][3] else "_rowid_"
    number = "" if order == "id" else "_rowid_, "
    rows = database.execute(f"SELECT {number}{typed} FROM t ORDER BY {order}").fetchall()
    return [*sorted(definitions, key=str), *rows]


@pytest.mark.parametrize("alter", [ADD, DROP], ids=["add", "drop"])
@pytest.mark.parametrize("indexes", INDEXES.values(), ids=INDEXES)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_copy_is_what_alter_table_makes(table: str, indexes: list[str], alter: str) -> None:
    with closing(sqlite3.connect(":memory:")) as altered, closing(sqlite3.connect(":memory:")) as c:
        for database in (altered, c):
            database.execute(table)
            for sql in indexes:
                database.execute(sql)
            rows = ROWS if "CHECK" not in table else ROWS[:3]
            database.executemany("INSERT INTO t (id, a, b) VALUES (?, ?, ?)", rows)
            database.execute("DELETE FROM t WHERE id = 3")
        definitions = [row[0] for row in altered.execute("SELECT sql FROM sqlite_master")]
        name = altered.execute("SELECT name FROM sqlite_master").fetchone()[0]
        altered.execute(alter)
        copied = statements_to_copy(name, [sql for sql in definitions if sql], [alter])
        assert copied is not None
        for sql in copied:
            c.execute(sql)
        assert not c.execute("SELECT * FROM temp.sqlite_master").fetchall()
        assert contents(c) == contents(altered)


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b TEXT)",
        "CREATE TABLE t (rowid TEXT, oid TEXT, _rowid_ TEXT, a TEXT)",
        "CREATE TABLE t (a TEXT PRIMARY KEY, b TEXT)",
        "CREATE TABLE t (a TEXT, b TEXT CHECK (unknown(b)))",
        "CREATE TABLE t (a TEXT, b AS (1))",
    ],
    ids=["a counter", "no name for the number", "refused", "unknown function", "nothing is left"],
)
def test_other_tables_are_altered(table: str) -> None:
    """What cannot be copied without a difference, or fails, is left to ALTER TABLE."""
    assert statements_to_copy("t", [table], [DROP]) is None


OTHERS = 160
FIRST = 8
"""So many columns are added by ALTER TABLE in any case."""
STEPS = """
for number in range(8):
    op.add_column(f"other{number}", sa.Column("email", sa.String(99)))
op.add_column("people", sa.Column("email", sa.String(99)))
op.drop_column("people", "age")
"""
PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT /* full */, age INTEGER)"


@pytest.mark.parametrize(
    ("more", "alters"),
    [
        ("", 0),
        ("CREATE VIEW v AS SELECT name FROM people", 2),
        ("CREATE TRIGGER r AFTER INSERT ON other1 BEGIN DELETE FROM people; END", 2),
        ("ANALYZE", 2),
        (
            "INSERT INTO people (name) WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 "
            "FROM r WHERE n < 5000) SELECT n FROM r",
            2,
        ),
    ],
    ids=["few rows", "view", "trigger", "statistics", "many rows"],
)
def test_among_many_tables_a_small_one_is_copied(
    database: Callable[[str], sa.URL], tmp_path: Path, more: str, alters: int
) -> None:
    """ALTER TABLE parses the definitions of all tables: 0.1 s for a thousand of them."""
    url, folder = database("sqlite"), Folder(tmp_path / "m")
    folder.write("aaaa", STEPS, 'op.add_column("people", sa.Column("age", sa.Integer()))')
    sent: Counter[str] = Counter()
    with opened(url) as db:
        others = (f"CREATE TABLE other{number} (id INTEGER)" for number in range(OTHERS))
        db.execute(*others, PEOPLE, "INSERT INTO people VALUES (5, 'ann', 30), (2, 'bob', 40)")
        if more:
            db.execute(more)
        before = db.rows("SELECT id, name, NULL FROM people ORDER BY id")

        def count(connection: object, cursor: object, statement: str, *_: object) -> None:
            sent[" ".join(statement.split()[:2])] += 1

        sa.event.listen(db.connection, "before_cursor_execute", count)
        db.runner(folder).upgrade()
        assert sent["ALTER TABLE"] == FIRST + alters
        assert db.rows("SELECT * FROM people ORDER BY id") == before
        [(definition,)] = db.rows("SELECT sql FROM sqlite_master WHERE name = 'people'")
        assert definition == (
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT /* full */, email VARCHAR(99))"
        )
        assert db.rows("SELECT * FROM temp.sqlite_master") == []
