"""Test what a rehearsal measures: locks, rewrites, algorithms, and the estimate of a duration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import Scope, dialect_of
from autodiff.dialects.postgresql.meter import PostgreSQLMeter
from autodiff.evidence import rehearsed
from autodiff.rehearse import rates
from autodiff.rehearse.measured import MeasuredStatement, open_recorder
from autodiff.schema.objects import Name
from tests.support import Folder

USERS = (
    'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True), '
    'sa.Column("email", sa.String(50)), sa.Column("age", sa.Integer()))'
)
CONCURRENTLY = (
    "with op.autocommit():\n"
    '    op.create_index("ix", "users", ["email"], postgresql_concurrently=True)'
)


def models(*more: sa.schema.SchemaItem) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(50)),
        sa.Column("age", sa.Integer),
        *more,
    )
    return metadata


def measured(url: sa.URL, path: Path, *bodies: str, sql: str = "") -> list[MeasuredStatement]:
    """Return the statements of the migrations after the one that creates the table."""
    folder = Folder(path / "migrations")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    for number, body in enumerate(bodies):
        folder.write(f"bbb{number}", body, "raise NotImplementedError")
    if sql:
        folder.write_sql("cccc", sql)
    steps = Project(url, models(), folder.path).rehearse().steps
    assert [step.problems for step in steps] == [()] * len(steps)
    return [statement for step in steps[1:] for statement in step.statements]


def test_postgresql_measures_files_of_all_statements(
    database: Callable[[str], sa.URL], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of statements with the same keywords, only the first ones have measured locks."""
    monkeypatch.setattr(PostgreSQLMeter, "most_locks", 1)
    to_text = 'op.alter_column("users", "email", type_=sa.Text(), existing_type=sa.String(50))\n'
    to_bigint = 'op.alter_column("users", "age", type_=sa.BigInteger())\n'
    back = 'op.alter_column("users", "age", type_=sa.Integer())\n'
    first, second, third, index = measured(
        database("postgresql"),
        tmp_path,
        f'{to_text}{to_bigint}{back}op.create_index("ix", "users", ["age"])',
    )
    assert "takes an ACCESS EXCLUSIVE lock on users" in facts(first)
    assert not first.effects.rewritten
    assert "rewrites users, users_pkey" in facts(second)
    not_measured, rewritten = facts(third)
    assert "not measured" in not_measured
    assert rewritten == "rewrites users, users_pkey"
    assert third.to_data()["has_locks"] is False
    assert "builds ix" in facts(index)
    assert index.effects.held


