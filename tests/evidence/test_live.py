"""Test the evidence from a live database: what is counted, in which migrations, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.commands.lint import LintResult
from autodiff.dialects import dialect_of
from autodiff.evidence import live
from tests.support import Folder

TABLES = """
op.create_table("teams", sa.Column("id", sa.Integer(), primary_key=True))
op.create_table(
    "users",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("email", sa.String(50)),
    sa.Column("age", sa.Integer()),
    sa.Column("team id", sa.Integer()),
)
"""
ROWS = (
    "INSERT INTO teams VALUES (1)",
    "INSERT INTO users VALUES (1, 'a@example.org', 20, 1), (2, 'a@example.org', -1, 7), "
    "(3, NULL, 70000, NULL), (4, 'b', 5, 8)",
)
QUOTE = {"mariadb": "`team id`"}


class Fixture:
    """A project whose first migration is applied, and whose tables have rows."""

    def __init__(self, url: sa.URL, path: Path, first: str = TABLES, rows: tuple[str, ...] = ROWS):
        self.url = url
        self.folder = Folder(path / "migrations")
        self.folder.write("aaaa", first)
        self.project().upgrade()
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            for sql in rows:
                connection.exec_driver_sql(sql)

    def project(self, **settings: Any) -> Project:
        return Project(self.url, sa.MetaData(), self.folder.path, **settings)

    def lint(self, *bodies: str, **settings: Any) -> LintResult:
        """Write migrations, which are not applied, and lint with evidence."""
        for number, body in enumerate(bodies):
            self.folder.write(f"bbb{number}", body)
        return self.project(**settings).lint(evidence=True)

    def facts(self, code: str, *bodies: str, **settings: Any) -> dict[str, str]:
        """Return the sentences of the findings of a rule, by the keys of the facts."""
        result = self.lint(*bodies, **settings)
        assert result.problems == ()
        return {
            fact.fact: fact.text
            for finding in result.findings
            if finding.code == code
            for fact in finding.evidence
        }


ON_SQLITE = pytest.mark.parametrize("any_database", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


@pytest.fixture
def fixture(any_database: sa.URL, tmp_path: Path) -> Fixture:
    return Fixture(any_database, tmp_path)


def test_rows_bytes_and_nulls(fixture: Fixture) -> None:
    body = 'op.alter_column("users", "email", nullable=False, existing_type=sa.String(50))'
    facts = fixture.facts("AD202", body)
    assert facts["rows"] == "users has 4 rows"
    assert facts["nulls"] == "users.email is NULL in 1 of 4 rows"
    assert facts["bytes"].startswith("users takes ")


def test_duplicates(fixture: Fixture) -> None:
    facts = fixture.facts("AD203", 'op.create_unique_constraint("uq", "users", ["email"])')
    assert facts["duplicates"] == "users.email has 1 value that occurs more than once"


@ON_SQLITE
def test_zero_is_evidence_too(fixture: Fixture) -> None:
    facts = fixture.facts("AD203", 'op.create_unique_constraint("uq", "users", ["age"])')
    assert facts["duplicates"] == "users.age has no duplicates"


@pytest.mark.parametrize("any_database", ["postgresql", "mariadb"], indirect=True)
def test_narrowing_and_orphans(fixture: Fixture) -> None:
    """SQLite does not enforce types, and has no rule about foreign keys."""
    lines = (
        'op.alter_column("users", "email", type_=sa.String(5), existing_type=sa.String(50))',
        'op.alter_column("users", "age", type_=sa.SmallInteger(), existing_type=sa.Integer())',
        'op.create_foreign_key("fk", "users", "teams", ["team id"], ["id"])',
    )
    result = fixture.lint("\n".join(lines))
    texts = {fact.text for finding in result.findings for fact in finding.evidence}
    is_postgresql = fixture.url.get_backend_name() == "postgresql"
    limit = "character varying(5)" if is_postgresql else "varchar(5)"
    assert texts >= {
        f"the longest value of users.email has 13 characters, and {limit} holds 5",
        "users.email is longer than 5 in 2 of 4 rows",
        "users.age does not fit smallint in 1 of 4 rows",
        "users.team id references missing rows of teams in 2 of 4 rows",
    }


@pytest.mark.parametrize("any_database", ["postgresql", "mariadb"], indirect=True)
def test_a_type_that_all_values_fit(fixture: Fixture) -> None:
    result = fixture.lint(
        'op.alter_column("users", "id", type_=sa.SmallInteger(), existing_type=sa.Integer())'
    )
    texts = {fact.text for finding in result.findings for fact in finding.evidence}
    assert "every value of users.id fits smallint" in texts


@pytest.mark.parametrize("any_database", ["postgresql"], indirect=True)
def test_checks_values_and_constraints_that_are_validated(fixture: Fixture) -> None:
    added = 'op.create_check_constraint("ck", "users", "age >= 0"{})'
    assert fixture.facts("AD406", added.format(""))["violations"] == (
        "the check ck is violated by 1 of 4 rows"
    )


@ON_SQLITE
def test_values_of_a_dropped_column_and_rows_of_a_dropped_table(fixture: Fixture) -> None:
    assert fixture.facts("AD102", 'op.drop_column("users", "age")\nop.drop_table("teams")') == {
        **fixture.facts("AD102"),
        "values": "users.age has a value in 4 of 4 rows",
    }
    assert fixture.facts("AD101")["rows"] == "teams has 1 row"


@ON_SQLITE
def test_names_are_those_of_the_live_database(fixture: Fixture) -> None:
    """Earlier migrations that are not applied either have renamed the table and the column."""
    facts = fixture.facts(
        "AD202",
        'op.rename_table("users", "people")\nop.rename_column("people", "email", "mail")',
        'op.alter_column("people", "mail", nullable=False, existing_type=sa.String(50))',
    )
    assert facts["nulls"] == "users.email is NULL in 1 of 4 rows"
    assert facts["rows"] == "users has 4 rows"


@ON_SQLITE
def test_what_pending_migrations_create_is_not_counted(fixture: Fixture) -> None:
    assert (
        fixture.facts(
            "AD202",
            'op.create_table("drafts", sa.Column("id", sa.Integer(), primary_key=True), '
            'sa.Column("title", sa.String(9)))\n'
            'op.add_column("users", sa.Column("title", sa.String(9)))',
            'op.alter_column("drafts", "title", nullable=False, existing_type=sa.String(9))',
        )
        == {}
    )


@ON_SQLITE
def test_applied_migrations_have_no_evidence(any_database: sa.URL, tmp_path: Path) -> None:
    """A finding stays, but the rows are those after the migration."""
    fixture = Fixture(any_database, tmp_path)
    fixture.folder.write("bbbb", 'op.drop_column("users", "age")')
    fixture.project().upgrade()
    result = fixture.project().lint(evidence=True)
    found = [finding for finding in result.findings if finding.code == "AD102"]
    assert [finding.evidence for finding in found] == [()]


def test_hostile_names_are_quoted(any_database: sa.URL, tmp_path: Path) -> None:
    name = "o'r\"d`e%s{x}\nr"
    first = (
        f'op.create_table({name!r}, sa.Column("id", sa.Integer(), primary_key=True), '
        f"sa.Column({name!r}, sa.String(20)))"
    )
    fixture = Fixture(any_database, tmp_path, first, ())
    body = f"op.alter_column({name!r}, {name!r}, nullable=False, existing_type=sa.String(20))"
    facts = fixture.facts("AD202", body)
    shown = name.replace("\n", "\\n")
    assert facts["nulls"] == f"{shown}.{shown} is NULL in no row"


def test_a_partitioned_table_in_a_schema(
    database: Callable[[str], sa.URL], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate of the catalog is the sum of the partitions, and is labelled."""
    part = "CREATE TABLE sales.{} PARTITION OF sales.orders FOR VALUES FROM ({}) TO ({})"
    statements = (
        "CREATE SCHEMA sales",
        "CREATE TABLE sales.orders (id int, day int) PARTITION BY RANGE (day)",
        part.format("old", 0, 5),
        part.format("new", 5, 9),
    )
    first = "\n".join(f"op.execute({sql!r})" for sql in statements)
    rows = (
        "INSERT INTO sales.orders SELECT n, mod(n, 9) FROM generate_series(1, 900) n",
        "ANALYZE sales.old",
        "ANALYZE sales.new",
    )
    fixture = Fixture(database("postgresql"), tmp_path, first, rows)
    body = 'op.alter_column("orders", "id", nullable=False, schema="sales")'
    assert fixture.facts("AD202", body)["rows"] == "sales.orders has 900 rows"
    monkeypatch.setattr(live, "_ESTIMATED_FROM", 900)
    facts = fixture.facts("AD202")
    assert "rows" not in facts
    assert facts["estimated_rows"] == "sales.orders has about 900 rows (estimate of the catalog)"
    assert facts["nulls"] == "sales.orders.id is NULL in no row"


