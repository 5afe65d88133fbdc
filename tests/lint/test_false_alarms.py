"""Test that rules do not report harmless steps, and report similar steps that are not harmless."""

from __future__ import annotations

import pytest

from autodiff.dialects import dialect_for
from autodiff.lint import LintRequest, own_rules, run_rules
from autodiff.lint.engine import Linted
from autodiff.lint.examples import SETUP, example_migrations
from autodiff.lint.registry import by_code
from autodiff.lint.settings import LintSettings
from autodiff.schema.objects import Name

RULES = by_code(own_rules())


def found(database: str, body: str, rows: dict[str, int] | None = None) -> list[str]:
    """Return the codes of the findings in a migration, without those about `rows`."""
    return linted(database, body, rows)[0]


def linted(database: str, body: str, rows: dict[str, int] | None = None) -> tuple[list[str], int]:
    result = checked(database, body, rows)
    return [finding.code for finding in result.findings], result.harmless


def checked(
    database: str, body: str, rows: dict[str, int] | None = None, setup: str = SETUP
) -> Linted:
    name, _, version = database.partition(" ")
    dialect = dialect_for(name, version=version or None)
    return run_rules(
        LintRequest(
            order=example_migrations(body, setup),
            revisions=frozenset("2"),
            dialects=[dialect],
            rules=RULES,
            settings=LintSettings(),
            rows={Name(table): count for table, count in (rows or {}).items()},
        )
    )


def sql(text: str) -> str:
    return f"op.execute({text!r})"


KEY = 'sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True)'


def child(type_: str, target: str = "users.id", more: str = "") -> str:
    return (
        f'op.create_table("posts", {KEY}, sa.Column("ref", {type_}, sa.ForeignKey("{target}"))'
        f'{more})\nop.create_index("ix_posts_ref", "posts", ["ref"])'
    )


ADD_KEY = "ALTER TABLE users ADD t bigint"
REPLACED = "CREATE OR REPLACE TABLE logs (id bigint PRIMARY KEY)"
ADD_AGE = "ALTER TABLE users ADD COLUMN IF NOT EXISTS age int"
ADD_FLAG = (
    'op.add_column("users", sa.Column("flag", sa.Integer(), nullable=False, server_default="0"))'
)
DROP_DEFAULT = 'op.alter_column("users", "flag", server_default=None)'
NULLABLE = 'op.alter_column("users", "flag", existing_type=sa.Integer(), nullable=True)'
ADD_TEXT = '\nop.add_column("users", sa.Column("c", sa.Text()))'
NO_LIMIT = "SET lock_timeout = 0"
SUBQUERY_LIMIT = "SELECT set_config('lock_timeout', (SELECT v FROM limits), true)"
SET_TYPE = "ALTER TABLE users ALTER COLUMN"
CHECKED = 'op.create_check_constraint("filled", "users", "email IS NOT NULL"'
REQUIRED = 'op.alter_column("users", "email", existing_type=sa.Text(), nullable=False)'


