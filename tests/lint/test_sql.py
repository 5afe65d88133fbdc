"""Test that raw SQL becomes operations, and that nothing is taken for something else."""

from __future__ import annotations

import sys

import pytest

from autodiff.dialects import dialect_for
from autodiff.lint.context import Action
from autodiff.lint.sql import parse_sql, statements_with_lines
from autodiff.schema.operations import AlterColumn, CreateIndex, Operation


def shown(action: Action) -> str:
    """Return an action in a few words."""
    if isinstance(action, AlterColumn):
        return f"AlterColumn {action.name} {' '.join(action.after.fields)}"
    if isinstance(action, CreateIndex):
        names = [(e.text, e.length) if e.length else e.text for e in action.index.elements]
        return f"CreateIndex {action.table} {names}{' concurrently' * action.concurrently}"
    if isinstance(action, Operation):
        return action.describe()
    name = getattr(action, "table", None) or getattr(action, "name", None) or ""
    kind = getattr(action, "kind", None) or getattr(action, "verb", None) or ""
    every = " everywhere" if getattr(action, "everywhere", False) else ""
    return " ".join(f"{type(action).__name__} {kind} {name}{every}".split())


POSTGRESQL = {
    # ALTER TABLE with several actions, also if sqlglot does not know one of them
    "ALTER TABLE t ADD a int, DROP COLUMN b": ["+ column t.a", "- column t.b"],
    "ALTER TABLE ONLY t OWNER TO app, DROP b": ["Harmless", "- column t.b"],
    "ALTER TABLE t ADD a int, VALIDATE CONSTRAINT c": ["+ column t.a", "ValidateConstraint t"],
    "ALTER TABLE t ADD UNIQUE (a), ADD CONSTRAINT u UNIQUE USING INDEX i": [
        "+ unique constraint t",
        "UseIndex t",
    ],
    # Quoted and qualified names
    'ALTER TABLE "S"."My T" RENAME COLUMN "A b" TO c': ["~ column S.My T.A b -> c"],
    "alter table PUBLIC.T rename to U": ["~ table t -> u"],
    "ALTER TABLE IF EXISTS t RENAME a TO b": ["~ column t.a -> b"],
    "ALTER TABLE t SET SCHEMA s": ["~ table t -> s.t"],
    # Columns
    "ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY": ["AlterColumn a identity"],
    "ALTER TABLE t ALTER COLUMN a SET STATISTICS 9": ["Harmless"],
    "ALTER TABLE t ALTER a TYPE text USING a::text, ALTER a SET NOT NULL": [
        "AlterColumn a type",
        "AlterColumn a nullable",
    ],
    "ALTER TABLE t ADD CHECK (a > 0)": ["+ check t"],
    # What rewrites the table
    "ALTER TABLE t SET UNLOGGED": ["MaintainTable rewrite t"],
    "ALTER TABLE t SET (fillfactor = 70)": ["Harmless"],
    "VACUUM (ANALYZE, FULL) t": ["MaintainTable rewrite t"],
    "VACUUM FULL ANALYZE t": ["MaintainTable rewrite t"],
    "VACUUM (ANALYZE) t": ["Harmless"],
    "VACUUM FULL t, s.u (a, b)": ["MaintainTable rewrite t", "MaintainTable rewrite s.u"],
    "LOCK TABLE ONLY t, u IN SHARE MODE": ["MaintainTable lock t", "MaintainTable lock u"],
    "VACUUM FULL": ["MaintainTable rewrite"],
    "REINDEX (VERBOSE) TABLE t": ["MaintainTable reindex t"],
    # Indexes
    "CREATE INDEX CONCURRENTLY i ON t USING gin (a)": ["CreateIndex t ['a'] concurrently"],
    "CREATE INDEX i ON t (a text_pattern_ops)": ["CreateIndex t ['a']"],
    "DROP INDEX i, s.j": ["- index i", "- index j"],
    "DROP INDEX IF EXISTS i, j CASCADE": ["- index i", "- index j"],
    "ALTER INDEX i ATTACH PARTITION j": ["Harmless"],
    # Settings
    "RESET ALL": ["SetOption lock_timeout", "SetOption statement_timeout"],
    "DISCARD ALL": ["SetOption lock_timeout", "SetOption statement_timeout"],
    # Schemas
    "DROP SCHEMA s": ["- schema s"],
    "DROP SCHEMA s CASCADE": ["DropSchemaWithContents s"],
    # Several objects
    "DROP SCHEMA s, t CASCADE": ["DropSchemaWithContents s", "DropSchemaWithContents t"],
    "DROP SEQUENCE IF EXISTS a, s.b": ["- sequence a", "- sequence s.b"],
    "DROP TYPE a, b": ["- enum a", "- enum b"],
    "DROP FUNCTION f(int, text), g()": ["DropRoutine function f", "DropRoutine function g"],
    "DROP VIEW a, b": ["- view a", "- view b"],
    "TRUNCATE t, u": ["Truncate"],
    "DROP TABLE t, u CASCADE": ["- table t", "- table u"],
    # What CASCADE drops
    "DROP TYPE IF EXISTS a, s.b CASCADE": ["DropDependents type a", "DropDependents type s.b"],
    "DROP TYPE a": ["- enum a"],
    "DROP DOMAIN d CASCADE": ["DropDependents domain d"],
    "DROP EXTENSION postgis CASCADE": ["DropDependents extension postgis"],
    "DROP EXTENSION postgis": ["Harmless"],
    "DROP FUNCTION f(int, text) CASCADE": ["DropDependents function f", "DropRoutine function f"],
    # Comments
    "-- DROP TABLE u\nDROP TABLE t /* all */": ["- table t"],
    # Blocks
    "DO $$ BEGIN ALTER TABLE t ADD a int; END $$": ["+ column t.a"],
    "DO $x$ DECLARE n int; BEGIN IF n > 0 THEN DROP TABLE t; ELSE NULL; END IF; END $x$": [
        "- table t"
    ],
    "DO $$ BEGIN EXECUTE 'DELETE FROM t'; END $$": ["ChangeRows DELETE t everywhere"],
    "DO $$ BEGIN EXECUTE format('DROP TABLE %I', n); END $$": ["Unparsed"],
    # Triggers, types, temporary tables
    "CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()": [
        "CreateTrigger t"
    ],
    "CREATE EVENT TRIGGER g ON ddl_command_start EXECUTE FUNCTION f()": ["Harmless"],
    "CREATE TYPE p AS (x int, y int)": ["Harmless"],
    "CREATE TYPE p AS ENUM ('x')": ["+ enum p"],
    "CREATE TEMP TABLE t (id int)": ["CreateTemporary t"],
    "SELECT * INTO t FROM u": ["+ table t"],
    "WITH d AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM d": [
        "ChangeRows INSERT u",
        "ChangeRows DELETE t everywhere",
    ],
    # Conditions that every row meets
    "DELETE FROM t WHERE true": ["ChangeRows DELETE t everywhere"],
    "DELETE FROM t WHERE (1 = 1) OR a = 2": ["ChangeRows DELETE t everywhere"],
    "DELETE FROM t WHERE true AND a = 2": ["ChangeRows DELETE t"],
    "DELETE FROM t WHERE 1 = 2": ["ChangeRows DELETE t"],
    "UPDATE t SET a = 1 WHERE TRUE": ["ChangeRows UPDATE t everywhere"],
    # Rows of joined tables
    "DELETE FROM t USING u": ["ChangeRows DELETE t"],
    "DELETE FROM t x USING u, v": ["ChangeRows DELETE t"],
    "UPDATE t SET a = 1 FROM u": ["ChangeRows UPDATE t"],
    "UPDATE t x SET a = 1": ["ChangeRows UPDATE t everywhere"],
    "CALL f()": ["Unparsed"],
}
MYSQL = {
    "ALTER TABLE t ADD a int, DROP b, MODIFY c int": [
        "+ column t.a",
        "- column t.b",
        "AlterColumn c type nullable default",
    ],
    "ALTER TABLE `t` CHANGE `a` `b` int": [
        "AlterColumn a type nullable default",
        "~ column t.a -> b",
    ],
    "ALTER TABLE t ADD (a int, b int)": ["+ column t.a", "+ column t.b"],
    "ALTER IGNORE TABLE t ADD a int": ["+ column t.a"],
    "ALTER TABLE t RENAME AS u": ["~ table t -> u"],
    "RENAME TABLE t TO u, v TO w": ["~ table t -> u", "~ table v -> w"],
    "ALTER TABLE t ADD INDEX i (a(10))": ["CreateIndex t [('a', 10)]"],
    "CREATE INDEX i USING BTREE ON t (a) LOCK=NONE": ["CreateIndex t ['a']"],
    "DROP INDEX `i` ON `s`.`t` ALGORITHM=INPLACE": ["- index i on s.t"],
    "CREATE UNIQUE INDEX i ON t (a) ALGORITHM=COPY LOCK SHARED": [
        "CreateIndex t ['a']",
        "ChangeTable algorithm t",
        "ChangeTable lock t",
    ],
    "CREATE FULLTEXT INDEX i ON t (a) LOCK=EXCLUSIVE": [
        "CreateIndex t ['a']",
        "ChangeTable lock t",
    ],
    "DROP INDEX i ON t LOCK = DEFAULT ALGORITHM = COPY": [
        "- index i on t",
        "ChangeTable algorithm t",
    ],
    "ALTER TABLE t DROP PARTITION p": ["Truncate"],
    "ALTER TABLE t ADD PARTITION (PARTITION p VALUES LESS THAN (9))": ["Harmless"],
    "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": ["ChangeTable charset t"],
    "/*!40101 DROP TABLE t */": ["- table t"],
    "# DROP TABLE u\nDROP TABLE t": ["- table t"],
    "CREATE DEFINER=`a`@`b` TRIGGER g AFTER UPDATE ON t FOR EACH ROW SET @a = 1": [
        "CreateTrigger t"
    ],
    # Rows of joined tables
    "UPDATE t JOIN u ON u.id = t.id SET t.a = 1": ["ChangeRows UPDATE t"],
    "UPDATE t AS x, u AS y SET y.a = 1, x.b = 2": ["ChangeRows UPDATE u", "ChangeRows UPDATE t"],
    "UPDATE t LEFT JOIN u ON u.id = t.id SET a = 1": ["ChangeRows UPDATE t everywhere"],
    "DELETE x FROM t x JOIN u ON u.id = x.id": ["ChangeRows DELETE t"],
    "DELETE x, u FROM t x, u": ["ChangeRows DELETE t", "ChangeRows DELETE u"],
    "DELETE x FROM t x": ["ChangeRows DELETE t everywhere"],
    "DELETE x FROM t x LEFT JOIN u ON u.id = x.id": ["ChangeRows DELETE t everywhere"],
    "DELETE u FROM t x LEFT JOIN u ON u.id = x.id": ["ChangeRows DELETE u"],
    "DELETE FROM x USING t x JOIN u ON u.id = x.id": ["ChangeRows DELETE t"],
    "DELETE FROM x, u USING t x, u": ["ChangeRows DELETE t", "ChangeRows DELETE u"],
    "DELETE x.* FROM t x JOIN u ON u.id = x.id": ["ChangeRows DELETE t"],
    "DELETE x.*, u.* FROM t x, u": ["ChangeRows DELETE t", "ChangeRows DELETE u"],
    "DELETE FROM x.* USING t x JOIN u ON u.id = x.id": ["ChangeRows DELETE t"],
    "DELETE LOW_PRIORITY QUICK IGNORE x FROM t x, u": ["ChangeRows DELETE t"],
    "UPDATE LOW_PRIORITY t SET a = 1": ["ChangeRows UPDATE t everywhere"],
    "UPDATE LOW_PRIORITY IGNORE t SET a = 1": ["ChangeRows UPDATE t everywhere"],
    "INSERT LOW_PRIORITY IGNORE INTO t VALUES (1)": ["ChangeRows INSERT t"],
    "INSERT HIGH_PRIORITY t VALUES (1)": ["ChangeRows INSERT t"],
    "REPLACE DELAYED t VALUES (1)": ["ChangeRows INSERT t"],
    "DELETE FROM t USING t": ["ChangeRows DELETE t everywhere"],
    "DELETE FROM t WHERE 1": ["ChangeRows DELETE t everywhere"],
    "DELETE FROM t WHERE 0": ["ChangeRows DELETE t"],
    "CREATE OR REPLACE TABLE t (id int)": ["- table t", "+ table t"],
    "CREATE OR REPLACE TABLE t AS SELECT 1": ["- table t", "+ table t"],
    "CREATE OR REPLACE TEMPORARY TABLE t (id int)": ["CreateTemporary t"],
    "CREATE OR REPLACE SEQUENCE s": ["- sequence s", "+ sequence s"],
    "CREATE OR REPLACE DATABASE d": ["DropSchemaWithContents d", "+ schema d"],
    "DROP SCHEMA IF EXISTS d": ["DropSchemaWithContents d"],
    "REPLACE INTO t VALUES (1)": ["ChangeRows INSERT t"],
    r"INSERT INTO `t` VALUES (1, 'it\'s'), (2, '; DELETE FROM u')": ["ChangeRows INSERT t"],
    r"INSERT INTO t VALUES ('\'); DELETE FROM u; -- ')": ["ChangeRows INSERT t"],
    "LOCK TABLES t WRITE": ["MaintainTable lock t"],
    "LOCK TABLES t AS x WRITE, u READ": ["MaintainTable lock t", "MaintainTable lock u"],
}
SQLITE = {
    "ALTER TABLE [t] DROP COLUMN [a]": ["- column t.a"],
    "ALTER TABLE t DROP [a  b]": ["- column t.a  b"],
    "ALTER TABLE t DROP a": ["- column t.a"],
    'ALTER TABLE main."t" DROP "a b"': ["- column t.a b"],
    "CREATE TABLE t (a, PRIMARY KEY (a) ON CONFLICT REPLACE) WITHOUT ROWID": ["+ table t"],
    "CREATE INDEX main.i ON t (a COLLATE NOCASE DESC)": ["CreateIndex t ['a']"],
    "CREATE TEMP TRIGGER IF NOT EXISTS g AFTER UPDATE ON t BEGIN DELETE FROM u; END": [
        "CreateTrigger t"
    ],
    """INSERT INTO "t" (a, "b") VALUES (-1.5, 'it''s; '), (NULL, '');""": ["ChangeRows INSERT t"],
    "INSERT INTO t VALUES (1); DELETE FROM u": [
        "ChangeRows INSERT t",
        "ChangeRows DELETE u everywhere",
    ],
    "UPDATE OR IGNORE t SET a = 1": ["ChangeRows UPDATE t everywhere"],
    "PRAGMA foreign_keys = OFF": ["Harmless"],
}


