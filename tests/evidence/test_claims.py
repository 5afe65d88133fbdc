"""Compare what the rules about locks claim with what PostgreSQL and MariaDB do.

The claims are the texts of the rules: a lock mode that the reason names is the strongest lock that
the bad example takes, and a reason that says "rewrites" or "copies" is about a table that is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
import sqlalchemy as sa

from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.postgresql.rewriting_types import rewrites_table
from autodiff.dialects.timeouts import NO_LIMITS
from autodiff.lint import Rule, own_rules
from autodiff.lint.examples import example_migrations
from autodiff.migrations import Migration
from autodiff.rehearse.measured import MeasuredStatement, StatementRecorder, open_recorder
from autodiff.runner.context import executing
from autodiff.runner.executor import Executor
from autodiff.runner.loader import load_step
from autodiff.runner.sinks import LiveSink
from autodiff.runner.transactions import TransactionSegments

MODES = (
    *("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"),
    *("SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"),
)
NAMED = re.compile(r"\b((?:[A-Z]+ )*(?:SHARE|EXCLUSIVE)) lock\b")
TRIGGER_FUNCTION = (
    "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
)
PREPARATION = {
    "AD407 good": ["ALTER TABLE users ADD CONSTRAINT ck_users_age CHECK (age >= 0) NOT VALID"],
    "AD410 bad": ["CREATE EXTENSION btree_gist"],
    "AD410 good": ["CREATE EXTENSION btree_gist"],
    "AD413 bad": [TRIGGER_FUNCTION],
    "AD417": [
        "CREATE MATERIALIZED VIEW totals AS SELECT id FROM users",
        "CREATE UNIQUE INDEX ix_totals ON totals (id)",
    ],
    "AD422": ["CREATE DOMAIN email AS text"],
    "AD452 bad": ["ALTER TABLE users CONVERT TO CHARACTER SET latin1"],
    "AD419": [
        "DROP TABLE users",
        "CREATE TABLE users (id bigint) PARTITION BY RANGE (id)",
        "CREATE TABLE users_2020 PARTITION OF users FOR VALUES FROM (0) TO (9)",
    ],
}
"""What examples need beside the tables of all examples, by the code, or by the code and which."""
FAILS = {"AD404 bad"}
"""Examples that the database refuses, because the rule is about statements that fail."""
SAME_LOCK = {
    "AD405": "the key is added as NOT VALID, under a lock that is held for a moment",
    "AD406": "the reason says that the lock is the same with NOT VALID, and short",
    "AD407": "the example is the second of two migrations, and takes a weaker lock",
    "AD409": "the constraint takes over an index, under a lock that is held for a moment",
    "AD414": "the rule is about several keys in one transaction",
    "AD416": "the rule is about the time that the lock is waited for",
    "AD420": "each statement takes the lock that it needs",
    "AD408": "the check is added as NOT VALID, under a lock that is held for a moment",
    "AD412": "adding any column takes it for a moment",
    "AD411": "changing any type takes it for a moment",
    "AD206": "adding any column takes it for a moment",
    "AD410": "the constraint is on a new table",
}
"""Rules whose good example may take the same lock, and why."""


OTHER_KEY = {"AD457"}
"""The column of the example counts, so it gets a unique key in the same statement, which MariaDB
takes over as the order of the rows without a copy."""


def rules_of(database: str) -> list[Rule]:
    return [
        rule
        for rule in own_rules()
        if rule.example_database == database
        and rule.bad
        and (rule.code.startswith("AD4") or rule.code == "AD206")
    ]


class Lab:
    """A database on which the examples are run, each on new tables."""

    def __init__(
        self, connection: sa.Connection, dialect: Dialect, recorder: StatementRecorder
    ) -> None:
        self.connection = connection
        self.dialect = dialect
        self.recorder = recorder

    def statements(self, *statements: str) -> None:
        for sql in statements:
            self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        self.connection.commit()

    def measure(self, rule: Rule, which: str) -> list[MeasuredStatement]:
        """Return what the statements of an example do; none if the database refuses it."""
        self.empty()
        setup, example = example_migrations(getattr(rule, which))
        self.run(setup)
        key = f"{rule.code} {which}"
        self.statements(*PREPARATION.get(key, PREPARATION.get(rule.code, ())))
        with self.recorder.recording(example) as found:
            if key in FAILS:
                with pytest.raises(Exception, match="transaction"):
                    self.run(example)
            else:
                self.run(example)
        return found

    def empty(self) -> None:
        if self.dialect.features.transactional_ddl:
            self.statements("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        else:
            self.statements("SET foreign_key_checks = 0", "DROP TABLE IF EXISTS users, teams")
            self.statements("SET foreign_key_checks = 1")

    def run(self, migration: Migration) -> None:
        self.connection.rollback()
        segments = TransactionSegments(self.connection, self.dialect, NO_LIMITS)
        sink = LiveSink(self.connection, self.dialect, outside=segments.outside)
        executor = Executor(self.dialect, sink)
        with segments.around(), executing(executor):
            load_step(migration, "upgrade")()
            executor.flush()


@pytest.fixture(autouse=True)
def application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "application", ModuleType("application"))


@pytest.fixture
def lab(request: pytest.FixtureRequest, database: Callable[[str], sa.URL]) -> Iterator[Lab]:
    engine = sa.create_engine(database(request.param), poolclass=sa.NullPool)
    with engine.connect() as connection:
        dialect = dialect_of(connection)
        dialect.session.prepare(connection)
        connection.rollback()
        with open_recorder(connection, dialect) as recorder:
            assert recorder is not None
            yield Lab(connection, dialect, recorder)


def strongest(found: list[MeasuredStatement], name: str | None = None) -> str | None:
    """Return the strongest lock on a table or view, by default on any."""
    locks = {
        lock.mode
        for statement in found
        for lock in (*statement.effects.locks, *statement.effects.held)
        if (name is None or lock.table == name) and not lock.table.startswith(("ix_", "uq_"))
    }
    return max(locks, key=MODES.index, default=None)


@pytest.mark.parametrize("lab", ["postgresql"], indirect=True)
def test_postgresql_does_what_the_rules_claim(lab: Lab) -> None:
    wrong: list[str] = []
    for rule in rules_of("postgresql"):
        bad, good = lab.measure(rule, "bad"), lab.measure(rule, "good")
        claimed = NAMED.search(rule.reason)
        measured = strongest(bad)
        if claimed and measured != claimed[1] and f"{rule.code} bad" not in FAILS:
            wrong.append(f"{rule.code} claims {claimed[1]}, and takes {measured}")
        if claimed and rule.code not in SAME_LOCK and strongest(good) == measured:
            wrong.append(f"{rule.code}: the good example takes {measured} too")
        rewritten = any("users" in statement.effects.rewritten for statement in bad)
        claims_rewrite = bool(re.search(r"rewrites the table|is copied", rule.reason))
        if rewritten != claims_rewrite:
            wrong.append(f"{rule.code}: rewritten is {rewritten}")
        if any("users" in statement.effects.rewritten for statement in good):
            wrong.append(f"{rule.code}: the good example rewrites the table")
    assert wrong == []


@pytest.mark.parametrize("lab", ["mariadb"], indirect=True)
def test_mariadb_does_what_the_rules_claim(lab: Lab) -> None:
    wrong: list[str] = []
    for rule in (*rules_of("mysql"), *rules_of("mariadb")):
        if rule.code in OTHER_KEY:
            continue
        for which in ("bad", "good"):
            copied = which == "bad" and "LOCK=SHARED" not in rule.reason
            found = [each.effects for each in lab.measure(rule, which) if each.effects]
            algorithms = [effects.algorithm for effects in found]
            if copied != ("COPY" in algorithms) or not (algorithms or which == "good"):
                wrong.append(f"{rule.code} {which}: {algorithms}")
            if which == "bad" and "NONE" in [effects.lock for effects in found]:
                wrong.append(f"{rule.code} {which} blocks no writes")
    assert wrong == []


TYPES = (
    *("smallint", "integer", "bigint", "real", "double precision", "numeric", "numeric(9,2)"),
    *("numeric(12,2)", "numeric(12,3)", "text", "character varying", "character varying(9)"),
    *("character varying(20)", "character(9)", "character(12)", "date"),
    *("timestamp without time zone", "timestamp(3) without time zone", "timestamp with time zone"),
    *("time without time zone", "interval", "json", "jsonb"),
)


@pytest.mark.parametrize("lab", ["postgresql"], indirect=True)
def test_the_types_that_rewrite_are_those_of_the_server(lab: Lab) -> None:
    """Every pair of types that PostgreSQL converts implicitly is tried."""
    wrong: list[str] = []
    run = lab.connection.exec_driver_sql
    for before in TYPES:
        for after in TYPES:
            run("SAVEPOINT pair")
            run(f"CREATE TABLE pair (v {before})")
            query = "SELECT pg_relation_filenode('pair')"
            file = run(query).scalar()
            try:
                with lab.connection.begin_nested():
                    run(f"ALTER TABLE pair ALTER v TYPE {after}")
            except sa.exc.SQLAlchemyError:
                run("ROLLBACK TO SAVEPOINT pair")
                continue
            rewritten = run(query).scalar() != file
            run("ROLLBACK TO SAVEPOINT pair")
            if rewritten != rewrites_table(before, after):
                wrong.append(f"{before} to {after}: {rewritten}")
    assert wrong == []
