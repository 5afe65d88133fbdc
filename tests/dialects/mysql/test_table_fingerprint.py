"""Test that the fingerprint of a table shows each change of it, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pymysql.cursors import Cursor

from autodiff.dialects.records import Records
from autodiff.dialects.scope import HISTORY_TABLE, journal_table
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL

    from tests.dialects.mysql.conftest import Database

PARENT = "CREATE TABLE p (id INT PRIMARY KEY)"
TABLE = (
    "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(20) DEFAULT 'x' COMMENT "
    "'of\\nb AUTO_INCREMENT=5', p INT, KEY ix_a (a), KEY ix_b (b), CONSTRAINT fk FOREIGN KEY (p) "
    "REFERENCES p (id), CONSTRAINT positive CHECK (a > 0)) COMMENT 'of t'"
)
CHANGES = (
    *("ADD c INT", "DROP b", "MODIFY a BIGINT", "MODIFY a INT NOT NULL", "CHANGE a d INT"),
    *("ALTER b SET DEFAULT 'y'", "ALTER b DROP DEFAULT", "MODIFY b VARCHAR(20) DEFAULT 'x'"),
    *("ADD KEY ix_ab (a, b)", "DROP KEY ix_a", "ADD UNIQUE ix_u (a)", "DROP FOREIGN KEY fk"),
    *("DROP CONSTRAINT positive", "ADD CONSTRAINT small CHECK (a < 9)", "COMMENT 'other'"),
    *("ENGINE = Aria", "ROW_FORMAT = COMPRESSED", "CONVERT TO CHARACTER SET latin2"),
    "MODIFY b VARCHAR(20) DEFAULT 'x' COMMENT 'of\\nb AUTO_INCREMENT=6'",
)
SAME = {
    "rows and the next number": ["INSERT INTO t (a) VALUES (1)", "ALTER TABLE t AUTO_INCREMENT=99"],
    "a key that was dropped and added": [
        "ALTER TABLE t DROP KEY ix_a",
        "CREATE INDEX ix_a ON t (a)",
    ],
    "the method that every index has": [
        *("ALTER TABLE t DROP KEY ix_a", "CREATE INDEX ix_a ON t (a) USING BTREE"),
    ],
    "a column in another place": ["ALTER TABLE t MODIFY a INT FIRST"],
    "another table": ["CREATE TABLE other (id INT)", "ALTER TABLE p ADD n INT"],
}


LOOKED_UP = re.compile(r"information_schema\.schemata WHERE schema_name = '")


def fingerprint(db: Database, *names: str) -> str:
    names_of_tables = [Name(name) for name in names or ("t",)]
    return db.dialect.catalog.fingerprint(db.connection, names_of_tables)


def test_each_change_is_in_the_fingerprint(mariadb: Database) -> None:
    """A change that is undone has the fingerprint of before."""
    mariadb.execute(PARENT, TABLE)
    before = fingerprint(mariadb)
    found = {before}
    for change in CHANGES:
        if "Aria" in change or "latin2" in change:
            mariadb.execute("ALTER TABLE t DROP FOREIGN KEY fk")
        mariadb.execute(f"ALTER TABLE t {change}")
        found.add(fingerprint(mariadb))
        mariadb.execute("DROP TABLE t", TABLE)
        assert fingerprint(mariadb) == before
    assert len(found) == len(CHANGES) + 1


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_what_is_no_change_is_not_in_the_fingerprint(mariadb: Database, changes: list[str]) -> None:
    mariadb.execute(PARENT, TABLE)
    before = fingerprint(mariadb)
    mariadb.execute(*changes)
    assert fingerprint(mariadb) == before


def test_the_session_does_not_change_the_fingerprint(mariadb: Database) -> None:
    """A run that was stopped can go on in a session with other settings."""
    mariadb.execute(PARENT, TABLE)
    before = fingerprint(mariadb)
    mariadb.execute(
        "SET sql_mode = 'ANSI_QUOTES,NO_FIELD_OPTIONS,NO_KEY_OPTIONS,NO_TABLE_OPTIONS,ORACLE'",
        "SET sql_quote_show_create = 0",
    )
    assert fingerprint(mariadb) == before
    assert mariadb.rows("SELECT @@sql_quote_show_create") == [(0,)]


def test_tables_that_are_missing(mariadb: Database) -> None:
    missing = fingerprint(mariadb)
    assert fingerprint(mariadb, "other") != missing
    mariadb.execute(PARENT, TABLE)
    both = fingerprint(mariadb, "t", "p")
    assert both not in (missing, fingerprint(mariadb), fingerprint(mariadb, "p", "t"))
    mariadb.execute("DROP TABLE t")
    assert fingerprint(mariadb) == missing
    assert fingerprint(mariadb, "t", "p") != both


OTHERS = {
    "sequence": ("CREATE SEQUENCE t INCREMENT 2", "ALTER SEQUENCE t INCREMENT 3"),
    "view": ("CREATE VIEW t AS SELECT 1 AS a", "CREATE OR REPLACE VIEW t AS SELECT 2 AS a"),
    "odd name": ("CREATE TABLE `t` (`%s ``x` INT)", "ALTER TABLE t ADD `100%` INT"),
}


@pytest.mark.parametrize(("create", "change"), OTHERS.values(), ids=OTHERS)
def test_changes_of_other_objects(mariadb: Database, create: str, change: str) -> None:
    mariadb.execute(create)
    before = fingerprint(mariadb)
    mariadb.execute(change)
    assert fingerprint(mariadb) != before


def test_a_temporary_table_does_not_hide_the_table(mariadb: Database) -> None:
    mariadb.execute(TABLE.replace(", CONSTRAINT fk FOREIGN KEY (p) REFERENCES p (id)", ""))
    before = mariadb.reflect()
    mariadb.execute("CREATE TEMPORARY TABLE t (id INT)")
    hidden = fingerprint(mariadb)
    mariadb.execute("DROP TEMPORARY TABLE t", "ALTER TABLE t DROP b")
    mariadb.execute("CREATE TEMPORARY TABLE t (id INT)")
    assert fingerprint(mariadb) != hidden
    assert mariadb.reflect() != before


def test_no_query_reads_all_databases(
    mariadb: Database, database: Callable[[str], URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may have thousands of databases, so each is looked up by its name."""
    mariadb.execute(PARENT, TABLE)
    other = str(database("mariadb").database)
    own = str(mariadb.connection.engine.url.database)
    sent: list[str] = []
    send = Cursor._query

    def note(cursor: Cursor, sql: str) -> int:
        sent.append(sql)
        return send(cursor, sql)

    monkeypatch.setattr(Cursor, "_query", note)
    assert mariadb.reflect(other).namespaces == {other}
    assert mariadb.reflect(other, "missing").namespaces == {other}
    names = (HISTORY_TABLE, journal_table(HISTORY_TABLE))
    records = Records(schema=own, names=names, existing=())
    found = mariadb.dialect.catalog.read_fingerprint(mariadb.connection, [own, other], records)
    monkeypatch.undo()
    assert found is not None
    assert len(sent) >= 3
    for sql in sent:
        plan = [tuple(map(str, row)) for row in mariadb.rows(f"EXPLAIN {_without_setting(sql)}")]
        assert not any("all databases" in row[-1] for row in plan), (sql, plan)
        # EXPLAIN does not show how databases are found; a condition with = looks one up.
        assert sql.count("information_schema.schemata") == len(LOOKED_UP.findall(sql)) > 0, sql


def _without_setting(sql: str) -> str:
    """Return a query without SET STATEMENT ... FOR, which EXPLAIN does not take."""
    return sql.strip().partition(" FOR ")[2]
