"""Test the rehearsal of a draft: passes, failures and reports of lost values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project, diff
from autodiff.commands.generate import refuse_failed
from autodiff.errors import RehearsalFailedError
from autodiff.rehearse.draft import prove
from autodiff.rehearse.proof import Proof


def models(*columns: sa.Column[object]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def engine_with_tables(url: sa.URL, metadata: sa.MetaData) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    metadata.create_all(engine)
    return engine


def test_a_migration_passes_up_and_down_with_rows(any_database: sa.URL) -> None:
    """A generated migration passes and loses no values."""
    engine = engine_with_tables(any_database, models(sa.Column("nick", sa.String(10))))
    metadata = models(sa.Column("nick", sa.String(20)), sa.Column("age", sa.Integer))
    with engine.connect() as connection:
        plan = diff(connection, metadata)
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert proof.passed
    assert (proof.lost, proof.notes) == ((), ())


def test_a_file_that_cannot_be_imported_is_named_without_its_folder(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """It was rehearsed in another folder, and without the lines that say so."""
    project = Project(
        any_database, models(), tmp_path, render_type=lambda type_: ("foo.Foo()", ["import foo"])
    )
    migration = project.generate("x")
    assert migration is not None
    note = (
        "Not rehearsed, because cannot read migration 0001_x.py: ModuleNotFoundError: No module "
        "named 'foo'."
    )
    assert note in " ".join(migration.text.split())


def test_lost_values_are_reported(any_database: sa.URL) -> None:
    """A dropped column loses its values up and, after it is restored, down."""
    engine = engine_with_tables(any_database, models(sa.Column("nick", sa.String(10))))
    with engine.connect() as connection:
        plan = diff(connection, models())
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert proof.passed
    assert proof.lost == (
        "upgrade: the values of users.nick",
        "downgrade: the values of users.nick",
    )


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("sa.Integer()", "sa.String(7)", "upgrade leaves: ~ column users.age"),
        ('op.drop_column("users", "age")', "pass", "downgrade leaves: - column users.age"),
        ('op.drop_column("users", "age")', 'op.drop_column("users", "gone")', "cannot"),
    ],
    ids=["wrong upgrade", "no downgrade", "broken downgrade"],
)
def test_a_wrong_migration_fails(
    any_database: sa.URL, before: str, after: str, problem: str
) -> None:
    """Incomplete upgrades, incomplete downgrades and failing statements are problems."""
    engine = engine_with_tables(any_database, models())
    with engine.connect() as connection:
        plan = diff(connection, models(sa.Column("age", sa.Integer)))
        source = plan.source("x", revision="r")
        assert before in source
        proof = prove(connection, plan, {Path("0001_x.py"): source.replace(before, after)})
    assert proof is not None
    assert not proof.passed
    assert any(line.startswith(problem) for line in proof.problems), proof.problems


def test_blocking_sample_rows_are_left_out(any_database: sa.URL) -> None:
    """Rows that a check of the file would find are removed; the others are migrated."""
    engine = engine_with_tables(any_database, models(sa.Column("age", sa.Integer)))
    column = sa.Column("age", sa.Integer, sa.CheckConstraint("age > 3", name="age_large"))
    with engine.connect() as connection:
        plan = diff(connection, models(column))
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert (proof.problems, proof.notes) == ((), ())


def test_no_sample_rows_if_all_are_blocking(any_database: sa.URL) -> None:
    """A note reports that the table has no sample rows."""
    engine = engine_with_tables(any_database, models(sa.Column("age", sa.Integer, nullable=False)))
    check = sa.CheckConstraint("age > 1000", name="age_large")
    column = sa.Column("age", sa.Integer, check, nullable=False)
    with engine.connect() as connection:
        plan = diff(connection, models(column))
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert proof.passed
    assert proof.notes == ("no sample rows in users: the sample rows would prevent the migration",)


def test_failures_caused_by_sample_rows_are_notes(any_database: sa.URL) -> None:
    """Live rows may satisfy a check that the sample rows do not."""
    engine = engine_with_tables(any_database, models(sa.Column("age", sa.Integer)))
    with engine.connect() as connection:
        plan = diff(connection, models(sa.Column("size", sa.Integer)), assume="drop-and-add")
        source = plan.source("x", revision="r")
        broken = source.replace(
            "def downgrade() -> None:\n", f"def downgrade() -> None:\n{REQUIRE_NO_USERS}"
        )
        proof = prove(connection, plan, {Path("0001_x.py"): broken})
    assert proof is not None
    assert proof.passed
    assert proof.notes == ("with sample rows: users has rows (3 found: id 1, 2, 3)",)


REQUIRE_NO_USERS = '    op.require("SELECT id FROM users ORDER BY id", "users has rows")\n'


def test_no_scratch_database_is_left(database: Callable[[str], sa.URL]) -> None:
    """It is dropped whether the migration passed or failed."""
    for kind, query in (
        ("postgresql", "SELECT datname FROM pg_database"),
        ("mariadb", "SHOW DATABASES"),
    ):
        engine = engine_with_tables(database(kind), models())
        with engine.connect() as connection:
            plan = diff(connection, models(sa.Column("age", sa.Integer)))
            source = plan.source("x", revision="r")
            for text in (source, source.replace("drop_column", "drop_table")):
                prove(connection, plan, {Path("0001_x.py"): text})
            names = connection.exec_driver_sql(query).scalars().all()
        assert not [name for name in names if name.startswith("autodiff_scratch")]


def test_a_failing_migration_is_not_written(any_database: sa.URL, tmp_path: Path) -> None:
    """The template is wrong; the error lists the differences that remain after the upgrade."""
    engine = engine_with_tables(any_database, models())
    templates = tmp_path / "templates" / "operations"
    templates.mkdir(parents=True)
    (templates / "add_column.py.j2").write_text(
        'op.add_column("users", sa.Column("aged", sa.Integer()))'
    )
    project = Project(
        any_database,
        models(sa.Column("age", sa.Integer)),
        tmp_path / "migrations",
        templates_dir=tmp_path / "templates",
    )
    with pytest.raises(RehearsalFailedError) as caught:
        project.generate("add age")
    assert "upgrade leaves: + column users.age" in caught.value.problems
    assert "--no-rehearse" in (caught.value.hint or "")
    assert not (tmp_path / "migrations").exists()

    migration = project.generate("add age", rehearse=False)
    assert migration is not None
    assert "Not rehearsed, because --no-rehearse was passed." in migration.path.read_text()
    engine.dispose()


def chain(length: int) -> sa.MetaData:
    """Return models of four tables, each with a key to the one before."""
    metadata = sa.MetaData()
    for number in range(4):
        sa.Table(
            f"t{number}",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("before", sa.ForeignKey(f"t{max(number - 1, 0)}.id")),
            sa.Column("text", sa.String(length if number == 1 else 10)),
        )
    return metadata


def test_the_scratch_database_has_only_related_tables(any_database: sa.URL) -> None:
    """These are the table, those that it refers to and those that refer to it directly."""
    engine = engine_with_tables(any_database, chain(10))
    created: list[str] = []

    def record_table(_c: object, _k: object, statement: str, *_: object) -> None:
        if "CREATE TABLE" in statement:
            created.append(statement.split("(")[0].split()[-1].strip('"`').split(".")[-1])

    with engine.connect() as connection:
        plan = diff(connection, chain(20))
        texts = {Path("0001_x.py"): plan.source("x", revision="r")}
        sa.event.listen(sa.Engine, "before_cursor_execute", record_table)
        try:
            proof = prove(connection, plan, texts)
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", record_table)
    assert proof is not None
    assert proof.passed
    assert {"t0", "t1", "t2"} <= set(created)
    assert "t3" not in created


CONVERSIONS = [
    (sa.String(20), sa.Integer(), "007"),
    (sa.String(20), sa.Numeric(10, 2), " 7"),
    (sa.Text(), sa.Float(), "+7"),
]


@pytest.mark.parametrize(("before", "after", "value"), CONVERSIONS)
def test_texts_that_a_conversion_changes_are_reported(
    any_database: sa.URL,
    before: sa.types.TypeEngine[str],
    after: sa.types.TypeEngine[float],
    value: str,
) -> None:
    """By the sample rows of the rehearsal, and by a finding about the live rows."""
    engine = engine_with_tables(any_database, models(sa.Column("code", before)))
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO users (id, code) VALUES (1, :value), (2, '8')"), {"value": value}
        )
    with engine.connect() as connection:
        plan = diff(connection, models(sa.Column("code", after)))
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    [finding] = plan.findings
    assert (finding.code, finding.severity) == ("values-lost", "warning")
    assert "(1 found: id 1)" in finding.message
    assert proof is not None
    assert proof.lost == ("downgrade: the values of users.code",)
    assert (proof.problems, proof.notes) == ((), ())


PRECISE = [
    (sa.DateTime(), sa.Date()),
    (sa.Double(), sa.Float(24)),
    (sa.BigInteger(), sa.Float(24)),
    (sa.Numeric(20, 4), sa.Double()),
]


@pytest.mark.parametrize(("before", "after"), PRECISE)
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_values_with_many_digits_are_among_the_sample_rows(
    kind: str,
    before: sa.types.TypeEngine[object],
    after: sa.types.TypeEngine[object],
    database: Callable[[str], sa.URL],
) -> None:
    engine = engine_with_tables(database(kind), models(sa.Column("at", before)))
    with engine.connect() as connection:
        plan = diff(connection, models(sa.Column("at", after)))
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert "downgrade: the values of users.at" in proof.lost
    assert (proof.problems, proof.notes) == ((), ())


def test_values_of_computed_columns_are_not_lost(any_database: sa.URL) -> None:
    """The database computes them again from the values that are kept."""
    before, after = (
        models(
            sa.Column("n", sa.Integer),
            sa.Column("size", sa.Integer, sa.Computed(f"n + {number}", persisted=True)),
        )
        for number in (1, 2)
    )
    engine = engine_with_tables(any_database, before)
    with engine.connect() as connection:
        plan = diff(connection, after)
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert (proof.problems, proof.lost) == ((), ())


MANY_LOCKS = 'op.execute("SELECT count(pg_advisory_xact_lock(g)) FROM generate_series({}, {}) g")'


def test_a_downgrade_with_too_many_locks_is_rehearsed_in_parts(
    database: Callable[[str], sa.URL],
) -> None:
    """A note names the setting; a part that still needs too many locks is a failure."""
    after = models(sa.Column("mail", sa.String(20)))
    engine = engine_with_tables(database("postgresql"), models())
    parts = [MANY_LOCKS.format(1, 8000), *['op.execute("SELECT 1")'] * 100]
    with engine.connect() as connection:
        plan = diff(connection, after)
        source = plan.source("x", revision="r")

        def proved(most: int) -> Proof:
            steps = "\n    ".join([*parts, MANY_LOCKS.format(8001, most), "op.drop_column"])
            text = source.replace("    op.drop_column", f"    {steps}")
            return prove(connection, plan, {Path("0001_x.py"): text})

        divided, refused = proved(16_000), proved(90_000)
    engine.dispose()
    assert divided.passed, divided.problems
    assert "increase max_locks_per_transaction" in divided.notes[0]
    assert "max_locks_per_transaction" in refused.problems[0]
    assert "divide the migration into several" in (refused.cure or "")


def test_an_upgrade_with_too_many_locks_says_what_to_do(
    database: Callable[[str], sa.URL],
) -> None:
    engine = engine_with_tables(database("postgresql"), models())
    with engine.connect() as connection:
        plan = diff(connection, models(sa.Column("mail", sa.String(20))))
        source = plan.source("x", revision="r")
        text = source.replace(
            "    op.add_column", f"    {MANY_LOCKS.format(1, 90_000)}\n    op.add_column"
        )
        proof = prove(connection, plan, {Path("0001_x.py"): text})
    engine.dispose()
    with pytest.raises(RehearsalFailedError, match="out of shared memory") as refused:
        refuse_failed(plan, proof)
    assert "increase max_locks_per_transaction on the server" in (refused.value.hint or "")