@pytest.mark.parametrize(
    ("database", "sql", "expected"),
    [
        *(("postgresql", sql, expected) for sql, expected in POSTGRESQL.items()),
        *(("mysql", sql, expected) for sql, expected in MYSQL.items()),
        *(("sqlite", sql, expected) for sql, expected in SQLITE.items()),
    ],
)
def test_a_statement_becomes_what_it_does(database: str, sql: str, expected: list[str]) -> None:
    assert [shown(action) for action in parse_sql(sql, dialect_for(database))] == expected


@pytest.mark.parametrize("database", ["postgresql", "mysql", "sqlite"])
def test_a_statement_that_ends_too_early_is_no_failure(database: str) -> None:
    dialect = dialect_for(database)
    for sql in (*POSTGRESQL, *MYSQL, *SQLITE):
        words = sql.split()
        for end in range(1, len(words), 2):
            parse_sql(" ".join(words[:end]), dialect)


class CountedText(str):
    """A text that knows how many characters were searched for newlines."""

    searched = 0

    def count(self, part: str, start: int = 0, end: int = sys.maxsize, /) -> int:  # type: ignore[override]
        self.searched += min(end, len(self)) - start
        return super().count(part, start, end)


def test_the_lines_of_statements_are_counted_once() -> None:
    """Each statement continues from the one before it."""
    text = CountedText("SELECT 1;\n\n-- two\nSELECT\n2;\n" * 100)
    found = list(statements_with_lines(text, dialect_for("sqlite")))
    assert [line for _, line in found] == [
        first + 5 * place for place in range(100) for first in (1, 4)
    ]
    assert text.searched <= len(text)