@pytest.mark.parametrize(
    ("database", "body", "codes"),
    [
        # Versions: what is not known is taken for the newest
        ("mysql 8.0", 'op.add_column("users", sa.Column("c", sa.Date()))', []),
        ("mysql 8.0.11", 'op.add_column("users", sa.Column("c", sa.Date()))', ["AD453"]),
        ("mysql 8.0.12", 'op.add_column("users", sa.Column("c", sa.Date()))', []),
        ("mysql 8.0.28", 'op.drop_column("users", "age")', ["AD102", "AD453"]),
        ("mysql 8.0.29", 'op.drop_column("users", "age")', ["AD102"]),
        ("mariadb 10.6", 'op.drop_column("users", "age")', ["AD102"]),
        # Types of MySQL
        ("mysql", 'op.alter_column("users", "nickname", type_=sa.String(63))', []),
        ("mysql", 'op.alter_column("users", "nickname", type_=sa.String(64))', ["AD451"]),
        ("mysql", sql("ALTER TABLE users MODIFY nickname varchar(40)"), ["AD105", "AD451"]),
        ("mysql", 'op.alter_column("users", "email", type_=sa.String(9))', ["AD105", "AD451"]),
        ("mysql", sql("ALTER TABLE users ADD mood enum('a','b')"), []),
        (
            "mariadb",
            'op.add_column("users", sa.Column("m", sa.Enum("a", "b")))\n'
            'op.alter_column("users", "m", type_=sa.Enum("a", "b", "c"))',
            [],
        ),
        (
            "mysql",
            'op.add_column("users", sa.Column("m", sa.Enum("a", "b")))\n'
            'op.alter_column("users", "m", type_=sa.Enum("b", "a"))',
            ["AD106", "AD451"],
        ),
        (
            "mysql",
            'op.add_column("users", sa.Column("m", sa.Enum("a", "b")))\n'
            'op.alter_column("users", "m", type_=sa.Enum("a"))',
            ["AD106", "AD451"],
        ),
        ("mysql", sql("ALTER TABLE users ADD FULLTEXT INDEX f (email)"), ["AD456"]),
        ("mysql", sql("CREATE FULLTEXT INDEX f ON users (email)"), ["AD456"]),
        ("mysql", sql("ALTER TABLE users DEFAULT CHARACTER SET utf8mb4"), []),
        ("mysql", sql("ALTER TABLE users CHARACTER SET = latin1"), ["AD621"]),
        ("mysql", sql("ALTER TABLE users ROW_FORMAT=COMPRESSED"), ["AD452", "AD622"]),
        ("mysql", sql("CREATE TABLE t (id bigint PRIMARY KEY) ENGINE=MyISAM"), ["AD620"]),
        ("mysql", sql("CREATE TABLE t (id int(11) PRIMARY KEY)"), ["AD602", "AD619"]),
        (
            "mysql",
            sql("CREATE TABLE t (id bigint PRIMARY KEY, b tinyint(1), c varchar(9) CHARSET utf8)"),
            ["AD621"],
        ),
        ("mariadb", sql("ALTER TABLE users ADD d date DEFAULT '2020-01-01'"), []),
        ("mariadb", sql("ALTER TABLE users ADD d date DEFAULT '2020-00-00'"), ["AD618"]),
        ("mysql", sql("ALTER TABLE users ADD c int(6) ZEROFILL"), []),
        ("mariadb", sql("ALTER TABLE users ADD body text, ADD period text"), []),
        ("mysql", sql("ALTER TABLE users ADD `rank` int"), ["AD615"]),
        ("mariadb", sql("ALTER TABLE users ADD `rank` int"), []),
        ("mariadb", sql("ALTER TABLE users ADD `portion` int"), ["AD615"]),
        ("mysql", sql("ALTER TABLE users ADD role int"), []),
        ("postgresql", sql('ALTER TABLE users ADD old int, ADD "new" int, ADD "over" int'), []),
        ("postgresql", sql('ALTER TABLE users ADD "lateral" int'), ["AD615"]),
        # Views and constraints that are dropped and created again
        ("postgresql", sql("DROP VIEW v; CREATE VIEW v AS SELECT 1"), []),
        ("postgresql", sql("DROP VIEW v; CREATE VIEW w AS SELECT 1"), ["AD308"]),
        ("sqlite", 'op.drop_constraint("x", "users", type_="check")', ["AD309"]),
        (
            "sqlite",
            'op.drop_constraint("x", "users", type_="check")\nop.drop_table("users")',
            ["AD101"],
        ),
        # NOT NULL after a check that says the same
        ("postgresql", f"{CHECKED})\n{REQUIRED}", ["AD406"]),
        ("postgresql", f"{CHECKED}, postgresql_not_valid=True)\n{REQUIRED}", ["AD202", "AD408"]),
        ("mysql", f"{CHECKED})\n{REQUIRED}", ["AD459"]),
        ("mysql", f"{CHECKED}, mysql_not_enforced=True)\n{REQUIRED}", ["AD202"]),
        (
            "mariadb",
            sql(
                "ALTER TABLE users ADD CHECK (`email` IS NOT NULL); "
                "ALTER TABLE users MODIFY email text NOT NULL"
            ),
            ["AD459"],
        ),
        # Tables that are dropped by other words
        ("mariadb", sql("CREATE OR REPLACE TABLE teams (id bigint PRIMARY KEY)"), ["AD101"]),
        ("mariadb", f'op.create_table("logs", {KEY})\n{sql(REPLACED)}', []),
        ("mariadb", sql("DROP SCHEMA reports"), ["AD103"]),
        ("postgresql", sql("DROP SCHEMA reports"), []),
        # Statements of SQLAlchemy
        ("postgresql", 'op.execute(sa.DDL("DROP TABLE teams"))', ["AD101"]),
        ("sqlite", 'op.execute(sa.schema.DropTable(sa.table("teams")))', ["AD101"]),
        ("mysql", 'op.execute(sa.schema.DropTable(sa.Table("teams", sa.MetaData())))', ["AD101"]),
        ("mariadb", 'op.execute(sa.schema.DropSchema("reports"))', ["AD103"]),
        (
            "postgresql",
            'untyped = sa.Table("t", sa.MetaData(), sa.Column("a"))\n'
            "op.execute(sa.schema.CreateTable(untyped))",
            ["AD901"],
        ),
        ("postgresql", 'op.execute(sa.select(sa.text("1")))', []),
        ("postgresql", 'op.execute(sa.delete(sa.table("teams")).where(sa.true()))', ["AD108"]),
        ("mysql", 'op.execute(sa.delete(sa.table("teams")).where(sa.text("1")))', ["AD108"]),
        ("sqlite", 'op.execute(sa.delete(sa.table("teams")).where(sa.false()))', []),
        (
            "postgresql",
            'users = sa.table("users", sa.column("age"))\n'
            'op.execute(users.update().values(age=1).where(sa.text("1 = 1")))',
            ["AD205"],
        ),
        (
            "postgresql",
            'users = sa.table("users", sa.column("age"))\n'
            "op.execute(users.update().values(age=1).where(users.c.age == 2))",
            [],
        ),
        # What may have existed before
        (
            "postgresql",
            sql("CREATE TABLE IF NOT EXISTS teams (id int); DROP TABLE teams"),
            ["AD101"],
        ),
        ("sqlite", sql("CREATE TABLE IF NOT EXISTS logs (id int); DROP TABLE logs"), []),
        ("mariadb", sql(f"{ADD_AGE}; ALTER TABLE users DROP age"), ["AD102"]),
        (
            "postgresql",
            sql("ALTER TABLE users ADD COLUMN IF NOT EXISTS a int; ALTER TABLE users DROP a"),
            [],
        ),
        # A default of NULL gives no value
        ("postgresql", sql("ALTER TABLE users ADD c int NOT NULL DEFAULT NULL"), ["AD201"]),
        ("mysql", sql("ALTER TABLE users ADD c int NOT NULL DEFAULT (NULL)"), ["AD201"]),
        (
            "sqlite",
            'op.add_column("users", sa.Column("c", sa.Text(), server_default=sa.text("NULL"), '
            "nullable=False))",
            ["AD201"],
        ),
        (
            "postgresql",
            sql(
                "ALTER TABLE users ADD c text DEFAULT NULL::text; "
                "ALTER TABLE users ALTER c SET NOT NULL"
            ),
            ["AD202", "AD305", "AD408"],
        ),
        ("postgresql", sql("ALTER TABLE users ADD c text NOT NULL DEFAULT 'NULL'"), []),
        # A new column that the old code does not write
        ("postgresql", f"{ADD_FLAG}\n{DROP_DEFAULT}", ["AD305"]),
        ("mariadb", f"{ADD_FLAG}\n{sql('ALTER TABLE users MODIFY flag int NOT NULL')}", ["AD305"]),
        ("sqlite", f"{ADD_FLAG}\n{DROP_DEFAULT}\n{NULLABLE}", []),
        ("mysql", f"{ADD_FLAG}\n{NULLABLE}\n{DROP_DEFAULT}", []),
        ("sqlite", f'{ADD_FLAG}\n{DROP_DEFAULT}\nop.drop_column("users", "flag")', []),
        # The limits in force at a step
        ("postgresql", f"{sql('SET lock_timeout = 0')}{ADD_TEXT}", ["AD416"]),
        ("postgresql", f"{sql('SET LOCAL lock_timeout TO DEFAULT')}{ADD_TEXT}", ["AD416"]),
        ("postgresql", f"{sql('RESET lock_timeout')}{ADD_TEXT}", ["AD416"]),
        ("postgresql", f"{sql('SET lock_timeout = 9; RESET ALL')}{ADD_TEXT}", ["AD416"]),
        ("postgresql", sql("SELECT set_config('lock_timeout', '0', true)") + ADD_TEXT, ["AD416"]),
        (
            "postgresql",
            sql("SELECT SET_CONFIG('lock_timeout', '0', true), 1") + ADD_TEXT,
            ["AD416"],
        ),
        (
            "postgresql",
            sql("SELECT pg_catalog.set_config('lock_timeout', '0', true) AS t") + ADD_TEXT,
            ["AD416"],
        ),
        (
            "postgresql",
            f"{sql(NO_LIMIT)}\n{sql(SUBQUERY_LIMIT)}{ADD_TEXT}",
            ["AD416"],
        ),
        ("postgresql", f"{sql('SET lock_timeout TO 9; SET lock_timeout=0')}{ADD_TEXT}", ["AD416"]),
        ("postgresql", f"{sql('SET lock_timeout = 0; SET lock_timeout = 9')}{ADD_TEXT}", []),
        ("postgresql", f"{ADD_TEXT}\n{sql('SET lock_timeout = 0')}", []),
        (
            "postgresql",
            sql("SET statement_timeout TO '0 min'; DELETE FROM users WHERE id = 1"),
            ["AD421"],
        ),
        ("postgresql", sql("SET statement_timeout = '9 min'; DELETE FROM users WHERE id = 1"), []),
        # Values that USING computes
        ("postgresql", sql(f"{SET_TYPE} age TYPE int USING age * 100"), ["AD411"]),
        ("postgresql", sql(f"{SET_TYPE} age TYPE int USING ((age)::integer)"), []),
        ("postgresql", sql(f'{SET_TYPE} age TYPE int USING "age"'), []),
        ("postgresql", sql(f'{SET_TYPE} email TYPE text USING email COLLATE "C"'), []),
        ("postgresql", sql(f"{SET_TYPE} age TYPE int USING team_id::int"), ["AD411"]),
        ("postgresql", sql(f"{SET_TYPE} age TYPE int USING age::text::int"), ["AD411"]),
        ("postgresql", sql(f"{SET_TYPE} nickname TYPE text USING CAST(nickname AS text)"), []),
        ("postgresql", sql(f"{SET_TYPE} nickname TYPE text USING lower(nickname)"), ["AD411"]),
        (
            "postgresql",
            'op.alter_column("users", "email", type_=sa.Text(), postgresql_using="trim(email)")',
            ["AD411"],
        ),
        # Several tables in one command
        ("postgresql", sql("VACUUM FULL users, teams"), ["AD418", "AD418"]),
        ("postgresql", sql("LOCK TABLE users, teams IN SHARE MODE"), ["AD420", "AD420"]),
        # Character sets of columns
        (
            "mysql",
            sql("ALTER TABLE users MODIFY nickname varchar(50) CHARACTER SET latin1"),
            ["AD109", "AD451", "AD621"],
        ),
        (
            "mariadb",
            sql("ALTER TABLE users CHANGE nickname n varchar(50) COLLATE latin1_bin"),
            ["AD109", "AD302", "AD451", "AD621"],
        ),
        ("mysql", sql("ALTER TABLE users MODIFY nickname varchar(50) CHARSET utf8mb4"), ["AD451"]),
        (
            "mysql",
            sql("ALTER TABLE users MODIFY age varchar(50) CHARACTER SET latin1"),
            ["AD451", "AD621"],
        ),
        # Options of indexes
        ("mysql", sql("CREATE INDEX i ON users (email(9)) ALGORITHM=COPY"), ["AD458"]),
        ("mariadb", sql("DROP INDEX ix_users_age ON users LOCK=SHARED"), ["AD458"]),
        ("mariadb", sql("CREATE INDEX i ON users (email(9)) ALGORITHM=INPLACE LOCK=NONE"), []),
        # Checks of MySQL and MariaDB
        ("mariadb", sql("ALTER TABLE users ADD CONSTRAINT c CHECK (age > 0)"), ["AD459"]),
        ("mysql 8.0.16", sql("ALTER TABLE users ADD CHECK (age > 0)"), ["AD459"]),
        ("mysql 8.0.15", sql("ALTER TABLE users ADD CHECK (age > 0)"), []),
        ("mariadb", sql("ALTER TABLE users ADD c int CHECK (c > 0)"), []),
        ("mariadb", sql("ALTER TABLE users ADD c int, ADD CHECK (c > 0)"), ["AD459"]),
        ("mysql", sql("ALTER TABLE users ADD c int CHECK (c > 0)"), ["AD459"]),
        # Temporary tables
        ("postgresql", sql("CREATE TEMP TABLE x (id int); UPDATE x SET id = 1; DROP TABLE x"), []),
        # Foreign keys
        ("postgresql", child("sa.BigInteger()"), []),
        ("postgresql", child("sa.Integer()"), ["AD604"]),
        ("mysql", child("sa.Integer()"), ["AD604"]),
        ("sqlite", child("sa.Integer()"), []),
        ("sqlite", child("sa.Text()"), ["AD604"]),
        ("postgresql", child("sa.BigInteger()", "teams.owner_id"), ["AD605"]),
        ("sqlite", child("sa.BigInteger()", "teams.owner_id"), ["AD605"]),
        ("mysql", child("sa.BigInteger()", "teams.owner_id"), ["AD605"]),
        ("mariadb", child("sa.BigInteger()", "teams.owner_id"), []),
        ("postgresql", child("sa.BigInteger()", "unknown.id"), []),
        ("postgresql", sql("CREATE TABLE p (u bigint PRIMARY KEY REFERENCES users)"), []),
        ("postgresql", sql("CREATE TABLE p (u int PRIMARY KEY REFERENCES users)"), ["AD604"]),
        # A foreign key in the definition of a new column: its rows are NULL without a default
        ("postgresql", sql(f"{ADD_KEY} REFERENCES teams"), ["AD603"]),
        ("postgresql", sql(f"{ADD_KEY} DEFAULT NULL REFERENCES teams"), ["AD405", "AD603"]),
        ("postgresql", sql(f"{ADD_KEY}, ADD FOREIGN KEY (t) REFERENCES teams"), ["AD405", "AD603"]),
        (
            "postgresql",
            'op.add_column("users", sa.Column("t", sa.BigInteger(), sa.ForeignKey("teams.id")))',
            ["AD405", "AD603"],
        ),
        # Types and names of PostgreSQL
        ("postgresql", sql("ALTER TABLE users ADD c varchar, ADD d timestamptz, ADD e jsonb"), []),
        (
            "postgresql",
            sql("ALTER TABLE users ADD c varchar(3), ADD d timestamp, ADD e json, ADD f char(2)"),
            ["AD610", "AD611", "AD612", "AD613"],
        ),
        ("postgresql", sql("CREATE TABLE t (id bigserial PRIMARY KEY)"), ["AD609"]),
        ("sqlite", sql("CREATE TABLE t (id INTEGER PRIMARY KEY, c VARCHAR(3))"), []),
        ("postgresql", sql("ALTER TABLE users ADD Mixed text"), []),
        ("postgresql", sql('ALTER TABLE users ADD "Mixed" text'), ["AD617"]),
        ("mysql", sql("ALTER TABLE users ADD `Mixed` text"), []),
        ("postgresql", sql(f"ALTER TABLE users ADD {'a' * 63} text"), []),
        ("postgresql", sql(f"ALTER TABLE users ADD {'é' * 32} text"), ["AD616"]),
        ("mysql", sql(f"ALTER TABLE users ADD {'é' * 64} text"), []),
        ("sqlite", 'op.add_column("users", sa.Column("price_tag", sa.Float()))', ["AD614"]),
        ("sqlite", 'op.add_column("users", sa.Column("coffee", sa.Float()))', []),
        # Indexes
        ("sqlite", 'op.create_index("ix", "users", ["age"], unique=True)', ["AD203"]),
        ("sqlite", 'op.create_index("ix", "users", ["age", "email"])', []),
        # Work after a lock
        (
            "postgresql",
            'op.create_table("logs", ' + KEY + ")\n"
            'op.backfill("teams", {"name": ""}, where="name IS NULL")',
            [],
        ),
        (
            "postgresql",
            'op.add_column("users", sa.Column("c", sa.Text()))\nwith op.autocommit():\n'
            '    op.execute("ANALYZE users")\n'
            'op.execute("ALTER TABLE teams VALIDATE CONSTRAINT c")',
            [],
        ),
        (
            "postgresql",
            sql("ALTER TABLE teams VALIDATE CONSTRAINT c")
            + '\nop.add_column("users", sa.Column("c", sa.Text()))',
            [],
        ),
    ],
)
def test_a_rule_is_as_precise_as_the_database(database: str, body: str, codes: list[str]) -> None:
    assert found(database, body) == codes


