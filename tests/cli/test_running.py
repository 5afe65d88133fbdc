"""Test upgrade, downgrade and stamp: targets, output, --sql and --dry-run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.cli.project import Folder

RunScript = Callable[[sa.URL, str], subprocess.CompletedProcess[str]]
NAMES = ("0001_add_posts", "0002_add_comments", "0003_add_timestamp")


def applied(folder: Folder) -> list[str]:
    """Return the names of the applied migrations."""
    return [row["name"] for row in folder.ok("status", "--json").data["applied"]]


def test_each_migration_is_a_line_on_stderr(blog_3: Folder) -> None:
    """The result goes to stdout."""
    down = blog_3.ok("downgrade", "base")
    loss, runs = down.err[: down.err.index(NAMES[2])], down.err[down.err.index(NAMES[2]) :]
    assert loss.startswith("Data loss:\n")
    assert re.fullmatch("".join(rf"{name} \.\.\. \d+ ms\n" for name in NAMES[::-1]), runs)
    assert down.out == "3 migrations reverted\n"
    up = blog_3.ok("upgrade")
    assert re.fullmatch("".join(rf"{name} \.\.\. \d+ ms\n" for name in NAMES), up.err)
    assert up.out == "3 migrations applied\n"
    second_upgrade = blog_3.ok("upgrade")
    assert (second_upgrade.out, second_upgrade.err) == ("nothing to do\n", "")


@pytest.mark.parametrize(
    ("arguments", "remaining"),
    [
        (["--yes"], 2),
        (["-1"], 2),
        (["-2"], 1),
        (["-12"], 0),
        (["base"], 0),
        (["1"], 1),
        (["0002_add_comments"], 2),
        (["add_comments"], 2),
        (["-1", "--json"], 2),
        (["--json", "-2"], 1),
    ],
)
def test_targets_of_downgrade(blog_3: Folder, arguments: list[str], remaining: int) -> None:
    """-1 is a target and not an option; base, numbers and names work too."""
    blog_3.ok("downgrade", *arguments)
    assert applied(blog_3) == list(NAMES[:remaining])


@pytest.mark.parametrize(
    ("target", "count"),
    [("+1", 1), ("+2", 2), ("+9", 3), ("head", 3), ("2", 2), ("0001_add_posts", 1)],
)
def test_targets_of_upgrade(blog_3: Folder, target: str, count: int) -> None:
    """+1 is the next migration; numbers and names work too."""
    blog_3.ok("downgrade", "base")
    blog_3.ok("upgrade", target)
    assert applied(blog_3) == list(NAMES[:count])


def test_the_start_of_a_revision_is_a_target(blog_3: Folder) -> None:
    first = blog_3.ok("history", "--json").data["migrations"][-1]["revision"]
    blog_3.ok("downgrade", first[:4])
    assert applied(blog_3) == [NAMES[0]]


def test_dry_run_runs_nothing(blog_3: Folder) -> None:
    """It lists the migrations in order."""
    with blog_3.untouched():
        result = blog_3.ok("downgrade", "-2", "--dry-run")
        data = blog_3.ok("downgrade", "-2", "--dry-run", "--json").data
        second_result = blog_3.ok("upgrade", "--dry-run")
    assert result.lines[:2] == ["0003_add_timestamp", "0002_add_comments"]
    assert (data["run"], data["direction"]) == (False, "downgrade")
    assert [item["name"] for item in data["migrations"]] == ["0003_add_timestamp", NAMES[1]]
    assert second_result.out == "nothing to do\n"


def test_a_script_is_printed_and_not_run(blog_3: Folder, run_script: RunScript) -> None:
    """After sqlite3 has run it, status and check report no difference."""
    url = sa.URL.create("sqlite", database=str(blog_3.path / "blog.db"))
    with blog_3.untouched():
        down = blog_3.ok("downgrade", "head:base", "--sql").out
        up = blog_3.ok("upgrade", "--sql").out
        data = blog_3.ok("upgrade", "1:head", "--sql", "--json").data
    assert down.startswith(
        "-- autodiff downgrade head:base\n-- run it with: sqlite3 DATABASE < FILE\n"
    )
    assert [line[3:] for line in down.splitlines() if line[:4] == "-- 0"] == list(NAMES[::-1])
    assert [line[3:] for line in up.splitlines() if line[:4] == "-- 0"] == list(NAMES)
    assert list(data["statements"]) == list(NAMES[1:])
    assert "CREATE TABLE comments" in data["statements"]["0002_add_comments"][0]
    assert data["script"].startswith("-- autodiff upgrade 1:0003_add_timestamp\n")
    assert data["run"] is False
    assert run_script(url, down).returncode == 0
    assert applied(blog_3) == []
    assert run_script(url, up).returncode == 0
    assert applied(blog_3) == list(NAMES)
    assert blog_3.ok("check").out == "no drift\n"


def test_a_script_can_begin_at_the_current_revision(blog_3: Folder) -> None:
    """Without `current` it begins at the base."""
    blog_3.ok("downgrade", "1")
    script = blog_3.ok("upgrade", "current:", "--sql").out
    assert [line[3:] for line in script.splitlines() if line[:4] == "-- 0"] == list(NAMES[1:])
    assert blog_3.ok("upgrade", "current:1", "--sql").out == "-- nothing to do\n"
    assert len(blog_3.ok("upgrade", "--sql", "--json").data["migrations"]) == 3


def test_a_range_is_for_scripts(blog_3: Folder) -> None:
    """A script for a downgrade needs a start; a run begins at the current revision."""
    result = blog_3.fails("downgrade", "base", "--sql")
    assert result.err == (
        "error: a script that downgrades to base needs the revision to start from\n"
        "hint: autodiff downgrade head:base --sql, or current:base to start from the database's "
        "current revision\n"
    )
    result = blog_3.fails("upgrade", "1:2")
    assert (
        result.err
        == "error: unknown migration '1:2'\nhint: FROM:TARGET needs --sql, which prints a script\n"
    )


def test_results_as_json(blog_3: Folder) -> None:
    """The migrations are in the order in which they ran."""
    data = blog_3.ok("downgrade", "-1", "--json").data
    assert (data["run"], data["direction"]) == (True, "downgrade")
    assert [item["name"] for item in data["migrations"]] == ["0003_add_timestamp"]
    assert data["migrations"][0]["path"] == "migrations/0003_add_timestamp.py"
    assert blog_3.ok("upgrade", "--json").data["migrations"] == data["migrations"]


def test_stamp_records_migrations_without_running_them(blog_3: Folder) -> None:
    schema = blog_3.sql("SELECT sql FROM sqlite_master ORDER BY name")
    assert blog_3.ok("stamp", "base").out == "recorded 0 migrations as applied\n"
    assert applied(blog_3) == []
    result = blog_3.ok("stamp", "2")
    assert result.out == "recorded 2 migrations as applied, up to 0002_add_comments\n"
    assert len(blog_3.ok("stamp", "--json").data["applied"]) == 3
    assert blog_3.sql("SELECT sql FROM sqlite_master ORDER BY name") == schema


def test_a_migration_that_fails(blog_3: Folder) -> None:
    """The output names the failure and the migrations that were kept."""
    blog_3.ok("downgrade", "base")
    path = blog_3.migrations / "0002_add_comments.py"
    text = path.read_text()
    path.write_text(text.replace("\n\n\ndef d", '\n    op.execute("SELECT nonsense")\n\n\ndef d'))
    result = blog_3.run("upgrade")
    assert result.code == 2
    assert result.out == ""
    lines = result.err.splitlines()
    assert re.fullmatch(r"0001_add_posts \.\.\. \d+ ms", lines[0])
    assert lines[1] == "0002_add_comments ... stopped"
    assert lines[2].startswith("error: upgrade of 0002_add_comments.py failed: ")
    assert "no such column: nonsense" in result.err
    assert "statement: SELECT nonsense" in result.err
    assert "applied before it, and kept: 0001_add_posts.py" in result.err
    assert lines[-1].startswith("hint: ")
    assert applied(blog_3) == ["0001_add_posts"]
    assert blog_3.sql("SELECT name FROM sqlite_master WHERE name = 'comments'") == []


def raising(blog: Folder, function: str, code: str) -> None:
    """Write a migration with a function that raises an exception."""
    blog.ok("generate", "--empty", "-m", "step")
    path = blog.migrations / "0004_step.py"
    head = f"def {function}() -> None:\n"
    path.write_text(path.read_text().replace(f"{head}    pass", f"{head}    {code}"))


@pytest.mark.parametrize(
    "arguments", [["-2"], ["base"], ["-2", "--dry-run"], ["3", "--yes"], ["5:3", "--sql"]]
)
def test_an_irreversible_migration_reverts_nothing(blog_3: Folder, arguments: list[str]) -> None:
    """The message has the words of its author."""
    raising(blog_3, "downgrade", 'raise NotImplementedError("no way back")')
    blog_3.ok("upgrade")
    blog_3.ok("generate", "--empty", "-m", "later")
    blog_3.ok("upgrade")
    result = blog_3.fails("downgrade", *arguments)
    assert result.err.startswith("error: 0004_step.py cannot be reverted: no way back\n")


def test_a_dry_run_of_code_that_raises(blog_3: Folder) -> None:
    """The message names the line of the file."""
    raising(blog_3, "upgrade", 'raise RuntimeError("not on Mondays")')
    error = r"error: 0004_step\.py:\d+: RuntimeError: not on Mondays\nhint: a run would fail"
    assert re.match(error, blog_3.fails("upgrade", "--dry-run").err)
