"""Test init: it writes a configuration and a folder and overwrites nothing."""

from __future__ import annotations

import tomllib

import pytest

from autodiff.config import load_config
from tests.cli.project import POSTS, Folder


def test_init_writes_a_configuration_and_a_folder(folder: Folder) -> None:
    """The next command works without further setup."""
    result = folder.ok("init", "--models", "models:Base", "--url", "sqlite:///blog.db")
    assert result.out == "autodiff.toml\nmigrations/\n"
    assert (folder.path / "autodiff.toml").read_text() == (
        'models = "models:Base"\nmigrations = "migrations"\nurl = "sqlite:///blog.db"\n'
    )
    folder.grow(POSTS, "add posts")
    assert folder.ok("check").out == "no drift\n"


def test_init_in_another_folder(folder: Folder) -> None:
    """The folder is created."""
    result = folder.ok("init", "app/db", "--models", "models:Base", "--json")
    assert result.data == {"written": ["app/db/autodiff.toml", "app/db/migrations/"]}
    assert (folder.path / "app" / "db" / "migrations").is_dir()


def test_init_without_models_prints_the_next_step(folder: Folder) -> None:
    """The missing settings are comments in the file."""
    result = folder.ok("init")
    assert "to do: set the models in the configuration" in result.err
    assert load_config(folder.path, {}).models == ()
    assert "set them in the configuration" in folder.fails("check", "--url", "sqlite://").err


@pytest.mark.parametrize("settings", ["script_location = alembic", "", "no section"])
def test_init_beside_alembic_prints_the_next_step(folder: Folder, settings: str) -> None:
    """Wrong settings are for the next command to report."""
    (folder.path / "alembic").mkdir()
    (folder.path / "alembic.ini").write_text(f"[alembic]\n{settings}\n")
    result = folder.ok("init", "--models", "models:Base")
    assert result.err == "to do: take over the history of Alembic: autodiff adopt\n"


@pytest.mark.parametrize("before", ["", '[project]\nname = "blog"', '[project]\nname = "blog"\n'])
def test_init_adds_to_pyproject(folder: Folder, before: str) -> None:
    """pyproject.toml keeps its contents."""
    folder.write(pyproject=before)
    assert folder.ok("init", "--models", "models:Base").out == "pyproject.toml\nmigrations/\n"
    text = (folder.path / "pyproject.toml").read_text()
    assert text.startswith(before)
    assert tomllib.loads(text)["tool"]["autodiff"]["models"] == "models:Base"
    assert not (folder.path / "autodiff.toml").exists()


def test_init_keeps_line_ends(folder: Folder) -> None:
    """A file with CRLF line ends keeps them."""
    path = folder.path / "pyproject.toml"
    path.write_bytes(b'[project]\r\nname = "blog"\r\n')
    folder.ok("init", "--models", "models:Base")
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") > 3


def test_init_escapes_values(folder: Folder) -> None:
    """Quotes, backslashes and emoji are read back from the configuration."""
    url = 'sqlite:///a "quoted" \\ 😀.db'
    folder.ok("init", "--models", "models:Base", "--url", url)
    assert load_config(folder.path, {}).url == url


@pytest.mark.parametrize("name", ["autodiff", "pyproject"])
def test_init_refuses_an_existing_configuration(folder: Folder, name: str) -> None:
    folder.write(**{name: '[tool.autodiff]\nmodels = "x:Base"\n'})
    result = folder.fails("init", "--models", "models:Base")
    assert f"{name}.toml already configures autodiff" in result.err


def test_init_warns_of_passwords(folder: Folder) -> None:
    """A password in the url is reported but not printed."""
    result = folder.ok("init", "--models", "m:Base", "--url", "postgresql://u:secret@host/x")
    assert "the url contains a password" in result.err
    assert "secret" not in result.out + result.err


def test_the_example_works(folder: Folder) -> None:
    """The project can generate, upgrade and check."""
    result = folder.ok("init", "--example", "blog")
    assert result.out == "blog/autodiff.toml\nblog/models.py\nblog/migrations/\n"
    folder.ok("--config", "blog", "generate", "-m", "first")
    folder.ok("--config", "blog", "upgrade")
    assert folder.ok("--config", "blog", "check").out == "no drift\n"
    assert (folder.path / "blog" / "blog.db").exists()


def test_the_example_overwrites_no_models(folder: Folder) -> None:
    """If models exist, no configuration is written either."""
    folder.write(models=POSTS)
    assert "models.py already exists" in folder.fails("init", "--example").err