OWNED = "CREATE TABLE n (id bigint PRIMARY KEY, name text, owner_id bigint)"
REPLACE = "DROP TABLE teams; ALTER TABLE n RENAME TO teams"


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("SELECT * FROM teams", []),
        ("SELECT t.id, lower(t.NAME), t.owner_id FROM teams t WHERE true ORDER BY 1", []),
        ("SELECT id, name, NULL FROM teams", ["AD102"]),
        ("SELECT id, name, owner_id FROM teams WHERE id > 5", ["AD101"]),
        ("SELECT id, name, owner_id FROM teams LIMIT 5", ["AD101"]),
        ("SELECT DISTINCT id, name, owner_id FROM teams", ["AD101"]),
        ("SELECT max(id), max(name), max(owner_id) FROM teams", ["AD101"]),
        ("SELECT teams.* FROM teams JOIN users ON users.team_id = teams.id", ["AD101"]),
        ("SELECT id, email, id FROM users", ["AD101"]),
        ("SELECT 1, 'a', 2", ["AD101"]),
    ],
)
@pytest.mark.parametrize("database", ["postgresql", "mysql", "sqlite"])
def test_a_table_that_a_copy_replaces_keeps_what_the_copy_reads(
    database: str, query: str, codes: list[str]
) -> None:
    body = sql(f"{OWNED}; INSERT INTO n {query}; {REPLACE}")
    assert [code for code in found(database, body) if code < "AD2"] == codes


