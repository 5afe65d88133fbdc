"""Tests for values of existing rows: when none is needed, defaults of models, and wrong values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import AutodiffError, FillNeededError, PlanError, RehearsalFailedError
from tests.support import opened


def models(*columns: sa.Column[object]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def start(url: sa.URL, folder: Path, *, rows: int) -> None:
    project = Project(url, models(), folder)
    project.generate("users")
    project.upgrade()
    with opened(url) as db:
        for number in range(rows):
            db.execute(f"INSERT INTO users (id) VALUES ({number + 1})")


def size(**options: object) -> sa.Column[object]:
    return sa.Column("size", sa.Integer, nullable=False, **options)


def test_an_empty_table_needs_no_value(any_database: sa.URL, tmp_path: Path) -> None:
    """The migration requires that the table is still empty when it runs."""
    start(any_database, tmp_path / "m", rows=0)
    project = Project(any_database, models(size()), tmp_path / "m")
    project.generate("size")
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id) VALUES (1)")
    with pytest.raises(AutodiffError, match=r"existing rows have no value \(1 found"):
        project.upgrade()
    with opened(any_database) as db:
        db.execute("DELETE FROM users")
    project.upgrade()
    assert not project.check()
    project.downgrade("-1")


def test_a_table_with_rows_needs_a_value(any_database: sa.URL, tmp_path: Path) -> None:
    start(any_database, tmp_path / "m", rows=1)
    project = Project(any_database, models(size()), tmp_path / "m")
    with pytest.raises(FillNeededError):
        project.generate("size")


def test_an_empty_table_needs_a_value_if_live_rows_are_not_read(
    any_database: sa.URL, tmp_path: Path
) -> None:
    start(any_database, tmp_path / "m", rows=0)
    project = Project(any_database, models(size()), tmp_path / "m")
    with pytest.raises(FillNeededError):
        project.generate("size", data_checks=False)


DEFAULTS = [
    (sa.Integer(), 5, 5),
    (sa.String(20), "it's now", "it's now"),
    (sa.Boolean(), True, 1),
    (sa.Numeric(8, 2), 2.5, 2.5),
    (sa.Integer(), sa.text("2 + 3"), 5),
]


@pytest.mark.parametrize(("type_", "default", "stored"), DEFAULTS)
def test_a_default_of_the_model_is_the_value(
    type_: sa.types.TypeEngine[object],
    default: object,
    stored: object,
    any_database: sa.URL,
    tmp_path: Path,
) -> None:
    start(any_database, tmp_path / "m", rows=2)
    column = sa.Column("v", type_, nullable=False, default=default)
    project = Project(any_database, models(column), tmp_path / "m")
    project.generate("v")
    project.upgrade()
    with opened(any_database) as db:
        values = [row[0] for row in db.connection.execute(sa.text("SELECT v FROM users"))]
    assert values == [stored, stored]


def test_a_given_value_replaces_the_default(any_database: sa.URL, tmp_path: Path) -> None:
    start(any_database, tmp_path / "m", rows=1)
    project = Project(any_database, models(size(default=5)), tmp_path / "m")
    draft = project.draft("size", fills=["users.size=7"])
    assert draft is not None
    assert '{"size": 7}' in draft.texts[draft.path]


def test_a_function_is_no_value(any_database: sa.URL, tmp_path: Path) -> None:
    start(any_database, tmp_path / "m", rows=1)
    project = Project(any_database, models(size(default=lambda: 5)), tmp_path / "m")
    with pytest.raises(FillNeededError):
        project.generate("size")


WRONG = [
    (sa.Integer(), "abc", "is no number"),
    (sa.Numeric(8, 2), "1,5", "is no number"),
    (sa.Boolean(), "maybe", ""),
    (sa.DateTime(), "tomorrow", "is no date and time"),
    (sa.Date(), "abc", "is no date"),
    (sa.Time(), "25 o'clock", "is no time"),
    (sa.String(3), "abcd", "is longer than 3"),
    (sa.Enum("a", "b", name="letter"), "c", ""),
    (sa.JSON(), "{", ""),
]


@pytest.mark.parametrize(("type_", "value", "problem"), WRONG)
def test_a_value_that_does_not_fit_is_refused(
    type_: sa.types.TypeEngine[object],
    value: str,
    problem: str,
    any_database: sa.URL,
    tmp_path: Path,
) -> None:
    if any_database.get_backend_name() == "sqlite" and isinstance(type_, sa.Enum):
        pytest.skip("SQLite stores an enum as a text")
    if any_database.get_backend_name() == "mysql" and isinstance(type_, sa.JSON):
        pytest.skip("MariaDB stores JSON as a text")
    start(any_database, tmp_path / "m", rows=1)
    column = sa.Column("v", type_, nullable=False)
    project = Project(any_database, models(column), tmp_path / "m")
    with pytest.raises(PlanError) as caught:
        project.generate("v", fills=[f"users.v={value}"])
    assert caught.value.message.startswith("cannot fill users.v (")
    assert problem in caught.value.message
    assert "--fill users.v=VALUE" in (caught.value.hint or "")


RIGHT = [
    (sa.DateTime(), "now"),
    (sa.DateTime(), "2001-02-03 04:05:06"),
    (sa.Date(), "today"),
    (sa.Boolean(), "true"),
    (sa.Numeric(8, 2), "-1.5"),
    (sa.Integer(), "sql:1 + 1"),
    (sa.String(30), "now or never"),
]


@pytest.mark.parametrize(("type_", "value"), RIGHT)
def test_a_value_that_fits_is_accepted(
    type_: sa.types.TypeEngine[object], value: str, any_database: sa.URL, tmp_path: Path
) -> None:
    start(any_database, tmp_path / "m", rows=1)
    column = sa.Column("v", type_, nullable=False)
    project = Project(any_database, models(column), tmp_path / "m")
    assert project.draft("v", fills=[f"users.v={value}"], rehearse=False) is not None


def test_a_value_is_for_the_column_that_takes_the_name(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """The dropped column of that name has another type, and gets its own value in the downgrade."""
    before = models(size(), sa.Column("label", sa.String(9)))
    project = Project(any_database, before, tmp_path / "m")
    project.generate("users")
    project.upgrade()
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id, size, label) VALUES (1, 5, NULL)")
    after = models(sa.Column("size", sa.String(9), nullable=False))
    project = Project(any_database, after, tmp_path / "m")
    project.generate("size", renames=["users.label:size"], fills=["users.size=big"])
    project.upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT id, size FROM users") == [(1, "big")]
    project.downgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT id, size, label FROM users") == [(1, 0, "big")]


def test_tables_of_migration_tools_in_the_models_are_ignored(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """Models that were generated from a database have them."""
    metadata = models()
    sa.Table("alembic_version", metadata, sa.Column("version_num", sa.String(32)))
    sa.Table("autodiff_history", metadata, sa.Column("revision", sa.String(32)))
    with opened(any_database) as db:
        db.execute("CREATE TABLE alembic_version (version_num varchar(32))")
    project = Project(any_database, metadata, tmp_path / "m")
    assert project.generate("users") is not None
    project.upgrade()
    assert project.generate("nothing") is None
    assert not project.check()


def shop(*columns: sa.Column[Any]) -> sa.MetaData:
    """Return models of two tables that do not refer to each other."""
    metadata = sa.MetaData()
    sa.Table("regions", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("orders", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def with_rows(url: sa.URL, folder: Path) -> None:
    """Create the tables of the shop, with a row in each."""
    project = Project(url, shop(), folder)
    project.generate("first")
    project.upgrade()
    with opened(url) as db:
        db.execute("INSERT INTO regions VALUES (7)", "INSERT INTO orders VALUES (1)")


def test_a_value_from_another_table(any_database: sa.URL, tmp_path: Path) -> None:
    """The rehearsal has the table, although the change does not affect it."""
    with_rows(any_database, tmp_path / "m")
    project = Project(
        any_database, shop(sa.Column("region", sa.Integer, nullable=False)), tmp_path / "m"
    )
    query = "sql:coalesce((SELECT max(id) FROM regions), 0)"
    assert project.generate("region", fills={"orders.region": query}) is not None
    project.upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT id, region FROM orders") == [(1, 7)]
    project.downgrade("-1")
    assert not Project(any_database, shop(), tmp_path / "m").diff().changes


@pytest.mark.parametrize("value", ["upper(nam)", "upper(name", "(SELECT id FROM nothing)"])
def test_a_value_with_a_mistake(any_database: sa.URL, tmp_path: Path, value: str) -> None:
    """The hint names the option: the mistake is not one of autodiff."""
    with_rows(any_database, tmp_path / "m")
    project = Project(
        any_database, shop(sa.Column("code", sa.String(9), nullable=False)), tmp_path / "m"
    )
    with pytest.raises(RehearsalFailedError, match="fill code: ") as caught:
        project.generate("code", fills={"orders.code": f"sql:{value}"})
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("correct the value that fills orders.code: ")
