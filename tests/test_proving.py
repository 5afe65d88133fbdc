"""The rehearsal: what it proves, what it refuses, and what it says of lost values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project, diff
from autodiff.errors import RehearsalFailedError
from autodiff.rehearse.draft import prove


def models(*columns: sa.Column[object]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def prepared(url: sa.URL, metadata: sa.MetaData) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    metadata.create_all(engine)
    return engine


def test_a_migration_passes_up_and_down_with_rows(any_database: sa.URL) -> None:
    """What autodiff itself writes passes, and loses nothing."""
    engine = prepared(any_database, models(sa.Column("nick", sa.String(10))))
    wanted = models(sa.Column("nick", sa.String(20)), sa.Column("age", sa.Integer))
    with engine.connect() as connection:
        plan = diff(connection, wanted)
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert proof.passed
    assert (proof.lost, proof.notes) == ((), ())


def test_values_that_do_not_come_back_are_said(any_database: sa.URL) -> None:
    """A dropped column loses its values, up and, once it is back, down."""
    engine = prepared(any_database, models(sa.Column("nick", sa.String(10))))
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
    """What upgrade leaves to do, what downgrade does not restore, and what fails is a problem."""
    engine = prepared(any_database, models())
    with engine.connect() as connection:
        plan = diff(connection, models(sa.Column("age", sa.Integer)))
        source = plan.source("x", revision="r")
        assert before in source
        proof = prove(connection, plan, {Path("0001_x.py"): source.replace(before, after)})
    assert proof is not None
    assert not proof.passed
    assert any(line.startswith(problem) for line in proof.problems), proof.problems


def test_sample_rows_do_not_stand_in_the_way(any_database: sa.URL) -> None:
    """Those that a check of the file would find are left out: the others show what they can."""
    engine = prepared(any_database, models(sa.Column("age", sa.Integer)))
    column = sa.Column("age", sa.Integer, sa.CheckConstraint("age > 3", name="age_large"))
    with engine.connect() as connection:
        plan = diff(connection, models(column))
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert (proof.problems, proof.notes) == ((), ())


def test_no_sample_row_may_do(any_database: sa.URL) -> None:
    """Where each that is made up would stand in the way there are none, and a note says so."""
    engine = prepared(any_database, models(sa.Column("age", sa.Integer, nullable=False)))
    check = sa.CheckConstraint("age > 1000", name="age_large")
    column = sa.Column("age", sa.Integer, check, nullable=False)
    with engine.connect() as connection:
        plan = diff(connection, models(column))
        proof = prove(connection, plan, {Path("0001_x.py"): plan.source("x", revision="r")})
    assert proof is not None
    assert proof.passed
    assert proof.notes == ("no sample rows in users: the sample rows would prevent the migration",)


def test_sample_rows_alone_are_no_problem(any_database: sa.URL) -> None:
    """What they break, and no check of the file could ask, may hold for the live ones: a note."""
    engine = prepared(any_database, models(sa.Column("age", sa.Integer)))
    with engine.connect() as connection:
        plan = diff(connection, models(sa.Column("size", sa.Integer)), assume="drop-and-add")
        source = plan.source("x", revision="r")
        broken = source.replace(
            "def downgrade() -> None:\n", f"def downgrade() -> None:\n{REFUSES}"
        )
        proof = prove(connection, plan, {Path("0001_x.py"): broken})
    assert proof is not None
    assert proof.passed
    assert proof.notes == ("with sample rows: users has rows (3 found: id 1, 2, 3)",)


REFUSES = '    op.require("SELECT id FROM users ORDER BY id", "users has rows")\n'


def test_nothing_is_left_behind(database: Callable[[str], sa.URL]) -> None:
    """No scratch database stays on a server, whether the migration passed or failed."""
    for kind, query in (
        ("postgresql", "SELECT datname FROM pg_database"),
        ("mariadb", "SHOW DATABASES"),
    ):
        engine = prepared(database(kind), models())
        with engine.connect() as connection:
            plan = diff(connection, models(sa.Column("age", sa.Integer)))
            source = plan.source("x", revision="r")
            for text in (source, source.replace("drop_column", "drop_table")):
                prove(connection, plan, {Path("0001_x.py"): text})
            names = connection.exec_driver_sql(query).scalars().all()
        assert not [name for name in names if name.startswith("autodiff_scratch")]


def test_a_file_that_does_not_pass_is_not_written(any_database: sa.URL, tmp_path: Path) -> None:
    """A template that goes wrong is caught: the error says what was left, and no file stays."""
    engine = prepared(any_database, models())
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
    assert "Not rehearsed." in migration.path.read_text()
    engine.dispose()


def chain(length: int) -> sa.MetaData:
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


def test_the_scratch_gets_only_what_the_change_can_reach(any_database: sa.URL) -> None:
    """A table, what it points at and what points at it: not what points at that in turn."""
    engine = prepared(any_database, chain(10))
    created: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        if "CREATE TABLE" in statement:
            created.append(statement.split("(")[0].split()[-1].strip('"`').split(".")[-1])

    with engine.connect() as connection:
        plan = diff(connection, chain(20))
        texts = {Path("0001_x.py"): plan.source("x", revision="r")}
        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            proof = prove(connection, plan, texts)
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert proof is not None
    assert proof.passed
    assert {"t0", "t1", "t2"} <= set(created)
    assert "t3" not in created