@pytest.mark.parametrize(
    ("database", "insert"),
    [
        ("sqlite", "INSERT OR IGNORE INTO n SELECT * FROM teams"),
        ("sqlite", "INSERT OR REPLACE INTO n SELECT * FROM teams"),
        ("sqlite", "INSERT INTO n SELECT * FROM teams WHERE true ON CONFLICT DO NOTHING"),
        ("mysql", "INSERT IGNORE INTO n SELECT * FROM teams"),
        ("mariadb", "INSERT INTO n SELECT * FROM teams ON DUPLICATE KEY UPDATE id = n.id"),
        ("postgresql", "INSERT INTO n SELECT * FROM teams ON CONFLICT (id) DO NOTHING"),
    ],
)
def test_a_copy_that_skips_rows_does_not_keep_them(database: str, insert: str) -> None:
    assert "AD101" in found(database, sql(f"{OWNED}; {insert}; {REPLACE}"))


def test_a_copy_by_sqlalchemy_keeps_rows_too() -> None:
    body = (
        f'{sql(OWNED)}\nteams = sa.table("teams", sa.column("id"), sa.column("name"))\n'
        'op.execute(sa.insert(sa.table("n", sa.column("id"), sa.column("name")))'
        f'.from_select(["id", "name"], sa.select(teams)))\n{sql(REPLACE)}'
    )
    assert found("sqlite", body) == ["AD102"]