def test_a_slow_query_is_stopped(any_database: sa.URL, tmp_path: Path) -> None:
    """The query compares 8 billion combinations of rows; the next one runs again."""
    numbers = ", ".join(f"({number})" for number in range(2000))
    first = 'op.create_table("n", sa.Column("i", sa.Integer()))'
    Fixture(any_database, tmp_path, first, (f"INSERT INTO n VALUES {numbers}",))
    slow = "SELECT count(*) FROM n a CROSS JOIN n b CROSS JOIN n c WHERE a.i + b.i + c.i < 0"
    with measuring(any_database, 0.2) as measure:
        assert measure._ask(slow).problem == "took longer than 0.2 s"
        assert measure._ask("SELECT count(*) FROM n").value == 2000


@ON_SQLITE
def test_all_queries_together_are_bounded(any_database: sa.URL) -> None:
    with measuring(any_database, 5.0) as measure:
        measure._end = 0.0
        assert measure._ask("SELECT 1").problem == "all queries together took longer than 30 s"


@contextmanager
def measuring(url: sa.URL, seconds: float) -> Iterator[live._Measure]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        dialect = dialect_of(connection)
        connection.rollback()
        yield live._Measure(connection, dialect, seconds)


def test_a_user_without_privileges_sees_why(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    fixture = Fixture(database("postgresql"), tmp_path)
    engine = sa.create_engine(fixture.url, poolclass=sa.NullPool)
    role = f"reader_{fixture.url.database}"
    with engine.begin() as connection:
        for sql in (
            f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
            f"GRANT SELECT ON autodiff_history, autodiff_journal, teams TO {role}",
        ):
            connection.exec_driver_sql(sql)
    try:
        fixture.url = fixture.url.set(username=role, password="secret")
        facts = fixture.facts("AD102", 'op.drop_column("users", "age")')
        assert facts["rows"] == ("rows of users not counted: permission denied for table users")
        assert facts["bytes"].startswith("users takes")
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


@ON_SQLITE
def test_a_database_that_is_not_there(fixture: Fixture) -> None:
    """The findings are still returned, and the reason."""
    body = 'op.drop_column("users", "age")'
    fixture.folder.write("bbbb", body)
    project = Project(
        "postgresql://localhost:1/none?connect_timeout=2", sa.MetaData(), fixture.folder.path
    )
    result = project.lint(evidence=True)
    assert "AD102" in [finding.code for finding in result.findings]
    [problem] = result.problems
    assert problem.message.startswith("cannot connect to ")


def test_a_database_that_goes_away(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    fixture = Fixture(database("postgresql"), tmp_path)
    other = sa.create_engine(fixture.url, poolclass=sa.NullPool)

    @contextmanager
    def killed_at_the_second_count() -> Iterator[None]:
        counts: list[str] = []

        def kill(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("SELECT count"):
                counts.append(statement)
            if len(counts) == 2:
                counts.append("")
                pid = connection.connection.driver_connection.info.backend_pid
                with other.connect() as killer:
                    killer.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")

        sa.event.listen(sa.Engine, "before_cursor_execute", kill)
        try:
            yield
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", kill)

    with killed_at_the_second_count():
        result = fixture.lint('op.drop_table("teams")\nop.drop_column("users", "age")')
    found = [finding for finding in result.findings if finding.code in ("AD101", "AD102")]
    assert [len(finding.evidence) > 0 for finding in found] == [True, False]
    [problem] = result.problems
    assert problem.message.startswith("the evidence is incomplete: ")


def test_nothing_is_written(fixture: Fixture) -> None:
    with measuring(fixture.url, 5.0) as measure:
        assert measure._ask("DELETE FROM users").problem
        measure._connection.rollback()
        assert measure._ask("SELECT count(*) FROM users").value == 4
