"""Test several migrations folders in one project, which are one history."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.config import load_config
from autodiff.errors import ConfigError, HistoryError

CONFIG = 'url = "sqlite:///a.db"\nlocations = ["migrations", "app/migrations"]\n'


def models(*columns: str) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("t", metadata, *(sa.Column(name, sa.Integer) for name in ("id", *columns)))
    return metadata


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "app" / "migrations").mkdir(parents=True)
    (tmp_path / "autodiff.toml").write_text(CONFIG)
    return tmp_path / "migrations", tmp_path / "app" / "migrations"


def project(folders: tuple[Path, Path], *columns: str) -> Project:
    url = f"sqlite:///{folders[0].parent / 'a.db'}"
    return Project(url, models(*columns), locations=folders, root=folders[0].parent)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name[0] != "_")


def test_the_folders_are_one_history(folders: tuple[Path, Path]) -> None:
    """Numbers, the lock file and every command cover all folders."""
    first, second = folders
    project(folders).generate("create")
    project(folders).upgrade()
    project(folders, "a").generate("a", location="app/migrations")
    project(folders, "a").upgrade()
    whole = project(folders, "a", "b")
    whole.generate("b")
    assert names(first) == ["0001_create.py", "0003_b.py", "autodiff.lock"]
    assert names(second) == ["0002_a.py"]
    assert [migration.name for migration in whole.upgrade()] == ["0003_b"]
    assert not whole.check()
    assert whole.rehearse().passed
    whole.relock()
    assert not (second / "autodiff.lock").exists()
    assert not whole.check()
    whole.downgrade("base")
    whole.squash(":", "all", without_data=True).write()
    assert names(first) == ["0003_all.py", "autodiff.lock"]
    assert names(second) == []


def test_an_amended_migration_stays_in_its_folder(folders: tuple[Path, Path]) -> None:
    first, second = folders
    project(folders).generate("create", location=str(second))
    project(folders, "a").generate(amend=True)
    assert names(second) == ["0001_create.py"]
    project(folders, "a").generate(amend=True, location="migrations")
    assert names(second) == []
    assert names(first) == ["0001_create.py", "autodiff.lock"]


def test_the_setting_is_read(folders: tuple[Path, Path]) -> None:
    """The first folder also is that of `migrations`."""
    root = folders[0].parent
    config = load_config(root, {})
    assert config.locations == folders
    assert config.migrations == folders[0]
    file = root / "autodiff.toml"
    file.write_text(f'{CONFIG}migrations = "other"\n')
    with pytest.raises(ConfigError, match="migrations and locations cannot both be set"):
        load_config(root, {})
    file.write_text("locations = []\n")
    with pytest.raises(ConfigError, match="locations must name at least one folder"):
        load_config(root, {})
    file.write_text(f'{CONFIG}[environments.e]\nmigrations = "other"\n')
    assert load_config(root, {}, env="e").locations == ()
    assert load_config(root, {}, env="e").migrations == root / "other"


def test_a_missing_folder_is_an_error(folders: tuple[Path, Path]) -> None:
    folders[1].rmdir()
    with pytest.raises(ConfigError) as error:
        project(folders).generate("create")
    assert error.value.message == f"the location {folders[1]} is not a folder"
    assert error.value.hint == f"create it: mkdir {folders[1]}; or correct the setting locations"


def test_one_id_or_name_in_two_folders_is_an_error(folders: tuple[Path, Path]) -> None:
    """The error names both files with their folders."""
    project(folders).generate("create")
    text = (folders[0] / "0001_create.py").read_text()
    copy = folders[1] / "0001_create.py"
    copy.write_text(text)
    with pytest.raises(HistoryError, match="two migrations have the revision") as error:
        project(folders).graph()
    assert f"{folders[0] / '0001_create.py'} and {copy}" in error.value.message
    revision = project(folders[:1] * 2).graph().heads[0]
    copy.write_text(text.replace(revision, "aaaa1111").replace("()", f'("{revision}",)', 1))
    with pytest.raises(HistoryError, match="two migrations have the name 0001_create: ") as error:
        project(folders).graph()
    assert error.value.hint == "rename one of the files"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("elsewhere", "'elsewhere' is not one of the locations"),
        ("", "'' is not one of the locations"),
    ],
)
def test_an_unknown_location_is_refused(
    folders: tuple[Path, Path], name: str, message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        project(folders).generate("create", location=name)
    assert error.value.message == message
    assert error.value.hint == "the locations are: migrations, app/migrations"