KEYED = 'op.create_unique_constraint("uq", "users", ["age"])'
UNKEYED = 'op.drop_constraint("uq", "users", type_="unique")'
INDEXED = 'op.create_index("uq", "users", ["age"], unique=True)'
UNINDEXED = 'op.drop_index("uq", "users")'
WIDER = 'op.create_unique_constraint("uq2", "users", ["age", "email"])'
SAME_NULLS = WIDER.replace("])", "], postgresql_nulls_not_distinct=True)")


@pytest.mark.parametrize(
    ("database", "before", "change", "codes"),
    [
        ("postgresql", KEYED, f"{UNKEYED}\n{WIDER}", []),
        ("postgresql", KEYED, f"{UNKEYED}\n{SAME_NULLS}", ["AD203"]),
        ("postgresql", KEYED.replace("])", "], postgresql_nulls_not_distinct=True)"),
         f"{UNKEYED}\n{SAME_NULLS}", []),
        ("postgresql", WIDER, f'op.drop_constraint("uq2", "users", type_="unique")\n{KEYED}',
         ["AD203"]),
        ("mariadb", KEYED, f"{UNKEYED}\n{KEYED}", []),
        ("mariadb", INDEXED, f"{UNINDEXED}\n{INDEXED}", []),
        ("mariadb", INDEXED, f"{UNINDEXED}\n{WIDER}", []),
        ("sqlite", INDEXED, f"{UNINDEXED}\n{WIDER}", []),
        ("mariadb", 'op.create_index("uq", "users", ["email"], unique=True)',
         f'{UNINDEXED}\nop.create_index("uq", "users", ["email"], unique=True, '
         'mysql_length={"email": 5})', ["AD203"]),
    ],
)  # fmt: skip
def test_columns_of_a_dropped_key_have_no_duplicates(
    database: str, before: str, change: str, codes: list[str]
) -> None:
    """A key over more columns than one that the same migration drops cannot fail."""
    findings = checked(database, change, setup=SETUP + before).findings
    assert [finding.code for finding in findings if finding.code == "AD203"] == codes


