"""Test --env: one configuration with several databases."""

from __future__ import annotations

import pytest

from tests.cli.project import Folder

STAGING = '\n[environments.staging]\nurl = "sqlite:///staging.db"\n'


@pytest.fixture
def staged(blog_3: Folder) -> Folder:
    """Return the blog with a second, empty database in the environment staging."""
    text = (blog_3.path / "autodiff.toml").read_text()
    blog_3.write(autodiff=text + STAGING)
    return blog_3


def test_env_chooses_the_database(staged: Folder) -> None:
    """status prints the environment."""
    assert staged.ok("upgrade", "1", "--env", "staging").out == "1 migration applied\n"
    lines = staged.ok("status", "--env", "staging").out.splitlines()
    assert lines[:2] == ["environment: staging", "applied:"]
    assert lines[2].split()[0] == "0001_add_posts"
    assert len(staged.ok("--env", "staging", "status", "--json").data["pending"]) == 2
    assert staged.ok("status", "--env", "staging", "--json").data["environment"] == "staging"
    default_status = staged.ok("status", "--json").data
    assert (default_status["environment"], default_status["pending"]) == (None, [])


def test_autodiff_env_chooses_the_database(staged: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its url takes precedence over DATABASE_URL; --url takes precedence over both."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:///nowhere/at/all.db")
    monkeypatch.setenv("AUTODIFF_ENV", "staging")
    assert staged.ok("status").out.startswith("environment: staging\napplied:\n  none\n")
    status = staged.ok("status", "--url", "sqlite:///blog.db", "--json").data
    assert len(status["applied"]) == 3


def test_a_migration_for_another_dialect_is_marked(staged: Folder) -> None:
    """upgrade, status, history and --dry-run print the dialects; --sql writes a comment."""
    path = staged.migrations / "0002_add_comments.py"
    text = path.read_text()
    path.write_text(text.replace("parents =", 'dialects = ("postgresql", "mysql")\nparents ='))
    plan = staged.ok("upgrade", "2", "--dry-run", "--env", "staging").out
    assert plan == "0001_add_posts\n0002_add_comments (for postgresql, mysql)\n"
    sql = staged.ok("upgrade", "2", "--sql", "--env", "staging").out
    assert "\n-- 0002_add_comments, not for sqlite\n" in sql
    assert staged.ok("status", "--env", "staging").out.splitlines()[5].endswith("  not for sqlite")
    result = staged.ok("upgrade", "2", "--env", "staging")
    assert result.err.endswith("0002_add_comments ... not for sqlite\n")
    data = staged.ok("status", "--env", "staging", "--json").data
    assert [row["skipped"] for row in data["applied"]] == [False, True]
    assert (
        staged.ok("history", "--log", "--env", "staging", "--json").data["runs"][0]["outcome"]
        == "skipped"
    )
    assert "for postgresql, mysql\n" in staged.ok("history").out


def test_an_unknown_environment_is_refused(staged: Folder) -> None:
    """The hint lists the known environments."""
    result = staged.run("upgrade", "--env", "stagging")
    assert result.code == 2
    assert "unknown environment 'stagging'\n" in result.err
    assert result.err.endswith("hint: known environments: staging\n")
