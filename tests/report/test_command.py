"""Test the commands report and erd: what they read, exit codes and bad input."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

import pytest

from autodiff import Project
from tests.cli.project import POSTS, Folder
from tests.report.project import write_migration


def data(folder: Folder, *arguments: str, code: int = 1) -> Any:
    result = folder.run("report", "--offline", "--format", "json", *arguments)
    assert result.code == code, result
    return json.loads(result.out)


def names(found: Any) -> list[str]:
    return [migration["name"] for migration in found["migrations"]]


def git(*arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def test_the_newest_migration_by_default(shop: Folder) -> None:
    found = data(shop)
    assert names(found) == ["0002_step"]
    assert found["migrations"][0]["file"] == "migrations/0002_step.py"
    assert {item["severity"] for item in found["findings"]} <= {"error", "warning", "info"}


@pytest.mark.parametrize("target", ["1:2", "base:head", ":"])
def test_a_range(shop: Folder, target: str) -> None:
    """The changes of all migrations are counted together, and nothing was there before."""
    found = data(shop, target)
    assert names(found) == ["0001_step", "0002_step"]
    assert found["title"] == "2 migrations, 0001_step to 0002_step"
    assert {table["name"]: table["change"] for table in found["tables"]} == {
        "lines": "added",
        "orders": "added",
        "people": "added",
    }


def test_one_migration_before_the_head(shop: Folder) -> None:
    found = data(shop, "1", code=0)
    assert (names(found), found["verdict"]) == (["0001_step"], "clean")


def test_diff_base(shop: Folder) -> None:
    """Only the migrations that changed; paths are relative to the top of the working tree."""
    git("init", "-q", "-b", "main", str(shop.path))
    git("add", ".")
    git("commit", "-qm", "x")
    assert data(shop, "--diff-base", "main", code=0)["summary"] == "No migrations to review"
    write_migration(shop.migrations, 3, '    op.drop_column("people", "phone")\n')
    assert names(data(shop, "--diff-base", "main")) == ["0003_step"]


def test_the_old_type_of_a_column_is_that_of_earlier_migrations(shop: Folder) -> None:
    alter = '    op.alter_column("people", "id", type_=sa.BigInteger())\n'
    write_migration(shop.migrations, 3, alter)
    [migration] = data(shop)["migrations"]
    assert [change["text"] for change in migration["changes"]] == [
        "column people.id: integer -> bigint"
    ]


def test_paths_in_errors_are_relative(shop: Folder) -> None:
    git("init", "-q", "-b", "main", str(shop.path))
    path = write_migration(shop.migrations, 3, "    op.execute(\n")
    found = data(shop, code=2)
    assert f"cannot read migration migrations/{path.name}" in json.dumps(found["problems"])
    assert str(shop.path) not in json.dumps(found)


@pytest.mark.parametrize("format_", ["markdown", "html", "sarif", "junit", "github"])
def test_diff_base_without_merged_migrations(shop: Folder, format_: str) -> None:
    """What a branch did to merged migrations is reported, also if it adds none."""
    git("init", "-q", "-b", "main", str(shop.path))
    git("add", ".")
    git("commit", "-qm", "x")
    next(shop.migrations.glob("0002*")).unlink()
    found = data(shop, "--diff-base", "main")
    assert found["summary"] == "Problems: 1 error"
    assert [finding["code"] for finding in found["findings"]] == ["AD502"]
    shown = shop.run("report", "--offline", "--format", format_, "--diff-base", "main").out
    assert "of the base of the branch is missing" in shown
    assert data(shop, "0001", "--diff-base", "main", code=0)["findings"] == []


def test_the_python_api(shop: Folder) -> None:
    project = Project.load(shop.path)
    assert [m.name for m in project.review("head", offline=True).migrations] == ["0002_step"]


def test_output(shop: Folder) -> None:
    result = shop.run("report", "--offline", "--format", "html", "--output", "out/report.html")
    assert (result.code, result.out) == (1, "out/report.html\n")
    assert (shop.path / "out" / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    result = shop.run("report", "--offline", "--output", "x.md", "--json")
    assert result.data["path"] == "x.md" and result.data["version"] == 1
    assert "is a folder" in shop.run("report", "--offline", "--output", "out").err


def test_json_is_the_format_json(shop: Folder) -> None:
    assert shop.run("report", "--offline", "--json").data == data(shop)


def test_rows_are_counted_and_rehearsed(blog: Folder) -> None:
    """With a database that has the earlier migrations; afterwards they are not counted."""
    with closing(sqlite3.connect(blog.path / "blog.db")) as connection, connection:
        connection.execute("INSERT INTO posts (title) VALUES ('a'), ('b')")
    blog.write(models=POSTS.replace("    title: Mapped[str]", "    name: Mapped[str | None]"))
    blog.ok("generate", "-m", "x", "--no-input", "--assume", "drop-and-add")
    result = blog.run("report", "--rehearse", "--json")
    assert result.code == 1
    assert [loss["count"] for loss in result.data["data_loss"]] == [2]
    assert result.data["rehearsal"]["steps"][0]["status"] == "passed"
    assert result.data["not_rehearsed"] is None
    blog.ok("upgrade")
    result = blog.run("report", "--json")
    assert [loss["count"] for loss in result.data["data_loss"]] == [None]
    assert "has these migrations already" in result.data["notes"][0]


def test_drift(blog: Folder) -> None:
    """Each difference is a finding, and the report has the SQL that ends the drift."""
    assert blog.run("report", "--drift", "--json").data["verdict"] == "clean"
    assert blog.run("report", "--drift").code == 0
    with closing(sqlite3.connect(blog.path / "blog.db")) as connection:
        connection.execute("CREATE INDEX by_hand ON posts (title)")
    result = blog.run("report", "--drift", "--json")
    assert (result.code, result.data["summary"]) == (1, "Drift: 2 differences")
    assert {item["code"] for item in result.data["findings"]} == {
        "drift-by-hand",
        "drift-database",
    }
    assert result.data["sql"][0]["statements"] == ["DROP INDEX by_hand"]
    assert [table["name"] for table in result.data["tables"]] == ["posts"]
    assert blog.run("report", "--drift", "--offline").code == 0


BROKEN = "    op.add_column(\n"


def test_a_file_that_does_not_parse(shop: Folder) -> None:
    """One message and exit code 2; the other migrations are reported."""
    write_migration(shop.migrations, 3, BROKEN)
    write_migration(shop.migrations, 4, '    op.drop_column("people", "nick")\n')
    result = shop.run("report", "2:head", "--offline", "--json")
    assert result.code == 2
    assert result.err.count("error:") == 1 and "0003_step" in result.err
    assert names(result.data) == ["0002_step", "0003_step", "0004_step"]
    assert (result.data["verdict"], result.data["complete"]) == ("incomplete", False)
    assert "column people.nick" in {change["text"] for change in result.data["changes"]}
    assert {item["migration"] for item in result.data["findings"]} == {"0002_step", "0004_step"}
    text = shop.run("report", "2:head", "--offline").out
    assert "**Incomplete" in text and "0004_step" in text


def test_a_file_that_is_no_migration(shop: Folder) -> None:
    (shop.migrations / "0009_x.py").write_text("def (\n")
    result = shop.run("report", "--offline", "--json")
    assert result.code == 2 and names(result.data) == ["0002_step"]
    (shop.migrations / "0001_step.py").write_text("def (\n")
    result = shop.run("report", "--offline")
    assert (result.code, result.out) == (2, "") and result.err.count("error:") == 1


def test_a_database_that_cannot_be_reached(shop: Folder) -> None:
    """The report covers everything that can be read from the files."""
    text = (shop.path / "autodiff.toml").read_text()
    (shop.path / "autodiff.toml").write_text(text.replace("localhost", "127.0.0.1:1"))
    result = shop.run("report", "--json")
    assert result.code == 2
    assert result.err.count("error: the report is incomplete: the database: ") == 1
    assert names(result.data) == ["0002_step"] and result.data["findings"]
    result = shop.run("report", "--drift")
    assert (result.code, result.out) == (2, "")


def test_drift_without_the_database(blog: Folder) -> None:
    """The models are still compared with the migrations."""
    blog.write(models=POSTS.replace("    title: Mapped[str]", "    name: Mapped[str | None]"))
    blog.write(autodiff='models = "models:Base"\nurl = "postgresql://127.0.0.1:1/x"\n')
    result = blog.run("report", "--drift", "--json")
    assert (result.code, result.data["verdict"]) == (2, "incomplete")
    assert [item["kind"] for item in result.data["changes"]] == ["column", "column"]
    assert result.err.count("error:") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["9999"], "9999"),
        (["2:1"], "does not come before"),
        (["--diff-base", "nowhere"], "git knows no revision 'nowhere'"),
        (["--drift", "head"], "--drift reports no migrations"),
        (["--format", "pdf"], "'pdf' is not one of"),
        (["--output", "migrations"], "is a folder"),
    ],
)
def test_bad_input(shop: Folder, arguments: list[str], message: str) -> None:
    result = shop.run("report", "--offline", *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err and "hint:" in result.err


def test_erd(blog: Folder) -> None:
    """Of the models, the lock file and the database; a pattern selects tables."""
    assert blog.ok("erd").out.splitlines()[:2] == ["erDiagram", '    t0["posts"] {']
    blog.sql("CREATE TABLE other (id INTEGER PRIMARY KEY)")
    assert "other" not in blog.ok("erd", "--from", "history").out
    assert blog.ok("erd", "--from", "database", "o*").out.splitlines()[1:3] == [
        '    t0["other"] {',
        "        INTEGER id PK",
    ]
    blog.ok("erd", "--format", "svg", "--output", "erd.svg")
    assert (blog.path / "erd.svg").read_text("utf-8").startswith("<svg")
    assert "data-search" in blog.ok("erd", "--format", "html", "--json").data["text"]
    result = blog.fails("erd", "post")
    assert "the models have no table post" in result.err and "did you mean posts?" in result.err