REPEATING = {
    "a new type": ("postgresql", 'op.alter_column("users", "age", type_=sa.SmallInteger(), '
                   'postgresql_using="(age / 1000)::smallint")'),
    "SQL for a new type": (
        "mariadb", sql("ALTER TABLE users MODIFY age varchar(1)")
    ),
    "a new column": ("sqlite", 'op.drop_column("users", "age")\n'
                     'op.add_column("users", sa.Column("age", sa.Integer(), server_default="1"))'),
    "a renamed column": ("mariadb", 'op.rename_column("users", "age", "years")\n'
                         'op.rename_column("users", "team_id", "age")'),
    "copied rows": ("postgresql", sql("INSERT INTO users (age) SELECT team_id FROM users")),
    "merged rows": ("postgresql", sql("MERGE INTO users USING teams ON users.id = teams.id "
                                      "WHEN NOT MATCHED THEN INSERT (id) VALUES (teams.id)")),
    "bulk insert": ("sqlite", 'op.bulk_insert(sa.table("users", sa.column("age")), [{"age": 1}])'),
    "a procedure": ("mariadb", sql("CALL fill_users()")),
    "a function": ("postgresql", sql("SELECT fill_users()")),
    "Python": ("sqlite", "op.run(print)"),
    "a character set": ("mariadb", sql("ALTER TABLE users CONVERT TO CHARACTER SET latin1")),
    "another table": ("postgresql", 'op.rename_table("users", "old")\n'
                      'op.rename_table("teams", "users")'),
}  # fmt: skip
NOT_REPEATING = {
    "another column": ("postgresql", 'op.alter_column("users", "email", type_=sa.String(9))'),
    "a default": ("postgresql", 'op.alter_column("users", "age", server_default="1")'),
    "another table": ("sqlite", sql("INSERT INTO teams (id) VALUES (7)")),
    "fewer rows": ("mariadb", sql("DELETE FROM users WHERE id > 9")),
    "a new column": ("mariadb", 'op.add_column("users", sa.Column("c", sa.Integer()))'),
}


