"""Projects with a src folder, a backend folder, a .env file or an application factory just work."""

from __future__ import annotations

import pytest

from tests.cli.project import CONFIG, POSTS, Folder

URL = 'url = "sqlite:///blog.db"\n'
FACTORY = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


def create_app():
    import shop_models

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    return app
"""
FACTORY_MODELS = """
from shop import db


class Order(db.Model):
    id = db.Column(db.Integer, primary_key=True)
"""


def put(folder: Folder, name: str, text: str) -> None:
    path = folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def generated(folder: Folder) -> str:
    folder.ok("generate", "-m", "begin")
    [file] = folder.migrations.glob("*.py")
    return file.read_text(encoding="utf-8")


def test_a_src_layout_needs_no_setting(folder: Folder) -> None:
    """Models in src/ are found, and so is a hook."""
    folder.write(
        autodiff=f'models = "blog.models:Base"\n{URL}[hooks]\nafter_upgrade = "blog:hook"\n'
    )
    put(folder, "src/blog/__init__.py", "def hook(run):\n    print('called')\n")
    put(folder, "src/blog/models.py", POSTS)
    assert "op.create_table" in generated(folder)
    assert "called" in folder.ok("upgrade").err


def test_the_configurations_folder_comes_before_src(folder: Folder) -> None:
    """A module of the same name in src/ is not taken instead."""
    folder.write(autodiff=CONFIG, models=POSTS)
    put(folder, "src/models.py", "raise RuntimeError('the wrong module')")
    assert '"posts"' in generated(folder)


@pytest.mark.parametrize("path", ['["backend"]', '"backend"', '["lib", "backend"]'])
def test_path_names_more_folders(folder: Folder, path: str) -> None:
    """A list or a single folder, relative to the configuration; it comes first."""
    put(folder, "lib/nothing.py", "")
    put(folder, "backend/blog_models.py", POSTS)
    put(folder, "blog_models.py", "raise RuntimeError('the wrong module')")
    folder.write(autodiff=f'path = {path}\nmodels = "blog_models:Base"\n{URL}')
    assert '"posts"' in generated(folder)


@pytest.mark.parametrize(("setting", "place"), [("", ""), ("", "src/"), ('path = "lib"\n', "lib/")])
def test_migrations_can_import_types_of_the_application(
    folder: Folder, setting: str, place: str
) -> None:
    """Each command finds them, also one that does not import the models."""
    hook = "def render_type(type):\n    return 'own_types.Money()', ['import own_types']\n"
    money = "from sqlalchemy.types import Numeric\n\n\nclass Money(Numeric):\n    pass\n"
    put(folder, f"{place}own_types.py", hook + money)
    folder.write(
        autodiff=f'{setting}render_type = "own_types:render_type"\n{CONFIG}',
        models="import sqlalchemy as sa\nimport own_types\n\n"
        "Base = sa.MetaData()\nsa.Table('t', Base, sa.Column('price', own_types.Money()))\n",
    )
    assert "own_types.Money()" in generated(folder)
    for command in (["rehearse"], ["upgrade", "--sql"], ["upgrade"], ["check"]):
        assert folder.process(*command).code == 0, command
    assert "AD505" in folder.process("lint").out


def test_path_names_a_folder_that_does_not_exist(folder: Folder) -> None:
    """The message names the folder in full."""
    folder.write(autodiff=f'path = ["backend"]\n{CONFIG}', models=POSTS)
    assert folder.fails("check").err == (
        f"error: {folder.path / 'autodiff.toml'}: path names {folder.path / 'backend'}, which is "
        "not a folder\nhint: set path to folders to import models from, relative to the "
        "configuration\n"
    )


def test_models_that_are_not_found_name_every_folder(folder: Folder) -> None:
    """The message lists where the module was searched, in order."""
    put(folder, "backend/other.py", "")
    put(folder, "src/other.py", "")
    folder.write(autodiff=f'path = "backend"\nmodels = "nowhere:Base"\n{URL}')
    root = folder.path
    assert (
        f"there is no module 'nowhere' in {root / 'backend'} or {root} or {root / 'src'}, and none "
        "is installed" in folder.fails("check").err
    )


def test_a_env_file_is_read(folder: Folder) -> None:
    """DATABASE_URL and other variables come from it, for the configuration and for the models."""
    folder.write(
        autodiff='models = "models:Base"\nurl = "${BLOG_URL}"\n',
        models=f"import os\n\nassert os.environ['SECRET'] == 'x y'\n{POSTS}",
    )
    put(folder, ".env", "# settings\nBLOG_URL=sqlite:///from_env.db\nexport SECRET='x y'\nEMPTY\n")
    assert folder.process("generate", "-m", "begin").code == 0
    assert folder.process("upgrade").code == 0
    assert (folder.path / "from_env.db").exists()


def test_the_environment_comes_before_the_env_file(folder: Folder) -> None:
    """A variable that is set already keeps its value."""
    folder.write(autodiff='models = "models:Base"\n', models=POSTS)
    put(folder, ".env", "DATABASE_URL=sqlite:///from_env.db\n")
    variables = {"DATABASE_URL": "sqlite:///outer.db"}
    assert folder.process("generate", "-m", "begin", **variables).code == 0
    assert folder.process("upgrade", **variables).code == 0
    assert (folder.path / "outer.db").exists()
    assert not (folder.path / "from_env.db").exists()


def test_env_file_names_another_file(folder: Folder) -> None:
    """The file is relative to the configuration; an environment may have its own."""
    folder.write(
        autodiff='models = "models:Base"\nenv_file = "settings/dev.env"\nurl = "${BLOG_URL}"\n'
        '[environments.staging]\nenv_file = "settings/staging.env"\n',
        models=POSTS,
    )
    put(folder, ".env", "BLOG_URL=sqlite:///wrong.db\n")
    put(folder, "settings/dev.env", "BLOG_URL=sqlite:///dev.db\n")
    put(folder, "settings/staging.env", "BLOG_URL=sqlite:///staging.db\n")
    assert folder.process("generate", "-m", "begin").code == 0
    assert folder.process("upgrade", "--env", "staging").code == 0
    assert (folder.path / "staging.db").exists()
    assert not (folder.path / "wrong.db").exists()


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"A=\xff\n", "it is not UTF-8")]
)
def test_an_env_file_that_cannot_be_read(
    folder: Folder, content: bytes | None, reason: str
) -> None:
    """A file that the configuration names must be readable."""
    folder.write(autodiff=f'env_file = "dev.env"\n{CONFIG}', models=POSTS)
    path = folder.path / "dev.env"
    if content is not None:
        path.write_bytes(content)
    assert folder.fails("check").err == (
        f"error: cannot read {path}: {reason}\n"
        "hint: correct the setting env_file, or the file that it names\n"
    )


def test_without_python_dotenv(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .env file is ignored, which the hint mentions if a variable is missing; env_file fails."""
    monkeypatch.setattr("autodiff.config.is_dotenv_installed", lambda: False)
    monkeypatch.setattr("autodiff.utils.dotenv.is_dotenv_installed", lambda: False)
    folder.write(autodiff='models = "models:Base"\nurl = "${BLOG_URL}"\n', models=POSTS)
    put(folder, ".env", "BLOG_URL=sqlite:///from_env.db\n")
    assert folder.fails("status").err.endswith(
        "hint: set BLOG_URL, or pass --url; the file .env was not read, because python-dotenv "
        'is not installed: run pip install "sqlalchemy-autodiff[dotenv]"\n'
    )
    folder.write(autodiff=f'env_file = ".env"\n{CONFIG}')
    assert folder.fails("status").err == (
        f"error: cannot read {folder.path / '.env'}: python-dotenv is not installed\n"
        'hint: install it: pip install "sqlalchemy-autodiff[dotenv]"\n'
    )


