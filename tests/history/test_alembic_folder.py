"""Test that Alembic's folder and settings are found, as Alembic itself reads them."""

from __future__ import annotations

from pathlib import Path

import alembic.command
import alembic.config
import pytest
from alembic.script import ScriptDirectory

from autodiff.errors import ConfigError
from autodiff.migrations.alembic_folder import AlembicFolder, find_alembic_folder


def init(root: Path, template: str = "generic", folder: str = "alembic") -> alembic.config.Config:
    """Run `alembic init` in a folder."""
    config = alembic.config.Config(
        root / "alembic.ini",
        toml_file=root / "pyproject.toml",
        stdout=(root / "out").open("w"),
    )
    with config.stdout:
        alembic.command.init(config, str(root / folder), template=template)
    return config


def found(root: Path, **kwargs: str) -> AlembicFolder:
    folder = find_alembic_folder(root, **kwargs)
    assert folder is not None
    return folder


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def folder_with(root: Path, settings: str = "", env: str = "") -> AlembicFolder:
    """Return the settings of an alembic.ini with these lines, and an env.py with these."""
    write(root, "alembic.ini", f"[alembic]\nscript_location = %(here)s/alembic\n{settings}")
    write(root, "alembic/env.py", env)
    return found(root)


@pytest.mark.parametrize("template", ["generic", "async", "multidb", "pyproject"])
def test_the_settings_of_alembics_own_templates_are_read(tmp_path: Path, template: str) -> None:
    init(tmp_path, template)
    folder = found(tmp_path)
    assert folder.script_location == tmp_path / "alembic"
    assert folder.version_locations == (tmp_path / "alembic/versions",)
    assert folder.prepend_sys_path == (tmp_path,)
    assert (folder.version_table, folder.version_table_schema) == ("alembic_version", None)
    assert folder.databases == (("engine1", "engine2") if template == "multidb" else ())
    assert (folder.toml is not None) == (template == "pyproject")
    assert folder.template.is_file() and folder.env_py.is_file()