@pytest.mark.parametrize(("database", "change"), REPEATING.values(), ids=REPEATING)
def test_values_that_change_after_a_dropped_key_can_be_repeated(database: str, change: str) -> None:
    body = f"{UNINDEXED}\n{change}\n{INDEXED}"
    findings = checked(database, body, setup=SETUP + INDEXED).findings
    assert "AD203" in [finding.code for finding in findings]


@pytest.mark.parametrize(("database", "change"), NOT_REPEATING.values(), ids=NOT_REPEATING)
def test_other_changes_after_a_dropped_key_repeat_no_values(database: str, change: str) -> None:
    body = f"{UNINDEXED}\n{change}\n{INDEXED}"
    findings = checked(database, body, setup=SETUP + INDEXED).findings
    assert "AD203" not in [finding.code for finding in findings]


RENAMED = 'op.rename_column("users", "age", "years")'
DROPPED = 'op.drop_column("users", "age")'
AGES = "CREATE VIEW v AS SELECT age FROM users"
SET_AGE = "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.age = 1"


@pytest.mark.parametrize(
    ("database", "stored", "change", "codes"),
    [
        ("mariadb", AGES, RENAMED, ["AD207", "AD302"]),
        ("mysql", AGES, RENAMED, ["AD207", "AD302"]),
        ("postgresql", AGES, RENAMED, ["AD302"]),
        ("postgresql", AGES, DROPPED, ["AD102", "AD207"]),
        ("mariadb", AGES, 'op.drop_table("users")', ["AD101", "AD207"]),
        ("mariadb", AGES, sql("RENAME TABLE users TO people"), ["AD207", "AD301"]),
        ("mariadb", f"{AGES}; DROP VIEW v", DROPPED, ["AD102"]),
        ("mariadb", AGES, f'{DROPPED}\nop.create_view("v", "SELECT 1")', ["AD102"]),
        ("mariadb", "CREATE VIEW v AS SELECT * FROM users", DROPPED, ["AD102", "AD207"]),
        ("mariadb", "CREATE VIEW v AS SELECT count(*) FROM users", DROPPED, ["AD102"]),
        ("mariadb", "CREATE VIEW v AS SELECT t.age FROM users, `teams` t", DROPPED, ["AD102"]),
        ("mariadb", "CREATE VIEW v AS SELECT `u`.`AGE` FROM users u", DROPPED, ["AD102", "AD207"]),
        ("mariadb", "CREATE VIEW v AS SELECT id AS age FROM users", DROPPED, ["AD102"]),
        ("mariadb", SET_AGE, RENAMED, ["AD207", "AD302"]),
        ("mariadb", f"{SET_AGE}; DROP TRIGGER t", DROPPED, ["AD102"]),
        ("mysql", "CREATE PROCEDURE p() SELECT age FROM users", DROPPED, ["AD102", "AD207"]),
        ("mysql", "CREATE PROCEDURE p() SELECT age FROM teams", DROPPED, ["AD102"]),
    ],
)
def test_a_stored_query_that_names_what_changes(
    database: str, stored: str, change: str, codes: list[str]
) -> None:
    """It is found if the database does not follow the change, and nothing creates it again."""
    assert sorted({*found(database, f"{sql(stored)}\n{change}")} - {"AD419"}) == codes


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("nickname TYPE text USING trim(nickname)", "to text by TRIM(nickname), which"),
        ("nickname TYPE text USING nickname::int::text", "to text by CAST("),
        ("age TYPE bigint USING age * 2", "to bigint, which"),
    ],
)
def test_what_rewrites_a_table_is_named(change: str, cause: str) -> None:
    """USING is named if the change of the type alone would rewrite nothing."""
    [finding] = checked("postgresql", sql(f"{SET_TYPE} {change}")).findings
    assert cause in finding.message