def test_a_flask_factory(folder: Folder) -> None:
    """The factory imports the models; no application runs and none is configured."""
    folder.write(
        autodiff=f'models = "shop:create_app"\n{URL}', shop=FACTORY, shop_models=FACTORY_MODELS
    )
    assert '"order"' in generated(folder)


@pytest.mark.parametrize("command", [["generate", "-m", "x"], ["check"], ["lock"], ["diff"]])
def test_models_without_a_table(folder: Folder, command: list[str]) -> None:
    """`shop:db` has no tables before a model module is imported, which the message says."""
    folder.write(autodiff=f'models = "shop:db"\n{URL}', shop=FACTORY, shop_models=FACTORY_MODELS)
    folder.sql("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    assert folder.fails(*command).err == (
        "error: models 'shop:db' have no tables: no module that defines a table was imported\n"
        'hint: name a module that defines them, such as models = "shop.models:db", or a function '
        'that imports it, such as models = "shop:create_app"; if there are no tables on purpose, '
        "set allow_empty_models = true, or pass --allow-empty-models to generate\n"
    )


def test_models_without_a_table_on_purpose(folder: Folder) -> None:
    """The setting allows them."""
    empty = "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n"
    folder.write(
        autodiff=f'allow_empty_models = true\nmodels = "models:metadata"\n{URL}', models=empty
    )
    assert folder.ok("generate", "-m", "x").out == "nothing to do\n"
    folder.write(autodiff=f'allow_empty_models = "yes"\nmodels = "models:metadata"\n{URL}')
    assert "allow_empty_models must be true or false, not a string" in folder.run("check").err
