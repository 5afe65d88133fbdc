"""Test hooks: named in the configuration, found on the import path, called by upgrade."""

from __future__ import annotations

import pytest

from tests.cli.project import CONFIG, Folder

HOOKS = """
def announce(run):
    print("going", run.direction, len(run.migrations))


def check(context):
    context.connection.exec_driver_sql("INSERT INTO seen VALUES (1)")
"""


@pytest.fixture
def hooked(blog_3: Folder) -> Folder:
    """Return the blog at its base with two hooks."""
    blog_3.ok("downgrade", "base")
    blog_3.write(hooks=HOOKS)
    blog_3.write(
        autodiff=f'{CONFIG}[hooks]\nbefore_upgrade = "hooks:announce"\n'
        'after_migration = "hooks:check"\n'
    )
    return blog_3


def test_upgrade_calls_hooks(hooked: Folder) -> None:
    """Their output goes to stderr."""
    hooked.sql("CREATE TABLE seen (n)")
    result = hooked.ok("upgrade")
    assert result.out == "3 migrations applied\n"
    assert result.err.startswith("before_upgrade: hooks:announce\ngoing upgrade 3\n0001_add_posts")
    assert hooked.sql("SELECT count(*) FROM seen") == [(3,)]
    second_result = hooked.ok("upgrade")
    assert (second_result.out, second_result.err) == ("nothing to do\n", "")


def test_a_failing_hook_stops_the_migration(hooked: Folder) -> None:
    """The message has the file and the line."""
    result = hooked.run("upgrade")
    assert result.code == 2
    assert (
        "error: upgrade of 0001_add_posts.py failed: the hook after_migration (hooks:check, "
        "hooks.py:6) failed: no such table: seen\n"
    ) in result.err
    assert hooked.sql("SELECT name FROM sqlite_master WHERE name = 'posts'") == []


@pytest.mark.parametrize("arguments", [["--sql"], ["--dry-run"]])
def test_dry_run_and_sql_call_no_hooks(hooked: Folder, arguments: list[str]) -> None:
    assert "going" not in hooked.ok("upgrade", *arguments).err


@pytest.mark.parametrize(
    ("target", "reason", "hint"),
    [
        (
            "nowhere:go",
            "cannot import the hook before_upgrade, 'nowhere:go': there is no module 'nowhere' in ",
            "correct the setting 'hooks.before_upgrade', or name the folder that contains ",
        ),
        (
            "hooks:gone",
            "the hook before_upgrade, 'hooks:gone': hooks has no function gone",
            "it takes one argument: def announce(run): ...",
        ),
    ],
)
def test_a_missing_hook_is_refused_before_the_upgrade(
    hooked: Folder, target: str, reason: str, hint: str
) -> None:
    """The message names the hook."""
    hooked.write(autodiff=f'{CONFIG}[hooks]\nbefore_upgrade = "{target}"\n')
    result = hooked.run("upgrade")
    assert result.code == 2
    assert result.err.startswith(f"error: {reason}")
    assert f"\nhint: {hint}" in result.err
    assert hooked.ok("status").out