@pytest.mark.parametrize("database", ["mysql", "mariadb"])
@pytest.mark.parametrize(
    ("charset", "before", "after", "codes"),
    [
        ("CHARSET latin1", "varchar(50)", "varchar(60) CHARACTER SET latin1", set()),
        ("COLLATE latin1_bin", "varchar(50)", "varchar(60) CHARACTER SET latin1", set()),
        ("CHARSET latin1", "varchar(50)", "varchar(50) CHARACTER SET utf8mb3", {"AD451"}),
        ("CHARSET latin1", "varchar(50) CHARSET utf8mb4", "varchar(50)", {"AD109", "AD451"}),
        ("CHARSET latin1", "int", "bigint", {"AD451"}),
        ("CHARSET utf8mb4", "varchar(50)", "varchar(60) CHARSET utf8mb4", set()),
        ("CHARSET utf8mb4", "varchar(50)", "varchar(50) CHARSET latin1", {"AD109", "AD451"}),
    ],
)
def test_a_column_without_a_charset_has_that_of_its_table(
    database: str, charset: str, before: str, after: str, codes: set[str]
) -> None:
    setup = sql(f"CREATE TABLE t (id bigint PRIMARY KEY, n {before}) {charset}")
    result = checked(database, sql(f"ALTER TABLE t MODIFY n {after}"), setup=setup)
    assert {finding.code for finding in result.findings} & {"AD109", "AD451"} == codes


@pytest.mark.parametrize(
    ("database", "statement"),
    [
        ("postgresql", "ALTER TABLE users ADD FOREIGN KEY (team_id) REFERENCES teams (id)"),
        ("mariadb", "ALTER TABLE users ADD FOREIGN KEY (team_id) REFERENCES teams (id)"),
        ("postgresql", "ALTER TABLE users ADD CHECK (age > 0)"),
        ("postgresql", "ALTER TABLE users ADD UNIQUE (nickname)"),
        ("postgresql", "ALTER TABLE users ADD EXCLUDE USING gist (age WITH =)"),
        ("mysql", "ALTER TABLE users ADD INDEX (age)"),
        ("mysql", "ALTER TABLE users ADD FULLTEXT INDEX (email)"),
        ("postgresql", "CREATE INDEX ON users USING hash (age)"),
        ("postgresql", "CREATE INDEX CONCURRENTLY ON users (age)"),
    ],
)
def test_a_part_without_a_name_is_named_by_its_table(database: str, statement: str) -> None:
    findings = checked(database, sql(statement)).findings
    assert findings
    for finding in findings:
        assert "None" not in finding.message
        assert finding.object != "users.None"


DOWN = "def upgrade() -> None:\n    {}\n\n\ndef downgrade() -> None:\n    {}"
UPDATE = 'op.execute("UPDATE users SET age = 1 WHERE age = 2")'


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (DOWN.format(UPDATE, "raise NotImplementedError"), []),
        (DOWN.format(UPDATE, '"""Change nothing."""'), ["AD504"]),
        (DOWN.format(UPDATE, 'op.drop_column("users", "age")'), ["AD504"]),
        (DOWN.format(UPDATE, "op.run(lambda connection: None)"), []),
        (DOWN.format("op.run(lambda connection: None)", "pass"), ["AD504"]),
        (DOWN.format("pass", "pass"), []),
        (DOWN.format('op.drop_table("teams")', "..."), ["AD101", "AD506"]),
        (DOWN.format('op.create_view("v", "SELECT 1")', "return"), ["AD506"]),
        (DOWN.format('op.create_view("v", "SELECT 1")', 'op.drop_view("v")'), []),
    ],
)
def test_a_downgrade_is_read(body: str, codes: list[str]) -> None:
    assert sorted(found("sqlite", body)) == codes


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({}, (["AD401"], 0)),
        ({"users": 1_000_000}, (["AD401"], 0)),
        ({"users": 1001}, (["AD401"], 0)),
        ({"users": 1000}, ([], 1)),
        ({"teams": 0}, (["AD401"], 0)),
    ],
)
def test_a_lock_of_a_small_table_is_harmless(
    rows: dict[str, int], expected: tuple[list[str], int]
) -> None:
    body = 'op.create_index("ix_users_email", "users", ["email"])'
    assert linted("postgresql", body, rows) == expected


def test_only_an_empty_table_loses_nothing() -> None:
    drop = 'op.drop_table("teams")'
    assert linted("sqlite", drop, {"teams": 1}) == (["AD101"], 0)
    assert linted("sqlite", drop, {"teams": 0}) == ([], 1)
    required = 'op.add_column("users", sa.Column("c", sa.Text(), nullable=False))'
    assert linted("mysql", required, {"users": 5}) == (["AD201"], 0)
    assert linted("mysql", required, {"users": 0}) == ([], 1)


def test_a_table_is_small_by_its_new_name_too() -> None:
    body = 'op.rename_table("teams", "groups_")\nop.drop_table("groups_")'
    assert linted("sqlite", body, {"teams": 0}) == (["AD301"], 1)
