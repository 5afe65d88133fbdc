"""Tests for locating the models by the name in the configuration."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import ConfigError, ModelsError
from autodiff.models import load_metadata

NUMBERS = count(1)


class Modules:
    """A folder of importable modules with unique names."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, text: str, *, package: str | None = None) -> str:
        name = f"models_of_test_{next(NUMBERS)}"
        folder = self.root / package if package else self.root
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        return f"{package}.{name}" if package else name

    def tables(self, target: str | list[str]) -> list[list[str]]:
        return [sorted(found.tables) for found in load_metadata(target, [self.root])]

    def refused(self, target: str) -> tuple[str, str | None]:
        with pytest.raises(ModelsError) as caught:
            load_metadata(target, [self.root])
        return caught.value.message, caught.value.hint


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    """Yield the modules, then remove them from sys.modules and restore sys.path."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield Modules(tmp_path)
    for name in set(sys.modules) - before:
        if "models_of_test" in name or name.startswith("package_of_test"):
            del sys.modules[name]


CORE = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
other = sa.MetaData()
sa.Table("posts", other, sa.Column("id", sa.Integer, primary_key=True))
"""
ORM = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
ALL = (
    CORE
    + """

both = [metadata, other]
pair = (metadata, [other, metadata])


def get_metadata():
    return metadata


def get_both():
    return both


class Holder:
    class Inner:
        metadata = other
"""
)


@pytest.mark.parametrize(
    ("path", "tables"),
    [
        ("metadata", [["users"]]),
        ("other", [["posts"]]),
        ("both", [["users"], ["posts"]]),
        ("pair", [["users"], ["posts"], ["users"]]),
        ("get_metadata", [["users"]]),
        ("get_both", [["users"], ["posts"]]),
        ("Holder.Inner", [["posts"]]),
        ("Holder.Inner.metadata", [["posts"]]),
    ],
)
def test_name_of_an_object(modules: Modules, path: str, tables: list[list[str]]) -> None:
    """It may be a MetaData, a list of them, a function that returns them, or a class attribute."""
    table_names = modules.tables(f"{modules.write(ALL)}:{path}")
    distinct = [item for number, item in enumerate(tables) if item not in tables[:number]]
    assert table_names == distinct


@pytest.mark.parametrize("path", [":Base", ":User", ":Base.metadata", ""])
def test_name_of_a_declarative_base(modules: Modules, path: str) -> None:
    """The name may be the base, a model class, the metadata attribute, or only the module."""
    assert modules.tables(modules.write(ORM) + path) == [["users"]]


def test_name_of_a_module_finds_all_metadata(modules: Modules) -> None:
    """Each MetaData occurs once, in the order of the module; empty ones are omitted."""
    name = modules.write(ALL + "empty = sa.MetaData()\nagain = other\n")
    assert modules.tables(name) == [["users"], ["posts"]]
    assert modules.tables([name, f"{name}:other", f"{name}:Holder.Inner"]) == [["users"], ["posts"]]


def test_module_without_tables(modules: Modules) -> None:
    assert modules.tables(modules.write("import sqlalchemy as sa\nm = sa.MetaData()\n")) == [[]]


def test_name_of_sqlmodel(modules: Modules) -> None:
    name = modules.write(
        """
from sqlalchemy import MetaData
from sqlmodel import Field, SQLModel

SQLModel.metadata = MetaData()


class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
"""
    )
    assert modules.tables(f"{name}:SQLModel") == [["hero"]]
    assert modules.tables(name) == [["hero"]]


def test_name_of_flask_sqlalchemy(modules: Modules) -> None:
    """No application needs to run, and Flask's proxies in the module are not evaluated."""
    name = modules.write(
        """
from flask import current_app, g, request, session
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
"""
    )
    for path in (":db", ":db.Model", ":db.metadata", ""):
        assert modules.tables(name + path) == [["user"]]


FACTORY = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


def create_app():
    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    return app