def test_postgresql_builds_an_index_that_was_dropped_before(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A dropped index is forgotten, also if a statement names its table in capitals."""
    create = 'op.create_index("ix", "users", ["age"])\n'
    first, _, second, _, third = measured(
        database("postgresql"),
        tmp_path,
        f'{create}op.drop_index("ix", "users")\n{create}'
        f'op.execute("ALTER TABLE USERS DROP COLUMN age")\n'
        'op.create_index("ix", "users", ["email"])',
    )
    assert [statement.effects.built for statement in (first, second, third)] == [("ix",)] * 3
    assert not third.effects.rewritten


def facts(statement: MeasuredStatement) -> list[str]:
    return [sentence for _, _, sentence in statement.effects.facts()]


def test_postgresql(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    index, concurrent, alter, held, backfill, by_hand = measured(
        database("postgresql"),
        tmp_path,
        'op.create_index("ix_age", "users", ["age"])',
        CONCURRENTLY,
        'op.alter_column("users", "age", type_=sa.BigInteger(), existing_type=sa.Integer())\n'
        'op.drop_column("users", "age")',
        'op.backfill("users", {"email": ""}, where="email IS NULL")',
        sql="-- a comment\n\nALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid();\n",
    )
    assert facts(index) == ["takes a SHARE lock on users", "builds ix_age"]
    assert index.line == 10
    assert facts(concurrent) == ["takes a SHARE UPDATE EXCLUSIVE lock on users", "builds ix"]
    assert "takes an ACCESS EXCLUSIVE lock on ix, ix_age, users, users_pkey" in facts(alter)
    assert "rewrites ix, ix_age, users, users_pkey" in facts(alter)
    assert facts(held)[-1].startswith("runs while an earlier statement holds an ACCESS EXCLUSIVE")
    assert not held.effects.rewritten
    assert facts(backfill) == ["takes a ROW EXCLUSIVE lock on users"]
    assert "rewrites ix, users, users_pkey" in facts(by_hand)
    assert by_hand.line == 5


def test_mariadb(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A comment at the end of a statement does not hide the algorithm that is tried."""
    statements = measured(
        database("mariadb"),
        tmp_path,
        'op.add_column("users", sa.Column("country", sa.String(2)))\n'
        'op.create_index("ix_age", "users", ["age"])\n'
        'op.alter_column("users", "age", type_=sa.BigInteger(), existing_type=sa.Integer())\n'
        'op.execute("ALTER TABLE users ADD COLUMN x INT, ALGORITHM=COPY, LOCK=SHARED")\n'
        'op.execute("ALTER TABLE users DROP COLUMN x -- no longer needed")',
    )
    found = [(each.effects.algorithm, each.effects.lock) for each in statements]
    copied = ("COPY", "SHARED")
    instant = ("INSTANT", "NONE")
    assert found == [instant, ("NOCOPY", "NONE"), copied, copied, instant]


def test_a_failing_statement_fails_as_without_measuring(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "migrations")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", 'op.create_index("ix", "users", ["missing"])')
    [_, step] = Project(database("mariadb"), models(), folder.path).rehearse().steps
    assert "Key column 'missing' doesn't exist in table" in step.problems[0]
    assert "ALGORITHM" not in step.problems[0]


@pytest.mark.parametrize("any_database", ["postgresql", "mariadb"], indirect=True)
def test_generate_attaches_it_to_the_findings(any_database: sa.URL, tmp_path: Path) -> None:
    is_postgresql = any_database.get_backend_name() == "postgresql"
    Project(any_database, models(), tmp_path / "migrations").generate("users")
    change = (
        sa.Index("ix_email", "email")
        if is_postgresql
        else sa.ForeignKeyConstraint(["age"], ["users.id"], name="fk_age")
    )
    project = Project(any_database, models(change), tmp_path / "migrations")
    project.upgrade()
    draft = project.draft("change")
    assert draft is not None
    assert draft.proof is not None
    [finding] = project.lint_draft(draft)
    texts = {(fact.source, fact.text) for fact in finding.evidence}
    assert ("database", "users has 0 rows") in texts
    if is_postgresql:
        assert ("rehearsal", "takes a SHARE lock on users") in texts
    else:
        text = "runs with ALGORITHM=COPY, and writes wait until it is done (LOCK=SHARED)"
        assert ("rehearsal", text) in texts
        assert ("database", "users.age references missing rows of users in no row") in texts


def test_rehearse_estimates_the_duration(
    database: Callable[[str], sa.URL], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live table has 900 rows according to the catalog, which is made to count as large."""
    for module in (rates, rehearsed):
        monkeypatch.setattr(module, "WORTH_ESTIMATING", 900)
    url = database("postgresql")
    folder = Folder(tmp_path / "migrations")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    project = Project(url, models(), folder.path)
    project.upgrade()
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("INSERT INTO users SELECT n FROM generate_series(1, 900) n")
        connection.exec_driver_sql("ANALYZE users")
    folder.write("bbbb", 'op.create_index("ix", "users", ["age"])', 'op.drop_index("ix", "users")')
    body = 'op.alter_column("users", "age", type_={}, existing_type={})'
    types = ("sa.BigInteger()", "sa.Integer()")
    folder.write("cccc", body.format(*types), body.format(*reversed(types)))
    result = project.rehearse(estimate=True)
    texts = {
        finding.code: [f.text for f in finding.evidence if f.fact == "estimated_seconds"]
        for finding in result.findings
    }
    start = "estimate: less than a second for 900 rows, if the database {} as fast as the scratch "
    assert texts["AD401"][0].startswith(start.format("builds an index"))
    assert texts["AD411"][0].startswith(start.format("copies rows"))
    assert set(result.steps[1].rates) == {Name("users")}


def test_rates_leave_nothing_behind(any_database: sa.URL) -> None:
    engine = sa.create_engine(any_database, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id integer PRIMARY KEY, x varchar(9))")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        connection.commit()
        dialect = dialect_of(connection)
        before = dialect.catalog.reflect(connection, Scope())
        [table] = before.tables.values()
        found = rates.measure_rates(connection, dialect, table)
        assert found is not None
        assert min(found.rows, found.copy, found.index, found.scan) > 0
        assert dialect.catalog.reflect(connection, Scope()) == before


def test_sqlite_has_nothing_to_measure() -> None:
    with (
        sa.create_engine("sqlite://").connect() as connection,
        open_recorder(connection, dialect_of(connection)) as recorder,
    ):
        assert recorder is None
