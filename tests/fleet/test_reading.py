"""Test how targets are read from URLs, files and queries, without showing passwords."""

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
    """Return a function that makes a project from the settings of its targets."""

    def make(url: str | sa.URL = "sqlite:///registry.db", **targets: Any) -> Project:
        return Project(url, directory=tmp_path / "m", root=tmp_path, targets=targets)

    return make


def target_urls(project: Project) -> dict[str, str]:
    return {t.name: t.url.render_as_string(hide_password=False) for t in project.targets()}


def test_targets_are_read_from_urls(project: Callable[..., Project], tmp_path: Path) -> None:
    """The name is the URL as written, without the password. The default driver is added."""
    urls = [
        "sqlite:///a.db",
        "postgresql+asyncpg://app:s3cret@h/one",
        "postgresql://h/two?password=s3cret&application_name=a",
    ]
    assert target_urls(project(urls=urls)) == {
        "sqlite:///a.db": f"sqlite:///{tmp_path}/a.db",
        "postgresql+asyncpg://app@h/one": "postgresql+psycopg://app:s3cret@h/one",
        "postgresql://h/two?application_name=a": "postgresql+psycopg://h/two"
        "?application_name=a&password=s3cret",
    }


def test_targets_are_read_from_a_file_of_urls(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    """A line is a URL, or a name and a URL. Comments and empty lines are ignored."""
    (tmp_path / "tenants").write_text(
        "# all of them\n\nacme sqlite:///a.db  # the first\nsqlite:///b.db\n"
    )
    urls = target_urls(project(file="tenants"))
    assert urls == {
        "acme": f"sqlite:///{tmp_path}/a.db",
        "sqlite:///b.db": f"sqlite:///{tmp_path}/b.db",
    }


def test_targets_are_read_from_a_file_of_names(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    """A template makes a database out of each name."""
    (tmp_path / "tenants").write_text("acme\nglobex\n")
    url = "mysql://app:pw@h/registry"
    urls = target_urls(project(url, file="tenants", database="tenant_{name}"))
    assert urls["acme"] == "mysql+pymysql://app:pw@h/tenant_acme"
    urls = target_urls(project(file="tenants", database="data/{name}.db"))
    assert urls["globex"] == f"sqlite:///{tmp_path}/data/globex.db"


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
        ("a s3cret", {}, "targets: target a: cannot parse the database URL"),
    ],
)
def test_an_invalid_file_is_refused(
    project: Callable[..., Project],
    tmp_path: Path,
    text: str,
    targets: dict[str, str],
    message: str,
) -> None:
    """The error names the line but does not show it, because it may contain a password."""
    (tmp_path / "tenants").write_text(text)
    with pytest.raises(ConfigError) as caught:
        project(file="tenants", **targets).targets()
    assert message in caught.value.message
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_a_missing_file_is_refused(project: Callable[..., Project], tmp_path: Path) -> None:
    """The path is relative to the configuration."""
    with pytest.raises(ConfigError) as caught:
        project(file="nowhere").targets()
    assert caught.value.message == (
        f"cannot read the targets from {tmp_path}/nowhere: No such file or directory"
    )


def test_environment_variables_in_urls_are_replaced(tmp_path: Path) -> None:
    """The error for an unset variable names it, and the target."""
    (tmp_path / "autodiff.toml").write_text('[targets]\nfile = "tenants"\n')
    (tmp_path / "tenants").write_text("acme postgresql://app:${PW}@h/db\n")
    project = Project.load(tmp_path, environment={"PW": "a$b"})
    assert project.targets()[0].url.password == "a$b"
    with pytest.raises(ConfigError, match="needs the environment variable PW") as caught:
        Project.load(tmp_path, environment={}).targets()
    assert caught.value.message.startswith("targets: target acme: ")
    assert caught.value.hint == "set PW"


def test_targets_must_be_a_table(tmp_path: Path) -> None:
    """A list is refused when the configuration is read."""
    (tmp_path / "autodiff.toml").write_text('targets = ["sqlite:///a.db"]\n')
    with pytest.raises(ConfigError, match="targets must be a table") as caught:
        Project.load(tmp_path)
    assert caught.value.hint == 'write it like targets.urls = ["..."]'


def test_targets_are_read_from_a_query(
    any_database: sa.URL, project: Callable[..., Project]
) -> None:
    """Each row is a target, and its columns can be used in a template."""
    with opened(any_database) as db:
        db.execute(
            "CREATE TABLE tenants (slug varchar(20), id int, url varchar(50))",
            "INSERT INTO tenants VALUES ('acme%', 7, 'sqlite:///a.db'), "
            "('globex', 8, 'sqlite:///b.db')",
        )
    fleet_project = project(any_database, query="SELECT slug, id FROM tenants", database="t_{id}")
    assert [target.name for target in fleet_project.targets()] == ["acme%", "globex"]
    assert str(fleet_project.targets()[0].url.database).endswith("t_7")
    fleet_project = project(
        any_database, query="SELECT slug AS name, url FROM tenants WHERE id % 2 = 0"
    )
    assert list(target_urls(fleet_project)) == ["globex"]
    assert fleet_project.targets()[0].url.get_backend_name() == "sqlite"


@pytest.mark.parametrize(
    ("query", "targets", "message"),
    [
        ("SELECT 1 AS id", {}, "targets: the query returns id, but no column url"),
        ("SELECT NULL AS id", {"database": "{id}"}, "returns a row whose id is NULL"),
        ("SELECT 1 AS id", {"database": "{name_}"}, "uses the unknown placeholder {name_}"),
        ("CREATE TABLE x (id int)", {"database": "a"}, "targets: the query returns no rows"),
    ],
)
def test_an_invalid_query_is_refused(
    project: Callable[..., Project], query: str, targets: dict[str, str], message: str
) -> None:
    """The message shows what the query returned."""
    with pytest.raises(ConfigError) as caught:
        project(query=query, **targets).targets()
    assert message in caught.value.message
    assert caught.value.hint


def test_a_failed_query_is_reported(project: Callable[..., Project]) -> None:
    """The message names the database and quotes its error, without a password."""
    with pytest.raises(DatabaseError) as caught:
        project(query="SELECT name FROM nowhere", schema="{name}").targets()
    assert caught.value.message.startswith("targets: the query failed on sqlite:///")
    assert caught.value.message.endswith("registry.db: no such table: nowhere")
    assert caught.value.hint == (
        "the query runs on the project's url: select the database that lists the targets with "
        "--url or --env"
    )


def test_a_failed_target_shows_no_password(project: Callable[..., Project], tmp_path: Path) -> None:
    """Neither the outcome nor its database contains it."""
    fleet_project = project(urls=["postgresql://app:s3cret@127.0.0.1:1/db"])
    [outcome] = fleet_project.upgrade_all()
    assert outcome.result == "failed"
    assert "s3cret" not in repr(outcome)
    assert outcome.database == "postgresql+psycopg://app:***@127.0.0.1:1/db"
    [status] = fleet_project.status_all()
    assert "s3cret" not in repr(status)
    assert "cannot connect to" in str(status.error)