def bare():
    return Flask(__name__)


class Applications:
    made = Flask(__name__)
"""


def test_a_flask_factory_is_named(modules: Modules) -> None:
    """A factory is called; the models that it imports are those of its Flask-SQLAlchemy."""
    assert modules.tables(f"{modules.write(FACTORY)}:create_app") == [["user"]]


@pytest.mark.parametrize("path", ["bare", "Applications.made"])
def test_a_flask_application_without_models(modules: Modules, path: str) -> None:
    """The message reports the missing extension, and the hint suggests what to name instead."""
    target = f"{modules.write(FACTORY)}:{path}"
    assert modules.refused(target) == (
        f"models {target!r} is a Flask application without Flask-SQLAlchemy",
        "call db.init_app(app), or name the MetaData or the declarative base instead",
    )


def test_a_package_is_seen_from_the_root(modules: Modules) -> None:
    """Wherever the command runs."""
    assert modules.tables(modules.write(ORM, package="package_of_test") + ":Base") == [["users"]]


def test_a_module_that_does_not_exist(modules: Modules) -> None:
    """The message names the folders that were searched; the hint, both ways out."""
    assert modules.refused("no_models_of_test:Base") == (
        "cannot import the models 'no_models_of_test:Base': there is no module "
        f"'no_models_of_test' in {modules.root}, and none is installed",
        "correct the setting 'models', or name the folder that contains 'no_models_of_test' in the "
        'configuration: path = ["FOLDER"]',
    )


def test_a_module_that_its_package_does_not_have(modules: Modules) -> None:
    """The message names the package that was found: it may be another one than expected."""
    modules.write("", package="package_of_test_2")
    (modules.root / "package_of_test_2" / "__init__.py").write_text("")
    file = modules.root / "package_of_test_2" / "__init__.py"
    assert modules.refused("package_of_test_2.no_such:Base") == (
        "cannot import the models 'package_of_test_2.no_such:Base': the package "
        f"'package_of_test_2' ({file}) has no module 'no_such'",
        "correct 'package_of_test_2.no_such' in the setting 'models'",
    )


WITHOUT_APPLICATION = "the module must import without a running application"
FIX_LINE = "fix that line and run the command again"


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("x = 1\n1 / 0", "2: ZeroDivisionError: division by zero", WITHOUT_APPLICATION),
        ("raise SystemExit(3)", "1: SystemExit: 3", WITHOUT_APPLICATION),
        ("raise KeyError", "1: KeyError", WITHOUT_APPLICATION),
        ("\n\ndef f(:", "3: SyntaxError: invalid syntax", FIX_LINE),
        ("from math import nothing", "1: ImportError: cannot import name 'nothing'", FIX_LINE),
        ("import json\n\njson.loads('{')", "3: JSONDecodeError: Expecting", WITHOUT_APPLICATION),
    ],
)
def test_a_module_that_fails(modules: Modules, text: str, reason: str, hint: str) -> None:
    """The message shows file, line and reason, also if a library raised the error."""
    name = modules.write(text)
    message, found = modules.refused(f"{name}:Base")
    assert message.startswith(f"cannot import the models '{name}:Base': {name}.py:{reason}")
    assert found == hint


def test_a_module_that_imports_one_that_fails(modules: Modules) -> None:
    """The location is in the module that failed, not in the one that imported it."""
    inner = modules.write("import os\nos.environ['NO_SUCH_VARIABLE']")
    name = modules.write(f"import {inner}")
    message, _ = modules.refused(f"{name}:Base")
    assert message == (
        f"cannot import the models '{name}:Base': {inner}.py:2: KeyError: 'NO_SUCH_VARIABLE'"
    )


@pytest.mark.parametrize("library", ["no_such_library", "no_such_library.part"])
def test_a_missing_package_is_named(modules: Modules, library: str) -> None:
    """The hint names the package to install and the place of the import."""
    name = modules.write(f"import sqlalchemy\nimport {library}")
    assert modules.refused(f"{name}:Base") == (
        f"cannot import the models '{name}:Base': {name}.py:2: No module named 'no_such_library'",
        "install the package that provides 'no_such_library' in the environment that runs "
        'autodiff, or add its folder to the configuration: path = ["FOLDER"]',
    )


@pytest.mark.parametrize("target", ["calendar:Base", "calendar", "types.shop:Base", "sys:Base"])
def test_a_module_that_python_hides(modules: Modules, target: str) -> None:
    """Python imports its own module before that of the application: the file must be renamed."""
    name = target.partition(":")[0].partition(".")[0]
    file = modules.root / name if "." in target else modules.root / f"{name}.py"
    (file.mkdir if "." in target else file.touch)()
    own = getattr(importlib.import_module(name), "__file__", None) or "built in"
    assert modules.refused(target) == (
        f"cannot import the models {target!r}: {name} is Python's own module ({own}), which is "
        f"imported already and hides {file}",
        f"rename {file.name}, and correct the setting 'models'",
    )


@pytest.mark.parametrize("target", [":Base", "", "shop.:Base", ".models:Base"])
def test_a_target_without_a_module(modules: Modules, target: str) -> None:
    """A form such as that of flask needs the name of the module too."""
    with pytest.raises(ConfigError) as caught:
        load_metadata(target, [modules.root])
    assert caught.value.message == f"models {target!r} does not begin with the name of a module"
    assert caught.value.hint == 'write it like models = "app.models:Base"'


def test_missing_name(modules: Modules) -> None:
    """The hint suggests a name that the module has."""
    name = modules.write(CORE)
    assert modules.refused(f"{name}:Base") == (
        f"models '{name}:Base': {name} has no Base",
        f'models = "{name}:metadata"',
    )
    empty = modules.write("_hidden = 1")
    assert modules.refused(f"{empty}:Base.metadata") == (
        f"models '{empty}:Base.metadata': {empty} has no Base.metadata",
        f"set models to the name of the declarative base in {empty}",
    )


def test_module_without_models(modules: Modules) -> None:
    name = modules.write("x = 1")
    assert modules.refused(name) == (
        f"module {name} has neither a MetaData nor a declarative base",
        f'name the object: models = "{name}:Base"',
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("thing = 5", "int"),
        ("thing = 'metadata'", "str"),
        ("thing = [5]", "int"),
        ("def thing(): return None", "NoneType"),
        ("class thing: pass", "type"),
    ],
)
def test_object_that_is_not_metadata(modules: Modules, text: str, kind: str) -> None:
    """The error names the type of the object and the accepted types."""
    name = modules.write(text)
    assert modules.refused(f"{name}:thing") == (
        f"models '{name}:thing' is not a MetaData: it has the type {kind}",
        "name a MetaData, a declarative base, a Flask application, or a function that returns one "
        "of these",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def make(): raise RuntimeError('no app')", "RuntimeError: no app"),
        ("def make(app): return app", "TypeError: make() missing 1 required positional argument"),
    ],
)
def test_function_that_fails(modules: Modules, text: str, reason: str) -> None:
    """The error includes the message of the exception."""
    name = modules.write(text)
    message, hint = modules.refused(f"{name}:make")
    assert message.startswith(f"models '{name}:make' is a function that failed: {reason}")
    assert hint == "the function must work without arguments and without a running application"


def test_function_that_fails_without_a_message(modules: Modules) -> None:
    name = modules.write("def make(): raise AssertionError")
    message, _ = modules.refused(f"{name}:make")
    assert message.endswith(" is a function that failed: AssertionError")


def test_loaded_metadata_is_not_copied(modules: Modules) -> None:
    name = modules.write(CORE)
    found = load_metadata(f"{name}:metadata", [modules.root])
    assert found == [sys.modules[name].metadata]
    assert isinstance(found[0], sa.MetaData)
