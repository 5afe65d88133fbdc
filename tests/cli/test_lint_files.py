"""Test that lint --only-migrations ignores the other files that a commit hook passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.project import Folder


@pytest.mark.parametrize("place_name", ["migrations", "alembic/versions"])
def test_files_beside_migrations_are_ignored(blog_3: Folder, place_name: str) -> None:
    """Without the option, a named file that is not a migration is an error."""
    place = blog_3.path / place_name
    place.mkdir(parents=True, exist_ok=True)
    (place / "__init__.py").write_text("")
    (place / "notes.sql").write_text("DROP TABLE posts;\n")
    files = [f"{place_name}/{name}" for name in ("__init__.py", "notes.sql", "deleted.py")]
    result = blog_3.ok("lint", "--only-migrations", *files, "models.py")
    assert result.out == "no findings in 0 migrations\n"
    assert "is not a migration" in blog_3.fails("lint", files[0]).err


@pytest.mark.parametrize("option", ["--strict", "--evidence"])
def test_without_migrations_no_database_is_needed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
) -> None:
    """A project without a URL has no lock file before its first migration."""
    (tmp_path / "autodiff.toml").write_text('models = "models:Base.metadata"\n')
    monkeypatch.chdir(tmp_path)
    folder = Folder(tmp_path, capsys)
    result = folder.ok("lint", option, "--only-migrations", "models.py", "autodiff.toml")
    assert result.out == "no findings in 0 migrations\n"
    assert "cannot determine the kind of database" in folder.fails("lint", option).err


def test_migrations_are_linted_beside_other_files(blog_3: Folder) -> None:
    """A range and a folder are not files, so they stay."""
    path = "migrations/0001_add_posts.py"
    result = blog_3.run("lint", "--only-migrations", "--json", "models.py", path)
    assert result.data["migrations"] == 1
    for target in ("0002:head", "migrations"):
        assert blog_3.run("lint", "--only-migrations", "--json", target).data["migrations"] >= 2


@pytest.mark.parametrize("option", [(), ("--only-migrations",)], ids=["all", "only migrations"])
@pytest.mark.parametrize("outer", [False, True], ids=["no outer project", "outer project"])
def test_a_migration_of_another_project_does_not_pass(
    blog_3: Folder, option: tuple[str, ...], outer: bool
) -> None:
    """From the root of a repository with several projects, the hint names the project."""
    root = blog_3.path / "repository"
    root.mkdir()
    for name in ("migrations", "autodiff.toml", "models.py"):
        (blog_3.path / name).rename(root / name)
    if outer:
        (blog_3.path / "autodiff.toml").write_text('url = "sqlite:///outer.db"\n')
    for target in ("repository/migrations/0001_add_posts.py", "repository/migrations"):
        result = blog_3.fails("lint", *option, "repository/models.py", target)
        assert f"{target} belongs to another project" in result.err
        assert "autodiff --config repository lint" in result.err
    target = "repository/migrations/0001_add_posts.py"
    result = blog_3.run("--config", "repository", "lint", *option, target)
    assert "in 1 migration" in result.out


def test_files_of_other_projects_are_noted_with_config(blog_3: Folder) -> None:
    """A commit hook for one of several projects receives the files of all."""
    other = blog_3.path / "other"
    (other / "migrations").mkdir(parents=True)
    (other / "autodiff.toml").write_text('url = "sqlite:///${UNSET}"\n')
    (other / "migrations" / "0001_other.py").write_text("")
    arguments = ("lint", "--only-migrations", "models.py", "other/migrations/0001_other.py")
    result = blog_3.ok("--config", ".", *arguments)
    assert result.out == "no findings in 0 migrations\n"
    note = "other/migrations/0001_other.py belongs to another project: --config other"
    assert note in result.err
    assert "belongs to another project" in blog_3.fails(*arguments).err


def test_a_broken_configuration_of_another_project_is_ignored_with_config(blog_3: Folder) -> None:
    other = blog_3.path / "other"
    (other / "migrations").mkdir(parents=True)
    (other / "autodiff.toml").write_text("nosuch = 1\n")
    (other / "migrations" / "0001_other.py").write_text("")
    arguments = ("lint", "--only-migrations", "models.py", "other/migrations/0001_other.py")
    result = blog_3.ok("--config", ".", *arguments)
    assert result.out == "no findings in 0 migrations\n"
    assert "nosuch" in blog_3.fails(*arguments).err
