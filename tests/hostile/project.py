"""A small project on SQLite whose commands run in this process."""

from __future__ import annotations

import io
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from autodiff.cli.app import main
from autodiff.cli.shell import Shell

__all__ = ["MODELS", "Result", "SmallProject"]

CONFIG = 'models = "hostile_models:metadata"\nurl = "sqlite:///app.db"\n'
MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("nick", sa.String(40), server_default="x"),
)
"""


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


class SmallProject:
    """A folder with a configuration, models, a database and migrations."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> SmallProject:
        """Create the project with one table, one applied migration and one row."""
        path.mkdir()
        project = cls(path)
        project.write("autodiff.toml", CONFIG)
        project.write("hostile_models.py", MODELS)
        assert project.run("generate", "-m", "users").code == 0
        assert project.run("upgrade").code == 0
        project.execute("INSERT INTO users VALUES (1, 'ann')")
        return project

    def copy(self, path: Path) -> SmallProject:
        """Return a copy in another folder, which is replaced."""
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.path, path, symlinks=True)
        return SmallProject(path)

    def write(self, name: str, content: str | bytes) -> None:
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        (self.path / name).write_bytes(data)

    def execute(self, sql: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path / "app.db")) as connection, connection:
            connection.execute(sql, values)

    def tables(self) -> list[str]:
        """Return the names of the tables that do not belong to autodiff."""
        with closing(sqlite3.connect(self.path / "app.db")) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return sorted(name for (name,) in rows if not name.startswith(("autodiff_", "sqlite_")))

    def run(self, *arguments: str) -> Result:
        """Run a command line."""
        out, err = io.StringIO(), io.StringIO()
        with chdir(self.path), _imports_restored(), redirect_stdout(out), redirect_stderr(err):
            code = main(list(arguments), Shell(out=out))
        return Result(code, out.getvalue(), err.getvalue())


@contextmanager
def _imports_restored() -> Iterator[None]:
    """Forget the models and the folders that a command put on the import path."""
    path, modules, cached = list(sys.path), set(sys.modules), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path[:] = path
        sys.dont_write_bytecode = cached
        for name in set(sys.modules) - modules:
            if name.startswith(("hostile_models", "autodiff_migration_")):
                del sys.modules[name]