LOCATIONS = [
    "version_locations = %(here)s/a %(here)s/b",
    "version_locations = %(here)s/a, %(here)s/b",
    "version_locations = %(here)s/a:%(here)s/b\npath_separator = :",
    "version_locations = %(here)s/a;%(here)s/b\nversion_path_separator = ;",
    "version_locations =\n    %(here)s/a\n    %(here)s/b\npath_separator = newline",
    "version_locations = %(here)s/a\npath_separator = os",
    "prepend_sys_path = %(here)s/a:%(here)s/b",
    "recursive_version_locations = true",
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("settings", LOCATIONS)
def test_lists_are_split_as_alembic_splits_them(tmp_path: Path, settings: str) -> None:
    folder = folder_with(tmp_path, settings)
    config = alembic.config.Config(tmp_path / "alembic.ini")
    theirs = config.get_version_locations_list() or [tmp_path / "alembic/versions"]
    assert folder.version_locations == tuple(Path(location) for location in theirs)
    paths = config.get_prepend_sys_paths_list() or []
    assert folder.prepend_sys_path == tuple(Path(path) for path in paths)
    recursive = config.get_alembic_boolean_option("recursive_version_locations")
    assert folder.recursive_version_locations is recursive


def test_revisions_of_subfolders_and_several_locations_are_found(tmp_path: Path) -> None:
    settings = "version_locations = a b\nrecursive_version_locations = true"
    for name in ("a/1_x.py", "a/2024/2_y.py", "b/3_z.py", "b/__init__.py", "c/4.py"):
        write(tmp_path, name, "")
    names = [path.name for path in folder_with(tmp_path, settings).revision_files()]
    assert names == ["1_x.py", "2_y.py", "3_z.py"]


ENV_FILES = [
    'context.configure(connection=c, version_table="v", version_table_schema="s")',
    'TABLE = "v"\ncontext.configure(version_table=TABLE, version_table_schema="s")',
    'context.configure(version_table=config.get_main_option("version_table"), '
    'version_table_schema=config.get_main_option("other", "s"))',
    "context.configure(version_table=config.get_section(config.config_ini_section)"
    '["version_table"], version_table_schema=config.get_section_option("shop", "schema"))',
    'shop = config.get_section("shop", {})\ncontext.configure(version_table_schema='
    'shop.get("schema"), version_table=config.get_section("other", {}).get("table", "v"))',
]


@pytest.mark.parametrize("env", ENV_FILES)
def test_the_version_table_that_env_py_configures_is_read(tmp_path: Path, env: str) -> None:
    """Its settings can be in any section of alembic.ini."""
    settings = "version_table = v" if "get_main_option" in env else ""
    if "section" in env:
        settings = "version_table = v\n[shop]\nschema = s\nbroken = %(name)s"
    folder = folder_with(tmp_path, settings, env)
    assert (folder.version_table, folder.version_table_schema) == ("v", "s")


def test_an_env_py_that_is_not_python_is_no_obstacle(tmp_path: Path) -> None:
    assert folder_with(tmp_path, "", "this is not Python").version_table == "alembic_version"


def test_flask_migrate_is_found(tmp_path: Path) -> None:
    write(tmp_path, "migrations/alembic.ini", "[alembic]\n# file_template = x\n")
    write(tmp_path, "migrations/env.py", "")
    assert found(tmp_path).script_location == tmp_path / "migrations"


@pytest.mark.parametrize("named", ["src/app/db", "src/app/db/alembic.ini"])
def test_paths_start_at_the_root_that_script_location_tells(tmp_path: Path, named: str) -> None:
    """Alembic starts them from the current folder, which can be far above alembic.ini."""
    settings = "prepend_sys_path = src\nversion_locations = src/app/db/versions src/extra"
    write(
        tmp_path, "src/app/db/alembic.ini", f"[alembic]\nscript_location = src/app/db\n{settings}"
    )
    for name in ("src/app/db/env.py", "src/extra/1_x.py", "elsewhere/other.py"):
        write(tmp_path, name, "")
    folder = find_alembic_folder(tmp_path / "elsewhere", tmp_path / named)
    assert folder is not None
    assert folder.script_location == tmp_path / "src/app/db"
    assert folder.version_locations == (tmp_path / "src/app/db/versions", tmp_path / "src/extra")
    assert folder.prepend_sys_path == (tmp_path / "src",)


def test_a_package_resource_is_found_without_importing_it(tmp_path: Path) -> None:
    write(tmp_path, "alembic.ini", "[alembic]\nscript_location = app.db:migrations\n")
    write(tmp_path, "src/app/db/migrations/env.py", "")
    write(tmp_path, "src/app/__init__.py", "raise RuntimeError('imported')")
    assert found(tmp_path).script_location == tmp_path / "src/app/db/migrations"


def test_a_file_below_the_root_names_paths_from_the_root(tmp_path: Path) -> None:
    write(tmp_path, "conf/alembic.ini", "[alembic]\nscript_location = db\n")
    write(tmp_path, "db/env.py", "")
    assert found(tmp_path, named="conf/alembic.ini").script_location == tmp_path / "db"


@pytest.mark.parametrize("named", ["alembic", "alembic/versions", "alembic.ini", "."])
def test_a_folder_or_a_file_can_be_named(tmp_path: Path, named: str) -> None:
    init(tmp_path)
    folder = found(tmp_path, named=named)
    assert folder.ini == tmp_path / "alembic.ini"
    assert folder.script_location == tmp_path / "alembic"


def test_a_folder_without_a_configuration_can_be_named(tmp_path: Path) -> None:
    write(tmp_path, "db/env.py", "")
    folder = found(tmp_path, named="db")
    assert (folder.source, folder.ini) == (tmp_path / "db", None)


def test_settings_of_alembic_ini_override_those_of_pyproject_toml(tmp_path: Path) -> None:
    init(tmp_path, "pyproject")
    write(tmp_path, "alembic.ini", "[alembic]\nversion_table = v\n")
    folder = found(tmp_path)
    assert folder.version_table == "v"
    assert folder.script_location == tmp_path / "alembic"


def test_a_percent_sign_in_a_password_is_no_obstacle(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "sqlalchemy.url = postgresql://u:p%40s@host/db")
    assert folder.options["sqlalchemy.url"] == "postgresql://u:p%40s@host/db"
    assert "p%40s" not in repr(folder)


SECTIONS = "[one]\nscript_location = one\n[two]\nscript_location = two\n"


def test_a_section_is_named_if_there_are_several(tmp_path: Path) -> None:
    write(tmp_path, "alembic.ini", SECTIONS)
    (tmp_path / "two").mkdir()
    assert found(tmp_path, section="two").script_location == tmp_path / "two"
    with pytest.raises(ConfigError, match="several others: one, two"):
        find_alembic_folder(tmp_path)
    with pytest.raises(ConfigError, match=r"no section \[three\]"):
        find_alembic_folder(tmp_path, section="three")


def test_a_project_without_alembic_has_no_folder(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", "[tool.other]\n")
    assert find_alembic_folder(tmp_path) is None


INVALID = [
    ("alembic.ini", "no section", "cannot read"),
    ("alembic.ini", "[other]\n", r"no section \[alembic\]"),
    ("alembic.ini", "[alembic]\n", "no script_location"),
    ("alembic.ini", "[alembic]\nscript_location = gone\n", "gone does not exist"),
    ("alembic.ini", "[alembic]\nscript_location = no_such_pkg_x:m\n", "package no_such_pkg_x"),
    ("alembic.ini", "[alembic]\nscript_location = %(nothing)s/x\n", "cannot read script_location"),
    ("pyproject.toml", "[tool.alembic", "cannot read"),
    ("pyproject.toml", "[tool]\nalembic = 3\n", "must be a table"),
]


@pytest.mark.parametrize(("name", "text", "message"), INVALID)
def test_invalid_settings_are_reported(tmp_path: Path, name: str, text: str, message: str) -> None:
    write(tmp_path, name, text)
    with pytest.raises(ConfigError, match=message) as caught:
        find_alembic_folder(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("named", ["gone", "."])
def test_a_named_place_without_alembic_is_reported(tmp_path: Path, named: str) -> None:
    with pytest.raises(ConfigError, match=r"does not exist|is not an Alembic folder"):
        find_alembic_folder(tmp_path, named)


def test_alembic_finds_the_same_folder(tmp_path: Path) -> None:
    config = init(tmp_path)
    folder = found(tmp_path)
    scripts = ScriptDirectory.from_config(config)
    assert (Path(scripts.dir), [folder.version_locations[0]]) == (
        folder.script_location,
        scripts._version_locations,
    )
