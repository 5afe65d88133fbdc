"""Where the targets come from: URLs, a file, a query; and passwords that nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import ConfigError, DatabaseError
from tests.support import opened


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    """A function from the table of the targets to a project."""

    def make(url: str | sa.URL = "sqlite:///registry.db", **targets: Any) -> Project:
        return Project(url, directory=tmp_path / "m", root=tmp_path, targets=targets)

    return make


def found(project: Project) -> dict[str, str]:
    return {t.name: t.url.render_as_string(hide_password=False) for t in project.targets()}


def test_urls(project: Callable[..., Project], tmp_path: Path) -> None:
    """A name is the URL as it was written, without the password; drivers are found as always."""
    urls = [
        "sqlite:///a.db",
        "postgresql+asyncpg://app:s3cret@h/one",
        "postgresql://h/two?password=s3cret&application_name=a",
    ]
    assert found(project(urls=urls)) == {
        "sqlite:///a.db": f"sqlite:///{tmp_path}/a.db",
        "postgresql+asyncpg://app@h/one": "postgresql+psycopg://app:s3cret@h/one",
        "postgresql://h/two?application_name=a": "postgresql+psycopg://h/two"
        "?application_name=a&password=s3cret",
    }


def test_a_file_of_urls(project: Callable[..., Project], tmp_path: Path) -> None:
    """A line is a URL, or a name and a URL; comments and empty lines are passed by."""
    (tmp_path / "tenants").write_text(
        "# all of them\n\nacme sqlite:///a.db  # the first\nsqlite:///b.db\n"
    )
    names = found(project(file="tenants"))
    assert names == {
        "acme": f"sqlite:///{tmp_path}/a.db",
        "sqlite:///b.db": f"sqlite:///{tmp_path}/b.db",
    }


def test_a_file_of_names(project: Callable[..., Project], tmp_path: Path) -> None:
    """The template says what a name stands for."""
    (tmp_path / "tenants").write_text("acme\nglobex\n")
    url = "mysql://app:pw@h/registry"
    names = found(project(url, file="tenants", database="tenant_{name}"))
    assert names["acme"] == "mysql+pymysql://app:pw@h/tenant_acme"
    names = found(project(file="tenants", database="data/{name}.db"))
    assert names["globex"] == f"sqlite:///{tmp_path}/data/globex.db"


@pytest.mark.parametrize(
    ("text", "targets", "message"),
    [
        ("a b c", {}, "tenants:1: each line must be a URL, or a name and a URL"),
        ("# x\na s3cret://b c", {}, "tenants:2: each line must be a URL, or a name and a URL"),
        (
            "a b",
            {"schema": "{name}"},
            "tenants:1: each line must be one name, because targets.schema is set",
        ),
        ("a://s3cret", {"database": "{name}"}, "tenants:1: each line must be one name"),
        ("x\nx", {"database": "{name}"}, "targets: several targets have the same name: x"),
        ("x", {"database": "{slug}"}, 'database = "{slug}" uses the unknown placeholder {slug}'),
        ("a s3cret", {}, "targets: target a: the database URL cannot be read"),
    ],
)
def test_a_file_that_is_wrong(
    project: Callable[..., Project],
    tmp_path: Path,
    text: str,
    targets: dict[str, str],
    message: str,
) -> None:
    """The line is told by its number, and what stands in it is not shown: it may be a secret."""
    (tmp_path / "tenants").write_text(text)
    with pytest.raises(ConfigError) as caught:
        project(file="tenants", **targets).targets()
    assert message in caught.value.message
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_a_file_that_is_not_there(project: Callable[..., Project], tmp_path: Path) -> None:
    """It is looked for beside the configuration."""
    with pytest.raises(ConfigError) as caught:
        project(file="nowhere").targets()
    assert caught.value.message == (
        f"cannot read the targets from {tmp_path}/nowhere: No such file or directory"
    )


def test_variables(tmp_path: Path) -> None:
    """${NAME} is replaced in URLs, wherever they stand; one that is not set is told."""
    (tmp_path / "autodiff.toml").write_text('[targets]\nfile = "tenants"\n')
    (tmp_path / "tenants").write_text("acme postgresql://app:${PW}@h/db\n")
    project = Project.load(tmp_path, environment={"PW": "a$b"})
    assert project.targets()[0].url.password == "a$b"
    with pytest.raises(ConfigError, match="needs the environment variable PW") as caught:
        Project.load(tmp_path, environment={}).targets()
    assert caught.value.message.startswith("targets: target acme: ")
    assert caught.value.hint == "set PW"


def test_the_table_must_be_one(tmp_path: Path) -> None:
    """A list in its place is refused when the configuration is read."""
    (tmp_path / "autodiff.toml").write_text('targets = ["sqlite:///a.db"]\n')
    with pytest.raises(ConfigError, match="targets must be a table") as caught:
        Project.load(tmp_path)
    assert caught.value.hint == 'as in targets.urls = ["..."]'


def test_a_query(any_database: sa.URL, project: Callable[..., Project]) -> None:
    """Each row is a target; its columns are what a template may ask for."""
    with opened(any_database) as db:
        db.execute(
            "CREATE TABLE tenants (slug varchar(20), id int, url varchar(50))",
            "INSERT INTO tenants VALUES ('acme%', 7, 'sqlite:///a.db'), "
            "('globex', 8, 'sqlite:///b.db')",
        )
    made = project(any_database, query="SELECT slug, id FROM tenants", database="t_{id}")
    assert [target.name for target in made.targets()] == ["acme%", "globex"]
    assert str(made.targets()[0].url.database).endswith("t_7")
    made = project(any_database, query="SELECT slug AS name, url FROM tenants WHERE id % 2 = 0")
    assert list(found(made)) == ["globex"]
    assert made.targets()[0].url.get_backend_name() == "sqlite"


@pytest.mark.parametrize(
    ("query", "targets", "message"),
    [
        ("SELECT 1 AS id", {}, "targets: the query returns id, but no column url"),
        ("SELECT NULL AS id", {"database": "{id}"}, "returns a row whose id is NULL"),
        ("SELECT 1 AS id", {"database": "{name_}"}, "uses the unknown placeholder {name_}"),
        ("CREATE TABLE x (id int)", {"database": "a"}, "targets: the query returns no rows"),
    ],
)
def test_a_query_that_is_wrong(
    project: Callable[..., Project], query: str, targets: dict[str, str], message: str
) -> None:
    """The message says what it gave."""
    with pytest.raises(ConfigError) as caught:
        project(query=query, **targets).targets()
    assert message in caught.value.message
    assert caught.value.hint


def test_a_query_that_fails(project: Callable[..., Project]) -> None:
    """The database's own words, where it was asked, and no password."""
    with pytest.raises(DatabaseError) as caught:
        project(query="SELECT name FROM nowhere", schema="{name}").targets()
    assert caught.value.message.startswith("targets: the query failed on sqlite:///")
    assert caught.value.message.endswith("registry.db: no such table: nowhere")
    assert caught.value.hint == (
        "the query runs on the project's url: select the database that lists the targets with "
        "--url or --env"
    )


def test_what_fails_shows_no_password(project: Callable[..., Project], tmp_path: Path) -> None:
    """Neither in the outcome nor in its database."""
    made = project(urls=["postgresql://app:s3cret@127.0.0.1:1/db"])
    [outcome] = made.upgrade_all()
    assert outcome.result == "failed"
    assert "s3cret" not in repr(outcome)
    assert outcome.database == "postgresql+psycopg://app:***@127.0.0.1:1/db"
    [standing] = made.status_all()
    assert "s3cret" not in repr(standing)
    assert "cannot connect to" in str(standing.error)
