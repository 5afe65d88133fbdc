"""Hooks of the configuration: named there, found on the import path, called by upgrade."""

from __future__ import annotations

import pytest

from tests.cli.project import CONFIG, Folder

HOOKS = """
def announce(run):
    print("going", run.direction, len(run.migrations))


def check(given):
    given.connection.exec_driver_sql("INSERT INTO seen VALUES (1)")
"""


@pytest.fixture
def hooked(blog_3: Folder) -> Folder:
    """The blog at its base, with two hooks."""
    blog_3.ok("downgrade", "base")
    blog_3.write(hooks=HOOKS)
    blog_3.write(
        autodiff=f'{CONFIG}[hooks]\nbefore_upgrade = "hooks:announce"\n'
        'after_migration = "hooks:check"\n'
    )
    return blog_3


def test_an_upgrade_calls_them(hooked: Folder) -> None:
    """What they print goes to stderr; a migration is nothing without its hook."""
    hooked.sql("CREATE TABLE seen (n)")
    result = hooked.ok("upgrade")
    assert result.out == "3 migrations applied\n"
    assert result.err.startswith("before_upgrade: hooks:announce\ngoing upgrade 3\n0001_add_posts")
    assert hooked.sql("SELECT count(*) FROM seen") == [(3,)]
    again = hooked.ok("upgrade")
    assert (again.out, again.err) == ("nothing to do\n", "")


def test_one_that_fails_says_where_it_is(hooked: Folder) -> None:
    """With its file and line, from here."""
    result = hooked.run("upgrade")
    assert result.code == 2
    assert (
        "error: upgrade of 0001_add_posts.py failed: the hook after_migration (hooks:check, "
        "hooks.py:6) failed: no such table: seen\n"
    ) in result.err
    assert hooked.sql("SELECT name FROM sqlite_master WHERE name = 'posts'") == []


@pytest.mark.parametrize("arguments", [["--sql"], ["--dry-run"]])
def test_what_runs_nothing_calls_none(hooked: Folder, arguments: list[str]) -> None:
    """--sql and --dry-run only tell."""
    assert "going" not in hooked.ok("upgrade", *arguments).err


@pytest.mark.parametrize(
    ("target", "reason", "hint"),
    [
        (
            "nowhere:go",
            "cannot import the hook before_upgrade, 'nowhere:go': ModuleNotFoundError: "
            "No module named 'nowhere'",
            "is 'nowhere' the right module, seen from ",
        ),
        (
            "hooks:gone",
            "the hook before_upgrade, 'hooks:gone': hooks has no function gone",
            "it takes one argument: def announce(run): ...",
        ),
    ],
)
def test_one_that_is_not_there_stops_before_anything(
    hooked: Folder, target: str, reason: str, hint: str
) -> None:
    """And says what was looked for."""
    hooked.write(autodiff=f'{CONFIG}[hooks]\nbefore_upgrade = "{target}"\n')
    result = hooked.run("upgrade")
    assert result.code == 2
    assert f"error: {reason}\nhint: {hint}" in result.err
    assert hooked.ok("status").out
