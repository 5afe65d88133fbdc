"""Models are found under each name that a project may give."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import ModelsError
from autodiff.models import load_metadata

NUMBERS = count(1)


class Modules:
    """Modules written into a folder, each with a name that no other test has."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, text: str, *, package: str | None = None) -> str:
        name = f"models_of_test_{next(NUMBERS)}"
        folder = self.root / package if package else self.root
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        return f"{package}.{name}" if package else name

    def tables(self, target: str | list[str]) -> list[list[str]]:
        return [sorted(found.tables) for found in load_metadata(target, self.root)]

    def refused(self, target: str) -> tuple[str, str | None]:
        with pytest.raises(ModelsError) as caught:
            load_metadata(target, self.root)
        return caught.value.message, caught.value.hint


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    """Modules that are forgotten afterwards, with the import path."""
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
def test_an_object_is_named(modules: Modules, path: str, tables: list[list[str]]) -> None:
    """A MetaData, a list of them, a function that returns either, something inside of a class."""
    found = modules.tables(f"{modules.write(ALL)}:{path}")
    distinct = [item for place, item in enumerate(tables) if item not in tables[:place]]
    assert found == distinct


@pytest.mark.parametrize("path", [":Base", ":User", ":Base.metadata", ""])
def test_a_declarative_base_is_named(modules: Modules, path: str) -> None:
    """The base, one of its classes, its metadata, or the module alone."""
    assert modules.tables(modules.write(ORM) + path) == [["users"]]


def test_a_module_gives_all_that_it_has(modules: Modules) -> None:
    """Each MetaData once, in the order of the module; an empty one is left out."""
    name = modules.write(ALL + "empty = sa.MetaData()\nagain = other\n")
    assert modules.tables(name) == [["users"], ["posts"]]
    assert modules.tables([name, f"{name}:other", f"{name}:Holder.Inner"]) == [["users"], ["posts"]]


def test_a_module_may_have_no_tables_yet(modules: Modules) -> None:
    """Its empty MetaData is what there is."""
    assert modules.tables(modules.write("import sqlalchemy as sa\nm = sa.MetaData()\n")) == [[]]


def test_sqlmodel_is_named(modules: Modules) -> None:
    """By SQLModel itself, or by the module."""
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


def test_flask_sqlalchemy_is_named(modules: Modules) -> None:
    """By db, without a running application; proxies of Flask in the module are left alone."""
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


def test_a_package_is_seen_from_the_root(modules: Modules) -> None:
    """Wherever the command runs."""
    assert modules.tables(modules.write(ORM, package="package_of_test") + ":Base") == [["users"]]


def test_a_module_that_is_not_there(modules: Modules) -> None:
    """The hint says from where it was looked for; also where only its package is there."""
    modules.write("", package="package_of_test_2")
    for name in ("no_models_of_test", "package_of_test_2.no_such"):
        message, hint = modules.refused(f"{name}:Base")
        assert message == (
            f"cannot import the models '{name}:Base': ModuleNotFoundError: No module named '{name}'"
        )
        assert hint == f"check that {name!r} can be imported from {modules.root}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_module_that_fails(modules: Modules, text: str, reason: str) -> None:
    """What Python says, and that it must import by itself; a module never ends the command."""
    name = modules.write(text)
    message, hint = modules.refused(f"{name}:Base")
    assert message.startswith(f"cannot import the models '{name}:Base': {reason}")
    assert hint == "the module must import without a running application"


def test_a_name_that_the_module_does_not_have(modules: Modules) -> None:
    """The hint suggests one that it has."""
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


def test_a_module_without_models(modules: Modules) -> None:
    """The hint says how to name the object."""
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
def test_an_object_that_is_no_metadata(modules: Modules, text: str, kind: str) -> None:
    """Its kind is told, and what may be named."""
    name = modules.write(text)
    assert modules.refused(f"{name}:thing") == (
        f"models '{name}:thing' is no MetaData, but of type {kind}",
        "name a MetaData, a declarative base, or a function that returns one",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def make(): raise RuntimeError('no app')", "RuntimeError: no app"),
        ("def make(app): return app", "TypeError: make() missing 1 required positional argument"),
    ],
)
def test_a_function_that_fails(modules: Modules, text: str, reason: str) -> None:
    """It is an error of the models, with what Python says."""
    name = modules.write(text)
    message, hint = modules.refused(f"{name}:make")
    assert message.startswith(f"models '{name}:make' is a function that failed: {reason}")
    assert hint == "the function must work without arguments and without a running application"


def test_what_is_loaded_is_the_applications_own(modules: Modules) -> None:
    """No copy is made."""
    name = modules.write(CORE)
    found = load_metadata(f"{name}:metadata", modules.root)
    assert found == [sys.modules[name].metadata]
    assert isinstance(found[0], sa.MetaData)
