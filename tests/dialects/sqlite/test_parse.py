"""Tests for the parser of CREATE statements, which must agree with SQLite's pragmas."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict

import pytest

from autodiff.dialects.sqlite.catalog.parse import ParsedConstraint, parse_index, parse_table

TABLES = {
    "plain": "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)",
    "quoted": 'CREATE TABLE "my t" ("a b" int, `c``d` text, [e f] real, "g""h" blob)',
    "typed": "CREATE TABLE t (a VARCHAR(50), b NUMERIC (10, 2), c unsigned big int, d)",
    "defaults": """CREATE TABLE t (
        a TEXT DEFAULT 'it''s, (here)', b INT DEFAULT -1, c REAL DEFAULT +2.5e3,
        d TEXT DEFAULT (lower('A)')), e TEXT DEFAULT CURRENT_TIMESTAMP, f DEFAULT NULL)""",
    "not null": "CREATE TABLE t (a INT NOT NULL, b TEXT NULL, c INT CONSTRAINT x NOT NULL)",
    "comments": """CREATE TABLE t ( -- a comment, with a comma (
        a INT /* and, another ( */ NOT NULL,
        b TEXT)""",
    "keys": """CREATE TABLE t (a INT, b INT, CONSTRAINT pk PRIMARY KEY (b, a), UNIQUE (a),
        CONSTRAINT u2 UNIQUE (b) ON CONFLICT IGNORE)""",
    "references": """CREATE TABLE t (a INT REFERENCES p ON DELETE CASCADE NOT NULL,
        b INT CONSTRAINT fk REFERENCES p (id) ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
        c INT, FOREIGN KEY (b, c) REFERENCES q (x, y) ON DELETE NO ACTION)""",
    "generated": """CREATE TABLE t (a INT, b INT GENERATED ALWAYS AS (a * (2 + 1)) STORED,
        c INT AS (a || ','))""",
    "autoincrement": "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a COLLATE NOCASE)",
    "without rowid": "CREATE TABLE t (a TEXT PRIMARY KEY, b INT CHECK (b > 0)) WITHOUT ROWID",
    "strict": "CREATE TABLE t (a INTEGER, b ANY, CHECK (a IN (1, 2) AND b <> ')')) STRICT",
    "names like words": 'CREATE TABLE t ("check" INT, "primary" TEXT, key INT, text TEXT)',
}
PARENTS = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE q (x, y, UNIQUE (x, y));"


@pytest.mark.parametrize("sql", TABLES.values(), ids=TABLES)
def test_columns_agree_with_the_pragma(sql: str) -> None:
    """Names, types, NOT NULL and defaults are compared with table_xinfo."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(PARENTS)
    connection.execute(sql)
    [(name,)] = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN "
        "('p', 'q') AND name NOT LIKE 'sqlite_%'"
    )
    rows = connection.execute("SELECT * FROM pragma_table_xinfo(?)", (name,)).fetchall()
    connection.close()
    columns = parse_table(sql).columns
    assert [name for name, _ in columns] == [row[1] for row in rows]
    assert [_normalize_type(definition.type) for _, definition in columns] == [
        _normalize_type(_without_generated(row[2])) for row in rows
    ]
    without_rowid = "WITHOUT ROWID" in sql
    for (_, column), row in zip(columns, rows, strict=True):
        assert column.not_null == (bool(row[3]) and not (without_rowid and row[5]))
        expected = row[4]
        if expected is None:
            assert column.default is None
        else:
            assert column.default is not None
            assert column.default.strip("()") == expected.strip("()")


def _normalize_type(text: str) -> str:
    return text.upper().replace(" ", "")


def _without_generated(text: str) -> str:
    """Remove GENERATED ALWAYS, which the pragma includes in the type."""
    return text.replace("GENERATED ALWAYS", "").strip()


@pytest.mark.parametrize("sql", TABLES.values(), ids=TABLES)
def test_foreign_keys_agree_with_the_pragma(sql: str) -> None:
    """Columns, targets and actions are compared with foreign_key_list."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(PARENTS)
    connection.execute(sql)
    rows = connection.execute("SELECT * FROM pragma_foreign_key_list('t')").fetchall()
    connection.close()
    expected: dict[int, list[tuple[str, ...]]] = {}
    for key, _, table, source, _, on_update, on_delete, _ in rows:
        expected.setdefault(key, []).append((table, source, on_update, on_delete))
    parsed = [
        [
            (c.referred, column, c.on_update or "NO ACTION", c.on_delete or "NO ACTION")
            for column in c.columns
        ]
        for c in parse_table(sql).constraints
        if c.kind == "FOREIGN"
    ]
    assert sorted(parsed) == sorted(expected.values())


def test_details_that_no_pragma_reports() -> None:
    """Names, checks, conflict clauses and deferral are parsed."""
    table = parse_table(TABLES["references"])
    named = [constraint for constraint in table.constraints if constraint.name]
    assert named == [
        ParsedConstraint(
            kind="FOREIGN",
            name="fk",
            columns=("b",),
            referred="p",
            referred_columns=("id",),
            on_update="SET NULL",
            deferrable=True,
            initially_deferred=True,
        )
    ]
    assert [c.sql for c in parse_table(TABLES["strict"]).constraints] == [
        "a IN (1, 2) AND b <> ')'"
    ]
    [unique] = [c for c in parse_table(TABLES["keys"]).constraints if c.name == "u2"]
    assert (unique.columns, unique.on_conflict) == (("b",), "IGNORE")


def test_table_options() -> None:
    """STRICT, WITHOUT ROWID and AUTOINCREMENT are recognized."""
    tables = {name: parse_table(sql) for name, sql in TABLES.items()}
    assert [name for name, table in tables.items() if table.strict] == ["strict"]
    assert [name for name, table in tables.items() if table.without_rowid] == ["without rowid"]
    increments = [n for n, t in tables.items() if any(c.autoincrement for _, c in t.columns)]
    assert increments == ["autoincrement"]


@pytest.mark.parametrize(
    ("sql", "elements", "where"),
    [
        ("CREATE INDEX i ON t (a, b DESC)", (("a", None, False), ("b", None, True)), None),
        ('CREATE INDEX "i x" ON "t y" ("a b" COLLATE NOCASE)', (("a b", "NOCASE", False),), None),
        (
            "CREATE UNIQUE INDEX i ON t (lower(a) DESC) WHERE b > (1) AND c = 'where'",
            (("(lower(a))", None, True),),
            "b > (1) AND c = 'where'",
        ),
        ("CREATE INDEX i ON t ((a + b))", (("(a + b)", None, False),), None),
    ],
)
def test_index_parts(sql: str, elements: tuple[object, ...], where: str | None) -> None:
    parsed = parse_index(sql)
    assert parsed.elements == elements
    assert parsed.where == where
    assert parsed.unique == ("UNIQUE" in sql)


@pytest.mark.parametrize("sql", TABLES.values(), ids=TABLES)
def test_quick_and_slow_path_agree(sql: str) -> None:
    """A comment makes the parser take the slow path; the table is the same."""
    name, bracket, rest = sql.partition("(")
    assert _contents(f"{name}{bracket}/* slow */{rest}") == _contents(sql)


def _contents(sql: str) -> object:
    parsed = parse_table(sql)
    columns = [(name, asdict(definition)) for name, definition in parsed.columns]
    return columns, parsed.constraints, parsed.strict, parsed.without_rowid
